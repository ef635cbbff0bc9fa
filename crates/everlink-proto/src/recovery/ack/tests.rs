use std::collections::BTreeSet;

use super::*;
use crate::rng::Rng;

const NOW: Instant = Instant::from_micros(1_000_000);

fn tracker(numbers: impl IntoIterator<Item = u64>) -> AckTracker {
    let mut tracker = AckTracker::new();
    numbers.into_iter().for_each(|number| tracker.on_received(number, true, NOW));
    tracker
}

fn reported(tracker: &AckTracker) -> Vec<RangeInclusive<u64>> {
    tracker.ranges().collect()
}

#[test]
fn one_packet_is_acknowledged_late_and_two_at_once() {
    let mut tracker = tracker([0]);
    assert_eq!(tracker.deadline(), Some(NOW + MAX_ACK_DELAY));
    tracker.on_received(1, true, NOW + Duration::from_millis(3));
    assert!(tracker.is_due(NOW + Duration::from_millis(3)));
    tracker.on_ack_sent();
    assert_eq!(tracker.deadline(), None);
}

#[test]
fn a_packet_that_elicits_nothing_is_reported_but_not_by_itself() {
    let mut tracker = AckTracker::new();
    tracker.on_received(0, false, NOW);
    assert_eq!((tracker.deadline(), reported(&tracker)), (None, vec![0..=0]));
}

#[test]
fn a_hole_is_reported_at_once_until_the_sender_can_act_on_it() {
    let mut tracker = tracker([0]);
    tracker.set_threshold(100);
    tracker.on_ack_sent();
    for number in [2, 3, 4] {
        tracker.on_received(number, true, NOW);
        assert!(tracker.is_due(NOW), "{number} follows the hole at 1");
        tracker.on_ack_sent();
    }
    tracker.on_received(5, true, NOW);
    assert!(!tracker.is_due(NOW));
}

#[test]
fn a_late_packet_is_reported_at_once() {
    let mut tracker = tracker([0, 1, 2, 3, 8, 9, 10, 11, 12]);
    tracker.on_ack_sent();
    tracker.on_received(5, true, NOW);
    assert!(tracker.is_due(NOW));
    assert_eq!(reported(&tracker), [8..=12, 5..=5, 0..=3]);
}

#[test]
fn the_delay_counts_from_the_arrival_of_the_largest() {
    let mut tracker = tracker([7]);
    let later = NOW + Duration::from_millis(2);
    tracker.on_received(6, true, later);
    assert_eq!(tracker.ack_delay(later), Duration::from_millis(2));
}

#[test]
fn only_the_newest_ranges_are_kept() {
    let tracker = tracker((0..200).map(|n| n * 2));
    assert_eq!(tracker.ranges().len(), MAX_ACK_RANGES);
    assert_eq!(tracker.ranges().next(), Some(398..=398));
    assert_eq!(tracker.ranges().last(), Some(272..=272));
}

#[test]
fn what_the_peer_knows_we_know_is_not_repeated() {
    let mut tracker = tracker([0, 1, 2, 5, 6]);
    tracker.on_ack_sent();
    tracker.on_ack_of_ack(2);
    assert_eq!(reported(&tracker), [5..=6]);
    tracker.on_ack_of_ack(6);
    assert_eq!(reported(&tracker), [6..=6]);
    tracker.on_received(7, true, NOW);
    assert!(!tracker.is_due(NOW), "a hole that was settled is no news");
}

#[test]
fn a_late_packet_survives_the_ack_of_an_older_report() {
    let mut tracker = tracker([0, 1, 3]);
    tracker.on_ack_sent();
    tracker.on_received(2, true, NOW);
    tracker.on_ack_of_ack(3);
    assert_eq!(reported(&tracker), [RangeInclusive::new(2, 3)]);
}

#[test]
fn an_ack_can_be_forced_once_something_arrived() {
    let mut tracker = AckTracker::new();
    tracker.force(NOW);
    assert_eq!(tracker.deadline(), None);
    tracker.on_received(0, false, NOW);
    tracker.force(NOW);
    assert!(tracker.is_due(NOW));
}

#[test]
fn numbers_at_the_end_of_the_line_are_harmless() {
    let mut tracker = tracker([u64::MAX, u64::MAX - 1]);
    tracker.on_ack_of_ack(u64::MAX);
    assert_eq!(tracker.largest(), Some(u64::MAX - 1));
}

#[test]
fn every_packet_is_reported_in_time_and_nothing_else_is() {
    let mut rng = Rng::from_seed([3; 32]);
    let mut tracker = AckTracker::new();
    let (mut model, mut owed): (BTreeSet<u64>, BTreeSet<u64>) = Default::default();
    let (mut now, mut next) = (NOW, 0);
    for _ in 0..20_000 {
        now += Duration::from_micros(rng.below(8_000));
        next += 1 + rng.below(20) / 19;
        let late = next.saturating_sub(1 + rng.below(6));
        let number = if rng.below(10) == 0 { late } else { next };
        let overdue = tracker.deadline().is_some_and(|deadline| deadline + MAX_ACK_DELAY < now);
        assert!(!overdue);
        tracker.on_received(number, true, now);
        if model.insert(number) {
            owed.insert(number);
        }
        assert!(owed.len() < 2 || tracker.is_due(now));
        if tracker.is_due(now) || rng.below(4) == 0 {
            let ranges: RangeSet = tracker.ranges().map(|r| *r.start()..r.end() + 1).collect();
            assert!(owed.iter().all(|number| ranges.contains(*number)));
            assert!(ranges.iter().flatten().all(|number| model.contains(&number)));
            owed.clear();
            tracker.on_ack_sent();
            if rng.below(3) > 0 {
                tracker.on_ack_of_ack(ranges.max().unwrap_or(0).saturating_sub(rng.below(8)));
            }
        }
        assert_eq!(tracker.deadline().is_some(), !owed.is_empty());
    }
}
