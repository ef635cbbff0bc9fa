//! The two macs that end every handshake message, in every version of the protocol.
//!
//! `mac1` shows that the sender knows whom it talks to; junk costs one hash. `mac2` shows that the
//! sender receives at the address it sends from; it is asked for only under load.

use subtle::ConstantTimeEq;

use super::blake;
use crate::id::PeerId;

/// Bytes of one mac.
pub const MAC_LEN: usize = 16;

/// Bytes of both macs.
pub const MACS_LEN: usize = 2 * MAC_LEN;

/// The key of `mac1` on messages to one receiver. It is public: who knows the receiver's id can
/// compute it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mac1Key([u8; 32]);

impl Mac1Key {
    /// The key for messages to `receiver`.
    pub fn for_receiver(receiver: &PeerId) -> Self {
        Self(blake::hash(&[b"everlink mac1", receiver.as_bytes()]))
    }
}

/// Proof that its holder receives at an address: the key of `mac2` on messages from there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cookie(pub(super) [u8; 16]);

/// Fills in the last [`MACS_LEN`] bytes of `datagram`. Without a cookie, mac2 is zero.
///
/// # Panics
///
/// If `datagram` has no room for the macs.
pub fn write_macs(datagram: &mut [u8], key: &Mac1Key, cookie: Option<&Cookie>) {
    let (before, macs) =
        datagram.split_last_chunk_mut::<MACS_LEN>().expect("handshake messages end with two macs");
    let mac1 = blake::keyed_16(&key.0, &[before]);
    let mac2 = cookie.map_or([0; MAC_LEN], |cookie| blake::keyed_16(&cookie.0, &[before, &mac1]));
    macs[..MAC_LEN].copy_from_slice(&mac1);
    macs[MAC_LEN..].copy_from_slice(&mac2);
}

/// Whether `datagram` was made for the receiver that `key` belongs to.
pub fn verify_mac1(datagram: &[u8], key: &Mac1Key) -> bool {
    split(datagram).is_some_and(|(before, mac1, _)| blake::keyed_16(&key.0, &[before]).ct_eq(mac1).into())
}

/// Whether the sender of `datagram` holds `cookie`.
pub fn verify_mac2(datagram: &[u8], cookie: &Cookie) -> bool {
    split(datagram)
        .is_some_and(|(before, mac1, mac2)| blake::keyed_16(&cookie.0, &[before, mac1]).ct_eq(mac2).into())
}

/// The `mac1` of a datagram, to which answers to it are bound. `None` if it is too short.
pub fn mac1(datagram: &[u8]) -> Option<&[u8; MAC_LEN]> {
    split(datagram).map(|(_, mac1, _)| mac1)
}

fn split(datagram: &[u8]) -> Option<(&[u8], &[u8; MAC_LEN], &[u8; MAC_LEN])> {
    let (rest, mac2) = datagram.split_last_chunk()?;
    let (before, mac1) = rest.split_last_chunk()?;
    Some((before, mac1, mac2))
}

#[cfg(test)]
mod tests;
