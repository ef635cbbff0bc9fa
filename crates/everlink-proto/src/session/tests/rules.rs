//! What is accepted, what is kept, and what is an offence.

use super::close::{begun, deliver, packet};
use super::*;
use crate::wire::frame::{Done, Frag, MessageFlags, Msgs, Stream};

fn msgs(channel: u64, first: u64, body: &[u8]) -> Frame<'_> {
    Frame::Msgs(Msgs { channel, first, messages: vec![(MessageFlags::default(), body)] })
}

fn frag(number: u64, offset: u64, total: u64, bytes: &[u8]) -> Frame<'_> {
    Frame::Frag(Frag { channel: 0, number, offset, total, flags: MessageFlags::default(), bytes })
}

fn send(session: &mut Session, channel: u64, len: usize) -> Result<(), SendRefused> {
    session.send(channel, vec![0; len].into(), SendOptions::default(), MessageId(0))
}

#[test]
fn what_cannot_be_sent_is_refused_before_it_is_accepted() {
    let mut session = begun();
    assert_eq!(send(&mut session, 0, MESSAGE_MAX + 1), Err(SendRefused::TooLarge));
    assert_eq!(send(&mut session, 1 << 62, 1), Err(SendRefused::TooManyChannels));
    for channel in 0..256 {
        assert_eq!(send(&mut session, channel, 1), Ok(()));
    }
    assert_eq!(send(&mut session, 256, 1), Err(SendRefused::TooManyChannels));
    assert_eq!(send(&mut session, 0, 4 << 20), Err(SendRefused::Full));
}

#[test]
fn a_message_larger_than_the_budget_passes_alone() {
    let mut session = begun();
    assert_eq!(send(&mut session, 0, 8 << 20), Ok(()));
    assert_eq!(session.send_room(), 0);
    assert_eq!(send(&mut session, 0, 1), Err(SendRefused::Full));
}

#[test]
fn without_a_session_nothing_is_kept_and_nothing_goes_out() {
    let mut session = Session::new(SessionConfig::default(), Side::SmallerKey);
    send(&mut session, 0, 1).expect("messages wait for the session");
    assert!(session.owes() && !session.has_pending(true));
    assert_eq!(session.on_frame(&msgs(0, 0, b"x")), Ok(Kept::No(NotKept::NoSession)));
    assert_eq!(session.on_frame(&Frame::Ping), Ok(Kept::Yes), "not the session's");
}

#[test]
fn only_what_is_bound_goes_out_while_nothing_may_be_bound() {
    let mut session = begun();
    send(&mut session, 0, 10).expect("there is room");
    assert!(!session.has_pending(false));
    let (_, records) = packet(&mut session);
    send(&mut session, 0, 10).expect("there is room");
    records.into_iter().for_each(|record| session.on_lost(record));
    assert!(session.has_pending(false));
    let (mut bytes, mut records) = (Vec::new(), Vec::new());
    session.write_frames(&mut Writer::new(&mut bytes, 1171), &mut records, false);
    assert_eq!(records, [Record::Messages { channel: 0, first: 0, count: 1 }]);
    assert!(!session.has_pending(false));
}

#[test]
fn acknowledgements_after_loss_and_twice_do_no_harm() {
    let mut session = begun();
    send(&mut session, 0, 10).expect("there is room");
    let (_, records) = packet(&mut session);
    let record = records[0];
    session.on_lost(record);
    session.on_acked(record);
    session.on_acked(record);
    session.on_lost(record);
    let verdict = SessionEvent::Verdict { id: MessageId(0), verdict: Verdict::Delivered };
    let events: Vec<_> = core::iter::from_fn(|| session.poll_event()).collect();
    assert_eq!(events, [SessionEvent::InboxReady, verdict]);
    assert!(packet(&mut session).1.is_empty(), "nothing is sent again");
}

#[test]
fn what_was_seen_is_kept_without_being_delivered_again() {
    let (mut session, mut peer) = (begun(), begun());
    send(&mut session, 0, 10).expect("there is room");
    let (bytes, _) = packet(&mut session);
    assert_eq!(deliver(&bytes, &mut peer), Kept::Yes);
    assert_eq!(deliver(&bytes, &mut peer), Kept::Yes);
    assert_eq!(core::iter::from_fn(|| peer.recv()).count(), 2, "the beginning and the message");
}

#[test]
fn numbers_beyond_the_window_are_not_kept() {
    let mut session = begun();
    assert_eq!(session.on_frame(&msgs(0, 65_536, b"x")), Ok(Kept::No(NotKept::NoRoom)));
    assert_eq!(session.on_frame(&msgs(0, 65_535, b"x")), Ok(Kept::Yes));
}

#[test]
fn exceeding_credit_is_an_offence() {
    let body = [0; 1000];
    let mut session = begun();
    for number in 0..100 {
        assert_eq!(session.on_frame(&msgs(0, number, &body)), Ok(Kept::Yes));
        packet(&mut session); // grants more
    }
    let mut session = begun();
    let error = (0..100).find_map(|number| session.on_frame(&msgs(0, number, &body)).err());
    assert_eq!(error, Some(ProtocolError::CreditExceeded));
}

#[test]
fn a_message_keeps_its_length() {
    let mut session = begun();
    assert_eq!(session.on_frame(&frag(0, 0, 100, b"x")), Ok(Kept::Yes));
    assert_eq!(session.on_frame(&frag(0, 1, 101, b"x")), Err(ProtocolError::LengthChanged));
    assert_eq!(session.on_frame(&msgs(0, 0, b"short")), Err(ProtocolError::LengthChanged));
}

#[test]
fn a_message_larger_than_any_is_an_offence() {
    let total = (16 << 20) + 1;
    assert_eq!(begun().on_frame(&frag(0, 0, total, b"x")), Err(ProtocolError::TooLarge));
}

#[test]
fn a_257th_channel_is_an_offence() {
    let mut session = begun();
    for channel in 0..256 {
        assert_eq!(session.on_frame(&msgs(channel, 0, b"x")), Ok(Kept::Yes));
    }
    assert_eq!(session.on_frame(&msgs(256, 0, b"x")), Err(ProtocolError::TooManyChannels));
}

#[test]
fn receipts_for_what_was_never_sent_are_an_offence() {
    let mut session = begun();
    let done = |end| Frame::Done(Done { channel: 0, ranges: vec![(0, end)] });
    let received = |floor| Frame::Received(Received { channel: 0, floor, ranges: vec![] });
    assert_eq!(session.on_frame(&done(1)), Err(ProtocolError::NeverSent));
    send(&mut session, 0, 10).expect("there is room");
    assert_eq!(session.on_frame(&done(1)), Err(ProtocolError::NeverSent), "not even bound");
    packet(&mut session);
    assert_eq!(session.on_frame(&done(2)), Err(ProtocolError::NeverSent));
    assert_eq!(session.on_frame(&received(2)), Err(ProtocolError::NeverSent));
    assert_eq!(session.on_frame(&received(1)), Ok(Kept::Yes));
}

#[test]
fn streams_that_were_never_opened_or_permitted_are_an_offence() {
    let mut session = begun();
    let stream = |id, offset, fin| Frame::Stream(Stream { id, offset, fin, bytes: b"x" });
    assert_eq!(session.on_frame(&stream(0, 0, false)), Err(ProtocolError::NoSuchStream));
    assert_eq!(session.on_frame(&stream(129, 0, false)), Err(ProtocolError::TooManyStreams));
    assert_eq!(session.on_frame(&stream(1, 5, true)), Ok(Kept::Yes));
    assert_eq!(session.on_frame(&stream(1, 6, false)), Err(ProtocolError::FinalSizeChanged));
    assert_eq!(session.on_frame(&stream(1, 4, true)), Err(ProtocolError::FinalSizeChanged));
    assert_eq!(session.on_frame(&stream(3, 70_000, false)), Err(ProtocolError::CreditExceeded));
}

#[test]
fn a_message_passes_even_if_no_packet_has_room_for_all_of_it() {
    let (mut session, mut peer) = (begun(), begun());
    send(&mut session, 0, 1_000).expect("there is room");
    let (_, records) = packet(&mut session); // as a whole, and lost
    records.into_iter().for_each(|record| session.on_lost(record));
    send(&mut session, 0, 1_000).expect("there is room");
    for _ in 0..10 {
        let mut bytes = Vec::new();
        session.write_frames(&mut Writer::new(&mut bytes, 300), &mut Vec::new(), true);
        deliver(&bytes, &mut peer);
    }
    let messages = core::iter::from_fn(|| peer.recv());
    assert_eq!(messages.filter(|item| matches!(item, InboxItem::Message { .. })).count(), 2);
}

#[test]
fn a_message_with_its_verdict_holds_no_bytes_though_one_before_it_waits() {
    let mut session = begun();
    let body: std::sync::Arc<[u8]> = vec![7; 900].into();
    for id in 0..2 {
        let bytes = Bytes::from_owner(std::sync::Arc::clone(&body));
        session.send(0, bytes, SendOptions { wants_done: id == 0 }, MessageId(id)).expect("there is room");
    }
    let records = [packet(&mut session).1, packet(&mut session).1].concat();
    assert_eq!(std::sync::Arc::strong_count(&body), 3);
    records.into_iter().for_each(|record| session.on_acked(record));
    assert_eq!(std::sync::Arc::strong_count(&body), 1, "the first waits for DONE and is not sent again");
    assert_eq!(session.send_room(), SessionConfig::default().send_budget - 932);
}

/// A peer that asks for DONE as often as it may on a channel, and acknowledges none; the application takes what comes and
/// is done with it. How often that was.
fn ask_for_done(session: &mut Session, channel: u64, numbers: core::ops::Range<u64>, asks: bool) -> u64 {
    let flags = MessageFlags { wants_done: asks, ..MessageFlags::default() };
    let mut spent = numbers.start * 32;
    for number in numbers.clone() {
        spent += 32;
        let granted = session.snapshot().channels.into_iter().find_map(|it| match it {
            ChannelSnapshot::Receiving { channel: id, granted, .. } if id == channel => Some(granted),
            _ => None,
        });
        if granted.is_some_and(|granted| spent > granted) {
            return number - numbers.start;
        }
        let frame = Frame::Msgs(Msgs { channel, first: number, messages: vec![(flags, b"")] });
        assert_eq!(session.on_frame(&frame), Ok(Kept::Yes));
        while let Some(item) = session.recv() {
            if let InboxItem::Message { token, .. } = item {
                session.done(token);
            }
        }
        packet(session);
    }
    numbers.end - numbers.start
}

#[test]
fn a_peer_that_acknowledges_no_done_uses_its_credit_up() {
    let mut session = begun();
    assert_eq!(ask_for_done(&mut session, 0, 0..100_000, true), (1 << 20) / 32);
    assert_eq!(session.snapshot().link_held, 1 << 20, "that many have to be remembered");
    assert_eq!(ask_for_done(&mut session, 1, 0..100_000, false), 100_000, "what is taken costs nothing");
    session.on_acked(Record::Done { channel: 0, first: 0, end: 20_000 });
    session.on_acked(Record::Done { channel: 0, first: 0, end: 20_000 });
    assert_eq!(session.snapshot().link_held, (1 << 20) - 20_000 * 32);
    packet(&mut session);
    assert_eq!(ask_for_done(&mut session, 0, 32_768..100_000, true), 20_000);
}

#[test]
fn the_same_done_twice_settles_nothing_twice() {
    let mut session = begun();
    for id in 0..3 {
        let options = SendOptions { wants_done: id != 1 };
        session.send(0, Bytes::new(), options, MessageId(id)).expect("there is room");
    }
    packet(&mut session);
    let done = |first, end| Frame::Done(Done { channel: 0, ranges: vec![(first, end)] });
    for frame in [done(1, 3), done(1, 3), done(2, 3)] {
        assert_eq!(session.on_frame(&frame), Ok(Kept::Yes));
    }
    assert!(session.awaits_done(), "the first still waits");
    assert_eq!(session.on_frame(&done(0, 3)), Ok(Kept::Yes));
    assert!(!session.awaits_done());
    let verdicts = core::iter::from_fn(|| session.poll_event()).filter_map(|event| match event {
        SessionEvent::Verdict { id, verdict } => Some((id.0, verdict)),
        _ => None,
    });
    let (delivered, processed) = (Verdict::Delivered, Verdict::Processed);
    assert_eq!(verdicts.collect::<Vec<_>>(), [(1, delivered), (2, processed), (0, processed)]);
}

#[test]
fn done_for_one_message_proves_that_those_before_it_were_delivered() {
    let mut session = begun();
    for id in 0..3 {
        let options = SendOptions { wants_done: id == 1 };
        session.send(0, Bytes::new(), options, MessageId(id)).expect("there is room");
    }
    packet(&mut session);
    let done = Frame::Done(Done { channel: 0, ranges: vec![(1, 2)] });
    assert_eq!(session.on_frame(&done), Ok(Kept::Yes));
    let verdicts = core::iter::from_fn(|| session.poll_event()).filter_map(|event| match event {
        SessionEvent::Verdict { id, verdict } => Some((id.0, verdict)),
        _ => None,
    });
    assert_eq!(verdicts.collect::<Vec<_>>(), [(0, Verdict::Delivered), (1, Verdict::Processed)]);
    assert!(session.owes(), "the third is still on its way");
}
