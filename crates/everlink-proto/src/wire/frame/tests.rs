use super::*;
use crate::id::{Half, Incarnation};
use crate::rng::Rng;
use crate::wire::codec::{MAX_VARINT, count};

static BYTES: [u8; 1024] = [0xa5; 1024];

fn small(rng: &mut Rng, bound: u64) -> usize {
    usize::try_from(rng.below(bound)).unwrap()
}

/// A number of any size, not only a large one.
fn number(rng: &mut Rng) -> u64 {
    (rng.next_u64() & MAX_VARINT) >> rng.below(62)
}

fn some_bytes(rng: &mut Rng) -> &'static [u8] {
    let len = small(rng, 300) >> rng.below(9);
    &BYTES[..len]
}

fn flags(rng: &mut Rng) -> MessageFlags {
    MessageFlags { wants_done: rng.below(2) == 1, possible_duplicate: rng.below(2) == 1 }
}

fn ascending(rng: &mut Rng, floor: u64, n: usize) -> Vec<(u64, u64)> {
    let mut end = floor;
    let range = |_| {
        let start = end + 1 + (number(rng) >> 10);
        end = start + 1 + (number(rng) >> 10);
        (start, end)
    };
    (0..n).map(range).collect()
}

fn ack(rng: &mut Rng) -> Ack {
    let n = 1 + small(rng, 64);
    let mut ranges: Vec<_> = ascending(rng, 0, n).into_iter().map(|(start, end)| (start, end - 1)).collect();
    ranges.reverse();
    Ack {
        path: u32::try_from(number(rng) >> 30).unwrap(),
        delay_micros: number(rng) % 86_400_000_001,
        ranges,
    }
}

fn frame(kind: FrameKind, rng: &mut Rng) -> Frame<'static> {
    match kind {
        FrameKind::Padding => Frame::Padding,
        FrameKind::Ping => Frame::Ping,
        FrameKind::Ack | FrameKind::AckEcn => Frame::Ack(ack(rng)),
        FrameKind::Hello => Frame::Hello(Hello {
            half: Half(rng.bytes()),
            incarnation: Incarnation(rng.bytes()),
            counter: number(rng),
        }),
        FrameKind::Msgs => Frame::Msgs(Msgs {
            channel: number(rng),
            first: number(rng) >> 1,
            messages: (0..=rng.below(70)).map(|_| (flags(rng), some_bytes(rng))).collect(),
        }),
        FrameKind::Frag => {
            let (offset, bytes) = (number(rng) >> 4, &BYTES[..=small(rng, 600)]);
            let total = offset + count(bytes.len()) + (number(rng) >> 4);
            Frame::Frag(Frag {
                channel: number(rng),
                number: number(rng),
                offset,
                total,
                flags: flags(rng),
                bytes,
            })
        }
        FrameKind::Done => {
            let n = 1 + small(rng, 64);
            Frame::Done(Done { channel: number(rng), ranges: ascending(rng, 0, n) })
        }
        FrameKind::Stream => {
            let (bytes, fin) = (some_bytes(rng), rng.below(2) == 1);
            let fin = fin || bytes.is_empty();
            Frame::Stream(Stream { id: number(rng), offset: number(rng) >> 1, fin, bytes })
        }
        FrameKind::StreamReset => {
            Frame::StreamReset { id: number(rng), code: number(rng), final_offset: number(rng) }
        }
        FrameKind::StreamStop => Frame::StreamStop { id: number(rng), code: number(rng) },
        FrameKind::Credit => {
            let id = number(rng);
            let scopes =
                [CreditScope::Link, CreditScope::Channel(id), CreditScope::Stream(id), CreditScope::Streams];
            Frame::Credit { scope: scopes[small(rng, 4)], maximum: number(rng) }
        }
        FrameKind::Received => {
            let floor = number(rng) >> 1;
            let n = small(rng, 65);
            Frame::Received(Received { channel: number(rng), floor, ranges: ascending(rng, floor, n) })
        }
        FrameKind::Close => Frame::Close(Close {
            code: CloseCode::ALL[small(rng, 8)],
            application: number(rng),
            retry_after_ms: number(rng) % 86_400_001,
            deadline_ms: number(rng) % 86_400_001,
            received: number(rng),
            reason: ["", "bye", "grüße"][small(rng, 3)],
        }),
        FrameKind::PathChallenge => Frame::PathChallenge(rng.bytes()),
        FrameKind::PathResponse => Frame::PathResponse(rng.bytes()),
        FrameKind::Ids => Frame::Ids {
            path: u32::try_from(rng.next_u64() >> 32).unwrap(),
            id: ConnectionId(rng.bytes()),
            token: Token(rng.bytes()),
        },
    }
}

fn encoded(frame: &Frame<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    frame.encode(&mut Writer::new(&mut out, 1 << 20)).unwrap_or_else(|_| panic!("{frame:?}"));
    out
}

fn refusal(payload: &[u8]) -> FrameError {
    frames(payload).find_map(Result::err).expect("the payload is refused")
}

#[test]
fn every_kind_of_frame_round_trips() {
    let mut rng = Rng::from_seed([5; 32]);
    for kind in FrameKind::ALL.repeat(500) {
        let frame = frame(kind, &mut rng);
        let bytes = encoded(&frame);
        assert_eq!(frame.encoded_len(), bytes.len());
        assert!(bytes.len() >= frame.kind().least_len());
        assert_eq!(frames(&bytes).collect::<Vec<_>>(), [Ok(frame)]);
    }
}

#[test]
fn a_frame_is_written_whole_or_not_at_all() {
    let mut rng = Rng::from_seed([6; 32]);
    for kind in FrameKind::ALL.repeat(100) {
        let frame = frame(kind, &mut rng);
        let len = frame.encoded_len();
        let mut out = vec![1];
        assert_eq!(frame.encode(&mut Writer::new(&mut out, len)), Err(NoRoom));
        assert_eq!(out, [1]);
        assert_eq!(frame.encode(&mut Writer::new(&mut out, len + 1)), Ok(()));
        assert_eq!(out.len(), len + 1);
    }
}

#[test]
fn a_cut_frame_is_refused_at_every_byte() {
    let mut rng = Rng::from_seed([7; 32]);
    for kind in FrameKind::ALL.repeat(20) {
        let bytes = encoded(&frame(kind, &mut rng));
        for len in 1..bytes.len() {
            assert!(frames(&bytes[..len]).any(|frame| frame.is_err()), "{kind} cut at {len}");
        }
    }
}

#[test]
fn whatever_decodes_encodes_to_the_same_value() {
    let mut rng = Rng::from_seed([8; 32]);
    for _ in 0..30_000 {
        let mut payload = Vec::new();
        for _ in 0..rng.below(4) {
            let kind = FrameKind::ALL[small(&mut rng, count(FrameKind::ALL.len()))];
            payload.extend(encoded(&frame(kind, &mut rng)));
        }
        payload.extend(&rng.bytes::<16>()[..small(&mut rng, 17)]);
        for _ in 0..rng.below(6) {
            let at = small(&mut rng, count(payload.len()) + 1);
            let byte = rng.bytes::<1>()[0] >> rng.below(8);
            match rng.below(3) {
                0 => payload.insert(at, byte),
                1 => payload.truncate(at.max(payload.len() / 2)),
                _ => payload.iter_mut().skip(at).take(1).for_each(|slot| *slot = byte),
            }
        }
        for decoded in frames(&payload).map_while(Result::ok) {
            assert_eq!(frames(&encoded(&decoded)).collect::<Vec<_>>(), [Ok(decoded)]);
        }
    }
}

#[test]
fn the_table_agrees_with_the_specification() {
    let session: Vec<_> =
        FrameKind::ALL.iter().filter(|kind| kind.is_session()).map(|kind| kind.type_byte()).collect();
    assert_eq!(session, (5..=12).collect::<Vec<_>>());
    let quiet: Vec<_> =
        FrameKind::ALL.iter().filter(|kind| !kind.is_ack_eliciting()).map(|kind| kind.type_byte()).collect();
    assert_eq!(quiet, [0, 2, 3]);
    for kind in FrameKind::ALL {
        assert_eq!(FrameKind::from_type(u64::from(kind.type_byte())), Some(*kind));
    }
}

#[test]
fn types_below_64_that_are_reserved_end_the_connection() {
    for frame_type in 17..64 {
        assert_eq!(refusal(&[1, frame_type, 0]), FrameError::Unknown(frame_type.into()));
    }
}

#[test]
fn types_from_64_on_are_skipped_by_their_length() {
    let payload = [1, 0x40, 64, 3, 9, 9, 9, 0xbf, 0xff, 0xff, 0xff, 0, 1];
    assert_eq!(frames(&payload).collect::<Vec<_>>(), [Ok(Frame::Ping), Ok(Frame::Ping)]);
    assert_eq!(refusal(&[0x40, 64, 3, 9, 9]), FrameError::Framing(Malformed::Truncated));
    assert_eq!(refusal(&[0x40, 64]), FrameError::Framing(Malformed::Truncated));
    assert_eq!(refusal(&[0x40, 1]), FrameError::Framing(Malformed::NotShortest));
}

#[test]
fn an_empty_payload_is_refused_and_one_with_only_unknown_frames_is_not() {
    assert_eq!(frames(&[]).collect::<Vec<_>>(), [Err(FrameError::Empty)]);
    assert_eq!(frames(&[0x40, 64, 0]).count(), 0);
}

#[test]
fn nothing_follows_an_error() {
    assert_eq!(frames(&[1, 63, 1, 1]).collect::<Vec<_>>(), [Ok(Frame::Ping), Err(FrameError::Unknown(63))]);
}

#[test]
fn values_outside_of_their_range_are_refused() {
    use FrameKind as K;
    let cases: &[(FrameKind, &[u8])] = &[
        (K::Ack, &[2, 0xc0, 0, 0, 1, 0, 0, 0, 0, 5, 0, 0, 0]), // path of 33 bits
        (K::Ack, &[2, 0, 5, 0, 0, 6]),                         // first range below zero
        (K::Ack, &[2, 0, 5, 0, 1, 5, 0, 0]),                   // second range below zero
        (K::Ack, &[2, 0, 0x7f, 0xff, 0, 0x40, 64, 0]),         // 65 ranges
        (K::Msgs, &[5, 0, 0, 0]),                              // no message
        (K::Msgs, &[5, 0, 0xff, 255, 255, 255, 255, 255, 255, 255, 2, 0, 0]), // number beyond the last
        (K::Frag, &[6, 0, 0, 0, 4, 0]),                        // no bytes
        (K::Frag, &[6, 0, 0, 1, 4, 1, 9]),                     // beyond the message's end
        (K::Done, &[7, 0, 0]),                                 // no range
        (K::Done, &[7, 0, 1, 0, 0]),                           // empty range
        (K::Done, &[7, 0, 2, 0, 1, 0, 1]),                     // adjacent ranges
        (K::Done, &[7, 0, 0x40, 65]),                          // 65 ranges
        (K::Stream, &[8, 0, 0, 0]),                            // says nothing
        (K::Stream, &[8, 0, 0xff, 255, 255, 255, 255, 255, 255, 255, 2, 9]), // beyond the last byte
        (K::Credit, &[11, 4, 0]),                              // unknown scope
        (K::Received, &[12, 0, 5, 1, 0, 1]),                   // the floor should be higher
        (K::Received, &[12, 0, 0, 1, 0xff, 255, 255, 255, 255, 255, 255, 255, 2]), // beyond the last number
        (K::Close, &[13, 5, 0, 0, 0, 0, 0]),                   // unknown code
        (K::Close, &[13, 0, 0, 0, 0, 0, 1, 0xff]),             // not UTF-8
        (K::Close, &[13, 0, 0, 0, 0, 0, 0x40, 129]),           // reason too long
        (K::Ids, &[16, 0xc0, 0, 0, 1, 0, 0, 0, 0]),            // path of 33 bits
    ];
    for (kind, payload) in cases {
        assert_eq!(refusal(payload), FrameError::Malformed(*kind, Malformed::OutOfRange), "{payload:?}");
    }
}

#[test]
fn a_count_of_messages_beyond_the_payload_reserves_nothing() {
    let payload = [5, 0, 0, 0xbf, 0xff, 0xff, 0xff, 0];
    assert_eq!(refusal(&payload), FrameError::Malformed(FrameKind::Msgs, Malformed::Truncated));
}

#[test]
fn values_that_could_not_be_decoded_have_no_encoding() {
    let ack = |ranges| Frame::Ack(Ack { path: 0, delay_micros: 0, ranges });
    let received = |ranges| Frame::Received(Received { channel: 0, floor: 5, ranges });
    let stream = |offset, bytes| Frame::Stream(Stream { id: 0, offset, fin: false, bytes });
    let frag =
        |total| Frag { channel: 0, number: 0, offset: 0, total, flags: MessageFlags::default(), bytes: &[1] };
    let illegal = [
        ack(vec![]),
        ack(vec![(5, 4)]),
        ack(vec![(5, 6), (4, 4)]),
        ack(vec![(1, 1), (5, 6)]),
        ack((0..65).rev().map(|n| (n * 3, n * 3)).collect()),
        received(vec![(5, 6)]),
        received(vec![(6, 7), (7, 8)]),
        received(vec![(6, 6)]),
        received(vec![(6, MAX_VARINT + 2)]),
        received((0..65).map(|n| (n * 3 + 6, n * 3 + 7)).collect()),
        Frame::Done(Done { channel: 0, ranges: vec![] }),
        Frame::Msgs(Msgs { channel: 0, first: 0, messages: vec![] }),
        Frame::Frag(frag(0)),
        Frame::Frag(frag(1 << 60)),
        stream(0, &[]),
        stream(MAX_VARINT, &[1]),
        Frame::StreamStop { id: 1 << 62, code: 0 },
    ];
    for frame in illegal {
        let mut out = Vec::new();
        assert_eq!(frame.encode(&mut Writer::new(&mut out, 2000)), Err(NoRoom), "{frame:?}");
        assert!(out.is_empty());
    }
}

#[test]
fn a_close_is_never_lost_for_the_length_of_its_reason() {
    let long = "ü".repeat(100);
    let close = Close {
        code: CloseCode::Application,
        application: 1,
        retry_after_ms: u64::MAX >> 2,
        deadline_ms: 0,
        received: 0,
        reason: &long[2..],
    };
    let bytes = encoded(&Frame::Close(close.clone()));
    let cut = Close { reason: &long[..128], retry_after_ms: 86_400_000, ..close };
    assert_eq!(frames(&bytes).collect::<Vec<_>>(), [Ok(Frame::Close(cut))]);
}

#[test]
fn an_ack_delay_is_at_most_a_day() {
    let ack = Ack { path: 0, delay_micros: MAX_VARINT, ranges: vec![(0, 0)] };
    let bytes = encoded(&Frame::Ack(ack.clone()));
    let clamped = Frame::Ack(Ack { delay_micros: 86_400_000_000, ..ack });
    assert_eq!(frames(&bytes).collect::<Vec<_>>(), [Ok(clamped)]);
}

#[test]
fn messages_pushed_one_by_one_are_the_frame_that_holds_them() {
    let mut rng = Rng::from_seed([9; 32]);
    for _ in 0..2_000 {
        let (channel, first) = (number(&mut rng), number(&mut rng) >> 1);
        let limit = small(&mut rng, 1200);
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out, limit);
        let mut msgs = MsgsWriter::start(&mut writer, channel, first);
        let mut messages = Vec::new();
        loop {
            let message = (flags(&mut rng), some_bytes(&mut rng));
            if msgs.push(message.0, message.1).is_err() {
                break;
            }
            messages.push(message);
        }
        assert_eq!(usize::from(msgs.finish()), messages.len());
        if messages.is_empty() {
            assert!(out.is_empty());
        } else {
            assert_eq!(out, encoded(&Frame::Msgs(Msgs { channel, first, messages })));
        }
    }
}

#[test]
fn a_message_that_does_not_fit_leaves_room_for_a_smaller_one() {
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out, 20);
    let mut msgs = MsgsWriter::start(&mut writer, 1, 2);
    assert_eq!(msgs.push(MessageFlags::default(), &[7; 30]), Err(NoRoom));
    assert_eq!(msgs.push(MessageFlags::default(), &[7; 3]), Ok(()));
    assert_eq!(msgs.finish(), 1);
    assert_eq!(out, [5, 1, 2, 1, 12, 7, 7, 7]);
}

#[test]
fn a_frame_holds_at_most_63_pushed_messages_and_none_beyond_the_last_number() {
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out, 1200);
    let mut msgs = MsgsWriter::start(&mut writer, 0, 0);
    while msgs.push(MessageFlags::default(), &[]).is_ok() {}
    assert_eq!(msgs.finish(), 63);
    let mut msgs = MsgsWriter::start(&mut writer, 0, MAX_VARINT);
    assert_eq!(msgs.push(MessageFlags::default(), &[]), Ok(()));
    assert_eq!(msgs.push(MessageFlags::default(), &[]), Err(NoRoom));
}

#[test]
fn a_fragment_takes_all_the_room_there_is() {
    let frag = Frag {
        channel: 1,
        number: 2,
        offset: 100,
        total: 1124,
        flags: MessageFlags { wants_done: true, possible_duplicate: false },
        bytes: &BYTES,
    };
    for limit in 0..1100 {
        let mut out = Vec::new();
        match write_frag(&mut Writer::new(&mut out, limit), &frag) {
            Ok(taken) => {
                let part = Frag { bytes: &BYTES[..taken], ..frag };
                assert_eq!(frames(&out).collect::<Vec<_>>(), [Ok(Frame::Frag(part))]);
                assert!(taken == BYTES.len() || out.len() + 1 >= limit, "one byte may go to a longer length");
            }
            Err(NoRoom) => assert!(limit < 9 && out.is_empty()),
        }
    }
}

#[test]
fn a_stream_takes_all_the_room_there_is_and_ends_with_its_last_byte() {
    let stream = Stream { id: 1, offset: 100, fin: true, bytes: &BYTES };
    for limit in 0..1100 {
        let mut out = Vec::new();
        match write_stream(&mut Writer::new(&mut out, limit), &stream) {
            Ok(taken) => {
                let fin = taken == BYTES.len();
                let part = Stream { bytes: &BYTES[..taken], fin, ..stream };
                assert_eq!(frames(&out).collect::<Vec<_>>(), [Ok(Frame::Stream(part))]);
                assert!(fin || out.len() + 1 >= limit, "one byte may go to a longer length");
            }
            Err(NoRoom) => assert!(limit < 6 && out.is_empty()),
        }
    }
}

#[test]
fn the_end_of_a_stream_needs_no_bytes() {
    let mut out = Vec::new();
    let end = Stream { id: 1, offset: 5, fin: true, bytes: &[] };
    assert_eq!(write_stream(&mut Writer::new(&mut out, 4), &end), Ok(0));
    assert_eq!(out, [8, 1, 5, 1]);
    let nothing = Stream { fin: false, ..end };
    assert_eq!(write_stream(&mut Writer::new(&mut out, 100), &nothing), Err(NoRoom));
}
