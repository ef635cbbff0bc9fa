//! Names of things: peers, connections, incarnations, halves.

use core::fmt;

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

/// Proves that a connection id was issued by the holder of an identity (SPEC 8).
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
