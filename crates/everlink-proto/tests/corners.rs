//! Corners that few worlds come to: each of these went wrong once.

mod pair;

use std::{cell::Cell, collections::BTreeSet, rc::Rc, time::Duration};

use everlink_proto::{
    Config,
    link::lifecycle::LinkState,
    session::{ChannelOptions, EndReason, NotDelivered, Verdict},
    stats::Mark,
    wire::header::{Datagram, SHORT_FLAGS},
};
use pair::{Fate, Pair, side};

fn is_short(datagram: &[u8]) -> bool {
    matches!(Datagram::parse(datagram), Ok(Datagram::Short(_)))
}

// A slot held the address that it was asked from: whoever wrote that address on its message 1 kept its owner out.
#[test]
fn whoever_names_the_address_of_a_peer_does_not_keep_it_out() {
    let mut pair = Pair::new();
    let mut stranger = side(2, 9, &Config::default());
    let (peer, address) = (pair.id(1), pair.sides[1].address);
    stranger.endpoint.add_addresses(pair.now, peer, &[address]).unwrap();
    stranger.endpoint.connect(pair.now, peer).unwrap();
    stranger.endpoint.handle_timeout(pair.now);
    let mut message = Vec::new();
    stranger.endpoint.poll_transmit(pair.now, 1, &mut message).unwrap();
    let spoofed = pair.sides[0].address;
    pair.sides[1].endpoint.handle_datagram(pair.now, spoofed, &mut message);
    assert_eq!(pair.sides[1].endpoint.footprint().slots, 1);

    pair.send(0, b"hello");
    pair.run_for(Duration::from_secs(1));
    assert_eq!(pair.sides[1].bodies(), [&b"hello"[..]]);
    assert_eq!((pair.sides[1].mark(Mark::CookieUsed), pair.sides[1].mark(Mark::SlotReplaced)), (1, 1));
}

// Only generations of connections that were made counted, so that a late answer to an own dial overtook.
#[test]
fn a_connection_is_placed_above_all_that_its_responder_has_proposed_itself() {
    let mut pair = Pair::new();
    pair.connect(1);
    pair.rule = Box::new(|_, from, _| if from == 1 { Fate::Drop } else { Fate::Deliver });
    pair.run_for(Duration::from_secs(13));
    let proposed = pair.sides[1].endpoint.stats().attempts;
    assert!(proposed >= 2, "{proposed} attempts");

    pair.lose_dials_of(1);
    pair.send(0, b"hello");
    pair.run_for(Duration::from_secs(1));
    let (now, peer) = (pair.now, pair.id(1));
    let snapshot = pair.sides[0].endpoint.snapshot(now, &peer).unwrap();
    assert_eq!(snapshot.connections[0].order.generation, proposed + 1);
    assert_eq!(pair.sides[0].mark(Mark::GenerationSettled), 1);
}

// Each answer to a CLOSE was answered by the answer of the other side, as long as either was there.
#[test]
fn closes_that_cross_are_answered_and_the_answers_are_not() {
    let mut pair = Pair::new();
    // Both have something to tell of what they received, so that neither CLOSE is out when the other side closes.
    pair.send(0, b"one");
    pair.send(1, b"two");
    pair.run_for(Duration::from_secs(1));
    let sent = Rc::new(Cell::new(0));
    let count = Rc::clone(&sent);
    pair.rule = Box::new(move |_, _, _| {
        count.set(count.get() + 1);
        Fate::Deliver
    });
    for at in [0, 1] {
        pair.close(at);
    }
    pair.run_for(Duration::from_secs(30));
    for at in [0, 1] {
        assert_eq!(pair.sides[at].ends(), [EndReason::ClosedHere]);
        assert_eq!(pair.sides[at].mark(Mark::CrossingClose), 1);
        assert_eq!(pair.state(at), LinkState::Idle);
    }
    assert!(sent.get() <= 12, "{} datagrams to say goodbye", sent.get());
}

// What had been accepted before the close went over into a session that nobody wanted.
#[test]
fn what_a_close_leaves_is_closed_though_the_peer_restarts_meanwhile() {
    let mut pair = Pair::connected();
    pair.cut();
    pair.send(0, b"under way");
    pair.run_for(Duration::from_secs(3));
    assert_eq!(pair.state(0), LinkState::Suspect);
    let held = pair.send(0, b"held while suspect");
    pair.close(0);
    pair.restart(1);
    pair.lose_dials_of(0);
    pair.send(1, b"from a new process");
    pair.run_for(Duration::from_secs(2));
    assert_eq!(pair.sides[0].ends(), [EndReason::CloseUnconfirmed]);
    assert_eq!(pair.sides[0].verdicts[&held], Verdict::NotDelivered(NotDelivered::Closed));
    assert!(pair.sides[1].bodies().is_empty());
}

// What was under way on a connection that drained waited for the end of the drain, ten seconds, when its path was dead.
#[test]
fn what_a_draining_connection_lost_does_not_wait_for_the_end_of_the_drain() {
    let mut pair = Pair::new();
    let mut old = BTreeSet::new();
    let began = pair.now + Duration::from_secs(1);
    pair.rule = Box::new(move |now, from, datagram| match Datagram::parse(datagram) {
        Ok(Datagram::Short(packet)) if from == 0 => {
            if now < began {
                old.insert(packet.id);
            }
            if now >= began && old.contains(&packet.id) { Fate::Drop } else { Fate::Deliver }
        }
        _ => Fate::Deliver,
    });
    pair.send(0, b"one");
    pair.run_for(Duration::from_secs(2));
    // More packets than probes repeat before the path is in doubt.
    let sent: Vec<_> = (0..8).map(|number| pair.send(0, &[number; 1_000])).collect();
    pair.redial(0);
    pair.run_for(Duration::from_secs(2));
    assert_eq!(pair.sides[0].mark(Mark::Drained), 1);
    assert!(sent.iter().all(|id| pair.sides[0].verdicts.get(id) == Some(&Verdict::Delivered)));
    assert_eq!(pair.sides[1].bodies().len(), 1 + sent.len());
}

// The half of a link that was forgotten for another one lived on in a slot, and whoever confirmed that went on with a
// session of which its peer knew nothing.
#[test]
fn an_evicted_link_takes_the_half_that_it_showed_along() {
    let mut pair = Pair::with_one_place();
    pair.send(0, b"one");
    pair.run_for(Duration::from_secs(12));
    pair.rule = Box::new(|_, _, datagram| if is_short(datagram) { Fate::Drop } else { Fate::Deliver });
    pair.redial(0);
    pair.run_for(Duration::from_millis(100));
    assert_eq!(pair.sides[1].endpoint.footprint().slots, 1);

    assert!(pair.takes_place());
    assert_eq!(pair.sides[1].mark(Mark::Evicted), 1);
    pair.run_for(Duration::from_millis(20));
    pair.heal();
    pair.send(0, b"two");
    pair.run_for(Duration::from_secs(15));
    pair.send(0, b"three");
    pair.run_for(Duration::from_secs(3));
    assert_eq!(pair.sides[0].ends(), [EndReason::PeerForgot]);
    assert_eq!(pair.sides[1].ends(), [EndReason::Evicted]);
    assert_eq!(pair.sides[1].bodies(), [&b"one"[..], b"three"]);
}

// A link that gave way took along where the peer was found, and hints for which there was no room were lost: what was
// accepted later waited for a peer that had no reason to dial.
#[test]
fn who_gave_way_is_found_again() {
    let mut pair = Pair::with_one_place();
    pair.send(0, b"one");
    let (first, others) = (pair.id(0), [2, 3].map(|at| side(at, 9, &Config::default()).endpoint.peer_id()));
    pair.run_for(Duration::from_secs(12));
    pair.sides[1].endpoint.set_channel(pair.now, others[0], 0, ChannelOptions::default()).unwrap();
    assert_eq!(pair.sides[1].endpoint.state(&first), LinkState::Idle);
    pair.run_for(Duration::from_secs(5));
    let hint = "[2001:db8::9]:9".parse().unwrap();
    pair.sides[1].endpoint.add_addresses(pair.now, others[1], &[hint]).unwrap();
    assert!(pair.sides[1].endpoint.explain(pair.now, &others[1]).is_none(), "there was no room");

    pair.run_for(Duration::from_secs(6));
    pair.send(1, b"two");
    pair.run_for(Duration::from_secs(1));
    assert_eq!(pair.sides[0].bodies(), [&b"two"[..]]);
    pair.run_for(Duration::from_secs(12));
    pair.sides[1].endpoint.connect(pair.now, others[1]).unwrap();
    pair.run_for(Duration::from_secs(1));
    let tried = pair.sides[1].endpoint.explain(pair.now, &others[1]).unwrap().to_string();
    assert!(tried.contains("2001:db8::9"), "{tried}");
}

// The time for which the budget of UNKNOWN had been full counted for what was taken from it later.
#[test]
fn a_budget_of_unknown_that_was_full_earns_nothing_for_that() {
    let mut pair = Pair::new();
    let from = pair.sides[0].address;
    let ask = |pair: &mut Pair, times: u8| {
        for number in 0..times {
            let mut datagram = [number; 64];
            datagram[0] = SHORT_FLAGS;
            pair.sides[1].endpoint.handle_datagram(pair.now, from, &mut datagram);
        }
        pair.sides[1].mark(Mark::UnknownSent)
    };
    pair.run_for(Duration::from_millis(90));
    let all_at_once = ask(&mut pair, 50);
    pair.run_for(Duration::from_millis(20));
    assert_eq!(ask(&mut pair, 50), all_at_once, "a tenth of a second has not passed");
    pair.run_for(Duration::from_millis(80));
    assert_eq!(ask(&mut pair, 50), all_at_once + 1);
}

// The step from settling to CLOSE waited for the next thing to happen, which was the end of the time to linger.
#[test]
fn a_close_of_a_quiet_link_is_said_at_once() {
    let mut pair = Pair::connected();
    pair.close(0);
    pair.run_for(Duration::from_millis(100));
    assert_eq!(pair.sides[0].ends(), [EndReason::ClosedHere]);
}

// Only suspicion stopped it, three probe timeouts later: by then a crashed peer may be back, and all of it in doubt.
#[test]
fn a_message_accepted_after_a_probe_timeout_outlives_the_peer_that_did_not_answer() {
    let mut pair = Pair::connected();
    pair.cut();
    let two = pair.send(0, b"two");
    pair.run_for(Duration::from_millis(150));
    assert_eq!(pair.state(0), LinkState::Connected);
    let three = pair.send(0, b"three");
    pair.run_for(Duration::from_millis(1));
    assert!(pair.sides[0].mark(Mark::HeldWhileUnanswered) > 0);
    pair.restart(1);
    pair.heal();
    pair.run_for(Duration::from_secs(3));
    assert!(matches!(pair.sides[0].verdicts[&two], Verdict::Unknown(_)));
    assert_eq!(pair.sides[0].verdicts[&three], Verdict::Delivered);
    assert_eq!(pair.sides[1].bodies(), [&b"three"[..]]);
}
