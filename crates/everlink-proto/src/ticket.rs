//! Tickets: what one person hands another so that their machines can meet. Like a visiting card: a
//! name that cannot be forged, and hints on where to look for its owner. It holds no secret.
//!
//! ```text
//! everlink1 base32 { version 1 | PeerId 32 | items { kind varint | length varint | value } .. | checksum 4 }
//! ```
//!
//! Items: 1 an IPv4 address and port, 2 an IPv6 address and port; 3 (network id) and 4 (gateway) are
//! reserved. What is not known is skipped. Prefix and checksum are the same in every version, so that
//! a typing error is never taken for a version from the future.

use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use core::str::FromStr;

use blake2::{Blake2s256, Digest};

use crate::base32::{self, Base32Error};
use crate::id::PeerId;
use crate::wire::codec::{Malformed, Reader};

const PREFIX: &str = "everlink1";
const VERSION: u8 = 1;
const CHECKSUM: usize = 4;
const ITEM_IPV4: u8 = 1;
const ITEM_IPV6: u8 = 2;

/// Longer texts are not looked at: eight addresses take 330 characters; the rest is for later items.
const MAX_TEXT: usize = 4096;

/// A peer, and where it may be found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ticket {
    peer: PeerId,
    addresses: Vec<SocketAddr>,
}

impl Ticket {
    /// The most addresses in a ticket; it must remain a text that one can send and a QR code that
    /// a telephone can read.
    pub const MAX_ADDRESSES: usize = 8;

    /// A ticket for `peer` with the first eight of `addresses`. IPv6 scopes and flow labels mean
    /// nothing on another machine and are left out.
    pub fn new(peer: PeerId, addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        let bare = |address: SocketAddr| SocketAddr::new(address.ip(), address.port());
        Self { peer, addresses: addresses.into_iter().take(Self::MAX_ADDRESSES).map(bare).collect() }
    }

    /// Whom it leads to. The key is checked when it is first used.
    pub const fn peer(&self) -> PeerId {
        self.peer
    }

    /// Where that peer may be found, the best first; at most eight.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend(self.peer.as_bytes());
        for address in &self.addresses {
            push_address(&mut bytes, *address);
        }
        bytes.extend(checksum(&bytes));
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, TicketError> {
        let (body, sum) = bytes.split_last_chunk::<CHECKSUM>().ok_or(TicketError::Truncated)?;
        if body.len() < 1 + size_of::<PeerId>() {
            return Err(TicketError::Truncated);
        }
        if checksum(body) != *sum {
            return Err(TicketError::Mistyped);
        }
        let mut reader = Reader::new(body);
        let version = reader.byte()?;
        if version != VERSION {
            return Err(TicketError::Version(version));
        }
        let peer = PeerId::from_bytes(reader.array()?);
        let mut addresses = Vec::new();
        while !reader.is_empty() {
            addresses.extend(read_item(&mut reader)?);
        }
        Ok(Self::new(peer, addresses))
    }
}

/// Both kinds of item are shorter than 64 bytes: their kind and length are varints of one byte.
fn push_address(bytes: &mut Vec<u8>, address: SocketAddr) {
    match address {
        SocketAddr::V4(address) => {
            bytes.extend([ITEM_IPV4, 6]);
            bytes.extend(address.ip().octets());
        }
        SocketAddr::V6(address) => {
            bytes.extend([ITEM_IPV6, 18]);
            bytes.extend(address.ip().octets());
        }
    }
    bytes.extend(address.port().to_be_bytes());
}

fn read_item(reader: &mut Reader<'_>) -> Result<Option<SocketAddr>, TicketError> {
    let kind = u8::try_from(reader.varint()?).ok();
    let len = reader.varint()?;
    let value = reader.bytes(len)?;
    match kind {
        Some(ITEM_IPV4) => read_ipv4(value).map(Some).ok_or(TicketError::Malformed),
        Some(ITEM_IPV6) => read_ipv6(value).map(Some).ok_or(TicketError::Malformed),
        _ => Ok(None),
    }
}

fn read_ipv4(value: &[u8]) -> Option<SocketAddr> {
    let (ip, port) = value.split_first_chunk::<4>()?;
    let port = u16::from_be_bytes(port.try_into().ok()?);
    Some(SocketAddrV4::new(Ipv4Addr::from(*ip), port).into())
}

fn read_ipv6(value: &[u8]) -> Option<SocketAddr> {
    let (ip, port) = value.split_first_chunk::<16>()?;
    let port = u16::from_be_bytes(port.try_into().ok()?);
    Some(SocketAddrV6::new(Ipv6Addr::from(*ip), port, 0, 0).into())
}

fn checksum(body: &[u8]) -> [u8; CHECKSUM] {
    let digest: [u8; 32] =
        Blake2s256::new_with_prefix("everlink ticket").chain_update(body).finalize().into();
    let [a, b, c, d, ..] = digest;
    [a, b, c, d]
}

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", base32::encode(&self.to_bytes()))
    }
}

/// Why a text is not a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// It begins differently.
    #[error("a ticket begins with \"everlink1\"")]
    Prefix,
    /// A character never occurs in tickets; the position counts from 1.
    #[error("character {position} ({found:?}) does not belong in a ticket")]
    Character {
        /// Which character.
        position: usize,
        /// What it is.
        found: char,
    },
    /// Something is missing at its end.
    #[error("the ticket ends too early")]
    Truncated,
    /// It is far longer than any ticket.
    #[error("the text is too long for a ticket")]
    TooLong,
    /// The checksum does not fit the rest.
    #[error("the ticket is mistyped or incomplete")]
    Mistyped,
    /// It was made by a version of everlink that writes other tickets.
    #[error("the ticket has version {0}, this program reads version {VERSION}")]
    Version(u8),
    /// The checksum is right but the contents are not: whoever made the ticket made a mistake.
    #[error("the ticket was made wrongly")]
    Malformed,
}

impl From<Malformed> for TicketError {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl FromStr for Ticket {
    type Err = TicketError;

    /// Space around the text and the case of its letters do not matter.
    fn from_str(text: &str) -> Result<Self, TicketError> {
        let text = text.trim();
        if text.len() > MAX_TEXT {
            return Err(TicketError::TooLong);
        }
        let (prefix, body) = text.split_at_checked(PREFIX.len()).ok_or(TicketError::Prefix)?;
        if !prefix.eq_ignore_ascii_case(PREFIX) {
            return Err(TicketError::Prefix);
        }
        let bytes = base32::decode(body).map_err(|error| match error {
            Base32Error::Character(position, found) => {
                TicketError::Character { position: PREFIX.len() + position + 1, found }
            }
            Base32Error::Length => TicketError::Truncated,
            Base32Error::Trailing => TicketError::Mistyped,
        })?;
        Self::from_bytes(&bytes)
    }
}

#[cfg(test)]
mod tests;
