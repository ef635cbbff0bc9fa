//! The keys of one connection: what protects its packets, and how much longer it may.
//!
//! ```text
//! packet   flags 1 | connection id 8 | packet number 4 | sealed payload | tag 16
//! ```
//!
//! Flags and packet number are masked (RFC 9001 5.4), so that a packet shows nothing but a random
//! connection id. Re-keying is a new connection with keys of its own: these never change.

use super::{HeaderKey, OpenError, PacketKey, Provider, Role, Suite, TAG_LEN, blake};
use crate::crypto::noise::Secrets;

/// Bytes of a packet before its payload.
pub const HEADER_LEN: usize = PACKET_NUMBER_AT + PACKET_NUMBER_LEN;

/// Bytes of the shortest packet. Its tag alone is a whole sample for header protection.
pub const MIN_PACKET_LEN: usize = HEADER_LEN + TAG_LEN;

/// Bytes of the truncated packet number.
pub const PACKET_NUMBER_LEN: usize = 4;

/// The bits of the flags that header protection covers. The others tell a packet from handshake
/// messages and must be readable before any key is known.
pub const PROTECTED_FLAGS: u8 = 0x1f;

/// AES blocks of the longest packet, its header's included; more than the one packet that ChaCha20 counts.
const FULL_PACKET_BLOCKS: u64 = 1_200 / 16 + 2;

const PACKET_NUMBER_AT: usize = 1 + 8;
const AES_BLOCK_LEN: usize = 16;

/// How far the keys of one connection may be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyLimits {
    /// AES blocks sealed from which on a new connection should be made. Default 2^33: a quarter of
    /// the stop, 128 GiB of payload.
    pub aes_rekey_blocks: u64,
    /// AES blocks sealed beyond which nothing more is sealed. Default 2^35: RFC 9001 B.1.1 allows
    /// 2^23 packets of 2^12 blocks, or 2^28 of 2^7, for an attacker's advantage of 2^-57. Counted
    /// in blocks since our packets differ in length.
    pub aes_stop_blocks: u64,
    /// Packets sealed with ChaCha20 from which on a new connection should be made. Default 2^60:
    /// never; RFC 9001 6.6 has no limit below the range of packet numbers.
    pub chacha_rekey_packets: u64,
    /// Packets sealed with ChaCha20 beyond which nothing more is sealed. Default 2^60.
    pub chacha_stop_packets: u64,
    /// Packets that failed to open under AES-GCM after which none is opened any more. Default 2^52
    /// (RFC 9001 6.6). A new connection should be made at half of it.
    pub aes_forgeries: u64,
    /// The same under ChaCha20-Poly1305. Default 2^36 (RFC 9001 6.6).
    pub chacha_forgeries: u64,
}

impl Default for KeyLimits {
    fn default() -> Self {
        Self {
            aes_rekey_blocks: 1 << 33,
            aes_stop_blocks: 1 << 35,
            chacha_rekey_packets: 1 << 60,
            chacha_stop_packets: 1 << 60,
            aes_forgeries: 1 << 52,
            chacha_forgeries: 1 << 36,
        }
    }
}

/// The key has sealed as much as it safely can.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the connection's key is used up")]
pub struct SealLimit;

/// The clear form of what header protection hides.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unprotected {
    /// The first byte.
    pub flags: u8,
    /// The lower 32 bits of the packet number, big-endian.
    pub packet_number: [u8; PACKET_NUMBER_LEN],
}

/// Both directions of one connection.
pub struct PacketKeys {
    suite: Suite,
    sending: Direction,
    receiving: Direction,
    limits: KeyLimits,
    sealed: u64,
    failed: u64,
}

impl PacketKeys {
    /// The keys of the side that had `role` in the handshake that made `secrets`.
    pub fn new(
        provider: &dyn Provider,
        secrets: &Secrets,
        role: Role,
        suite: Suite,
        limits: KeyLimits,
    ) -> Self {
        let initiators = Direction::new(provider, &secrets.initiator_to_responder, suite);
        let responders = Direction::new(provider, &secrets.responder_to_initiator, suite);
        let (sending, receiving) = match role {
            Role::Initiator => (initiators, responders),
            Role::Responder => (responders, initiators),
        };
        Self { suite, sending, receiving, limits, sealed: 0, failed: 0 }
    }

    /// Whether one more packet of full length might pass the stop limit: nothing should be written any more.
    pub fn is_spent(&self) -> bool {
        self.sealed.saturating_add(FULL_PACKET_BLOCKS) > self.stop_limit()
    }

    /// The suite in use.
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// Seals a payload in place: `buf` is the payload followed by [`TAG_LEN`] bytes of room.
    /// `header` is the unprotected header. No pair of `path` and `number` may be used twice.
    pub fn seal(&mut self, path: u32, number: u64, header: &[u8], buf: &mut [u8]) -> Result<(), SealLimit> {
        let sealed = self.sealed.saturating_add(self.cost(header, buf));
        if sealed > self.stop_limit() {
            return Err(SealLimit);
        }
        self.sealed = sealed;
        self.sending.packet.seal(&self.sending.nonce(path, number), header, buf);
        Ok(())
    }

    /// Opens a payload in place and tells its length. Changes nothing but the count of failures if
    /// the peer did not seal it, and opens nothing once that count has reached its limit.
    pub fn open(
        &mut self,
        path: u32,
        number: u64,
        header: &[u8],
        buf: &mut [u8],
    ) -> Result<usize, OpenError> {
        if self.is_forged_out() {
            return Err(OpenError);
        }
        let opened = self.receiving.packet.open(&self.receiving.nonce(path, number), header, buf);
        if opened.is_err() {
            self.failed += 1;
        }
        opened
    }

    /// Hides flags and packet number of a sealed packet.
    ///
    /// # Panics
    ///
    /// If `packet` is shorter than [`MIN_PACKET_LEN`].
    pub fn protect(&self, packet: &mut [u8]) {
        let mask = self.sending.mask(packet).expect("a sealed packet has a tag to sample");
        apply(&mask, packet);
    }

    /// Uncovers flags and packet number of a packet in place. `None`, and no change, if it is too
    /// short to be one.
    pub fn unprotect(&self, packet: &mut [u8]) -> Option<Unprotected> {
        let mask = self.receiving.mask(packet)?;
        apply(&mask, packet);
        let packet_number = *packet.get(PACKET_NUMBER_AT..)?.first_chunk()?;
        Some(Unprotected { flags: *packet.first()?, packet_number })
    }

    /// Whether it is time to make a new connection.
    pub fn should_rekey(&self) -> bool {
        let soft = match self.suite {
            Suite::Aes256Gcm => self.limits.aes_rekey_blocks,
            Suite::ChaCha20Poly1305 => self.limits.chacha_rekey_packets,
        };
        self.sealed >= soft || self.failed >= self.forgery_limit() / 2
    }

    /// Whether so many forgeries were tried that nothing is opened any more.
    pub fn is_forged_out(&self) -> bool {
        self.failed >= self.forgery_limit()
    }

    /// How many packets failed to open.
    pub fn failed(&self) -> u64 {
        self.failed
    }

    /// What sealing uses up: AES blocks of payload, header and tag mask; or one packet.
    fn cost(&self, header: &[u8], buf: &[u8]) -> u64 {
        let blocks = |len: usize| len.div_ceil(AES_BLOCK_LEN) as u64;
        match self.suite {
            Suite::Aes256Gcm => blocks(buf.len().saturating_sub(TAG_LEN)) + blocks(header.len()) + 1,
            Suite::ChaCha20Poly1305 => 1,
        }
    }

    fn stop_limit(&self) -> u64 {
        match self.suite {
            Suite::Aes256Gcm => self.limits.aes_stop_blocks,
            Suite::ChaCha20Poly1305 => self.limits.chacha_stop_packets,
        }
    }

    fn forgery_limit(&self) -> u64 {
        match self.suite {
            Suite::Aes256Gcm => self.limits.aes_forgeries,
            Suite::ChaCha20Poly1305 => self.limits.chacha_forgeries,
        }
    }
}

impl core::fmt::Debug for PacketKeys {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("PacketKeys")
            .field("suite", &self.suite)
            .field("sealed", &self.sealed)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}

/// The keys of one direction.
struct Direction {
    packet: Box<dyn PacketKey>,
    header: Box<dyn HeaderKey>,
    iv: [u8; 12],
}

impl Direction {
    /// Derives three independent keys from the direction's secret, others for each suite.
    fn new(provider: &dyn Provider, secret: &[u8; 32], suite: Suite) -> Self {
        let context: &[u8] = match suite {
            Suite::ChaCha20Poly1305 => b" chacha20-poly1305",
            Suite::Aes256Gcm => b" aes-256-gcm",
        };
        let derive = |label: &[u8]| zeroize::Zeroizing::new(blake::expand(secret, label, context));
        let mut iv = [0; 12];
        iv.copy_from_slice(&derive(b"everlink iv")[..12]);
        Self {
            packet: provider.packet_key(suite, &derive(b"everlink key")),
            header: provider.header_key(suite, &derive(b"everlink header")),
            iv,
        }
    }

    /// IV xor (path 32 bits, packet number 64 bits): a different nonce for every pair.
    fn nonce(&self, path: u32, number: u64) -> [u8; 12] {
        let mut nonce = self.iv;
        let position = path.to_be_bytes().into_iter().chain(number.to_be_bytes());
        nonce.iter_mut().zip(position).for_each(|(byte, other)| *byte ^= other);
        nonce
    }

    /// The mask that the ciphertext right behind the packet number asks for.
    fn mask(&self, packet: &[u8]) -> Option<[u8; 5]> {
        let sample = packet.get(HEADER_LEN..)?.first_chunk()?;
        Some(self.header.mask(sample))
    }
}

/// Covers or uncovers: both are the same exclusive or.
fn apply(mask: &[u8; 5], packet: &mut [u8]) {
    let [for_flags, for_number @ ..] = mask;
    packet[0] ^= for_flags & PROTECTED_FLAGS;
    let number = &mut packet[PACKET_NUMBER_AT..HEADER_LEN];
    number.iter_mut().zip(for_number).for_each(|(byte, mask)| *byte ^= mask);
}

#[cfg(test)]
mod tests;
