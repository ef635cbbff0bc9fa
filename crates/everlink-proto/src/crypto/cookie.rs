//! What a responder under load sends instead of doing public-key work: a cookie, like a stamped
//! ticket that works only at the address it was mailed to. And the hint that it speaks other
//! versions, which is sealed alike.
//!
//! Both are sealed with a key made from the responder's id and bound to the `mac1` of the message
//! they answer: only who saw that message can forge one, and who merely floods cannot.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use chacha20poly1305::{AeadInOut, KeyInit, XChaCha20Poly1305};
use zeroize::ZeroizeOnDrop;

use super::macs::{self, Cookie, MAC_LEN};
use super::{TAG_LEN, blake};
use crate::id::PeerId;
use crate::rng::Rng;
use crate::time::Instant;

/// How long a secret makes new cookies; it accepts them for as long again. WireGuard's figure: long
/// enough for slow dials, short enough that an address that changed hands gains little.
pub const SECRET_LIFETIME: Duration = Duration::from_secs(120);

/// Bytes of the body of a COOKIE datagram: nonce, cookie, tag.
pub const COOKIE_BODY_LEN: usize = NONCE_LEN + 16 + TAG_LEN;

/// Bytes of the body of a VERSIONS datagram: nonce, list, tag.
pub const VERSIONS_BODY_LEN: usize = NONCE_LEN + MAX_VERSIONS + TAG_LEN;

/// Most versions that a VERSIONS datagram can list: with its header it stays below 64 bytes, far
/// shorter than what it answers.
pub const MAX_VERSIONS: usize = 8;

const NONCE_LEN: usize = 24;

/// The bytes of an address that a cookie is made for: 16 of the address (IPv4 as RFC 4291 2.5.5.2
/// maps it, so that both kinds of socket agree), 2 of the port.
pub fn source(address: SocketAddr) -> [u8; 18] {
    let ip = match address.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    let mut bytes = [0; 18];
    bytes[..16].copy_from_slice(&ip.octets());
    bytes[16..].copy_from_slice(&address.port().to_be_bytes());
    bytes
}

/// Makes cookies and knows them again, remembering nothing of whom it gave them to.
#[derive(Debug)]
pub struct CookieJar {
    current: Secret,
    previous: Option<Secret>,
}

impl CookieJar {
    /// A jar that honours no cookie of any other.
    pub fn new(now: Instant, rng: &mut Rng) -> Self {
        Self { current: Secret::draw(now, rng), previous: None }
    }

    /// The cookie for `source`: the bytes of an address ([`source`]) or of a relay flow.
    pub fn issue(&mut self, now: Instant, source: &[u8], rng: &mut Rng) -> Cookie {
        if now.saturating_since(self.current.drawn) >= SECRET_LIFETIME {
            let retired = core::mem::replace(&mut self.current, Secret::draw(now, rng));
            self.previous = Some(retired);
        }
        self.current.cookie(source)
    }

    /// Whether the `mac2` of `datagram` was made with a cookie for `source` that is still good.
    pub fn verify_mac2(&self, now: Instant, source: &[u8], datagram: &[u8]) -> bool {
        let secrets = [Some(&self.current), self.previous.as_ref()];
        secrets
            .into_iter()
            .flatten()
            .filter(|secret| now.saturating_since(secret.drawn) < 2 * SECRET_LIFETIME)
            .any(|secret| macs::verify_mac2(datagram, &secret.cookie(source)))
    }
}

/// The body of a COOKIE datagram from `responder` in answer to the message that had `mac1`.
pub fn seal_cookie(
    responder: &PeerId,
    mac1: &[u8; MAC_LEN],
    cookie: &Cookie,
    rng: &mut Rng,
) -> [u8; COOKIE_BODY_LEN] {
    seal(COOKIE_LABEL, responder, mac1, &cookie.0, rng)
}

/// The cookie in the body of a COOKIE datagram, if `responder` sent it in answer to the message
/// that had `mac1`.
pub fn open_cookie(responder: &PeerId, mac1: &[u8; MAC_LEN], body: &[u8; COOKIE_BODY_LEN]) -> Option<Cookie> {
    open(COOKIE_LABEL, responder, mac1, body).map(Cookie)
}

/// The body of a VERSIONS datagram, listing the first [`MAX_VERSIONS`] of `versions`.
pub fn seal_versions(
    responder: &PeerId,
    mac1: &[u8; MAC_LEN],
    versions: &[u8],
    rng: &mut Rng,
) -> [u8; VERSIONS_BODY_LEN] {
    let mut list = [0; MAX_VERSIONS];
    list.iter_mut().zip(versions).for_each(|(slot, version)| *slot = *version);
    seal(VERSIONS_LABEL, responder, mac1, &list, rng)
}

/// The list in the body of a VERSIONS datagram, padded with zeros, which are no version. It is a
/// hint for a human and proves nothing.
pub fn open_versions(
    responder: &PeerId,
    mac1: &[u8; MAC_LEN],
    body: &[u8; VERSIONS_BODY_LEN],
) -> Option<[u8; MAX_VERSIONS]> {
    open(VERSIONS_LABEL, responder, mac1, body)
}

const COOKIE_LABEL: &[u8] = b"everlink cookie";
const VERSIONS_LABEL: &[u8] = b"everlink versions";

fn seal<const TEXT: usize, const BODY: usize>(
    label: &[u8],
    responder: &PeerId,
    mac1: &[u8; MAC_LEN],
    text: &[u8; TEXT],
    rng: &mut Rng,
) -> [u8; BODY] {
    const { assert!(BODY == NONCE_LEN + TEXT + TAG_LEN) };
    let mut body = [0; BODY];
    let nonce = rng.bytes::<NONCE_LEN>();
    let (head, sealed) = body.split_at_mut(NONCE_LEN);
    let (inside, tag) = sealed.split_at_mut(TEXT);
    head.copy_from_slice(&nonce);
    inside.copy_from_slice(text);
    let made = cipher(label, responder)
        .encrypt_inout_detached(&nonce.into(), mac1, inside.into())
        .expect("the text is far below the cipher's limit of 256 GiB");
    tag.copy_from_slice(&made);
    body
}

fn open<const TEXT: usize, const BODY: usize>(
    label: &[u8],
    responder: &PeerId,
    mac1: &[u8; MAC_LEN],
    body: &[u8; BODY],
) -> Option<[u8; TEXT]> {
    const { assert!(BODY == NONCE_LEN + TEXT + TAG_LEN) };
    let (nonce, sealed) = body.split_first_chunk::<NONCE_LEN>()?;
    let (inside, tag) = sealed.split_last_chunk::<TAG_LEN>()?;
    let mut text: [u8; TEXT] = *inside.first_chunk()?;
    cipher(label, responder)
        .decrypt_inout_detached(&(*nonce).into(), mac1, text.as_mut_slice().into(), &(*tag).into())
        .ok()?;
    Some(text)
}

fn cipher(label: &[u8], responder: &PeerId) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&blake::hash(&[label, responder.as_bytes()]).into())
}

/// What cookies are made from.
#[derive(ZeroizeOnDrop)]
struct Secret {
    key: [u8; 32],
    #[zeroize(skip)]
    drawn: Instant,
}

impl Secret {
    fn draw(now: Instant, rng: &mut Rng) -> Self {
        Self { key: rng.bytes(), drawn: now }
    }

    fn cookie(&self, source: &[u8]) -> Cookie {
        Cookie(blake::keyed_16(&self.key, &[source]))
    }
}

impl core::fmt::Debug for Secret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Secret").field("drawn", &self.drawn).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
