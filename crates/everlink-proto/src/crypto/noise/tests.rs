use super::*;
use crate::crypto::blake;
use crate::crypto::blake::tests::hex;
use crate::crypto::handshake::IK_PSK2;
use crate::crypto::identity::{IdentityError, x25519, x25519_base};

const HEADER_1: [u8; HEADER_1_LEN] = [1; HEADER_1_LEN];
const HEADER_2: [u8; HEADER_2_LEN] = [2; HEADER_2_LEN];

/// Two identities, one network, and everything random drawn from one seed.
struct Pair {
    alice: Identity,
    bob: Identity,
    network: Network,
    rng: Rng,
}

impl Pair {
    fn new(seed: u8) -> Self {
        let mut rng = Rng::from_seed([seed; 32]);
        let (alice, bob) = (Identity::generate(&mut rng), Identity::generate(&mut rng));
        let network = Network { id: rng.bytes(), psk: rng.bytes() };
        Self { alice, bob, network, rng }
    }

    fn start(&mut self) -> (Initiator, [u8; BODY_1_LEN]) {
        self.start_towards(&self.bob.peer_id()).unwrap()
    }

    fn start_towards(&mut self, peer: &PeerId) -> Result<(Initiator, [u8; BODY_1_LEN]), HandshakeError> {
        let payload = [3; PAYLOAD_1_LEN];
        Initiator::start(&self.alice, peer, &self.network, &HEADER_1, &payload, &mut self.rng)
    }

    /// Message 1 to Bob with Alice's keys, but another wire version or claim of who she is.
    fn forge(&mut self, version: u8, claimed: &[u8; PEER_ID_LEN]) -> [u8; BODY_1_LEN] {
        let bob = self.bob.peer_id();
        let prologue: [&[u8]; 5] = [b"everlink", &[version], &self.network.id, bob.as_bytes(), &HEADER_1];
        let psk = &self.network.psk;
        let mut handshake =
            Handshake::initiator(&IK_HFS_PSK2, &self.alice, self.bob.public(), psk, &prologue);
        let mut payload = [0; PAYLOAD_1_LEN];
        payload[..PEER_ID_LEN].copy_from_slice(claimed);
        let mut body = [0; BODY_1_LEN];
        handshake.write(&payload, &mut body, &mut self.rng).unwrap();
        body
    }

    fn receive(&self, body: &[u8; BODY_1_LEN]) -> Result<Received, HandshakeError> {
        Responder::read(&self.bob, &self.network, &HEADER_1, body)
    }

    fn reply(&mut self, received: Received) -> ([u8; BODY_2_LEN], Secrets) {
        received.responder.reply(&HEADER_2, &[4; PAYLOAD_2_LEN], &mut self.rng).unwrap()
    }
}

fn concatenated(secrets: &Secrets) -> [[u8; 32]; 3] {
    [secrets.handshake_hash, secrets.initiator_to_responder, secrets.responder_to_initiator]
}

#[test]
fn both_sides_learn_each_other_and_the_same_secrets() {
    let mut pair = Pair::new(1);
    let (initiator, body_1) = pair.start();
    let received = pair.receive(&body_1).unwrap();
    assert_eq!(received.peer, pair.alice.peer_id());
    assert_eq!(received.payload[..PEER_ID_LEN], pair.alice.peer_id().as_bytes()[..]);
    assert_eq!(received.payload[PEER_ID_LEN..], [3; PAYLOAD_1_LEN - PEER_ID_LEN]);

    let (body_2, bobs) = pair.reply(received);
    let (payload_2, alices) = initiator.read(&HEADER_2, &body_2).unwrap();
    assert_eq!(payload_2, [4; PAYLOAD_2_LEN]);
    assert_eq!(concatenated(&alices), concatenated(&bobs));
    assert_ne!(alices.initiator_to_responder, alices.responder_to_initiator);
}

#[test]
fn each_handshake_has_its_own_secrets() {
    let mut pair = Pair::new(2);
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..10 {
        let (_, body) = pair.start();
        let received = pair.receive(&body).unwrap();
        let (_, secrets) = pair.reply(received);
        concatenated(&secrets).into_iter().for_each(|secret| assert!(seen.insert(secret)));
    }
}

#[test]
fn message_1_with_any_byte_flipped_does_not_open() {
    let mut pair = Pair::new(3);
    let (_, body) = pair.start();
    for (at, flip) in (0..BODY_1_LEN).zip([0x01, 0x80, 0xff].into_iter().cycle()) {
        let mut damaged = body;
        damaged[at] ^= flip;
        assert!(pair.receive(&damaged).is_err(), "byte {at}");
    }
    for at in 0..HEADER_1_LEN {
        let mut header = HEADER_1;
        header[at] ^= 1;
        assert!(Responder::read(&pair.bob, &pair.network, &header, &body).is_err(), "header byte {at}");
    }
    assert!(pair.receive(&body).is_ok());
}

#[test]
fn message_2_with_any_byte_flipped_does_not_open_and_the_true_one_still_does() {
    let mut pair = Pair::new(4);
    let (initiator, body_1) = pair.start();
    let received = pair.receive(&body_1).unwrap();
    let (body_2, _) = pair.reply(received);
    for (at, flip) in (0..BODY_2_LEN).zip([0x01, 0x80, 0xff].into_iter().cycle()) {
        let mut damaged = body_2;
        damaged[at] ^= flip;
        assert!(initiator.read(&HEADER_2, &damaged).is_err(), "byte {at}");
    }
    for at in 0..HEADER_2_LEN {
        let mut header = HEADER_2;
        header[at] ^= 1;
        assert!(initiator.read(&header, &body_2).is_err(), "header byte {at}");
    }
    assert!(initiator.read(&HEADER_2, &body_2).is_ok());
}

#[test]
fn the_top_bit_of_an_ephemeral_key_is_authenticated_though_x25519_ignores_it() {
    let mut pair = Pair::new(5);
    let (_, mut body) = pair.start();
    body[31] ^= 0x80;
    assert_eq!(pair.receive(&body).err(), Some(HandshakeError::Open));
}

#[test]
fn other_networks_and_other_receivers_do_not_open_message_1() {
    let mut pair = Pair::new(6);
    let (_, body) = pair.start();
    let other_network = Network { id: [9; 16], psk: pair.network.psk };
    assert!(Responder::read(&pair.bob, &other_network, &HEADER_1, &body).is_err());
    let carol = Identity::generate(&mut pair.rng);
    assert!(Responder::read(&carol, &pair.network, &HEADER_1, &body).is_err());
}

#[test]
fn message_2_does_not_open_without_the_networks_secret() {
    let mut pair = Pair::new(7);
    let (initiator, body) = pair.start();
    pair.network.psk = [0; 32];
    let received = pair.receive(&body).unwrap();
    let (body_2, _) = pair.reply(received);
    assert_eq!(initiator.read(&HEADER_2, &body_2).err(), Some(HandshakeError::Open));
}

#[test]
fn another_wire_version_does_not_open() {
    let mut pair = Pair::new(8);
    let alice = *pair.alice.peer_id().as_bytes();
    let right = pair.forge(WIRE_VERSION, &alice);
    let wrong = pair.forge(WIRE_VERSION + 1, &alice);
    assert!(pair.receive(&right).is_ok());
    assert_eq!(pair.receive(&wrong).err(), Some(HandshakeError::Open));
}

#[test]
fn message_2_to_one_message_1_does_not_answer_another() {
    let mut pair = Pair::new(9);
    let (_, first) = pair.start();
    let (second, _) = pair.start();
    let received = pair.receive(&first).unwrap();
    let (body_2, _) = pair.reply(received);
    assert!(second.read(&HEADER_2, &body_2).is_err());
}

#[test]
fn a_peer_cannot_claim_a_key_that_it_does_not_hold() {
    let mut pair = Pair::new(10);
    let mallory = *Identity::generate(&mut pair.rng).peer_id().as_bytes();
    let body = pair.forge(WIRE_VERSION, &mallory);
    assert_eq!(pair.receive(&body).err(), Some(HandshakeError::NotItsIdentity));
    let body = pair.forge(WIRE_VERSION, &[0; 32]);
    assert_eq!(pair.receive(&body).err(), Some(HandshakeError::Identity(IdentityError::Order)));
}

#[test]
fn a_peer_may_claim_the_mirror_image_of_its_key_which_it_holds_as_well() {
    let mut pair = Pair::new(15);
    let mut mirrored = *pair.alice.peer_id().as_bytes();
    mirrored[31] ^= 0x80;
    let body = pair.forge(WIRE_VERSION, &mirrored);
    assert_eq!(pair.receive(&body).unwrap().peer, PeerId::from_bytes(mirrored));
}

#[test]
fn talking_to_oneself_is_refused_at_both_ends() {
    let mut pair = Pair::new(11);
    pair.alice = pair.bob.clone();
    let own = pair.bob.peer_id();
    assert_eq!(pair.start_towards(&own).err(), Some(HandshakeError::OwnIdentity));
    let body = pair.forge(WIRE_VERSION, own.as_bytes());
    assert_eq!(pair.receive(&body).err(), Some(HandshakeError::OwnIdentity));
}

#[test]
fn ids_that_are_no_keys_are_not_dialled() {
    let mut pair = Pair::new(12);
    for id in [[0; 32], [0xff; 32]] {
        let started = pair.start_towards(&PeerId::from_bytes(id));
        assert!(matches!(started.err(), Some(HandshakeError::Identity(_))));
    }
}

#[test]
fn ephemeral_keys_of_small_order_are_refused() {
    let mut pair = Pair::new(13);
    let (initiator, mut body_1) = pair.start();
    let received = pair.receive(&body_1).unwrap();
    let (mut body_2, _) = pair.reply(received);
    body_1[..DH_LEN].fill(0);
    assert_eq!(pair.receive(&body_1).err(), Some(HandshakeError::ZeroSecret));
    body_2[..DH_LEN].fill(0);
    assert_eq!(initiator.read(&HEADER_2, &body_2).err(), Some(HandshakeError::ZeroSecret));
}

#[test]
fn a_kem_key_with_coefficients_out_of_range_is_refused() {
    let mut pair = Pair::new(14);
    // An initiator of its own making, true to the pattern up to e1, whose key is all ones.
    let bob = pair.bob.peer_id();
    let remote = montgomery(&bob).unwrap();
    let mut symmetric = SymmetricState::new(b"Noise_IKhfs+psk2_25519+MLKEM512_ChaChaPoly_BLAKE2s");
    symmetric.mix_hash(&[b"everlink", &[WIRE_VERSION], &pair.network.id, bob.as_bytes(), &HEADER_1]);
    symmetric.mix_hash(&[&remote]);
    let secret = pair.rng.bytes();
    let public = x25519_base(&secret);
    symmetric.mix_hash(&[&public]);
    symmetric.mix_key(&public);
    symmetric.mix_key(x25519(&secret, &remote).unwrap().as_ref());
    let mut body = [0xff; BODY_1_LEN];
    body[..DH_LEN].copy_from_slice(&public);
    symmetric.encrypt_and_hash(&mut body[DH_LEN..][..KEM_KEY_LEN + TAG_LEN]);
    assert_eq!(pair.receive(&body).err(), Some(HandshakeError::KemKey));
}

#[test]
fn message_bodies_fill_1200_bytes_with_headers_and_macs() {
    assert_eq!(HEADER_1_LEN + BODY_1_LEN + macs::MACS_LEN, 1200);
    assert_eq!(HEADER_2_LEN + BODY_2_LEN + macs::MACS_LEN, 1200);
}

#[test]
fn full_handshake_from_fixed_seeds_never_changes() {
    // A second implementation, written from the Noise specification and FIPS 203 in Python with
    // OpenSSL's curves and ciphers, computes the same values from the same seed.
    let mut pair = Pair::new(42);
    let (initiator, body_1) = pair.start();
    let received = pair.receive(&body_1).unwrap();
    let (body_2, _) = pair.reply(received);
    let (_, secrets) = initiator.read(&HEADER_2, &body_2).unwrap();
    let seen = [blake::hash(&[&body_1]), blake::hash(&[&body_2])];
    let seen: Vec<String> = seen.iter().chain(&concatenated(&secrets)).map(|part| hex(part)).collect();
    assert_eq!(
        seen,
        [
            "648e0aa621a7d24a39ffb120b0525301a37688feb333f7343d1affc15896814a",
            "559f6858eede35c7b402436c3c67a02008d9758b102c7f2d63f1d53118c394c8",
            "0a4b0ef8c8b52eeef7b10d5dda786f5770b85993105b69eca4c743d1da54a495",
            "23104d372bcdf696c27250c4c1e6c00b2c450eee0e9be4d657c1600ad10a16ec",
            "48b8f6671b3ff17af970c0adfa900fba46d85b1652d46ab88ca38a1b40093327",
        ]
    );
}

#[test]
fn without_its_kem_tokens_the_handshake_is_that_of_snow() {
    let mut rng = Rng::from_seed([99; 32]);
    for round in 0..1000 {
        let ours_initiates = round % 2 == 0;
        compare_with_snow(&mut rng, ours_initiates);
    }
}

/// One handshake between this code and snow, with random keys, prologue and payloads.
fn compare_with_snow(rng: &mut Rng, ours_initiates: bool) {
    let (ours, theirs) = (Identity::generate(rng), Identity::generate(rng));
    let psk = rng.bytes::<32>();
    let prologue = random_bytes(rng, 100);
    let builder = snow::Builder::new("Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s".parse().unwrap())
        .prologue(&prologue)
        .unwrap()
        .psk(2, &psk)
        .unwrap()
        .local_private_key(theirs.secret())
        .unwrap();
    let (mut own, mut snow) = if ours_initiates {
        let own = Handshake::initiator(&IK_PSK2, &ours, theirs.public(), &psk, &[&prologue]);
        (own, builder.build_responder().unwrap())
    } else {
        let own = Handshake::responder(&IK_PSK2, &ours, &psk, &[&prologue]);
        (own, builder.remote_public_key(ours.public()).unwrap().build_initiator().unwrap())
    };
    if ours_initiates {
        own_to_snow(&mut own, &mut snow, DH_LEN * 2 + TAG_LEN * 2, rng);
        snow_to_own(&mut snow, &mut own, rng);
        assert_eq!(snow.get_remote_static(), Some(ours.public().as_slice()));
    } else {
        snow_to_own(&mut snow, &mut own, rng);
        own_to_snow(&mut own, &mut snow, DH_LEN + TAG_LEN, rng);
        assert_eq!(own.remote_static(), theirs.public());
    }
    let secrets = Secrets::from_finished(own.finish());
    assert_eq!(snow.get_handshake_hash(), secrets.handshake_hash);
    let (first, second) = snow.dangerously_get_raw_split();
    assert_eq!(first, secrets.initiator_to_responder);
    assert_eq!(second, secrets.responder_to_initiator);
}

fn own_to_snow(own: &mut Handshake, snow: &mut snow::HandshakeState, overhead: usize, rng: &mut Rng) {
    let payload = random_bytes(rng, 300);
    let mut message = vec![0; overhead + payload.len()];
    own.write(&payload, &mut message, rng).unwrap();
    let mut opened = [0; 400];
    let len = snow.read_message(&message, &mut opened).unwrap();
    assert_eq!(opened[..len], payload);
}

fn snow_to_own(snow: &mut snow::HandshakeState, own: &mut Handshake, rng: &mut Rng) {
    let payload = random_bytes(rng, 300);
    let mut message = [0; 500];
    let len = snow.write_message(&payload, &mut message).unwrap();
    assert_eq!(own.read(&mut message[..len]).unwrap(), payload);
}

fn random_bytes(rng: &mut Rng, below: u64) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(rng.below(below)).unwrap()];
    rng.fill(&mut bytes);
    bytes
}
