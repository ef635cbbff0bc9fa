//! What a user of the core relies on, two endpoints at a time.

mod pair;

use std::time::Duration;

use everlink_proto::{
    link::lifecycle::LinkState,
    session::{EndReason, InboxItem, Verdict},
};
use pair::{Fate, Pair};

#[test]
fn a_message_is_delivered_after_one_round_trip_of_handshake() {
    let mut pair = Pair::new();
    let id = pair.send(0, b"hello");
    pair.run_for(Duration::from_millis(35));
    assert_eq!(pair.sides[1].bodies(), [&b"hello"[..]]);
    pair.run_for(Duration::from_millis(100));
    assert_eq!(pair.sides[0].verdicts[&id], Verdict::Delivered);
}

#[test]
fn crossing_dials_end_in_one_session_and_lose_nothing() {
    let mut pair = Pair::new();
    let first = pair.send(0, b"from a");
    let second = pair.send(1, b"from b");
    pair.run_for(Duration::from_secs(1));
    assert_eq!(pair.sides[0].bodies(), [&b"from b"[..]]);
    assert_eq!(pair.sides[1].bodies(), [&b"from a"[..]]);
    assert_eq!(pair.sides[0].verdicts[&first], Verdict::Delivered);
    assert_eq!(pair.sides[1].verdicts[&second], Verdict::Delivered);
    let started =
        |at: usize| pair.sides[at].inbox.iter().filter(|it| matches!(it, InboxItem::SessionStarted)).count();
    assert_eq!((started(0), started(1)), (1, 1));
}

#[test]
fn messages_survive_an_outage_of_ten_seconds() {
    let mut pair = Pair::new();
    pair.send(0, b"one");
    pair.run_for(Duration::from_secs(1));
    pair.rule = Box::new(|_, _, _| Fate::Drop);
    let two = pair.send(0, b"two");
    pair.run_for(Duration::from_secs(5));
    let three = pair.send(0, b"three");
    pair.run_for(Duration::from_secs(5));
    let peer = pair.id(1);
    assert_eq!(pair.sides[0].endpoint.state(&peer), LinkState::Suspect);
    pair.rule = Box::new(|_, _, _| Fate::Deliver);
    pair.run_for(Duration::from_millis(400));
    assert_eq!(pair.sides[1].bodies(), [&b"one"[..], b"two", b"three"]);
    pair.run_for(Duration::from_millis(100));
    assert_eq!(pair.sides[0].verdicts[&two], Verdict::Delivered);
    assert_eq!(pair.sides[0].verdicts[&three], Verdict::Delivered);
}

#[test]
fn a_restarted_peer_is_noticed_and_what_was_not_sent_goes_on() {
    let mut pair = Pair::new();
    pair.send(0, b"one");
    pair.run_for(Duration::from_secs(1));
    pair.restart(1);
    let two = pair.send(0, b"two");
    pair.run_for(Duration::from_secs(2));
    let three = pair.send(0, b"three");
    pair.run_for(Duration::from_secs(2));
    let ended = InboxItem::SessionEnded(EndReason::PeerRestarted);
    assert!(pair.sides[0].inbox.contains(&ended), "{:?}", pair.sides[0].inbox);
    assert!(matches!(pair.sides[0].verdicts[&two], Verdict::Unknown(_)));
    assert_eq!(pair.sides[0].verdicts[&three], Verdict::Delivered);
    assert_eq!(pair.sides[1].bodies(), [&b"three"[..]]);
}

#[test]
fn a_close_flushes_and_the_next_send_begins_anew() {
    let mut pair = Pair::new();
    let one = pair.send(0, b"one");
    let (now, peer) = (pair.now, pair.id(1));
    pair.run_for(Duration::from_millis(30));
    pair.sides[0].endpoint.close(now, peer, 7, "bye");
    pair.run_for(Duration::from_secs(5));
    assert_eq!(pair.sides[0].verdicts[&one], Verdict::Delivered);
    assert_eq!(pair.sides[0].endpoint.state(&peer), LinkState::Idle);
    assert!(
        pair.sides[1]
            .inbox
            .iter()
            .any(|it| matches!(it, InboxItem::SessionEnded(EndReason::ClosedByPeer { application: 7, .. }))),
        "{:?}",
        pair.sides[1].inbox
    );
    pair.send(0, b"two");
    pair.run_for(Duration::from_secs(1));
    assert_eq!(pair.sides[1].bodies(), [&b"one"[..], b"two"]);
}

#[test]
fn a_forced_new_connection_is_not_seen_by_the_application() {
    let mut pair = Pair::new();
    pair.send(0, b"one");
    pair.run_for(Duration::from_secs(1));
    let peer = pair.id(1);
    pair.sides[0].endpoint.redial(pair.now, peer);
    for at in 0..50u8 {
        pair.send(usize::from(at % 2), &[at]);
        pair.run_for(Duration::from_millis(3));
    }
    pair.run_for(Duration::from_secs(1));
    assert_eq!(pair.sides[0].endpoint.stats().handshakes, 2);
    assert_eq!(pair.sides[1].bodies().len(), 26);
    assert_eq!(pair.sides[0].bodies().len(), 25);
    assert_eq!(pair.sides[0].inbox.iter().filter(|it| !matches!(it, InboxItem::Message { .. })).count(), 1);
}
