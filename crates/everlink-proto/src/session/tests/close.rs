//! What becomes of messages when a session ends (SPEC 7.6, 8.6).

use super::*;
use crate::session::tests::world::PAYLOAD;
use crate::wire::frame::frames;

const PEER_IDLE: EndReason = EndReason::ClosedByPeer { code: CloseCode::Idle, application: 0 };
const PEER_REFUSED: EndReason = EndReason::ClosedByPeer { code: CloseCode::Refused, application: 0 };

fn message(session: &mut Session, channel: u64, id: u64, wants_done: bool) {
    let body = Bytes::from_static(b"a message");
    session.send(channel, body, SendOptions { wants_done }, MessageId(id)).expect("there is room");
}

/// A session in which message 0 is in a packet, and message 1 is not.
fn one_bound_one_not(on_restart: OnRestart) -> Session {
    let mut session = begun();
    session.set_channel(0, ChannelOptions { on_restart }).expect("one channel");
    message(&mut session, 0, 0, false);
    packet(&mut session);
    message(&mut session, 0, 1, false);
    session
}

pub(super) fn begun() -> Session {
    let mut session = Session::new(SessionConfig::default(), Side::SmallerKey);
    session.begin();
    session
}

pub(super) fn packet(session: &mut Session) -> (Vec<u8>, Vec<Record>) {
    let (mut bytes, mut records) = (Vec::new(), Vec::new());
    session.write_frames(&mut Writer::new(&mut bytes, PAYLOAD), &mut records, true);
    (bytes, records)
}

pub(super) fn deliver(bytes: &[u8], session: &mut Session) -> Kept {
    let frames =
        frames(bytes).filter(|_| !bytes.is_empty()).map(|frame| frame.expect("what was written can be read"));
    frames.fold(Kept::Yes, |kept, frame| kept.and(session.on_frame(&frame).expect("a legal frame")))
}

fn verdicts(session: &mut Session) -> Vec<(u64, Verdict)> {
    let events = core::iter::from_fn(|| session.poll_event());
    let verdicts = events.filter_map(|event| match event {
        SessionEvent::Verdict { id, verdict } => Some((id.0, verdict)),
        _ => None,
    });
    verdicts.collect()
}

fn end(on_restart: OnRestart, reason: EndReason) -> Vec<(u64, Verdict)> {
    let mut session = one_bound_one_not(on_restart);
    session.end(reason, None);
    verdicts(&mut session)
}

#[test]
fn carry_keeps_what_was_never_sent() {
    let unknown = Verdict::Unknown(Unknown::PeerRestarted);
    assert_eq!(end(OnRestart::Carry, EndReason::PeerRestarted), [(0, unknown)]);
}

#[test]
fn drop_ends_what_was_never_sent() {
    let (unknown, dropped) = (Unknown::PeerForgot, NotDelivered::PeerForgot);
    let expected = [(0, Verdict::Unknown(unknown)), (1, Verdict::NotDelivered(dropped))];
    assert_eq!(end(OnRestart::Drop, EndReason::PeerForgot), expected);
}

#[test]
fn resend_keeps_everything_and_marks_what_is_in_doubt() {
    let mut session = one_bound_one_not(OnRestart::Resend);
    session.end(EndReason::PeerRestarted, None);
    assert_eq!(verdicts(&mut session), []);
    session.begin();
    let (bytes, _) = packet(&mut session);
    let mut peer = begun();
    deliver(&bytes, &mut peer);
    let marks = core::iter::from_fn(|| peer.recv()).filter_map(|item| match item {
        InboxItem::Message { number, flags, .. } => Some((number, flags.possible_duplicate)),
        _ => None,
    });
    assert_eq!(marks.collect::<Vec<_>>(), [(0, true), (1, false)]);
}

#[test]
fn what_may_have_arrived_in_an_earlier_session_is_never_called_not_delivered() {
    let mut session = one_bound_one_not(OnRestart::Resend);
    session.end(EndReason::PeerRestarted, None);
    session.end(EndReason::ClosedHere, None);
    let unknown = Verdict::Unknown(Unknown::NotResent);
    assert_eq!(verdicts(&mut session), [(0, unknown), (1, Verdict::NotDelivered(NotDelivered::Closed))]);
}

#[test]
fn an_unconfirmed_close_leaves_the_bound_in_doubt_and_ends_the_rest() {
    let unknown = Verdict::Unknown(Unknown::CloseUnconfirmed);
    for on_restart in RESTARTS {
        let expected = [(0, unknown), (1, Verdict::NotDelivered(NotDelivered::Closed))];
        assert_eq!(end(on_restart, EndReason::ClosedHere), expected);
    }
}

#[test]
fn a_peer_that_is_idle_gets_the_rest_in_the_next_session_and_one_that_refuses_never() {
    let unknown = Verdict::Unknown(Unknown::Closed);
    assert_eq!(end(OnRestart::Carry, PEER_IDLE), [(0, unknown)]);
    let expected = [(0, unknown), (1, Verdict::NotDelivered(NotDelivered::Closed))];
    assert_eq!(end(OnRestart::Carry, PEER_REFUSED), expected);
}

#[test]
fn a_failed_endpoint_ends_everything() {
    let (unknown, not) = (Unknown::EndpointFailed, NotDelivered::EndpointFailed);
    let expected = [(0, Verdict::Unknown(unknown)), (1, Verdict::NotDelivered(not))];
    assert_eq!(end(OnRestart::Carry, EndReason::EndpointFailed), expected);
}

#[test]
fn the_peers_last_word_settles_what_was_bound() {
    for received in [false, true] {
        let (mut session, mut peer) = (begun(), begun());
        message(&mut session, 0, 0, false);
        let (bytes, _) = packet(&mut session);
        if received {
            deliver(&bytes, &mut peer);
        }
        let count = peer.closing();
        session.closing();
        deliver(&packet(&mut peer).0, &mut session);
        let positions = session.peer_positions(count);
        session.end(PEER_IDLE, positions.as_ref());
        let expected = if received { vec![(0, Verdict::Delivered)] } else { vec![] };
        assert_eq!(verdicts(&mut session), expected, "what did not arrive is carried");
        assert_eq!(session.owes(), !received);
    }
}

#[test]
fn a_frozen_inbox_takes_nothing_new_and_still_knows_the_old() {
    let (mut session, mut peer) = (begun(), begun());
    message(&mut session, 0, 0, false);
    let (old, _) = packet(&mut session);
    message(&mut session, 0, 1, false);
    let (new, _) = packet(&mut session);
    deliver(&old, &mut peer);
    peer.closing();
    assert_eq!(deliver(&old, &mut peer), Kept::Yes);
    assert_eq!(deliver(&new, &mut peer), Kept::No(NotKept::Closing));
    assert_eq!(peer.positions().map(|received| received.floor).collect::<Vec<_>>(), [1]);
}

#[test]
fn a_message_handed_over_during_a_close_belongs_to_the_next_session() {
    let mut session = one_bound_one_not(OnRestart::Drop);
    session.closing();
    message(&mut session, 0, 2, false);
    session.end(EndReason::ClosedHere, None);
    assert_eq!(verdicts(&mut session).len(), 2);
    session.begin();
    assert!(session.has_pending(true));
}

#[test]
fn done_goes_on_during_a_close() {
    let (mut session, mut peer) = (begun(), begun());
    message(&mut session, 0, 0, true);
    deliver(&packet(&mut session).0, &mut peer);
    session.closing();
    peer.closing();
    deliver(&packet(&mut peer).0, &mut session);
    assert!(session.awaits_done() && peer.awaits_done());
    let token = core::iter::from_fn(|| peer.recv()).find_map(|item| match item {
        InboxItem::Message { token, .. } => Some(token),
        _ => None,
    });
    peer.done(token.expect("it was delivered"));
    let (bytes, records) = packet(&mut peer);
    deliver(&bytes, &mut session);
    assert_eq!(verdicts(&mut session), [(0, Verdict::Processed)]);
    records.into_iter().for_each(|record| peer.on_acked(record));
    assert!(!session.awaits_done() && !peer.awaits_done());
}

#[test]
fn a_delivered_message_without_done_ends_in_doubt() {
    let (mut session, mut peer) = (begun(), begun());
    message(&mut session, 0, 0, true);
    let (bytes, records) = packet(&mut session);
    deliver(&bytes, &mut peer);
    records.into_iter().for_each(|record| session.on_acked(record));
    assert_eq!(verdicts(&mut session), [], "delivered is not the last word");
    assert!(!session.owes());
    session.end(PEER_IDLE, None);
    assert_eq!(verdicts(&mut session), [(0, Verdict::Unknown(Unknown::DeliveredNotProcessed))]);
}

#[test]
fn a_token_of_an_ended_session_does_nothing() {
    let (mut session, mut peer) = (begun(), begun());
    message(&mut session, 0, 0, true);
    deliver(&packet(&mut session).0, &mut peer);
    peer.recv();
    let Some(InboxItem::Message { token, .. }) = peer.recv() else { panic!("it was delivered") };
    peer.end(EndReason::PeerForgot, None);
    peer.begin();
    peer.done(token);
    assert!(!peer.has_pending(true));
}

#[test]
fn the_end_comes_after_the_last_message_and_before_the_next_begin() {
    let (mut session, mut peer) = (begun(), begun());
    message(&mut session, 0, 0, false);
    deliver(&packet(&mut session).0, &mut peer);
    peer.end(EndReason::PeerRestarted, None);
    peer.begin();
    let items: Vec<_> = core::iter::from_fn(|| peer.recv()).collect();
    assert!(matches!(
        items[..],
        [
            InboxItem::SessionStarted,
            InboxItem::Message { .. },
            InboxItem::SessionEnded(EndReason::PeerRestarted),
            InboxItem::SessionStarted
        ]
    ));
}
