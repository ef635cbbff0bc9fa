//! A cipher that hides nothing but notices everything: for worlds that need volume, not secrecy.
//!
//! Sealing leaves the bytes as they are and adds a keyed checksum over nonce, header and content, so that any
//! change is found as the real ciphers would find it. Some worlds use the real ones; the seed decides.

use crate::dice::{mix, mix_bytes};
use everlink_proto::crypto::{HeaderKey, OpenError, PacketKey, Provider, Suite, TAG_LEN};

/// What protects the packets of a world.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cipher {
    /// The checksum.
    Null,
    /// ChaCha20-Poly1305.
    ChaCha,
    /// AES-256-GCM.
    Aes,
}

/// The provider of the checksum.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Null;

struct Key(u64);

impl Provider for Null {
    fn has_aes(&self) -> bool {
        false
    }

    fn packet_key(&self, _: Suite, key: &[u8; 32]) -> Box<dyn PacketKey> {
        Box::new(Key(mix_bytes(1, key)))
    }

    fn header_key(&self, _: Suite, key: &[u8; 32]) -> Box<dyn HeaderKey> {
        Box::new(Key(mix_bytes(2, key)))
    }
}

impl Key {
    fn tag(&self, nonce: &[u8; 12], aad: &[u8], text: &[u8]) -> [u8; TAG_LEN] {
        let sum = [nonce, aad, text].into_iter().fold(self.0, fold);
        let mut tag = [0; TAG_LEN];
        tag[..8].copy_from_slice(&sum.to_le_bytes());
        tag[8..].copy_from_slice(&mix(sum ^ self.0).to_le_bytes());
        tag
    }
}

/// Takes `bytes` into a checksum. Both halves of each product count: with the lower one alone, two bits that change
/// together may take each other back.
fn fold(sum: u64, bytes: &[u8]) -> u64 {
    let mut words = bytes.chunks(8).map(|chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        u64::from_le_bytes(word)
    });
    let step = |sum: u64, word: u64| {
        let product = u128::from(sum.rotate_left(23) ^ word) * 0x9fb2_1c65_1e98_df25;
        (product >> 64) as u64 ^ product as u64
    };
    step(words.by_ref().fold(sum, step), bytes.len() as u64)
}

impl PacketKey for Key {
    fn seal(&self, nonce: &[u8; 12], aad: &[u8], buf: &mut [u8]) {
        let (text, tag) = buf.split_at_mut(buf.len().saturating_sub(TAG_LEN));
        tag.copy_from_slice(&self.tag(nonce, aad, text));
    }

    fn open(&self, nonce: &[u8; 12], aad: &[u8], buf: &mut [u8]) -> Result<usize, OpenError> {
        let len = buf.len().checked_sub(TAG_LEN).ok_or(OpenError)?;
        let (text, tag) = buf.split_at(len);
        if tag == self.tag(nonce, aad, text) { Ok(len) } else { Err(OpenError) }
    }
}

impl HeaderKey for Key {
    fn mask(&self, sample: &[u8; 16]) -> [u8; 5] {
        let mask = mix_bytes(self.0, sample).to_le_bytes();
        [mask[0], mask[1], mask[2], mask[3], mask[4]]
    }
}

#[cfg(test)]
mod tests {
    use super::Null;
    use everlink_proto::crypto::{Provider as _, Suite};

    #[test]
    fn every_changed_bit_is_noticed() {
        let key = Null.packet_key(Suite::ChaCha20Poly1305, &[7; 32]);
        let mut sealed = [3; 56];
        key.seal(&[1; 12], b"header", &mut sealed);
        assert_eq!(key.open(&[1; 12], b"header", &mut sealed), Ok(40));
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(key.open(&[1; 12], b"header", &mut changed).is_err());
        }
        // Two at once, as far apart as the top of one word and anything in the next.
        for (one, other) in (0..2 * 64).flat_map(|one| (one + 1..3 * 64).map(move |other| (one, other))) {
            let mut changed = sealed;
            changed[one / 8] ^= 1 << (one % 8);
            changed[other / 8] ^= 1 << (other % 8);
            assert!(key.open(&[1; 12], b"header", &mut changed).is_err(), "bits {one} and {other}");
        }
        assert!(key.open(&[2; 12], b"header", &mut sealed).is_err());
        assert!(key.open(&[1; 12], b"Header", &mut sealed).is_err());
    }
}
