//! Cryptography: who a peer is, the handshake, and the protection of packets.
//!
//! The handshake is fixed (X25519, ML-KEM-512, ChaCha20-Poly1305, BLAKE2s) and lives here whole.
//! Packets are protected by one of two suites, whose implementation the driver brings through
//! [`Provider`], since which library is fastest depends on the CPU. Nothing here draws randomness
//! of its own: whatever needs some takes the [`Rng`](crate::rng::Rng).

mod blake;
pub mod cookie;
mod handshake;
pub mod identity;
pub mod keys;
pub mod macs;
pub mod noise;
pub mod replay;
#[cfg(feature = "rustcrypto")]
pub mod rustcrypto;
mod symmetric;
pub mod token;

/// Bytes that sealing adds to a plaintext, in every suite used here.
pub const TAG_LEN: usize = 16;

/// What protects the packets of a connection. Both have 32-byte keys and 12-byte nonces.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Suite {
    /// RFC 8439. Fast on every CPU.
    ChaCha20Poly1305,
    /// NIST SP 800-38D. Faster where the CPU has AES instructions, slow and leaky where not.
    Aes256Gcm,
}

/// A ciphertext that the key did not make: forged, damaged, or meant for another key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the packet was not sealed by the peer")]
pub struct OpenError;

/// Which end of the handshake this side was.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Role {
    /// The side that sent message 1.
    Initiator,
    /// The side that answered with message 2.
    Responder,
}

impl Role {
    /// The peer's role.
    pub const fn other(self) -> Self {
        match self {
            Self::Initiator => Self::Responder,
            Self::Responder => Self::Initiator,
        }
    }
}

/// One key for sealing or opening packets.
pub trait PacketKey: Send + Sync {
    /// Seals in place. `buf` is the plaintext followed by [`TAG_LEN`] bytes of room for the tag;
    /// what stands in that room is overwritten.
    fn seal(&self, nonce: &[u8; 12], aad: &[u8], buf: &mut [u8]);

    /// Opens in place and tells how long the plaintext at the start of `buf` is. After an error
    /// the content of `buf` is unspecified.
    fn open(&self, nonce: &[u8; 12], aad: &[u8], buf: &mut [u8]) -> Result<usize, OpenError>;
}

/// One key for hiding packet numbers and flags.
pub trait HeaderKey: Send + Sync {
    /// The mask that belongs to a sample of ciphertext (RFC 9001 5.4.3 with AES-256, 5.4.4).
    fn mask(&self, sample: &[u8; 16]) -> [u8; 5];
}

/// An implementation of both suites.
pub trait Provider: Send + Sync {
    /// Whether this CPU has instructions for AES and GCM. Told to the peer in the handshake;
    /// [`Suite::Aes256Gcm`] is used only if both sides have them.
    fn has_aes(&self) -> bool;

    /// The key that seals and opens packets of `suite`.
    fn packet_key(&self, suite: Suite, key: &[u8; 32]) -> Box<dyn PacketKey>;

    /// The key that protects headers of `suite`.
    fn header_key(&self, suite: Suite, key: &[u8; 32]) -> Box<dyn HeaderKey>;
}
