//! Names of things: peers, connections, incarnations, halves.

use core::fmt;
use core::str::FromStr;

use crate::base32::{self, Base32Error};

/// An identity: an Ed25519 public key (RFC 8032), which is also the peer's address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId([u8; 32]);

impl PeerId {
    /// The identity whose public key is `bytes`. The key is checked when it is first used.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The public key.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// 52 characters of base32; the first 10 with `{:#}`, for logs.
impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHORT: usize = 10;
        let text = base32::encode(&self.0);
        let shown = if f.alternate() { text.get(..SHORT).unwrap_or(&text) } else { &text };
        f.pad(shown)
    }
}

/// Why a text is not a [`PeerId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeerIdError {
    /// It has another length.
    #[error("a peer id has 52 characters, this has {0}")]
    Length(usize),
    /// A character never occurs in peer ids; the position counts from 1.
    #[error("character {position} ({found:?}) does not belong in a peer id")]
    Character {
        /// Which character.
        position: usize,
        /// What it is.
        found: char,
    },
    /// The last character is one that no peer id ends with.
    #[error("the last character is wrong")]
    LastCharacter,
}

impl FromStr for PeerId {
    type Err = PeerIdError;

    fn from_str(text: &str) -> Result<Self, PeerIdError> {
        let wrong_length = || PeerIdError::Length(text.chars().count());
        let bytes = base32::decode(text).map_err(|error| match error {
            Base32Error::Character(position, found) => {
                PeerIdError::Character { position: position + 1, found }
            }
            Base32Error::Length => wrong_length(),
            Base32Error::Trailing if text.len() == 52 => PeerIdError::LastCharacter,
            Base32Error::Trailing => wrong_length(),
        })?;
        bytes.try_into().map(Self).map_err(|_| wrong_length())
    }
}

/// One process life of an endpoint: 16 random bytes drawn at start.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(pub [u8; 16]);

/// One side's contribution to the name of a session: 16 random bytes, drawn when the side first
/// needs a session with a peer and kept until it forgets that session.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Half(pub [u8; 16]);

/// What a receiver asks senders to put on the packets of one path: 8 random bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub [u8; 8]);

/// Proves that a connection id was issued by the holder of an identity (SPEC 4.6).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub [u8; 16]);

fn short_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))
}

macro_rules! debug_as_short_hex {
    ($($name:ident),+) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                short_hex(f, &self.0)
            }
        }
    )+};
}

debug_as_short_hex!(PeerId, Incarnation, Half, ConnectionId, Token);

#[cfg(test)]
mod tests;
