use super::*;

fn both() -> [Suite; 2] {
    [Suite::ChaCha20Poly1305, Suite::Aes256Gcm]
}

#[test]
fn what_was_sealed_opens_under_the_same_key_nonce_and_header() {
    for suite in both() {
        let key = Ring.packet_key(suite, &[7; 32]);
        let mut packet = *b"hello, peer................";
        key.seal(&[1; 12], b"header", &mut packet);
        assert_eq!(key.open(&[1; 12], b"header", &mut packet.clone()), Ok(packet.len() - TAG_LEN));
        assert_eq!(key.open(&[2; 12], b"header", &mut packet.clone()), Err(OpenError));
        assert_eq!(key.open(&[1; 12], b"Header", &mut packet.clone()), Err(OpenError));
    }
}

#[test]
fn a_packet_shorter_than_a_tag_does_not_open() {
    for suite in both() {
        let key = Ring.packet_key(suite, &[7; 32]);
        assert_eq!(key.open(&[1; 12], b"", &mut [0; TAG_LEN - 1]), Err(OpenError));
        assert_eq!(key.open(&[1; 12], b"", &mut []), Err(OpenError));
    }
}

/// RFC 9001 A.5 gives the header key, the sample and the mask for ChaCha20.
#[test]
fn header_masks_are_those_of_rfc_9001() {
    let key = [
        0x25, 0xa2, 0x82, 0xb9, 0xe8, 0x2f, 0x06, 0xf2, 0x1f, 0x48, 0x89, 0x17, 0xa4, 0xfc, 0x8f, 0x1b, 0x73,
        0x57, 0x36, 0x85, 0x60, 0x85, 0x97, 0xd0, 0xef, 0xcb, 0x07, 0x6b, 0x0a, 0xb7, 0xa7, 0xa4,
    ];
    let sample =
        [0x5e, 0x5c, 0xd5, 0x5c, 0x41, 0xf6, 0x90, 0x80, 0x57, 0x5d, 0x79, 0x99, 0xc2, 0x5a, 0x5b, 0xfb];
    let mask = Ring.header_key(Suite::ChaCha20Poly1305, &key).mask(&sample);
    assert_eq!(mask, [0xae, 0xfe, 0xfe, 0x7d, 0x03]);
}
