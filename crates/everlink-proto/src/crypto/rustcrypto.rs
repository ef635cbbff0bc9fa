//! The provider in pure Rust: for tests, for the simulator, and where no faster one builds.

use aes::Aes256;
use aes::cipher::{Block, BlockCipherEncrypt};
use aes_gcm::Aes256Gcm;
use chacha20::cipher::{KeyIvInit, StreamCipherCore};
use chacha20::variants::Ietf;
use chacha20::{ChaChaCore, R20};
use chacha20poly1305::aead::consts::{U12, U16};
use chacha20poly1305::{AeadCore, AeadInOut, ChaCha20Poly1305, KeyInit};
use zeroize::ZeroizeOnDrop;

use super::{HeaderKey, OpenError, PacketKey, Provider, Suite, TAG_LEN};

/// Both suites from the RustCrypto crates.
#[derive(Clone, Copy, Debug, Default)]
pub struct RustCrypto {
    /// What [`Provider::has_aes`] answers. Given rather than detected, so that a simulated machine
    /// is the same on every real one.
    pub has_aes: bool,
}

impl Provider for RustCrypto {
    fn has_aes(&self) -> bool {
        self.has_aes
    }

    fn packet_key(&self, suite: Suite, key: &[u8; 32]) -> Box<dyn PacketKey> {
        match suite {
            Suite::ChaCha20Poly1305 => Box::new(Aead(ChaCha20Poly1305::new(key.into()))),
            Suite::Aes256Gcm => Box::new(Aead(Aes256Gcm::new(key.into()))),
        }
    }

    fn header_key(&self, suite: Suite, key: &[u8; 32]) -> Box<dyn HeaderKey> {
        match suite {
            Suite::ChaCha20Poly1305 => Box::new(ChaChaHeaderKey(*key)),
            Suite::Aes256Gcm => Box::new(AesHeaderKey(Aes256::new(key.into()))),
        }
    }
}

struct Aead<C>(C);

impl<C: AeadInOut + AeadCore<NonceSize = U12, TagSize = U16> + Send + Sync> PacketKey for Aead<C> {
    fn seal(&self, nonce: &[u8; 12], aad: &[u8], buf: &mut [u8]) {
        let (text, room) = buf.split_last_chunk_mut::<TAG_LEN>().expect("the caller left room for the tag");
        let tag = self
            .0
            .encrypt_inout_detached(nonce.into(), aad, text.into())
            .expect("a datagram is far below the cipher's limit of 64 GiB");
        *room = tag.into();
    }

    fn open(&self, nonce: &[u8; 12], aad: &[u8], buf: &mut [u8]) -> Result<usize, OpenError> {
        let (text, tag) = buf.split_last_chunk_mut::<TAG_LEN>().ok_or(OpenError)?;
        let len = text.len();
        self.0
            .decrypt_inout_detached(nonce.into(), aad, text.into(), (&*tag).into())
            .map_err(|_| OpenError)?;
        Ok(len)
    }
}

struct AesHeaderKey(Aes256);

impl HeaderKey for AesHeaderKey {
    fn mask(&self, sample: &[u8; 16]) -> [u8; 5] {
        let mut block = Block::<Aes256>::from(*sample);
        self.0.encrypt_block(&mut block);
        let [m0, m1, m2, m3, m4, ..]: [u8; 16] = block.into();
        [m0, m1, m2, m3, m4]
    }
}

#[derive(ZeroizeOnDrop)]
struct ChaChaHeaderKey([u8; 32]);

impl HeaderKey for ChaChaHeaderKey {
    fn mask(&self, sample: &[u8; 16]) -> [u8; 5] {
        let [c0, c1, c2, c3, nonce @ ..] = *sample;
        let mut block = ChaChaBlock::new((&self.0).into(), &nonce.into());
        let mut keystream = Block::<ChaChaBlock>::default();
        block.set_block_pos(u32::from_le_bytes([c0, c1, c2, c3]));
        block.write_keystream_block(&mut keystream);
        let [m0, m1, m2, m3, m4, ..]: [u8; 64] = keystream.into();
        [m0, m1, m2, m3, m4]
    }
}

/// One block of ChaCha20. The stream cipher around it would refuse the last block of its stream,
/// and the peer chooses which one we need.
type ChaChaBlock = ChaChaCore<R20, Ietf>;

#[cfg(test)]
mod tests;
