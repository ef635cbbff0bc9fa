//! Peers that do not come back, and what is kept for them.
#![allow(clippy::unwrap_used, reason = "tests end where something is not as it must be")]

mod pair;

use std::{cell::Cell, rc::Rc, time::Duration};

use bytes::Bytes;
use everlink_proto::{
    Config,
    link::lifecycle::LinkState,
    session::{EndReason, SendOptions},
    stats::Mark,
    wire::{frame::CloseCode, header::Datagram},
};
use pair::{Fate, Pair, side};

const HOUR: Duration = Duration::from_secs(3_600);

/// Counts what one side sends from now on, none of which arrives.
fn count_in_vain(pair: &mut Pair, of: usize) -> Rc<Cell<u64>> {
    let sent = Rc::new(Cell::new(0));
    let count = Rc::clone(&sent);
    pair.rule = Box::new(move |_, from, _| {
        count.set(count.get() + u64::from(from == of));
        Fate::Drop
    });
    sent
}

fn is_message1(datagram: &[u8]) -> bool {
    matches!(Datagram::parse(datagram), Ok(Datagram::Message1(_)))
}

// A DONE that nobody acknowledged was dialled for until the process ended, at addresses that may be others' since.
#[test]
fn what_only_the_peer_waits_for_is_tried_for_an_hour() {
    let mut pair = Pair::connected();
    let (to, options) = (pair.id(1), SendOptions { wants_done: true });
    pair.sides[0].endpoint.send(pair.now, to, 0, Bytes::from_static(b"two"), options).unwrap();
    pair.run_for(Duration::from_secs(1));
    let token = pair.sides[1].take_token();
    let sent = count_in_vain(&mut pair, 1);
    let from = pair.id(0);
    pair.sides[1].endpoint.done(pair.now, from, token);
    pair.run_for(HOUR / 2);
    assert_eq!(pair.state(1), LinkState::Suspect);
    pair.run_for(HOUR);
    let before = sent.get();
    pair.run_for(10 * HOUR);
    assert_eq!(sent.get(), before);
    assert_eq!(pair.state(1), LinkState::Idle);
}

// Half a message held the place of a link for ever.
#[test]
fn half_a_message_of_a_peer_that_is_gone_holds_no_place() {
    let mut pair = Pair::with_one_place();
    pair.send(0, b"one");
    pair.run_for(Duration::from_secs(1));
    let mut passed = 0;
    pair.rule = Box::new(move |_, from, _| {
        passed += u32::from(from == 0);
        if passed <= 5 { Fate::Deliver } else { Fate::Drop }
    });
    pair.send(0, &[7; 100_000]);
    pair.run_for(Duration::from_secs(60));
    assert!(!pair.takes_place());
    pair.run_for(2 * HOUR);
    assert!(pair.takes_place());
    assert_eq!(pair.sides[1].mark(Mark::Evicted), 1);
}

// So did a DONE that was never acknowledged, and a stream that the application had dropped: its RESET was even dialled
// for.
#[test]
fn what_is_owed_to_a_peer_that_is_gone_holds_no_place() {
    let mut pair = Pair::with_one_place();
    let (to, options) = (pair.id(1), SendOptions { wants_done: true });
    pair.sides[0].endpoint.send(pair.now, to, 0, Bytes::from_static(b"one"), options).unwrap();
    let opened = pair.sides[0].endpoint.open_stream(pair.now, to).unwrap();
    pair.sides[0].endpoint.write_stream(pair.now, to, opened, b"a stream").unwrap();
    pair.run_for(Duration::from_secs(1));
    let token = pair.sides[1].take_token();
    let sent = count_in_vain(&mut pair, 1);
    let from = pair.id(0);
    pair.sides[1].endpoint.done(pair.now, from, token);
    let stream = pair.sides[1].endpoint.accept_stream(from).unwrap();
    pair.sides[1].endpoint.reset_stream(pair.now, from, stream, 0).unwrap();
    pair.sides[1].endpoint.release_stream(pair.now, from, stream);
    pair.run_for(2 * HOUR);
    let before = sent.get();
    pair.run_for(2 * HOUR);
    assert_eq!(sent.get(), before);
    assert!(pair.takes_place());
}

// A process that was left was dialled every three seconds, to be refused by whoever dialled.
#[test]
fn who_would_be_refused_is_not_dialled() {
    let mut pair = Pair::connected();
    let first = pair.replace(0);
    pair.send(0, b"from another process");
    pair.run_for(Duration::from_secs(2));
    assert_eq!(pair.sides[1].ends(), [EndReason::PeerRestarted]);
    pair.sides[0] = first;
    let dials = Rc::new(Cell::new(0));
    let count = Rc::clone(&dials);
    pair.rule = Box::new(move |_, from, datagram| {
        count.set(count.get() + u32::from(from == 1 && is_message1(datagram)));
        if from == 0 && is_message1(datagram) { Fate::Drop } else { Fate::Deliver }
    });
    pair.send(1, b"to a process that is gone");
    pair.run_for(Duration::from_secs(10));
    pair.send(1, b"to whoever is there");
    pair.run_for(Duration::from_secs(15));
    assert!(dials.get() <= 4, "{} dials", dials.get());
    pair.run_for(Duration::from_secs(10));
    assert_eq!(pair.sides[0].bodies().last().unwrap(), &b"to whoever is there"[..]);
}

// The last words of a link that gave way were one datagram, whatever there was to say.
#[test]
fn who_gives_way_says_goodbye_though_it_has_much_to_say() {
    let mut pair = Pair::with_one_place();
    let to = pair.id(1);
    for channel in (1 << 60)..(1 << 60) + 250 {
        let options = SendOptions { wants_done: false };
        pair.sides[0].endpoint.send(pair.now, to, channel, Bytes::from_static(b"one"), options).unwrap();
    }
    pair.run_for(Duration::from_secs(15));
    assert_eq!(pair.sides[1].bodies().len(), 250);
    assert!(pair.takes_place());
    pair.run_for(Duration::from_secs(1));
    let idle = EndReason::ClosedByPeer { code: CloseCode::Idle, application: 0 };
    assert_eq!(pair.sides[0].ends(), [idle]);
}

// The process that was left was forgotten with the link, and taken for a new one when it came back.
#[test]
fn a_link_keeps_its_place_while_it_knows_of_a_process_that_was_left() {
    let mut pair = Pair::with_one_place();
    pair.send(0, b"one");
    pair.run_for(Duration::from_secs(1));
    pair.restart(0);
    pair.send(0, b"two");
    pair.run_for(Duration::from_secs(20));
    assert_eq!(pair.sides[1].ends(), [EndReason::PeerRestarted]);
    assert!(!pair.takes_place());
    pair.run_for(Duration::from_secs(20));
    assert!(pair.takes_place());
}

// Keys that were worn when the last message went out were renewed for an hour, though nobody needed them any more.
#[test]
fn a_renewal_that_nobody_needs_any_more_ends_with_its_attempt() {
    let mut pair = Pair::of_strangers().introduce(0).introduce(1);
    let soon = Config { rekey_after: Duration::from_secs(5), ..Config::default() };
    pair.sides[0] = side(0, 1, &soon);
    pair = pair.introduce(0);
    pair.send(0, b"one");
    pair.run_for(Duration::from_secs(6));
    let dials = Rc::new(Cell::new(0));
    let count = Rc::clone(&dials);
    pair.rule = Box::new(move |_, _, datagram| {
        count.set(count.get() + u32::from(is_message1(datagram)));
        if is_message1(datagram) { Fate::Drop } else { Fate::Deliver }
    });
    pair.send(0, b"two");
    pair.run_for(Duration::from_secs(20));
    assert_eq!(pair.sides[1].bodies(), [&b"one"[..], b"two"]);
    let so_far = dials.get();
    assert!(so_far > 0);
    pair.run_for(Duration::from_secs(600));
    assert_eq!(dials.get(), so_far);
}

// Each COOKIE that was new was answered by a message 1, and anybody who saw one can make COOKIEs.
#[test]
fn a_flood_of_cookies_brings_forth_one_message() {
    let mut pair = Pair::of_strangers().introduce(0);
    let asks = Config { cookies_from: 0, ..Config::default() };
    let seen = Rc::new(Cell::new(Vec::new()));
    let note = Rc::clone(&seen);
    pair.rule = Box::new(move |_, from, datagram| {
        if from == 0 {
            let mut all = note.take();
            all.push(datagram.to_vec());
            note.set(all);
        }
        Fate::Drop
    });
    pair.connect(0);
    pair.run_for(Duration::from_millis(10));
    let first = seen.take().remove(0);
    for seed in 10..30 {
        let mut forger = side(1, seed, &asks);
        let (to, from) = (pair.sides[0].address, forger.address);
        forger.endpoint.handle_datagram(pair.now, to, &mut first.clone());
        let mut cookie = Vec::new();
        forger.endpoint.poll_transmit(pair.now, 1, &mut cookie).unwrap();
        pair.sides[0].endpoint.handle_datagram(pair.now, from, &mut cookie);
    }
    pair.run_for(Duration::from_millis(10));
    assert_eq!(seen.take().len(), 1);
}

#[test]
fn a_close_that_nobody_answers_is_not_confirmed() {
    let mut pair = Pair::connected();
    pair.cut();
    pair.close(0);
    pair.run_for(Duration::from_secs(20));
    assert_eq!(pair.sides[0].ends(), [EndReason::CloseUnconfirmed]);
    pair.heal();
    pair.send(0, b"two");
    pair.run_for(Duration::from_secs(2));
    assert_eq!(pair.sides[1].ends(), [EndReason::PeerForgot]);
    assert_eq!(pair.sides[1].bodies(), [&b"one"[..], b"two"]);
}
