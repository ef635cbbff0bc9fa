//! Expected values come from Python's `hashlib` and `hmac`.

use super::*;

fn key() -> [u8; 32] {
    core::array::from_fn(|i| u8::try_from(i).unwrap())
}

pub(in crate::crypto) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes that 64 hexadecimal digits stand for.
pub(in crate::crypto) fn bytes32(hex: &str) -> [u8; 32] {
    assert_eq!(hex.len(), 64);
    core::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
}

#[test]
fn plain_hash_agrees_with_an_independent_implementation() {
    assert_eq!(
        hex(&hash(&[b"ever", b"link"])),
        "b35b419d91cf13c9dfcf345cf2aa9194d41fe4125a4ae469679167dc4a83b18f"
    );
}

#[test]
fn keyed_hash_of_32_bytes_agrees() {
    assert_eq!(
        hex(&keyed_32(&key(), &[b"ever", b"link"])),
        "6404d246c90b06933a682510da71ed99faa90b9e735f631f9a1ff0c04226829d"
    );
}

#[test]
fn keyed_hash_of_16_bytes_agrees() {
    assert_eq!(hex(&keyed_16(&key(), &[b"ever", b"link"])), "c2da0832929c5d68fb2debe993c9cfb0");
}

#[test]
fn keyed_hash_with_a_cookie_as_key_agrees() {
    assert_eq!(
        hex(&keyed_16(key().first_chunk::<16>().unwrap(), &[b"everlink"])),
        "82cc544584bfb810c16c47432c2f4765"
    );
}

#[test]
fn hkdf_agrees() {
    assert_eq!(
        hex(&hkdf::<3>(&key(), b"everlink").concat()),
        "a412c1aad9c829af0b4f6b3c5d0b32928183176a706576ef005c3cf25e1372b43e936801c91fbf59cf963ac1755383c25e79518876df6e3688fd0f84b696577499dda2e017dc74bd2817659edaf952b7e523a73a84ffb60b83521a9c5346a6ae"
    );
}

#[test]
fn expand_agrees() {
    assert_eq!(
        hex(&expand(&key(), b"ever", b"link")),
        "a59205db04676a89c887a0f8b3ef1ae7599495a24527aff56a90f781be2cc8f4"
    );
}
