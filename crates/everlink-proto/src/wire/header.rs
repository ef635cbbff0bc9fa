//! The outside of a datagram (SPEC 1.1): what can be seen of it without any key.

use super::codec::MAX_VARINT;
use super::handshake::{Message1, Message2, OtherVersion};
use super::{TAG, WIRE_VERSION};
use crate::id::{ConnectionId, Token};

/// Bytes before the sealed part of a short packet: flags, connection id, packet number.
pub const SHORT_HEADER: usize = 13;

/// The shortest short packet: at least one byte of frames, and the tag.
pub const MIN_SHORT: usize = SHORT_HEADER + 1 + TAG;

/// Bytes of an UNKNOWN datagram. Shorter than [`MIN_SHORT`], so it is never answered in kind and
/// never longer than what caused it.
pub const UNKNOWN_LEN: usize = 28;

/// Bytes of a COOKIE datagram.
pub const COOKIE_LEN: usize = 12 + COOKIE_BODY;

/// Bytes of a COOKIE's body: nonce 24, cookie 16, tag 16.
pub const COOKIE_BODY: usize = 24 + 16 + TAG;

/// Bytes of a VERSIONS datagram.
pub const VERSIONS_LEN: usize = 12 + VERSIONS_BODY;

/// Bytes of a VERSIONS' body: nonce 24, list of versions 8, tag 16.
pub const VERSIONS_BODY: usize = 24 + 8 + TAG;

const KIND_MESSAGE_1: u8 = 1;
const KIND_MESSAGE_2: u8 = 2;
const KIND_COOKIE: u8 = 3;
const KIND_UNKNOWN: u8 = 4;
const KIND_VERSIONS: u8 = 5;

/// The first byte of a short packet without protection.
pub const SHORT_FLAGS: u8 = 0x80;

/// The bits of the first byte that header protection leaves alone.
const SHORT_FIXED_BITS: u8 = 0xe0;

/// Everything a datagram can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Datagram<'a> {
    /// A sealed packet.
    Short(ShortPacket<'a>),
    /// Message 1 of a handshake.
    Message1(Message1<'a>),
    /// Message 2 of a handshake.
    Message2(Message2<'a>),
    /// A message 1 of a version that is not ours.
    OtherVersion(OtherVersion<'a>),
    /// The answer to message 1 under load.
    Cookie(CookieReply),
    /// The answer to a short packet of a connection that is not held.
    Unknown(UnknownPacket),
    /// The answer to a message 1 of another version.
    Versions(VersionsReply),
}

/// Why a datagram was dropped before anything was looked up. Counted, never answered (SPEC 1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatagramError {
    /// It begins like nothing that is known.
    #[error("unknown kind of datagram")]
    Kind,
    /// Its kind has another length.
    #[error("wrong length for its kind")]
    Length,
    /// Its kind is never sent in this version.
    #[error("unknown version")]
    Version,
    /// Bytes that must be zero are not.
    #[error("reserved bytes are not zero")]
    Reserved,
}

impl<'a> Datagram<'a> {
    /// What kind of datagram this is, by its first byte, its length and its clear fields.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, DatagramError> {
        let first = *datagram.first().ok_or(DatagramError::Length)?;
        match first {
            KIND_MESSAGE_1 => parse_message_1(datagram),
            KIND_MESSAGE_2 => Message2::parse(datagram).map(Self::Message2),
            KIND_COOKIE => CookieReply::parse(datagram).map(Self::Cookie),
            KIND_UNKNOWN => UnknownPacket::parse(datagram).map(Self::Unknown),
            KIND_VERSIONS => VersionsReply::parse(datagram).map(Self::Versions),
            _ if first & SHORT_FIXED_BITS == SHORT_FLAGS => ShortPacket::parse(datagram).map(Self::Short),
            _ => Err(DatagramError::Kind),
        }
    }
}

fn parse_message_1(datagram: &[u8]) -> Result<Datagram<'_>, DatagramError> {
    match datagram.get(1) {
        Some(&WIRE_VERSION) => Message1::parse(datagram).map(Datagram::Message1),
        _ => OtherVersion::parse(datagram).map(Datagram::OtherVersion),
    }
}

/// A short packet whose header is still under protection: only the connection id can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShortPacket<'a> {
    /// Names the connection and path at the receiver.
    pub id: ConnectionId,
    /// The protected header.
    pub header: &'a [u8; SHORT_HEADER],
    /// The sealed payload and its tag; at least 17 bytes. The first 16 are the sample (SPEC 4.1).
    pub sealed: &'a [u8],
}

impl<'a> ShortPacket<'a> {
    fn parse(datagram: &'a [u8]) -> Result<Self, DatagramError> {
        if datagram.len() < MIN_SHORT {
            return Err(DatagramError::Length);
        }
        let (header, sealed) = datagram.split_first_chunk::<SHORT_HEADER>().ok_or(DatagramError::Length)?;
        let [_, id @ .., _, _, _, _] = *header;
        Ok(Self { id: ConnectionId(id), header, sealed })
    }
}

/// The header of a short packet without protection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShortHeader {
    /// Names the connection and path at the receiver.
    pub id: ConnectionId,
    /// The low 32 bits of the packet number.
    pub number: u32,
}

impl ShortHeader {
    /// The header of the packet with this number.
    pub fn new(id: ConnectionId, packet_number: u64) -> Self {
        let [_, _, _, _, low @ ..] = packet_number.to_be_bytes();
        Self { id, number: u32::from_be_bytes(low) }
    }

    /// Reads a header whose protection was removed. `None` if its low flag bits are not zero:
    /// the mask was wrong, so the packet is not for us.
    pub fn parse(header: &[u8; SHORT_HEADER]) -> Option<Self> {
        let [flags, id @ .., a, b, c, d] = *header;
        (flags == SHORT_FLAGS)
            .then_some(Self { id: ConnectionId(id), number: u32::from_be_bytes([a, b, c, d]) })
    }

    /// The bytes, before protection; also the associated data of the packet.
    pub fn encode(&self) -> [u8; SHORT_HEADER] {
        let [a, b, c, d, e, f, g, h] = self.id.0;
        let [w, x, y, z] = self.number.to_be_bytes();
        [SHORT_FLAGS, a, b, c, d, e, f, g, h, w, x, y, z]
    }
}

/// The packet number that `truncated` stands for: the one nearest to what follows `largest`, the
/// highest number that opened on the path (RFC 9000 A.3, for 32 bits).
pub fn decode_packet_number(largest: Option<u64>, truncated: u32) -> u64 {
    const WINDOW: u64 = 1 << 32;
    const HALF: u64 = WINDOW / 2;
    let expected = largest.map_or(0, |largest| largest.saturating_add(1));
    let candidate = (expected & !(WINDOW - 1)) | u64::from(truncated);
    let next = candidate.saturating_add(WINDOW);
    if candidate.saturating_add(HALF) <= expected && next <= MAX_VARINT {
        next
    } else if candidate > expected.saturating_add(HALF) && candidate >= WINDOW {
        candidate.saturating_sub(WINDOW)
    } else {
        candidate
    }
}

/// COOKIE: proves that the address of a message 1 is real (SPEC 2.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CookieReply {
    /// The initiator's connection id, from the message 1 it answers.
    pub id: ConnectionId,
    /// The nonce and the sealed cookie.
    pub body: [u8; COOKIE_BODY],
}

impl CookieReply {
    /// The datagram.
    pub fn encode(&self) -> [u8; COOKIE_LEN] {
        concat(&[&clear_header(KIND_COOKIE), &self.id.0, &self.body])
    }

    fn parse(datagram: &[u8]) -> Result<Self, DatagramError> {
        let (id, body) = split(datagram)?;
        check_clear_header(datagram)?;
        Ok(Self { id, body })
    }
}

/// UNKNOWN: a connection id names nothing here (SPEC 4.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownPacket {
    /// The id.
    pub id: ConnectionId,
    /// Proves that whoever issued the id says so.
    pub token: Token,
}

impl UnknownPacket {
    /// The datagram.
    pub fn encode(&self) -> [u8; UNKNOWN_LEN] {
        concat(&[&clear_header(KIND_UNKNOWN), &self.id.0, &self.token.0])
    }

    fn parse(datagram: &[u8]) -> Result<Self, DatagramError> {
        let (id, token) = split(datagram)?;
        check_clear_header(datagram)?;
        Ok(Self { id, token: Token(token) })
    }
}

/// VERSIONS: the versions that a responder knows (SPEC 2.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionsReply {
    /// The initiator's connection id, from the message 1 it answers.
    pub id: ConnectionId,
    /// The nonce and the sealed list.
    pub body: [u8; VERSIONS_BODY],
}

impl VersionsReply {
    /// The datagram.
    pub fn encode(&self) -> [u8; VERSIONS_LEN] {
        concat(&[&clear_header(KIND_VERSIONS), &self.id.0, &self.body])
    }

    /// Whatever version its sender speaks: telling is what it is for.
    fn parse(datagram: &[u8]) -> Result<Self, DatagramError> {
        let (id, body) = split(datagram)?;
        Ok(Self { id, body })
    }
}

/// Kind, version, reserved: how every datagram but a short packet begins.
pub(super) const fn clear_header(kind: u8) -> [u8; 4] {
    [kind, WIRE_VERSION, 0, 0]
}

/// The start of message 1.
pub(super) const MESSAGE_1_CLEAR: [u8; 4] = clear_header(KIND_MESSAGE_1);

/// The start of message 2.
pub(super) const MESSAGE_2_CLEAR: [u8; 4] = clear_header(KIND_MESSAGE_2);

/// Checks what follows the kind in every datagram but a short packet.
pub(super) fn check_clear_header(datagram: &[u8]) -> Result<(), DatagramError> {
    match datagram {
        [_, WIRE_VERSION, 0, 0, ..] => Ok(()),
        [_, WIRE_VERSION, _, _, ..] => Err(DatagramError::Reserved),
        [_, _, _, _, ..] => Err(DatagramError::Version),
        _ => Err(DatagramError::Length),
    }
}

/// A connection id behind the clear header, and `N` bytes to the end behind it.
fn split<const N: usize>(datagram: &[u8]) -> Result<(ConnectionId, [u8; N]), DatagramError> {
    let (_, rest) = datagram.split_first_chunk::<4>().ok_or(DatagramError::Length)?;
    let (id, body) = rest.split_first_chunk().ok_or(DatagramError::Length)?;
    let body = body.try_into().map_err(|_| DatagramError::Length)?;
    Ok((ConnectionId(*id), body))
}

/// The parts in a row; what is missing to `N` bytes is zeros, what is beyond is cut.
pub(super) fn concat<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let mut out = [0; N];
    for (slot, byte) in out.iter_mut().zip(parts.iter().copied().flatten()) {
        *slot = *byte;
    }
    out
}

#[cfg(test)]
mod tests;
