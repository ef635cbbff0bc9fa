use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use everlink::CloseCode;

use super::*;

/// A ledger in which Alice sent `count` messages and Bob one, which all arrived and were processed, and something of
/// the streams arrived too.
fn processed(count: u64) -> Ledger {
    filled(Ledger::new(1), count)
}

fn filled(ledger: Ledger, count: u64) -> Ledger {
    (0..count).for_each(|_| exchange(&ledger, Side::Alice));
    exchange(&ledger, Side::Bob);
    ledger.chain().log_as_written(1_000);
    ledger
}

/// The next message of `side` arrives and is processed.
fn exchange(ledger: &Ledger, side: Side) {
    let number = ledger.next_number(side);
    ledger.accepted(side, number);
    ledger.received(side, number);
    ledger.settled(side, number, Fate::Delivered);
}

/// Bob crashes and comes back, and messages flow again.
fn crash(ledger: &Ledger) {
    let restart = ledger.began(Kind::RestartAbrupt, Side::Bob);
    ledger.passes(restart, ledger.now());
    Side::BOTH.iter().for_each(|side| exchange(ledger, *side));
}

#[test]
fn a_clean_run_passes() {
    let report = processed(100).judge(1, 45);
    assert_eq!((report.accepted, report.delivered, report.lost), (101, 101, 0));
    assert_eq!(report.faults(), Vec::<String>::new());
}

#[test]
fn a_session_may_end_once_for_each_endpoint_of_the_peer_that_ended() {
    let stopped = EndReason::ClosedByPeer { code: CloseCode::Stopped, application: 0 };
    let ledger = processed(10);
    crash(&ledger);
    ledger.session_ended(Side::Alice, EndReason::PeerRestarted);
    ledger.ends(Side::Bob);
    ledger.session_ended(Side::Alice, stopped);
    assert_eq!(ledger.judge(1, 45).faults(), Vec::<String>::new());
    ledger.session_ended(Side::Alice, stopped);
    assert_eq!(ledger.judge(1, 45).faults().len(), 1);
}

#[test]
fn a_session_that_ends_for_anything_else_fails_the_run() {
    let ledger = processed(10);
    crash(&ledger);
    ledger.session_ended(Side::Alice, EndReason::PeerForgot);
    assert_eq!(
        ledger.judge(1, 45).faults(),
        ["the session of alice ended though bob had not: the peer forgot the session"]
    );
}

#[test]
fn a_run_in_which_nothing_flowed_fails() {
    assert!(!Ledger::new(1).judge(1, 45).faults().is_empty());
}

#[test]
fn a_disruption_that_was_never_over_or_never_overcome_fails_the_run() {
    let ledger = processed(10);
    let cut = ledger.began(Kind::Cut, Side::Alice);
    assert!(!ledger.has_recovered());
    assert_eq!(ledger.judge(1, 45).faults().len(), 1);
    ledger.passes(cut, ledger.now());
    exchange(&ledger, Side::Alice);
    assert!(!ledger.has_recovered());
    assert_eq!(ledger.judge(1, 45).faults().len(), 1);
    exchange(&ledger, Side::Bob);
    assert!(ledger.has_recovered());
    assert_eq!(ledger.judge(1, 45).faults(), Vec::<String>::new());
}

#[test]
fn a_message_said_to_be_processed_that_never_arrived_is_lost_and_a_lie() {
    let ledger = processed(10);
    ledger.accepted(Side::Alice, 10);
    ledger.settled(Side::Alice, 10, Fate::Delivered);
    let report = ledger.judge(1, 45);
    assert_eq!((report.lost, report.false_verdicts), (1, 1));
    assert!(!report.faults().is_empty());
}

#[test]
fn a_message_said_not_to_be_delivered_that_arrived_is_a_lie() {
    let ledger = processed(10);
    ledger.accepted(Side::Bob, 1);
    ledger.received(Side::Bob, 1);
    ledger.settled(Side::Bob, 1, Fate::NotDelivered);
    let report = ledger.judge(1, 45);
    assert_eq!((report.not_delivered, report.false_verdicts), (1, 1));
}

#[test]
fn a_message_without_a_verdict_fails_the_run() {
    let ledger = processed(10);
    ledger.accepted(Side::Alice, 10);
    ledger.received(Side::Alice, 10);
    let report = ledger.judge(1, 45);
    assert_eq!((report.lost, report.accepted - report.delivered), (0, 1));
    assert!(!report.faults().is_empty());
}

#[test]
fn doubles_and_late_comers_are_counted_apart() {
    let ledger = Ledger::new(1);
    for number in [0, 2, 1, 1, 3, 2] {
        ledger.received(Side::Alice, number);
    }
    let report = ledger.judge(1, 45);
    assert_eq!((report.duplicated, report.out_of_order), (2, 1));
}

#[test]
fn a_message_sent_again_under_its_number_counts_once() {
    let ledger = processed(3);
    ledger.accepted(Side::Alice, 3);
    ledger.settled(Side::Alice, 3, Fate::NotDelivered);
    assert_eq!(ledger.held(Side::Alice), [3]);
    ledger.accepted(Side::Alice, 3);
    assert_eq!((ledger.held(Side::Alice).len(), ledger.undecided(Side::Alice)), (0, 1));
    ledger.received(Side::Alice, 3);
    ledger.settled(Side::Alice, 3, Fate::Delivered);
    let report = ledger.judge(1, 45);
    assert_eq!((report.accepted, report.delivered, report.not_delivered), (5, 5, 0));
    assert_eq!(report.faults(), Vec::<String>::new());
}

#[test]
fn doubt_is_allowed_only_shortly_before_an_abrupt_restart() {
    let restart = Duration::from_secs(5);
    assert!(in_doubt_before(restart, Duration::from_millis(4_000)));
    assert!(in_doubt_before(restart, restart));
    assert!(!in_doubt_before(restart, Duration::from_millis(3_999)));
    assert!(!in_doubt_before(restart, Duration::from_millis(5_001)));

    let ledger = processed(1_000);
    ledger.accepted(Side::Alice, 1_000);
    ledger.settled(Side::Alice, 1_000, Fate::Unknown);
    assert_eq!(ledger.judge(1, 45).faults().len(), 1);
    crash(&ledger);
    assert_eq!(ledger.judge(1, 45).faults(), Vec::<String>::new());
}

#[test]
fn too_much_doubt_fails_even_when_it_is_explained() {
    let ledger = processed(90);
    for number in 90..100 {
        ledger.accepted(Side::Alice, number);
        ledger.settled(Side::Alice, number, Fate::Unknown);
    }
    crash(&ledger);
    assert_eq!(ledger.judge(1, 45).faults().len(), 1);
}

#[test]
fn recovery_counts_messages_accepted_after_the_network_passes() {
    let millis = Arc::new(AtomicU64::new(1));
    let clock = Arc::clone(&millis);
    let now = move || Duration::from_millis(clock.load(Ordering::Relaxed));
    let ledger = filled(Ledger::dated_by(Box::new(now), 1), 10);
    let cut = ledger.began(Kind::Cut, Side::Alice);
    ledger.accepted(Side::Alice, 10);
    millis.store(3, Ordering::Relaxed);
    ledger.passes(cut, ledger.now());
    ledger.settled(Side::Alice, 10, Fate::Delivered);
    assert_eq!(ledger.disruptions()[cut].recovery, [None, None]);
    millis.store(5, Ordering::Relaxed);
    ledger.accepted(Side::Alice, 11);
    ledger.settled(Side::Alice, 11, Fate::Delivered);
    let recovery = ledger.disruptions()[cut].recovery[Side::Alice.index()].unwrap();
    assert_eq!(recovery, Duration::from_millis(2));
    assert_eq!(ledger.judge(1, 45).recovery_ms["cut"].n, 1);
}
