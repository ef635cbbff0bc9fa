//! Who this side is, and what the handshake makes of a peer's identity.
//!
//! An identity is an Ed25519 key (RFC 8032). The handshake needs X25519, and gets it by the
//! birational map between the two curves (RFC 7748 4.1): the same scalar, the point seen through
//! other coordinates. The map forgets the sign of a point, so two identities share each X25519
//! key; whoever proves one by handshake must also name which of the two it is.

use core::fmt;

use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::montgomery::MontgomeryPoint;
use curve25519_dalek::scalar::clamp_integer;
use curve25519_dalek::traits::IsIdentity;
use sha2::{Digest, Sha512};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::blake;
use crate::id::PeerId;
use crate::rng::Rng;

/// A secret identity. It is wiped from memory when dropped, and prints only its public id.
#[derive(Clone, ZeroizeOnDrop)]
pub struct Identity {
    seed: [u8; 32],
    secret: [u8; 32],
    #[zeroize(skip)]
    public: [u8; 32],
    #[zeroize(skip)]
    id: PeerId,
}

impl Identity {
    /// The identity that belongs to a 32-byte Ed25519 seed (RFC 8032 5.1.5).
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let secret = Zeroizing::new(secret_scalar(seed));
        let point = EdwardsPoint::mul_base_clamped(*secret);
        Self {
            seed: *seed,
            secret: *secret,
            public: point.to_montgomery().to_bytes(),
            id: PeerId::from_bytes(point.compress().to_bytes()),
        }
    }

    /// A new identity.
    pub fn generate(rng: &mut Rng) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill(seed.as_mut());
        Self::from_seed(&seed)
    }

    /// The public key, which is also the address.
    pub fn peer_id(&self) -> PeerId {
        self.id
    }

    /// A key that only the holder of this identity can compute and that is the same in every
    /// process life. Different labels give independent keys.
    pub fn derive_key(&self, label: &str) -> [u8; 32] {
        blake::keyed_32(&self.seed, &[label.as_bytes()])
    }

    /// The X25519 secret of the handshake.
    pub(super) fn secret(&self) -> &[u8; 32] {
        &self.secret
    }

    /// The X25519 public key of the handshake.
    pub(super) fn public(&self) -> &[u8; 32] {
        &self.public
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Identity").field(&self.id).finish()
    }
}

/// Why bytes are not the key of any peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum IdentityError {
    /// No point of the curve has this encoding, or it has a shorter canonical one.
    #[error("the peer id is not the canonical encoding of a curve point")]
    Encoding,
    /// The point is the neutral element or has a component of small order, so that several
    /// identities would stand for one key.
    #[error("the peer id is not a point of prime order")]
    Order,
}

/// The X25519 public key of a peer.
///
/// Accepts only canonical encodings of points of prime order: with any other, one secret could
/// answer for several identities, or a "secret" be known to all.
pub fn montgomery(peer: &PeerId) -> Result<[u8; 32], IdentityError> {
    let encoding = CompressedEdwardsY(*peer.as_bytes());
    let point = encoding.decompress().ok_or(IdentityError::Encoding)?;
    if point.compress() != encoding {
        return Err(IdentityError::Encoding);
    }
    if point.is_identity() || !point.is_torsion_free() {
        return Err(IdentityError::Order);
    }
    Ok(point.to_montgomery().to_bytes())
}

/// X25519 (RFC 7748 5). `None` if the result is all zeros: the peer's point has small order and
/// the result would not depend on our secret.
pub(super) fn x25519(secret: &[u8; 32], public: &[u8; 32]) -> Option<Zeroizing<[u8; 32]>> {
    let mut point = MontgomeryPoint(*public).mul_clamped(*secret);
    let shared = Zeroizing::new(point.to_bytes());
    point.zeroize();
    let zero = subtle::ConstantTimeEq::ct_eq(shared.as_ref(), [0u8; 32].as_ref());
    (!bool::from(zero)).then_some(shared)
}

/// The X25519 public key of a secret.
pub(super) fn x25519_base(secret: &[u8; 32]) -> [u8; 32] {
    MontgomeryPoint::mul_base_clamped(*secret).to_bytes()
}

/// The lower half of SHA-512 of the seed, clamped: the scalar of both curves.
fn secret_scalar(seed: &[u8; 32]) -> [u8; 32] {
    let mut digest = Sha512::digest(seed);
    let mut scalar = Zeroizing::new([0; 32]);
    scalar.copy_from_slice(&digest[..32]);
    digest.zeroize();
    clamp_integer(*scalar)
}

#[cfg(test)]
mod tests;
