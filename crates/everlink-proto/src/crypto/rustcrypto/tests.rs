use super::*;

fn bytes<const N: usize>(hex: &str) -> [u8; N] {
    core::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
}

fn aes_mask(sample: [u8; 16]) -> [u8; 5] {
    let key = bytes("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    RustCrypto::default().header_key(Suite::Aes256Gcm, &key).mask(&sample)
}

#[test]
fn chacha20_mask_is_that_of_rfc_9001() {
    // RFC 9001 A.5.
    let key = bytes("25a282b9e82f06f21f488917a4fc8f1b73573685608597d0efcb076b0ab7a7a4");
    let mask = RustCrypto::default()
        .header_key(Suite::ChaCha20Poly1305, &key)
        .mask(&bytes("5e5cd55c41f69080575d7999c25a5bfb"));
    assert_eq!(mask, bytes("aefefe7d03"));
}

#[test]
fn aes_mask_is_the_start_of_a_block_of_fips_197() {
    // FIPS 197, C.3.
    assert_eq!(aes_mask(bytes("00112233445566778899aabbccddeeff")), bytes("8ea2b7ca51"));
}

#[test]
fn chacha20_mask_exists_even_for_the_last_counter() {
    // The expected value comes from an implementation written straight from RFC 8439 2.3.
    let key = RustCrypto::default().header_key(Suite::ChaCha20Poly1305, &[1; 32]);
    assert_eq!(key.mask(&[0xff; 16]), bytes("b4f51d2ecf"));
}

#[test]
fn chacha20_poly1305_packet_is_that_of_rfc_9001() {
    // RFC 9001 A.5: a packet with one PING frame.
    let key = bytes("c6d98ff3441c3fe1b2182094f69caa2ed4b716b65488960a7a984979fb23e1c8");
    let packet_key = RustCrypto::default().packet_key(Suite::ChaCha20Poly1305, &key);
    let nonce = bytes("e0459b3474bdd0e46d417eb0");
    let mut buf = [0; 17];
    buf[0] = 1;
    packet_key.seal(&nonce, &bytes::<4>("4200bff4"), &mut buf);
    assert_eq!(buf, bytes("655e5cd55c41f69080575d7999c25a5bfb"));
    assert_eq!(packet_key.open(&nonce, &bytes::<4>("4200bff4"), &mut buf), Ok(1));
    assert_eq!(buf[0], 1);
}

#[test]
fn aes_256_gcm_agrees_with_its_specification() {
    // "The Galois/Counter Mode of Operation" (McGrew and Viega), test case 14.
    let packet_key = RustCrypto::default().packet_key(Suite::Aes256Gcm, &[0; 32]);
    let mut buf = [0; 32];
    packet_key.seal(&[0; 12], &[], &mut buf);
    assert_eq!(buf, bytes("cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"));
}

#[test]
fn what_is_too_short_for_a_tag_does_not_open() {
    for suite in [Suite::ChaCha20Poly1305, Suite::Aes256Gcm] {
        let key = RustCrypto::default().packet_key(suite, &[0; 32]);
        for len in 0..TAG_LEN {
            assert_eq!(key.open(&[0; 12], &[], &mut vec![0; len]), Err(OpenError));
        }
    }
}
