use super::*;
use crate::rng::Rng;
use crate::wire::handshake::{BODY_1, BODY_2};

const ID: ConnectionId = ConnectionId([1, 2, 3, 4, 5, 6, 7, 8]);

#[test]
fn a_packet_number_is_the_one_nearest_to_what_is_expected() {
    // The example of RFC 9000 A.3, sixteen bits to the left.
    assert_eq!(decode_packet_number(Some(0xa82f_30ea_0000), 0x9b32_0000), 0xa82f_9b32_0000);
    assert_eq!(decode_packet_number(None, 0), 0);
    assert_eq!(decode_packet_number(None, 7), 7);
    assert_eq!(decode_packet_number(Some(u64::from(u32::MAX)), 0), 1 << 32);
    assert_eq!(decode_packet_number(Some(1 << 32), u32::MAX), u64::from(u32::MAX));
    assert_eq!(decode_packet_number(Some((1 << 33) - 5), 3), (1 << 33) + 3);
}

#[test]
fn a_packet_number_survives_truncation_within_half_a_window() {
    let mut rng = Rng::from_seed([2; 32]);
    for _ in 0..100_000 {
        let shift = rng.below(30);
        let largest = rng.below((1 << 61) >> shift);
        let off = rng.below((1 << 31) - 1);
        let number = if rng.below(2) == 0 { largest + 1 + off } else { (largest + 1).saturating_sub(off) };
        let truncated = ShortHeader::new(ID, number).number;
        assert_eq!(decode_packet_number(Some(largest), truncated), number);
    }
}

#[test]
fn packet_numbers_do_not_overflow_at_the_ends() {
    for truncated in [0, 1, u32::MAX / 2, u32::MAX] {
        for largest in [None, Some(0), Some(MAX_VARINT), Some(u64::MAX)] {
            let _ = decode_packet_number(largest, truncated);
        }
    }
    assert!(decode_packet_number(Some(MAX_VARINT - 1), 0) <= MAX_VARINT);
}

#[test]
fn a_short_header_round_trips_and_shows_a_wrong_mask() {
    let header = ShortHeader::new(ID, 0x01_0203_0405);
    assert_eq!(header.number, 0x0203_0405);
    let mut bytes = header.encode();
    assert_eq!(ShortHeader::parse(&bytes), Some(header));
    bytes[0] |= 1;
    assert_eq!(ShortHeader::parse(&bytes), None);
}

#[test]
fn a_protected_short_packet_shows_its_id_whatever_its_low_bits() {
    let mut packet = ShortHeader::new(ID, 0).encode().to_vec();
    packet.extend([0xee; 17]);
    for low_bits in 0..32 {
        packet[0] = 0x80 | low_bits;
        let Ok(Datagram::Short(short)) = Datagram::parse(&packet) else { panic!("not short") };
        assert_eq!(short.id, ID);
        assert_eq!(short.sealed, [0xee; 17]);
        assert_eq!(short.header, packet.first_chunk::<13>().unwrap());
    }
    packet[0] = 0xc0;
    assert_eq!(Datagram::parse(&packet), Err(DatagramError::Kind));
    packet[0] = 0x80;
    assert_eq!(Datagram::parse(&packet[..29]), Err(DatagramError::Length));
}

#[test]
fn answers_round_trip() {
    let cookie = CookieReply { id: ID, body: [3; COOKIE_BODY] };
    let unknown = UnknownPacket { id: ID, token: Token([4; 16]) };
    let versions = VersionsReply { id: ID, body: [5; VERSIONS_BODY] };
    assert_eq!(Datagram::parse(&cookie.encode()), Ok(Datagram::Cookie(cookie)));
    assert_eq!(Datagram::parse(&unknown.encode()), Ok(Datagram::Unknown(unknown)));
    assert_eq!(Datagram::parse(&versions.encode()), Ok(Datagram::Versions(versions)));
}

#[test]
fn answers_of_another_length_version_or_with_reserved_bits_are_refused() {
    let good = UnknownPacket { id: ID, token: Token([4; 16]) }.encode();
    for len in 0..good.len() {
        assert_eq!(Datagram::parse(&good[..len]), Err(DatagramError::Length));
    }
    assert_eq!(Datagram::parse(&[&good[..], &[0]].concat()), Err(DatagramError::Length));
    let changed = |at: usize| {
        let mut bytes = good;
        bytes[at] = 9;
        Datagram::parse(&bytes).map(|_| ())
    };
    assert_eq!(changed(0), Err(DatagramError::Kind));
    assert_eq!(changed(1), Err(DatagramError::Version));
    assert_eq!(changed(2), Err(DatagramError::Reserved));
    assert_eq!(changed(3), Err(DatagramError::Reserved));
}

#[test]
fn versions_is_read_in_any_version() {
    let versions = VersionsReply { id: ID, body: [5; VERSIONS_BODY] };
    let mut bytes = versions.encode();
    bytes[1] = 77;
    assert_eq!(Datagram::parse(&bytes), Ok(Datagram::Versions(versions)));
}

#[test]
fn any_bytes_parse_to_something_or_an_error() {
    let mut rng = Rng::from_seed([3; 32]);
    let mut bytes = vec![0; 1300];
    let lens = [0, 1, 2, 4, 12, 28, 29, 30, 60, 68, 1199, 1200, 1201, 1300];
    for round in 0..20_000 {
        rng.fill(&mut bytes[..80]);
        bytes[0] = if round % 2 == 0 { bytes[0] % 8 } else { bytes[0] };
        bytes[1] %= 2;
        let _ = Datagram::parse(&bytes[..lens[round % lens.len()]]);
    }
    assert_eq!(Datagram::parse(&[]), Err(DatagramError::Length));
}

#[test]
fn handshake_messages_split_into_header_body_and_macs() {
    let peer = ConnectionId([9; 8]);
    let mut one = Message1::encode(ID, &[7; BODY_1]);
    one[1168..1184].fill(1);
    one[1184..].fill(2);
    let Ok(Datagram::Message1(parsed)) = Datagram::parse(&one) else { panic!("not message 1") };
    assert_eq!(*parsed.header, Message1::encode_header(ID));
    assert_eq!((parsed.id, *parsed.body), (ID, [7; BODY_1]));
    assert_eq!((*parsed.mac1, *parsed.mac2), ([1; 16], [2; 16]));

    let mut two = Message2::encode(ID, peer, &[8; BODY_2]);
    two[1168..1184].fill(1);
    let Ok(Datagram::Message2(parsed)) = Datagram::parse(&two) else { panic!("not message 2") };
    assert_eq!(*parsed.header, Message2::encode_header(ID, peer));
    assert_eq!((parsed.initiator, parsed.responder, *parsed.body), (ID, peer, [8; BODY_2]));
    assert_eq!(*parsed.mac1, [1; 16]);
    two[1199] = 1;
    assert_eq!(Datagram::parse(&two), Err(DatagramError::Reserved));
}

#[test]
fn a_message_1_of_another_version_is_known_as_such_and_a_message_2_is_dropped() {
    let mut one = Message1::encode(ID, &[7; BODY_1]);
    one[1] = 2;
    one[2] = 0xff;
    let Ok(Datagram::OtherVersion(other)) = Datagram::parse(&one) else { panic!("not recognised") };
    assert_eq!((other.version, other.id, *other.mac1), (2, ID, [0; 16]));
    let mut two = Message2::encode(ID, ID, &[8; BODY_2]);
    two[1] = 2;
    assert_eq!(Datagram::parse(&two), Err(DatagramError::Version));
}
