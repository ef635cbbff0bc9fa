//! Bytes written by hand from the specification: what was once sent must remain what is sent, or
//! versions no longer understand each other.

use core::time::Duration;

use super::frame::{
    Ack, Close, CloseCode, CreditScope, Done, Frag, Frame, FrameKind, Hello, MessageFlags, Msgs, Received,
    Stream, frames,
};
use super::handshake::{
    Accepted, BODY_1, BODY_2, Capabilities, Message1, Message1Payload, Message2, Message2Payload,
};
use super::header::{CookieReply, ShortHeader, UnknownPacket, VersionsReply};
use crate::id::{ConnectionId, Half, Incarnation, PeerId, Token};
use crate::wire::codec::Writer;

const ID: ConnectionId = ConnectionId([1, 2, 3, 4, 5, 6, 7, 8]);
const OTHER: ConnectionId = ConnectionId([0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8]);
const HELLO: Hello = Hello { half: Half([0x11; 16]), incarnation: Incarnation([0x22; 16]), counter: 70 };
const WANTS_DONE: MessageFlags = MessageFlags { wants_done: true, possible_duplicate: false };
const DUPLICATE: MessageFlags = MessageFlags { wants_done: false, possible_duplicate: true };
const BOTH: MessageFlags = MessageFlags { wants_done: true, possible_duplicate: true };

/// Two hex digits a byte; spaces are for the reader.
fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.chars().filter_map(|c| c.to_digit(16)).filter_map(|digit| u8::try_from(digit).ok()).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn vectors() -> Vec<(Frame<'static>, &'static str)> {
    let ack = Ack { path: 2, delay_micros: 1000, ranges: vec![(90, 100), (70, 80), (68, 68)] };
    let messages: Vec<(MessageFlags, &[u8])> = vec![(WANTS_DONE, b"hi"), (DUPLICATE, b"")];
    let frag = Frag { channel: 3, number: 5, offset: 1000, total: 2000, flags: BOTH, bytes: b"abc" };
    let close = Close {
        code: CloseCode::Application,
        application: 42,
        retry_after_ms: 60_000,
        deadline_ms: 3_000,
        received: 2,
        reason: "bye",
    };
    vec![
        (Frame::Padding, "00"),
        (Frame::Ping, "01"),
        (Frame::Ack(ack), "02 02 4064 43e8 02 0a 08 0a 00 00"),
        (Frame::Hello(HELLO), "04 11111111111111111111111111111111 22222222222222222222222222222222 4046"),
        (Frame::Msgs(Msgs { channel: 3, first: 16_384, messages }), "05 03 80004000 02 09 6869 02"),
        (Frame::Frag(frag), "06 03 05 43e8 5f43 03 616263"),
        (Frame::Done(Done { channel: 1, ranges: vec![(0, 4), (6, 7)] }), "07 01 02 00 04 02 01"),
        (Frame::Stream(Stream { id: 4, offset: 64, fin: true, bytes: b"end" }), "08 04 4040 07 656e64"),
        (Frame::StreamReset { id: 4, code: 9, final_offset: 1 << 32 }, "09 04 09 c000000100000000"),
        (Frame::StreamStop { id: 4, code: 9 }, "0a 04 09"),
        (Frame::Credit { scope: CreditScope::Link, maximum: 1 << 18 }, "0b 00 80040000"),
        (Frame::Credit { scope: CreditScope::Channel(3), maximum: 1 << 16 }, "0b 01 03 80010000"),
        (Frame::Credit { scope: CreditScope::Stream(4), maximum: 1 << 16 }, "0b 02 04 80010000"),
        (Frame::Credit { scope: CreditScope::Streams, maximum: 64 }, "0b 03 4040"),
        (
            Frame::Received(Received { channel: 1, floor: 10, ranges: vec![(12, 15), (20, 21)] }),
            "0c 01 0a 02 02 03 05 01",
        ),
        (Frame::Close(close), "0d 03 2a 8000ea60 4bb8 02 03 627965"),
        (Frame::PathChallenge(ID.0), "0e 0102030405060708"),
        (Frame::PathResponse(ID.0), "0f 0102030405060708"),
        (
            Frame::Ids { path: 300, id: ID, token: Token([0xbb; 16]) },
            "10 412c 0102030405060708 bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
        ),
    ]
}

#[test]
fn frames_are_the_bytes_they_always_were() {
    for (frame, hex) in vectors() {
        let mut out = Vec::new();
        assert_eq!(frame.encode(&mut Writer::new(&mut out, 1200)), Ok(()));
        assert_eq!(out, unhex(hex), "{}", frame.kind());
        assert_eq!(frames(&out).collect::<Vec<_>>(), [Ok(frame)]);
    }
}

#[test]
fn every_frame_that_is_written_has_a_vector() {
    let written = FrameKind::ALL.iter().filter(|kind| **kind != FrameKind::AckEcn);
    for kind in written {
        assert!(vectors().iter().any(|(frame, _)| frame.kind() == *kind), "{kind}");
    }
}

#[test]
fn an_ack_with_ecn_counts_is_read_like_one_without() {
    let plain = unhex("02 02 4064 43e8 02 0a 08 0a 00 00");
    let with_counts = unhex("03 02 4064 43e8 02 0a 08 0a 00 00 05 4040 07");
    assert!(frames(&with_counts).eq(frames(&plain)));
}

#[test]
fn close_codes_are_the_numbers_they_always_were() {
    assert_eq!(CloseCode::ALL.map(CloseCode::number), [0, 1, 2, 3, 4, 16, 17, 18]);
}

#[test]
fn the_outsides_of_datagrams_are_the_bytes_they_always_were() {
    let short = ShortHeader::new(ID, 0x01_0203_0405).encode();
    assert_eq!(short.to_vec(), unhex("80 0102030405060708 02030405"));
    let unknown = UnknownPacket { id: ID, token: Token([0xcc; 16]) }.encode();
    assert_eq!(unknown.to_vec(), [unhex("04 01 0000 0102030405060708"), vec![0xcc; 16]].concat());
    let cookie = CookieReply { id: ID, body: [0xdd; 56] }.encode();
    assert_eq!(cookie.to_vec(), [unhex("03 01 0000 0102030405060708"), vec![0xdd; 56]].concat());
    let versions = VersionsReply { id: ID, body: [0xee; 48] }.encode();
    assert_eq!(versions.to_vec(), [unhex("05 01 0000 0102030405060708"), vec![0xee; 48]].concat());
}

#[test]
fn handshake_messages_are_the_bytes_they_always_were() {
    let one = Message1::encode(ID, &[0x77; BODY_1]);
    assert_eq!(one.to_vec(), [unhex("01 01 0000 0102030405060708"), vec![0x77; 1156], vec![0; 32]].concat());
    let two = Message2::encode(ID, OTHER, &[0x77; BODY_2]);
    let header = unhex("02 01 0000 0102030405060708 a1a2a3a4a5a6a7a8");
    assert_eq!(two.to_vec(), [header, vec![0x77; 1148], vec![0; 32]].concat());
}

#[test]
fn handshake_payloads_are_the_bytes_they_always_were() {
    let (capabilities, token) = (Capabilities::AES, Token([0x55; 16]));
    let one = Message1Payload { peer: PeerId::from_bytes([0x66; 32]), generation: 258, capabilities, token };
    let fields = [vec![0x66; 32], unhex("0000000000000102 00000001"), vec![0x55; 16], vec![0; 184]];
    assert_eq!(one.encode().to_vec(), fields.concat());

    let accepted = Accepted { generation: 258, capabilities, token, hello: HELLO };
    let fields = [
        unhex("00 0000000000000102 00000001"),
        vec![0x55; 16],
        vec![0x11; 16],
        vec![0x22; 16],
        unhex("4046"),
        vec![0; 253],
    ];
    assert_eq!(Message2Payload::Accepted(accepted).encode().to_vec(), fields.concat());

    let refused = Message2Payload::Refused { code: 17, retry_after: Duration::from_secs(30) };
    let fields = [unhex("01 0000000000000011 0000000000007530"), vec![0; 299]];
    assert_eq!(refused.encode().to_vec(), fields.concat());
}
