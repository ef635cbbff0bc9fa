use std::collections::BTreeSet;

use super::*;
use crate::crypto::blake::tests::hex;
use crate::crypto::rustcrypto::RustCrypto;
use crate::rng::Rng;

const SUITES: [Suite; 2] = [Suite::ChaCha20Poly1305, Suite::Aes256Gcm];

fn keys_of(role: Role, suite: Suite, limits: KeyLimits) -> PacketKeys {
    let secrets =
        Secrets { handshake_hash: [1; 32], initiator_to_responder: [2; 32], responder_to_initiator: [3; 32] };
    PacketKeys::new(&RustCrypto::default(), &secrets, role, suite, limits)
}

fn pair(suite: Suite) -> (PacketKeys, PacketKeys) {
    let limits = KeyLimits::default();
    (keys_of(Role::Initiator, suite, limits), keys_of(Role::Responder, suite, limits))
}

/// A sealed and protected packet.
fn packet(keys: &mut PacketKeys, path: u32, number: u64, payload: &[u8]) -> Vec<u8> {
    let truncated = u32::try_from(number & 0xffff_ffff).unwrap();
    let mut packet = vec![0x45];
    packet.extend([9; 8]);
    packet.extend(truncated.to_be_bytes());
    packet.extend(payload);
    packet.extend([0; TAG_LEN]);
    let (header, body) = packet.split_at_mut(HEADER_LEN);
    keys.seal(path, number, header, body).unwrap();
    keys.protect(&mut packet);
    packet
}

fn open(keys: &mut PacketKeys, path: u32, number: u64, packet: &[u8]) -> Option<Vec<u8>> {
    let mut packet = packet.to_vec();
    keys.unprotect(&mut packet)?;
    let (header, body) = packet.split_at_mut(HEADER_LEN);
    let len = keys.open(path, number, header, body).ok()?;
    Some(body[..len].to_vec())
}

#[test]
fn packets_go_both_ways_in_both_suites() {
    for suite in SUITES {
        let (mut initiator, mut responder) = pair(suite);
        let there = packet(&mut initiator, 2, 77, b"hello");
        assert_eq!(open(&mut responder, 2, 77, &there).unwrap(), b"hello");
        let back = packet(&mut responder, 3, 1 << 40, b"");
        assert_eq!(open(&mut initiator, 3, 1 << 40, &back).unwrap(), b"");
        assert_eq!(open(&mut initiator, 2, 77, &there), None, "own packets reflected do not open");
        assert_eq!((initiator.failed(), responder.failed()), (1, 0));
    }
}

#[test]
fn a_packet_is_the_same_as_another_implementation_makes_it() {
    // Expected values come from Python's hashlib, hmac and cryptography (OpenSSL).
    let expected = [
        "5109090909090909099dd222f0ca39b57fdd2cf34c44d0fe433398a5de405bfb0bcb4d0b38",
        "5b09090909090909091fe641d7761bce551a3ef7f04eb3bc0d3b496f4b6ab2dd65617b430a",
    ];
    for (suite, expected) in SUITES.into_iter().zip(expected) {
        let (mut initiator, _) = pair(suite);
        assert_eq!(hex(&packet(&mut initiator, 2, 0x05_0607_0809, b"everlink")), expected);
    }
}

#[test]
fn header_protection_hides_flags_and_number_and_comes_off() {
    for suite in SUITES {
        let (mut initiator, responder) = pair(suite);
        let protected = packet(&mut initiator, 0, 0x0102_0304, b"payload");
        assert_eq!(protected[0] & !PROTECTED_FLAGS, 0x45 & !PROTECTED_FLAGS);
        assert_eq!(protected[1..9], [9; 8]);
        assert_ne!(protected[9..13], [1, 2, 3, 4]);
        let mut clear = protected.clone();
        let header = responder.unprotect(&mut clear).unwrap();
        assert_eq!(header, Unprotected { flags: 0x45, packet_number: [1, 2, 3, 4] });
        assert_eq!((clear[0], &clear[9..13]), (0x45, [1, 2, 3, 4].as_slice()));
    }
}

#[test]
fn packets_with_any_byte_flipped_do_not_open() {
    for suite in SUITES {
        let (mut initiator, mut responder) = pair(suite);
        let sealed = packet(&mut initiator, 1, 5, b"some payload");
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert_eq!(open(&mut responder, 1, 5, &damaged), None, "byte {at}");
        }
        assert_eq!(responder.failed(), sealed.len() as u64);
        assert!(open(&mut responder, 1, 5, &sealed).is_some());
    }
}

#[test]
fn path_and_full_number_are_authenticated() {
    for suite in SUITES {
        let (mut initiator, mut responder) = pair(suite);
        let sealed = packet(&mut initiator, 1, 5, b"x");
        assert_eq!(open(&mut responder, 2, 5, &sealed), None);
        assert_eq!(open(&mut responder, 1, 5 + (1 << 32), &sealed), None);
    }
}

#[test]
fn the_other_suite_has_other_keys() {
    let (mut initiator, _) = pair(Suite::Aes256Gcm);
    let (_, mut responder) = pair(Suite::ChaCha20Poly1305);
    let sealed = packet(&mut initiator, 0, 0, b"x");
    assert_eq!(open(&mut responder, 0, 0, &sealed), None);
}

#[test]
fn packets_too_short_to_have_a_tag_are_left_alone() {
    let (initiator, _) = pair(Suite::Aes256Gcm);
    for len in 0..MIN_PACKET_LEN {
        let mut short = vec![0xab; len];
        assert_eq!(initiator.unprotect(&mut short), None);
        assert!(short.iter().all(|byte| *byte == 0xab));
    }
}

#[test]
fn no_two_pairs_of_path_and_number_share_a_nonce() {
    let direction = Direction::new(&RustCrypto::default(), &[5; 32], Suite::Aes256Gcm);
    let mut rng = Rng::from_seed([6; 32]);
    let mut edges = vec![0, 1, 0xff, 1 << 31, u64::from(u32::MAX), 1 << 32, 1 << 62, u64::MAX];
    edges.extend((0..100).map(|_| rng.next_u64()));
    let paths = edges.iter().filter_map(|edge| u32::try_from(*edge).ok());
    let pairs: Vec<(u32, u64)> =
        paths.flat_map(|path| edges.iter().map(move |number| (path, *number))).collect();
    let nonces: BTreeSet<[u8; 12]> =
        pairs.iter().map(|(path, number)| direction.nonce(*path, *number)).collect();
    assert_eq!(nonces.len(), pairs.iter().collect::<BTreeSet<_>>().len());
}

#[test]
fn aes_is_counted_in_blocks_and_stops() {
    let limits = KeyLimits { aes_rekey_blocks: 10, aes_stop_blocks: 15, ..KeyLimits::default() };
    let mut keys = keys_of(Role::Initiator, Suite::Aes256Gcm, limits);
    // 17 bytes of payload are two blocks, the header and the tag's mask one each.
    let mut seal = |number| keys.seal(0, number, &[0; HEADER_LEN], &mut [0; 17 + TAG_LEN]);
    assert_eq!((seal(0), seal(1), seal(2)), (Ok(()), Ok(()), Ok(())));
    assert_eq!(seal(3), Err(SealLimit));
    assert!(keys.should_rekey());
    assert_eq!(keys.seal(0, 4, &[0; HEADER_LEN], &mut [0; TAG_LEN]), Ok(()), "a shorter one still fits");
}

#[test]
fn chacha_is_counted_in_packets() {
    let limits = KeyLimits { chacha_rekey_packets: 2, chacha_stop_packets: 3, ..KeyLimits::default() };
    let mut keys = keys_of(Role::Initiator, Suite::ChaCha20Poly1305, limits);
    let mut due = Vec::new();
    for number in 0..3 {
        keys.seal(0, number, &[], &mut [0; 1200]).unwrap();
        due.push(keys.should_rekey());
    }
    assert_eq!(due, [false, true, true]);
    assert_eq!(keys.seal(0, 3, &[], &mut [0; TAG_LEN]), Err(SealLimit));
}

#[test]
fn forgeries_are_counted_and_end_the_key() {
    for suite in SUITES {
        let limits = KeyLimits { aes_forgeries: 4, chacha_forgeries: 4, ..KeyLimits::default() };
        let mut initiator = keys_of(Role::Initiator, suite, limits);
        let mut responder = keys_of(Role::Responder, suite, limits);
        let sealed = packet(&mut initiator, 0, 0, b"x");
        let mut due = Vec::new();
        for _ in 0..4 {
            assert!(open(&mut responder, 0, 0, &sealed).is_some());
            assert!(open(&mut responder, 0, 1, &sealed).is_none());
            due.push(responder.should_rekey());
        }
        assert_eq!(due, [false, true, true, true]);
        assert!(responder.is_forged_out());
        assert_eq!(open(&mut responder, 0, 0, &sealed), None);
        assert_eq!(responder.failed(), 4);
    }
}
