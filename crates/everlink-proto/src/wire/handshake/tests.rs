use super::*;
use crate::id::{Half, Incarnation};
use crate::rng::Rng;

fn accepted(counter: u64) -> Message2Payload {
    Message2Payload::Accepted(Accepted {
        generation: u64::MAX,
        capabilities: Capabilities(5),
        token: Token([3; 16]),
        hello: Hello { half: Half([4; 16]), incarnation: Incarnation([5; 16]), counter },
    })
}

#[test]
fn payloads_have_the_sizes_that_fill_a_datagram() {
    assert_eq!(BODY_1, 32 + (800 + 16) + (32 + 16) + (PAYLOAD_1 + 16));
    assert_eq!(BODY_2, 32 + (768 + 16) + (PAYLOAD_2 + 16));
}

#[test]
fn payload_1_round_trips() {
    let payload = Message1Payload {
        peer: PeerId::from_bytes([1; 32]),
        generation: 0x0102_0304_0506_0708,
        capabilities: Capabilities::AES,
        token: Token([2; 16]),
    };
    assert_eq!(Message1Payload::decode(&payload.encode()), Ok(payload));
}

#[test]
fn payload_2_round_trips() {
    let refused = Message2Payload::Refused { code: 9, retry_after: Duration::from_millis(1_500) };
    for payload in [accepted(0), accepted(7), accepted((1 << 62) - 1), refused] {
        assert_eq!(Message2Payload::decode(&payload.encode()), Ok(payload));
    }
}

#[test]
fn what_follows_the_fields_is_ignored() {
    let mut bytes = accepted(7).encode();
    bytes[300] = 1;
    assert_eq!(Message2Payload::decode(&bytes), Ok(accepted(7)));
}

#[test]
fn an_unknown_outcome_and_a_long_counter_are_refused() {
    let mut bytes = accepted(7).encode();
    bytes[0] = 2;
    assert_eq!(Message2Payload::decode(&bytes), Err(Malformed::OutOfRange));
    let mut bytes = accepted(7).encode();
    bytes[61] = 0x40;
    assert_eq!(Message2Payload::decode(&bytes), Err(Malformed::NotShortest));
}

#[test]
fn a_refusal_lasts_a_day_at_most() {
    let long = Message2Payload::Refused { code: 9, retry_after: Duration::MAX };
    let day = Message2Payload::Refused { code: 9, retry_after: MAX_DURATION };
    assert_eq!(Message2Payload::decode(&long.encode()), Ok(day));
}

#[test]
fn unknown_capabilities_do_not_hide_known_ones() {
    assert!(Capabilities(0xffff_fff1).contains(Capabilities::AES));
    assert!(!Capabilities(0xffff_fff0).contains(Capabilities::AES));
}

#[test]
fn any_bytes_decode_or_are_refused() {
    let mut rng = Rng::from_seed([4; 32]);
    for _ in 0..10_000 {
        assert!(Message1Payload::decode(&rng.bytes()).is_ok());
        let mut bytes = rng.bytes::<PAYLOAD_2>();
        bytes[0] %= 3;
        if let Ok(payload) = Message2Payload::decode(&bytes) {
            assert_eq!(Message2Payload::decode(&payload.encode()), Ok(payload));
        }
    }
}
