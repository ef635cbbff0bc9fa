//! Packet protection on `ring`, which picks the fastest code for the CPU when it starts.

use everlink_proto::crypto::{HeaderKey, OpenError, PacketKey, Provider, Suite, TAG_LEN};
use ring::aead::{AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey, quic};

/// The default [`Provider`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Ring;

impl Provider for Ring {
    fn has_aes(&self) -> bool {
        cpu_has_aes()
    }

    fn packet_key(&self, suite: Suite, key: &[u8; 32]) -> Box<dyn PacketKey> {
        let key = UnboundKey::new(packet_algorithm(suite), key).expect("keys of both suites have 32 bytes");
        Box::new(RingPacketKey(LessSafeKey::new(key)))
    }

    fn header_key(&self, suite: Suite, key: &[u8; 32]) -> Box<dyn HeaderKey> {
        let key = quic::HeaderProtectionKey::new(header_algorithm(suite), key)
            .expect("header keys of both suites have 32 bytes");
        Box::new(RingHeaderKey(key))
    }
}

struct RingPacketKey(LessSafeKey);

impl PacketKey for RingPacketKey {
    fn seal(&self, nonce: &[u8; 12], aad: &[u8], buf: &mut [u8]) {
        let (text, room) = buf.split_at_mut(buf.len() - TAG_LEN);
        let tag = self
            .0
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(*nonce), Aad::from(aad), text)
            .expect("a datagram is far below the cipher's limit of 64 GiB");
        room.copy_from_slice(tag.as_ref());
    }

    fn open(&self, nonce: &[u8; 12], aad: &[u8], buf: &mut [u8]) -> Result<usize, OpenError> {
        self.0
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(aad), buf)
            .map(|text| text.len())
            .map_err(|_| OpenError)
    }
}

struct RingHeaderKey(quic::HeaderProtectionKey);

impl HeaderKey for RingHeaderKey {
    fn mask(&self, sample: &[u8; 16]) -> [u8; 5] {
        self.0.new_mask(sample).expect("samples of both suites have 16 bytes")
    }
}

fn packet_algorithm(suite: Suite) -> &'static Algorithm {
    match suite {
        Suite::ChaCha20Poly1305 => &CHACHA20_POLY1305,
        Suite::Aes256Gcm => &AES_256_GCM,
    }
}

fn header_algorithm(suite: Suite) -> &'static quic::Algorithm {
    match suite {
        Suite::ChaCha20Poly1305 => &quic::CHACHA20,
        Suite::Aes256Gcm => &quic::AES_256,
    }
}

/// AES-GCM needs two instruction sets to be fast and free of timing leaks: AES rounds and
/// carry-less multiplication. Without both, ring would fall back on tables.
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
fn cpu_has_aes() -> bool {
    std::arch::is_x86_feature_detected!("aes") && std::arch::is_x86_feature_detected!("pclmulqdq")
}

#[cfg(target_arch = "aarch64")]
fn cpu_has_aes() -> bool {
    std::arch::is_aarch64_feature_detected!("aes") && std::arch::is_aarch64_feature_detected!("pmull")
}

#[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
fn cpu_has_aes() -> bool {
    false
}

#[cfg(test)]
mod tests;
