//! BLAKE2s (RFC 7693) in the forms used here: plain, keyed, and under HMAC for Noise's HKDF.

use blake2::digest::consts::{U16, U32};
use blake2::digest::{FixedOutput, KeyInit, Mac, Update};
use blake2::{Blake2s256, Blake2sMac, Digest};
use hmac::SimpleHmac;

/// The hash of the concatenation of `parts`.
pub(super) fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Blake2s256::new();
    for part in parts {
        Digest::update(&mut hasher, part);
    }
    hasher.finalize().into()
}

/// The hash of `before` followed by the concatenation of `parts`.
pub(super) fn hash_chain(before: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Blake2s256::new_with_prefix(before);
    for part in parts {
        Digest::update(&mut hasher, part);
    }
    hasher.finalize().into()
}

/// Keyed BLAKE2s with 32 bytes of output over the concatenation of `parts`.
pub(super) fn keyed_32(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Blake2sMac::<U32>::new(key.into());
    for part in parts {
        Update::update(&mut mac, part);
    }
    mac.finalize_fixed().into()
}

/// Keyed BLAKE2s with 16 bytes of output over the concatenation of `parts`. The key has 1 to 32
/// bytes.
pub(super) fn keyed_16<const KEY: usize>(key: &[u8; KEY], parts: &[&[u8]]) -> [u8; 16] {
    const { assert!(KEY > 0 && KEY <= 32, "BLAKE2s takes keys of 1 to 32 bytes") };
    let mut mac = Blake2sMac::<U16>::new_from_slice(key).expect("the length was checked when compiling");
    for part in parts {
        Update::update(&mut mac, part);
    }
    mac.finalize_fixed().into()
}

/// HMAC-BLAKE2s (RFC 2104) over the concatenation of `parts`.
pub(super) fn hmac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = SimpleHmac::<Blake2s256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        Mac::update(&mut mac, part);
    }
    mac.finalize().into_bytes().into()
}

/// Noise's `HKDF(chaining_key, input, N)` (Noise 4.3), which is RFC 5869 without `info`.
pub(super) fn hkdf<const N: usize>(chaining_key: &[u8; 32], input: &[u8]) -> [[u8; 32]; N] {
    let secret = zeroize::Zeroizing::new(hmac(chaining_key, &[input]));
    let mut outputs = [[0; 32]; N];
    let mut previous: &[u8] = &[];
    for (output, counter) in outputs.iter_mut().zip(1u8..) {
        *output = hmac(&secret, &[previous, &[counter]]);
        previous = output;
    }
    outputs
}

/// 32 bytes from RFC 5869's `Expand(secret, label || context)`: exactly its first block.
pub(super) fn expand(secret: &[u8; 32], label: &[u8], context: &[u8]) -> [u8; 32] {
    hmac(secret, &[label, context, &[1]])
}

#[cfg(test)]
pub(super) mod tests;
