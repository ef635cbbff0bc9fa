//! What a user of the core relies on, two endpoints at a time.

mod pair;

use std::{cell::RefCell, collections::BTreeSet, rc::Rc, time::Duration};

use everlink_proto::{
    Event,
    link::lifecycle::LinkState,
    session::{EndReason, InboxItem, NotDelivered, Unknown, Verdict},
    stats::Mark,
    wire::header::Datagram,
};
use pair::{Fate, Pair};

/// How long a datagram is on its way.
const ONE_WAY: Duration = Duration::from_millis(10);

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
    let mut pair = Pair::connected();
    pair.cut();
    let two = pair.send(0, b"two");
    pair.run_for(Duration::from_secs(5));
    let three = pair.send(0, b"three");
    pair.run_for(Duration::from_secs(5));
    assert_eq!(pair.state(0), LinkState::Suspect);
    pair.heal();
    pair.run_for(Duration::from_millis(400));
    assert_eq!(pair.sides[1].bodies(), [&b"one"[..], b"two", b"three"]);
    pair.run_for(Duration::from_millis(100));
    assert_eq!(pair.sides[0].verdicts[&two], Verdict::Delivered);
    assert_eq!(pair.sides[0].verdicts[&three], Verdict::Delivered);
}

#[test]
fn an_endpoint_that_fails_tells_what_was_on_its_way_from_what_was_not() {
    let mut pair = Pair::connected();
    pair.cut();
    let on_its_way = pair.send(0, b"two");
    pair.run_for(Duration::from_secs(5));
    let waiting = pair.send(0, b"three");
    let peer = pair.id(1);
    let endpoint = &mut pair.sides[0].endpoint;
    while endpoint.poll_event().is_some() {}
    endpoint.fail();
    let verdicts: Vec<_> = std::iter::from_fn(|| endpoint.poll_event()).collect();
    let verdict = |id, verdict| Event::Verdict { peer, id, verdict };
    assert_eq!(
        verdicts,
        [
            verdict(on_its_way, Verdict::Unknown(Unknown::EndpointFailed)),
            verdict(waiting, Verdict::NotDelivered(NotDelivered::EndpointFailed)),
        ]
    );
    let footprint = pair.sides[0].endpoint.footprint();
    assert_eq!((footprint.links, footprint.routes, footprint.timers), (0, 0, 0));
    assert_eq!(pair.sides[0].endpoint.poll_transmit(pair.now, 1, &mut Vec::new()), None);
}

#[test]
fn a_restarted_peer_is_noticed_and_what_was_not_sent_goes_on() {
    let mut pair = Pair::connected();
    pair.restart(1);
    let two = pair.send(0, b"two");
    pair.run_for(Duration::from_secs(2));
    let three = pair.send(0, b"three");
    pair.run_for(Duration::from_secs(2));
    assert_eq!(pair.sides[0].ends(), [EndReason::PeerRestarted]);
    assert!(matches!(pair.sides[0].verdicts[&two], Verdict::Unknown(_)));
    assert_eq!(pair.sides[0].verdicts[&three], Verdict::Delivered);
    assert_eq!(pair.sides[1].bodies(), [&b"three"[..]]);
}

#[test]
fn a_close_flushes_and_the_next_send_begins_anew() {
    let mut pair = Pair::new();
    let one = pair.send(0, b"one");
    pair.run_for(Duration::from_millis(30));
    pair.close(0);
    pair.run_for(Duration::from_secs(5));
    assert_eq!(pair.sides[0].verdicts[&one], Verdict::Delivered);
    assert_eq!(pair.state(0), LinkState::Idle);
    let ends = pair.sides[1].ends();
    assert!(matches!(ends[..], [EndReason::ClosedByPeer { application: 7, .. }]), "{ends:?}");
    pair.send(0, b"two");
    pair.run_for(Duration::from_secs(1));
    assert_eq!(pair.sides[1].bodies(), [&b"one"[..], b"two"]);
}

#[test]
fn a_forced_new_connection_is_not_seen_by_the_application() {
    let mut pair = Pair::connected();
    pair.redial(0);
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

#[test]
fn connecting_twice_makes_one_attempt() {
    let mut pair = Pair::new();
    for _ in 0..2 {
        pair.connect(0);
        pair.run_for(Duration::from_millis(5));
    }
    pair.run_for(Duration::from_secs(1));
    assert_eq!(pair.state(0), LinkState::Connected);
    let stats = pair.sides[0].endpoint.stats();
    assert_eq!((stats.attempts, stats.first_messages, stats.handshakes), (1, 1, 1));
}

#[test]
fn a_lost_message_2_is_repeated_and_the_handshake_is_computed_once() {
    let mut pair = Pair::new();
    let mut lost = 0;
    pair.rule = Box::new(move |_, _, datagram| match Datagram::parse(datagram) {
        Ok(Datagram::Message2(_)) if lost < 2 => {
            lost += 1;
            Fate::Drop
        }
        _ => Fate::Deliver,
    });
    pair.send(0, b"hello");
    pair.run_for(Duration::from_secs(3));
    assert_eq!(pair.sides[1].bodies(), [&b"hello"[..]]);
    let (dialler, answerer) = (pair.sides[0].endpoint.stats(), pair.sides[1].endpoint.stats());
    assert_eq!((dialler.attempts, dialler.handshakes), (1, 1));
    assert_eq!((answerer.responses, answerer.handshakes), (1, 1));
    assert_eq!(pair.sides[1].mark(Mark::ReplyRepeated), 2);
}

#[test]
fn message_1_of_a_stranger_commits_nothing_but_a_slot() {
    let mut pair = Pair::of_strangers().introduce(0);
    let before = pair.sides[1].endpoint.footprint();
    assert_eq!((before.links, before.slots, before.routes, before.timers), (0, 0, 0, 0));
    pair.rule = Box::new(|_, from, _| if from == 0 { Fate::Deliver } else { Fate::Drop });
    pair.connect(0);
    pair.run_for(Duration::from_millis(100));
    let during = pair.sides[1].endpoint.footprint();
    assert_eq!((during.links, during.slots, during.timers), (0, 1, 0));
    assert!(pair.sides[1].events.is_empty() && pair.sides[1].inbox.is_empty());

    pair.cut();
    pair.run_for(Duration::from_secs(30));
    let after = pair.sides[1].endpoint.footprint();
    assert_eq!((after.links, after.slots, after.routes, after.timers), (0, 0, 0, 0));
}

#[test]
fn what_was_sent_on_a_dead_connection_goes_out_on_the_next_and_arrives_once() {
    let mut pair = Pair::new();
    let ids = Rc::new(RefCell::new(BTreeSet::new()));
    let seen = Rc::clone(&ids);
    pair.rule = Box::new(move |_, _, datagram| {
        if let Ok(Datagram::Short(packet)) = Datagram::parse(datagram) {
            seen.borrow_mut().insert(packet.id);
        }
        Fate::Deliver
    });
    pair.send(0, b"one");
    pair.run_for(Duration::from_secs(1));

    // From now on nothing of that connection passes any more, and handshakes only after a while.
    let healed = pair.now + Duration::from_secs(5);
    pair.rule = Box::new(move |now, _, datagram| match Datagram::parse(datagram) {
        Ok(Datagram::Short(packet)) if ids.borrow().contains(&packet.id) => Fate::Drop,
        _ if now < healed => Fate::Drop,
        _ => Fate::Deliver,
    });
    let two = pair.send(0, b"two");
    pair.run_for(Duration::from_secs(15));
    assert_eq!(pair.sides[0].verdicts[&two], Verdict::Delivered);
    assert_eq!(pair.sides[1].bodies(), [&b"one"[..], b"two"]);
    assert_eq!(pair.sides[0].endpoint.stats().handshakes, 2);
    assert!(pair.sides.iter().all(|side| side.ends().is_empty()), "a session ended");
}

#[test]
fn what_was_under_way_to_an_old_port_is_sent_again_once_the_new_one_is_proved() {
    let mut pair = Pair::connected();
    pair.sides[1].address.set_port(2_000);
    let lost: Vec<_> = (0..3).map(|number| pair.send(0, &[number; 900])).collect();
    pair.run_for(Duration::from_millis(5));
    pair.send(1, b"from a new port");
    pair.run_for(ONE_WAY);
    assert_eq!(pair.sides[0].bodies(), [&b"from a new port"[..]]);
    assert_eq!(pair.sides[1].bodies(), [&b"one"[..]]);

    pair.run_for(ONE_WAY * 4 - Duration::from_micros(1));
    assert_eq!(pair.sides[1].bodies().len(), 1 + lost.len());
    pair.run_for(ONE_WAY);
    assert!(lost.iter().all(|id| pair.sides[0].verdicts.get(id) == Some(&Verdict::Delivered)));
}

// What was asked at the old port was forgotten with the rest, and nothing new was sent before the answer to it.
#[test]
fn a_side_with_nothing_under_way_sends_to_a_new_port_after_any_silence() {
    for silence in [Duration::from_millis(100), Duration::from_secs(40)] {
        for first_challenge_lost in [false, true] {
            let mut pair = Pair::connected();
            pair.run_for(silence);
            pair.sides[1].address.set_port(2_000);
            let mut to_lose = u32::from(first_challenge_lost);
            pair.rule = Box::new(move |_, from, _| match (from, to_lose) {
                (0, 1) => {
                    to_lose = 0;
                    Fate::Drop
                }
                _ => Fate::Deliver,
            });
            pair.send(1, b"from a new port");
            // A lost challenge may be repeated when more has come from there: at the other side's first probe.
            pair.run_for(Duration::from_millis(1_500));
            let answer = pair.send(0, b"answer");
            pair.run_for(ONE_WAY * 5);
            assert_eq!(pair.sides[0].verdicts.get(&answer), Some(&Verdict::Delivered), "after {silence:?}");
        }
    }
}
