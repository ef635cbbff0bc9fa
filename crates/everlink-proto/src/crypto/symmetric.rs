//! Noise's `SymmetricState` (Noise 5.2) with ChaCha20-Poly1305 and BLAKE2s.

use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{OpenError, TAG_LEN, blake};

/// The running hash of all that was said, and the key that all secrets so far have made.
#[derive(Clone, ZeroizeOnDrop)]
pub(super) struct SymmetricState {
    chaining_key: [u8; 32],
    hash: [u8; 32],
    key: Option<[u8; 32]>,
    nonce: u64,
}

impl SymmetricState {
    /// Starts from the name of the protocol, which must have more than 32 bytes: Noise would pad a
    /// shorter one instead of hashing it.
    pub(super) fn new(protocol_name: &[u8]) -> Self {
        debug_assert!(protocol_name.len() > 32);
        let hash = blake::hash(&[protocol_name]);
        Self { chaining_key: hash, hash, key: None, nonce: 0 }
    }

    /// `MixHash` over the concatenation of `parts`.
    pub(super) fn mix_hash(&mut self, parts: &[&[u8]]) {
        self.hash = blake::hash_chain(&self.hash, parts);
    }

    /// `MixKey`.
    pub(super) fn mix_key(&mut self, input: &[u8]) {
        let outputs = Zeroizing::new(blake::hkdf::<2>(&self.chaining_key, input));
        self.chaining_key = outputs[0];
        self.set_key(&outputs[1]);
    }

    /// `MixKeyAndHash`.
    pub(super) fn mix_key_and_hash(&mut self, input: &[u8]) {
        let outputs = Zeroizing::new(blake::hkdf::<3>(&self.chaining_key, input));
        self.chaining_key = outputs[0];
        self.mix_hash(&[&outputs[1]]);
        self.set_key(&outputs[2]);
    }

    /// `EncryptAndHash` in place: the last [`TAG_LEN`] bytes of `buf` are room for the tag.
    pub(super) fn encrypt_and_hash(&mut self, buf: &mut [u8]) {
        let (text, room) = buf.split_at_mut(buf.len() - TAG_LEN);
        let (cipher, nonce) = self.cipher();
        let tag = cipher
            .encrypt_inout_detached(&nonce.into(), &self.hash, text.into())
            .expect("handshake messages are far below the cipher's limit of 256 GiB");
        room.copy_from_slice(&tag);
        self.nonce += 1;
        self.mix_hash(&[buf]);
    }

    /// `DecryptAndHash` in place: the last [`TAG_LEN`] bytes of `buf` are the tag.
    pub(super) fn decrypt_and_hash(&mut self, buf: &mut [u8]) -> Result<(), OpenError> {
        let hash_after = blake::hash_chain(&self.hash, &[buf]);
        let (text, tag) = buf.split_last_chunk_mut::<TAG_LEN>().ok_or(OpenError)?;
        let (cipher, nonce) = self.cipher();
        cipher
            .decrypt_inout_detached(&nonce.into(), &self.hash, text.into(), &(*tag).into())
            .map_err(|_| OpenError)?;
        self.hash = hash_after;
        self.nonce += 1;
        Ok(())
    }

    /// `Split`: the secret of what the initiator sends, and of what it receives.
    pub(super) fn split(&self) -> Zeroizing<[[u8; 32]; 2]> {
        Zeroizing::new(blake::hkdf::<2>(&self.chaining_key, &[]))
    }

    /// `GetHandshakeHash`.
    pub(super) fn handshake_hash(&self) -> &[u8; 32] {
        &self.hash
    }

    fn set_key(&mut self, key: &[u8; 32]) {
        self.key.zeroize();
        self.key = Some(*key);
        self.nonce = 0;
    }

    /// The cipher under the present key and the nonce to use next: 32 zero bits, then the counter,
    /// little-endian (Noise 12.3).
    fn cipher(&self) -> (ChaCha20Poly1305, [u8; 12]) {
        let key = self.key.as_ref().expect("a psk pattern mixes a key in with its first token, e");
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&self.nonce.to_le_bytes());
        (ChaCha20Poly1305::new(key.into()), nonce)
    }
}
