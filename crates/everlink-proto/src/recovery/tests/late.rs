//! Packets that turn up late, and acknowledgements that tell nothing about the path.

use super::*;

/// Sends a packet and `by` later ones, all but the first of which arrive. Says whether that counts as lost then.
fn is_lost_when_overtaken(path: &mut Path, by: u64) -> bool {
    let first = path.recovery.ledger.end();
    // What was sent before the last reduction would be no reason for another.
    path.pass(RTT);
    path.send(first..=first + by);
    path.pass(RTT);
    path.ack(&[first + 1..=first + by]);
    path.lost().contains(&first)
}

/// A path on which packets that were declared lost have turned up `times` times.
fn reordering(times: u32) -> Path {
    let mut path = Path::measured();
    for tolerance in 0..times {
        let first = path.recovery.ledger.end();
        assert!(is_lost_when_overtaken(&mut path, PACKET_THRESHOLD << tolerance));
        path.ack(&[first..=first]);
    }
    path
}

#[test]
fn a_reduction_all_of_whose_packets_turn_up_is_taken_back() {
    let mut path = Path::measured();
    let before = path.recovery.window();
    path.send(1..=5);
    path.ack(&[4..=5]);
    assert_eq!(path.lost(), [1, 2]);
    let reduced = path.recovery.window();
    assert!(reduced < before);
    path.ack(&[2..=5]);
    assert_eq!(path.recovery.window(), reduced, "one is still missing");
    path.ack(&[1..=5]);
    assert_eq!(path.recovery.window(), before);
}

#[test]
fn a_reduction_stands_if_one_of_its_packets_was_lost_later() {
    let mut path = Path::measured();
    path.send(1..=6);
    path.ack(&[4..=4]);
    path.ack(&[5..=6]);
    assert_eq!(path.lost(), [1, 2, 3]);
    let reduced = path.recovery.window();
    path.ack(&[4..=6, 1..=2]);
    assert_eq!(path.recovery.window(), reduced, "the third is missing");
}

#[test]
fn what_was_sent_before_the_doubt_is_no_sample() {
    let mut path = Path::measured();
    path.send(1..=1);
    path.pass(RTT);
    path.recovery.set_suspect(Some(path.now));
    path.pass(Duration::from_secs(30));
    path.send(2..=2);
    let before = *path.recovery.rtt();
    path.recovery.set_suspect(None);
    path.ack(&[1..=1]);
    assert_eq!(*path.recovery.rtt(), before);
    path.pass(RTT * 2);
    path.ack(&[1..=2]);
    assert_eq!(path.recovery.rtt().latest(), RTT * 2);
}

#[test]
fn an_overtaken_packet_is_waited_for_four_seconds_at_most() {
    let mut path = Path::new();
    path.send(0..=0);
    path.pass(Duration::from_secs(60));
    path.ack(&[0..=0]);
    path.send(1..=2);
    let sent_at = path.now;
    path.pass(RTT);
    path.ack(&[2..=2]);
    assert!(path.recovery.rtt().smoothed() > Duration::from_secs(50));
    assert_eq!(path.recovery.poll_timeout(), Some(sent_at + Duration::from_secs(4)));
    assert_eq!(path.timeout(), Some(Timeout::LossDetected));
    assert_eq!(path.lost(), [1]);
}

#[test]
fn each_packet_that_turns_up_late_doubles_how_many_may_overtake_one() {
    for (times, packets) in [(0, 3), (1, 6), (2, 12), (7, 384)] {
        assert!(!is_lost_when_overtaken(&mut reordering(times), packets - 1), "{times} times");
        assert!(is_lost_when_overtaken(&mut reordering(times), packets), "{times} times");
    }
    let mut path = reordering(7);
    let first = path.recovery.ledger.end();
    assert!(is_lost_when_overtaken(&mut path, 384));
    path.ack(&[first..=first]);
    assert!(is_lost_when_overtaken(&mut path, 384), "no more than seven times");
}

#[test]
fn the_tolerance_is_forgotten_after_sixteen_reductions_without_a_late_packet() {
    for (reductions, forgotten) in [(15, false), (16, true)] {
        let mut path = reordering(1);
        for _ in 0..reductions {
            assert!(is_lost_when_overtaken(&mut path, 2 * PACKET_THRESHOLD));
        }
        assert_eq!(is_lost_when_overtaken(&mut path, PACKET_THRESHOLD), forgotten);
    }
}
