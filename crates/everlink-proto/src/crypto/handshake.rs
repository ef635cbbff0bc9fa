//! Noise's `HandshakeState` (Noise 5.3): messages as lists of tokens, and what each token does.
//!
//! The patterns stand at the top, as the specification writes them. The code below them knows only
//! tokens, so that the same code also runs the pattern without its KEM tokens, which other
//! implementations have and against which the tests compare it.

use ml_kem::array::Array;
use ml_kem::kem::{Decapsulate, KeyExport};
use ml_kem::ml_kem_512::{DecapsulationKey, EncapsulationKey};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::identity::{Identity, x25519, x25519_base};
use super::symmetric::SymmetricState;
use super::{OpenError, Role, TAG_LEN};
use crate::rng::Rng;

/// Bytes of an X25519 public key.
pub(super) const DH_LEN: usize = 32;

/// Bytes of an ML-KEM-512 encapsulation key (FIPS 203, table 3).
pub(super) const KEM_KEY_LEN: usize = 800;

/// Bytes of an ML-KEM-512 ciphertext (FIPS 203, table 3).
pub(super) const KEM_CIPHERTEXT_LEN: usize = 768;

/// One step of a handshake (Noise 7.1; `E1` and `Ekem1` from the hfs extension).
#[derive(Clone, Copy)]
pub(super) enum Token {
    /// The sender's ephemeral key.
    E,
    /// The sender's static key, encrypted.
    S,
    /// The DH of one of the initiator's keys with one of the responder's: ee, es, se or ss.
    Dh(Key, Key),
    /// The network's pre-shared key.
    Psk,
    /// The sender's ephemeral KEM key, encrypted.
    E1,
    /// A secret encapsulated to the receiver's ephemeral KEM key, encrypted.
    Ekem1,
}

/// Which of a side's two DH keys.
#[derive(Clone, Copy)]
pub(super) enum Key {
    Ephemeral,
    Static,
}

const EE: Token = Token::Dh(Key::Ephemeral, Key::Ephemeral);
const ES: Token = Token::Dh(Key::Ephemeral, Key::Static);
const SE: Token = Token::Dh(Key::Static, Key::Ephemeral);
const SS: Token = Token::Dh(Key::Static, Key::Static);

/// A handshake of two messages whose initiator knows the responder's static key beforehand.
pub(super) struct Pattern {
    name: &'static [u8],
    messages: [&'static [Token]; 2],
}

/// The one handshake of everlink: Noise IKpsk2 with the hfs extension.
pub(super) const IK_HFS_PSK2: Pattern = Pattern {
    name: b"Noise_IKhfs+psk2_25519+MLKEM512_ChaChaPoly_BLAKE2s",
    messages: [&[Token::E, ES, Token::E1, Token::S, SS], &[Token::E, EE, Token::Ekem1, SE, Token::Psk]],
};

/// The same without its KEM tokens.
#[cfg(test)]
pub(super) const IK_PSK2: Pattern = Pattern {
    name: b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s",
    messages: [&[Token::E, ES, Token::S, SS], &[Token::E, EE, SE, Token::Psk]],
};

/// Why a handshake message was not accepted. On the wire the answer is silence in every case.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HandshakeError {
    /// Not made by the peer it claims to be from, for us, for this network; or damaged.
    #[error("the handshake message does not open")]
    Open,
    /// A public key of small order: the shared secret would be known to everybody.
    #[error("the peer's key leads to an all-zero secret")]
    ZeroSecret,
    /// The ephemeral KEM key has coefficients out of range (FIPS 203, 7.2).
    #[error("the peer's KEM key is malformed")]
    KemKey,
    /// The peer's id is not an acceptable key.
    #[error(transparent)]
    Identity(#[from] super::identity::IdentityError),
    /// The peer's id does not belong to the static key it proved to hold.
    #[error("the peer claims an identity that it does not hold")]
    NotItsIdentity,
    /// Both ends have the same identity.
    #[error("an endpoint cannot connect to its own identity")]
    OwnIdentity,
}

impl From<OpenError> for HandshakeError {
    fn from(OpenError: OpenError) -> Self {
        Self::Open
    }
}

/// One side of a handshake between two tokens.
#[derive(Clone, ZeroizeOnDrop)]
pub(super) struct Handshake {
    #[zeroize(skip)]
    role: Role,
    #[zeroize(skip)]
    messages: [&'static [Token]; 2],
    symmetric: SymmetricState,
    psk: [u8; 32],
    static_secret: [u8; 32],
    static_public: [u8; DH_LEN],
    ephemeral_secret: [u8; 32],
    remote_static: [u8; DH_LEN],
    remote_ephemeral: [u8; DH_LEN],
    kem: Kem,
}

/// What this side has of the ephemeral KEM exchange.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
#[allow(clippy::large_enum_variant, reason = "a handshake allocates nothing")]
enum Kem {
    /// Nothing yet.
    None,
    /// The seed of our key, a twentieth of the key's size and expanded in microseconds.
    Ours([u8; 64]),
    /// The peer's key, checked.
    Theirs(#[zeroize(skip)] [u8; KEM_KEY_LEN]),
}

impl Handshake {
    /// The initiator's side, towards the holder of the static key `responder`.
    pub(super) fn initiator(
        pattern: &Pattern,
        identity: &Identity,
        responder: &[u8; DH_LEN],
        psk: &[u8; 32],
        prologue: &[&[u8]],
    ) -> Self {
        let mut handshake = Self::new(pattern, Role::Initiator, identity, psk, prologue);
        handshake.remote_static = *responder;
        handshake.symmetric.mix_hash(&[responder]);
        handshake
    }

    /// The responder's side.
    pub(super) fn responder(
        pattern: &Pattern,
        identity: &Identity,
        psk: &[u8; 32],
        prologue: &[&[u8]],
    ) -> Self {
        let mut handshake = Self::new(pattern, Role::Responder, identity, psk, prologue);
        handshake.symmetric.mix_hash(&[identity.public()]);
        handshake
    }

    /// Writes this side's message, which fills `out`: the tokens, then `payload` and its tag.
    pub(super) fn write(
        &mut self,
        payload: &[u8],
        out: &mut [u8],
        rng: &mut Rng,
    ) -> Result<(), HandshakeError> {
        let mut cursor = Cursor(out);
        for &token in self.tokens_from(self.role) {
            match token {
                Token::E => self.write_ephemeral(cursor.take(DH_LEN), rng),
                Token::S => self.write_encrypted(&{ self.static_public }, cursor.take(DH_LEN + TAG_LEN)),
                Token::E1 => self.write_kem_key(cursor.take(KEM_KEY_LEN + TAG_LEN), rng),
                Token::Ekem1 => self.write_kem_secret(cursor.take(KEM_CIPHERTEXT_LEN + TAG_LEN), rng)?,
                Token::Dh(initiators, responders) => self.mix_dh(initiators, responders)?,
                Token::Psk => self.symmetric.mix_key_and_hash(&self.psk),
            }
        }
        self.write_encrypted(payload, cursor.0);
        Ok(())
    }

    /// Reads the peer's message, decrypting it in place, and returns its payload. After an error
    /// this state is of no further use.
    pub(super) fn read<'a>(&mut self, message: &'a mut [u8]) -> Result<&'a [u8], HandshakeError> {
        let mut cursor = Cursor(message);
        for &token in self.tokens_from(self.role.other()) {
            match token {
                Token::E => self.read_ephemeral(cursor.take(DH_LEN)),
                Token::S => self.remote_static = *self.read_encrypted(cursor.take(DH_LEN + TAG_LEN))?,
                Token::E1 => self.read_kem_key(cursor.take(KEM_KEY_LEN + TAG_LEN))?,
                Token::Ekem1 => self.read_kem_secret(cursor.take(KEM_CIPHERTEXT_LEN + TAG_LEN))?,
                Token::Dh(initiators, responders) => self.mix_dh(initiators, responders)?,
                Token::Psk => self.symmetric.mix_key_and_hash(&self.psk),
            }
        }
        let payload = cursor.0;
        self.symmetric.decrypt_and_hash(payload)?;
        Ok(&payload[..payload.len() - TAG_LEN])
    }

    /// Binds clear bytes that belong to the next message to the transcript.
    pub(super) fn mix_hash(&mut self, bytes: &[u8]) {
        self.symmetric.mix_hash(&[bytes]);
    }

    /// The static key that the peer has proved to hold, once its message was read.
    pub(super) fn remote_static(&self) -> &[u8; DH_LEN] {
        &self.remote_static
    }

    /// The result, once both messages are through.
    pub(super) fn finish(&self) -> &SymmetricState {
        &self.symmetric
    }

    fn new(pattern: &Pattern, role: Role, identity: &Identity, psk: &[u8; 32], prologue: &[&[u8]]) -> Self {
        let mut symmetric = SymmetricState::new(pattern.name);
        symmetric.mix_hash(prologue);
        Self {
            role,
            messages: pattern.messages,
            symmetric,
            psk: *psk,
            static_secret: *identity.secret(),
            static_public: *identity.public(),
            ephemeral_secret: [0; 32],
            remote_static: [0; DH_LEN],
            remote_ephemeral: [0; DH_LEN],
            kem: Kem::None,
        }
    }

    fn tokens_from(&self, sender: Role) -> &'static [Token] {
        match sender {
            Role::Initiator => self.messages[0],
            Role::Responder => self.messages[1],
        }
    }

    fn write_ephemeral(&mut self, out: &mut [u8], rng: &mut Rng) {
        rng.fill(&mut self.ephemeral_secret);
        out.copy_from_slice(&x25519_base(&self.ephemeral_secret));
        self.mix_ephemeral(out);
    }

    fn read_ephemeral(&mut self, public: &[u8]) {
        self.remote_ephemeral.copy_from_slice(public);
        self.mix_ephemeral(public);
    }

    /// In handshakes with a psk an ephemeral key also goes into the chaining key, so that the
    /// first encryption already has a fresh one (Noise 9.2).
    fn mix_ephemeral(&mut self, public: &[u8]) {
        self.symmetric.mix_hash(&[public]);
        self.symmetric.mix_key(public);
    }

    fn write_kem_key(&mut self, out: &mut [u8], rng: &mut Rng) {
        let mut seed = Zeroizing::new([0; 64]);
        rng.fill(seed.as_mut());
        let key = DecapsulationKey::from_seed((*seed).into());
        self.kem = Kem::Ours(*seed);
        self.write_encrypted(&key.encapsulation_key().to_bytes(), out);
    }

    fn read_kem_key(&mut self, sealed: &mut [u8]) -> Result<(), HandshakeError> {
        let encoded: &[u8; KEM_KEY_LEN] = self.read_encrypted(sealed)?;
        EncapsulationKey::new(encoded.into()).map_err(|_| HandshakeError::KemKey)?;
        self.kem = Kem::Theirs(*encoded);
        Ok(())
    }

    fn write_kem_secret(&mut self, out: &mut [u8], rng: &mut Rng) -> Result<(), HandshakeError> {
        let Kem::Theirs(encoded) = &self.kem else { return Err(HandshakeError::KemKey) };
        let key = EncapsulationKey::new(encoded.into()).map_err(|_| HandshakeError::KemKey)?;
        let randomness = Zeroizing::new(rng.bytes::<32>());
        let (ciphertext, mut shared) = key.encapsulate_deterministic((&*randomness).into());
        self.write_encrypted(&ciphertext, out);
        self.symmetric.mix_key(&shared);
        shared.zeroize();
        Ok(())
    }

    fn read_kem_secret(&mut self, sealed: &mut [u8]) -> Result<(), HandshakeError> {
        let ciphertext: &[u8; KEM_CIPHERTEXT_LEN] = self.read_encrypted(sealed)?;
        let Kem::Ours(seed) = &self.kem else { return Err(HandshakeError::KemKey) };
        let key = DecapsulationKey::from_seed(Array(*seed));
        let mut shared = key.decapsulate(ciphertext.into());
        self.symmetric.mix_key(&shared);
        shared.zeroize();
        Ok(())
    }

    fn mix_dh(&mut self, initiators: Key, responders: Key) -> Result<(), HandshakeError> {
        let (ours, theirs) = match self.role {
            Role::Initiator => (initiators, responders),
            Role::Responder => (responders, initiators),
        };
        let secret = match ours {
            Key::Ephemeral => &self.ephemeral_secret,
            Key::Static => &self.static_secret,
        };
        let public = match theirs {
            Key::Ephemeral => &self.remote_ephemeral,
            Key::Static => &self.remote_static,
        };
        let shared = x25519(secret, public).ok_or(HandshakeError::ZeroSecret)?;
        self.symmetric.mix_key(shared.as_ref());
        Ok(())
    }

    fn write_encrypted(&mut self, plaintext: &[u8], out: &mut [u8]) {
        out[..plaintext.len()].copy_from_slice(plaintext);
        self.symmetric.encrypt_and_hash(out);
    }

    fn read_encrypted<'a, const N: usize>(
        &mut self,
        sealed: &'a mut [u8],
    ) -> Result<&'a [u8; N], HandshakeError> {
        self.symmetric.decrypt_and_hash(sealed)?;
        sealed.first_chunk().ok_or(HandshakeError::Open)
    }
}

/// The part of a message that is not yet written or read. Messages have fixed lengths, so that a
/// field that does not fit is a fault of this module and not of a peer.
struct Cursor<'a>(&'a mut [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, len: usize) -> &'a mut [u8] {
        let (field, rest) = core::mem::take(&mut self.0).split_at_mut(len);
        self.0 = rest;
        field
    }
}
