use super::*;

const MAC1: [u8; MAC_LEN] = [8; MAC_LEN];

fn peer(byte: u8) -> PeerId {
    PeerId::from_bytes([byte; 32])
}

fn seconds(seconds: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(seconds)
}

/// Message 1 with a mac2 made from `cookie`.
fn message_with(cookie: &Cookie) -> [u8; 1200] {
    let mut datagram = [5; 1200];
    macs::write_macs(&mut datagram, &macs::Mac1Key::for_receiver(&peer(1)), Some(cookie));
    datagram
}

#[test]
fn a_cookie_is_good_for_its_address_only() {
    let mut rng = Rng::from_seed([1; 32]);
    let mut jar = CookieJar::new(seconds(0), &mut rng);
    let here = source(([10, 0, 0, 1], 1000).into());
    let message = message_with(&jar.issue(seconds(1), &here, &mut rng));
    assert!(jar.verify_mac2(seconds(1), &here, &message));
    assert!(!jar.verify_mac2(seconds(1), &source(([10, 0, 0, 1], 1001).into()), &message));
    assert!(!jar.verify_mac2(seconds(1), &source(([10, 0, 0, 2], 1000).into()), &message));
    let other = CookieJar::new(seconds(0), &mut rng);
    assert!(!other.verify_mac2(seconds(1), &here, &message));
}

#[test]
fn a_cookie_made_just_before_rotation_lives_on() {
    let mut rng = Rng::from_seed([2; 32]);
    let mut jar = CookieJar::new(seconds(0), &mut rng);
    let old = jar.issue(seconds(119), b"flow", &mut rng);
    let message = message_with(&old);
    assert_ne!(jar.issue(seconds(120), b"flow", &mut rng), old);
    assert!(jar.verify_mac2(seconds(120), b"flow", &message));
    assert!(jar.verify_mac2(seconds(239), b"flow", &message));
    assert!(!jar.verify_mac2(seconds(240), b"flow", &message));
}

#[test]
fn a_cookie_ends_even_if_nobody_asks_for_another() {
    let mut rng = Rng::from_seed([3; 32]);
    let mut jar = CookieJar::new(seconds(0), &mut rng);
    let message = message_with(&jar.issue(seconds(0), b"flow", &mut rng));
    assert!(jar.verify_mac2(seconds(239), b"flow", &message));
    assert!(!jar.verify_mac2(seconds(240), b"flow", &message));
    jar.issue(seconds(1000), b"flow", &mut rng);
    assert!(!jar.verify_mac2(seconds(1000), b"flow", &message));
}

#[test]
fn both_kinds_of_socket_see_one_ipv4_source() {
    let plain: SocketAddr = "192.0.2.7:99".parse().unwrap();
    let mapped: SocketAddr = "[::ffff:192.0.2.7]:99".parse().unwrap();
    assert_eq!(source(plain), source(mapped));
}

#[test]
fn a_sealed_cookie_opens_only_as_the_answer_it_is() {
    let mut rng = Rng::from_seed([4; 32]);
    let cookie = Cookie([9; 16]);
    let body = seal_cookie(&peer(1), &MAC1, &cookie, &mut rng);
    assert_eq!(open_cookie(&peer(1), &MAC1, &body), Some(cookie));
    assert_eq!(open_cookie(&peer(2), &MAC1, &body), None);
    assert_eq!(open_cookie(&peer(1), &[0; MAC_LEN], &body), None);
    for at in 0..body.len() {
        let mut damaged = body;
        damaged[at] ^= 1;
        assert_eq!(open_cookie(&peer(1), &MAC1, &damaged), None, "byte {at}");
    }
}

#[test]
fn sealed_versions_open_as_a_list_padded_with_zeros() {
    let mut rng = Rng::from_seed([5; 32]);
    let body = seal_versions(&peer(1), &MAC1, &[1, 2, 3], &mut rng);
    assert_eq!(open_versions(&peer(1), &MAC1, &body), Some([1, 2, 3, 0, 0, 0, 0, 0]));
    assert_eq!(open_versions(&peer(1), &[0; MAC_LEN], &body), None);
    let many = seal_versions(&peer(1), &MAC1, &[7; 20], &mut rng);
    assert_eq!(open_versions(&peer(1), &MAC1, &many), Some([7; MAX_VERSIONS]));
}

#[test]
fn answers_fit_their_headers_budget() {
    assert_eq!(COOKIE_BODY_LEN, 56);
    assert_eq!(VERSIONS_BODY_LEN, 48);
}

// Worked out by another implementation of XChaCha20-Poly1305 and BLAKE2s from SPEC 2.7 and 2.8.
#[test]
fn answers_are_sealed_as_the_specification_says() {
    let cookie = unhex(concat!(
        "333333333333333333333333333333333333333333333333",
        "8a597e2dc0278863e6b4912f164febfe9a28d43c870ed2977e1aa143f04b9269"
    ));
    assert_eq!(open_cookie(&peer(1), &MAC1, &cookie), Some(Cookie([9; 16])));
    let versions = unhex(concat!(
        "333333333333333333333333333333333333333333333333",
        "bd929ee9eb380ccb706eeef46936cf9557660e92b91dfda3"
    ));
    assert_eq!(open_versions(&peer(1), &MAC1, &versions), Some([1, 2, 3, 0, 0, 0, 0, 0]));
}

fn unhex<const LEN: usize>(text: &str) -> [u8; LEN] {
    assert_eq!(text.len(), 2 * LEN);
    core::array::from_fn(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
}
