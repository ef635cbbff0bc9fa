use super::super::cookie::{CookieJar, source};
use super::*;
use crate::rng::Rng;
use crate::time::Instant;

fn key(peer: u8) -> Mac1Key {
    Mac1Key::for_receiver(&PeerId::from_bytes([peer; 32]))
}

fn cookie(port: u16) -> Cookie {
    let mut rng = Rng::from_seed([1; 32]);
    CookieJar::new(Instant::ZERO, &mut rng).issue(
        Instant::ZERO,
        &source(([1, 2, 3, 4], port).into()),
        &mut rng,
    )
}

#[test]
fn macs_prove_the_receiver_and_the_cookie() {
    let mut datagram = [7; 1200];
    write_macs(&mut datagram, &key(1), Some(&cookie(1)));
    assert!(verify_mac1(&datagram, &key(1)));
    assert!(!verify_mac1(&datagram, &key(2)));
    assert!(verify_mac2(&datagram, &cookie(1)));
    assert!(!verify_mac2(&datagram, &cookie(2)));
}

#[test]
fn any_flipped_byte_breaks_the_macs_that_cover_it() {
    let mut datagram = [7; 1200];
    write_macs(&mut datagram, &key(1), Some(&cookie(1)));
    for at in 0..datagram.len() {
        let mut damaged = datagram;
        damaged[at] ^= 1;
        assert_eq!(verify_mac1(&damaged, &key(1)), at >= 1184, "byte {at}");
        assert!(!verify_mac2(&damaged, &cookie(1)), "byte {at}");
    }
}

#[test]
fn a_message_gets_its_cookie_later_without_any_other_change() {
    let mut datagram = [7; 1200];
    write_macs(&mut datagram, &key(1), None);
    let before = datagram;
    assert!(!verify_mac2(&datagram, &cookie(1)));
    assert_eq!(datagram[1184..], [0; MAC_LEN]);
    write_macs(&mut datagram, &key(1), Some(&cookie(1)));
    assert_eq!(datagram[..1184], before[..1184]);
    assert!(verify_mac2(&datagram, &cookie(1)));
}

#[test]
fn datagrams_too_short_for_macs_have_none() {
    for len in 0..MACS_LEN {
        let datagram = vec![0; len];
        assert!(!verify_mac1(&datagram, &key(1)));
        assert!(!verify_mac2(&datagram, &cookie(1)));
        assert_eq!(mac1(&datagram), None);
    }
}

// Worked out by another implementation of BLAKE2s from SPEC 2.6.
#[test]
fn macs_are_those_of_the_specification() {
    let mut datagram = [5; 1200];
    write_macs(&mut datagram, &key(1), Some(&Cookie([9; 16])));
    assert_eq!(hex(&datagram[1168..1184]), "e5d8868204407a953c4fc911a6776ed0");
    assert_eq!(hex(&datagram[1184..]), "36596a69ba2a99a9426aa5b7f86a3241");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
