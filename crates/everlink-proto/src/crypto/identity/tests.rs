use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::edwards::EdwardsPoint;

use super::*;
use crate::crypto::blake::tests::{bytes32, hex};

#[test]
fn ed25519_key_of_a_seed_is_that_of_rfc_8032() {
    // RFC 8032 7.1, test 1.
    let identity =
        Identity::from_seed(&bytes32("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"));
    assert_eq!(
        hex(identity.peer_id().as_bytes()),
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    );
}

#[test]
fn x25519_keys_of_a_seed_are_those_of_libsodium() {
    // libsodium's test/default/ed25519_convert.c
    let identity =
        Identity::from_seed(&bytes32("421151a459faeade3d247115f94aedae42318124095afabe4d1451a559faedee"));
    assert_eq!(hex(identity.secret()), "8052030376d47112be7f73ed7a019293dd12ad910b654455798b4667d73de166");
    assert_eq!(hex(identity.public()), "f1814f0e8ff1043d8a44d25babff3cedcae6c22c3edaa48f857ae70de2baae50");
}

#[test]
fn map_of_the_public_key_agrees_with_the_map_of_the_seed() {
    let mut rng = Rng::from_seed([1; 32]);
    for _ in 0..100 {
        let identity = Identity::generate(&mut rng);
        assert_eq!(montgomery(&identity.peer_id()), Ok(*identity.public()));
        assert_eq!(x25519_base(identity.secret()), *identity.public());
    }
}

#[test]
fn keys_of_small_order_are_refused() {
    for point in EIGHT_TORSION {
        let id = PeerId::from_bytes(point.compress().to_bytes());
        assert_eq!(montgomery(&id), Err(IdentityError::Order));
    }
}

#[test]
fn keys_with_a_torsion_component_are_refused() {
    let honest = EdwardsPoint::mul_base_clamped([7; 32]);
    for torsion in &EIGHT_TORSION[1..] {
        let id = PeerId::from_bytes((honest + torsion).compress().to_bytes());
        assert_eq!(montgomery(&id), Err(IdentityError::Order));
    }
}

#[test]
fn non_canonical_and_impossible_encodings_are_refused() {
    let field_prime_plus = |low: u8| {
        let mut bytes = [0xff; 32];
        bytes[0] = 0xed + low;
        bytes[31] = 0x7f;
        bytes
    };
    // y >= p, with both signs: every one of the 19 values that fit.
    for low in 0..19 {
        let mut bytes = field_prime_plus(low);
        assert!(montgomery(&PeerId::from_bytes(bytes)).is_err());
        bytes[31] |= 0x80;
        assert!(montgomery(&PeerId::from_bytes(bytes)).is_err());
    }
    // x = 0 with the sign bit set: y = 1 and y = -1.
    let mut minus_zero = [0; 32];
    (minus_zero[0], minus_zero[31]) = (1, 0x80);
    assert!(montgomery(&PeerId::from_bytes(minus_zero)).is_err());
    let mut minus_one = [0xff; 32];
    minus_one[0] = 0xec;
    assert!(montgomery(&PeerId::from_bytes(minus_one)).is_err());
    // All zeros is of order four; all ones is no encoding; y = 2 is on no point.
    let mut two = [0; 32];
    two[0] = 2;
    assert!(montgomery(&PeerId::from_bytes([0; 32])).is_err());
    assert!(montgomery(&PeerId::from_bytes([0xff; 32])).is_err());
    assert_eq!(montgomery(&PeerId::from_bytes(two)), Err(IdentityError::Encoding));
}

#[test]
fn x25519_agrees_with_rfc_7748() {
    // RFC 7748 6.1.
    let alice = bytes32("77076d0a7318a57d3c16c17251b26645fda0fe0a8d5a2c8a8b9c5a5b6a1d5a2a");
    let bob = bytes32("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
    assert_eq!(hex(&x25519_base(&bob)), "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
    assert_eq!(x25519(&bob, &x25519_base(&alice)), x25519(&alice, &x25519_base(&bob)));
}

#[test]
fn shared_secret_with_a_point_of_small_order_is_refused() {
    // Every u of small order on the curve or its twist, and non-canonical forms (RFC 7748 6.1, and
    // the list of curve25519's author).
    let small = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    for point in small {
        assert!(x25519(&[0x55; 32], &bytes32(point)).is_none(), "{point}");
    }
}

#[test]
fn derived_keys_depend_on_seed_and_label_and_nothing_else() {
    let one = Identity::from_seed(&[1; 32]);
    assert_eq!(one.derive_key("a"), Identity::from_seed(&[1; 32]).derive_key("a"));
    assert_ne!(one.derive_key("a"), one.derive_key("b"));
    assert_ne!(one.derive_key("a"), Identity::from_seed(&[2; 32]).derive_key("a"));
}

#[test]
fn debug_output_shows_the_id_only() {
    let identity = Identity::from_seed(&[1; 32]);
    assert_eq!(format!("{identity:?}"), format!("Identity({:?})", identity.peer_id()));
}
