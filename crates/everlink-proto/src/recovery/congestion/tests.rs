use core::time::Duration;

use super::*;

const PACKET: u64 = 1_200;
const NOW: Instant = Instant::from_micros(10_000_000);
const LATER: Instant = Instant::from_micros(10_000_001);

fn each(test: impl Fn(Box<dyn Controller>)) {
    for algorithm in [Algorithm::Cubic, Algorithm::NewReno] {
        test(algorithm.build(PACKET));
    }
}

fn ack(controller: &mut dyn Controller, sent_at: Instant, bytes: u64) {
    controller.on_ack(LATER + Duration::from_millis(50), sent_at, bytes, &Rtt::default(), false);
}

/// A packet lost to a queue, sent at `sent_at`.
pub(super) const fn loss(sent_at: Instant) -> Loss {
    Loss { sent_at, persistent: false, unqueued: None }
}

/// And nothing came through for long.
pub(super) const fn persistent(sent_at: Instant) -> Loss {
    Loss { persistent: true, ..loss(sent_at) }
}

#[test]
fn cubic_is_the_default() {
    assert_eq!(Algorithm::default().build(PACKET).name(), "CUBIC");
    assert_eq!(Algorithm::NewReno.build(PACKET).name(), "NewReno");
}

#[test]
fn the_initial_window_is_about_ten_packets() {
    each(|controller| assert_eq!(controller.window(), 12_000));
    assert_eq!(initial_window(1_500), 14_720);
    assert_eq!(initial_window(9_000), 18_000);
}

#[test]
fn slow_start_adds_what_was_acknowledged() {
    each(|mut controller| {
        ack(&mut *controller, NOW, 12_000);
        assert_eq!((controller.window(), controller.in_slow_start()), (24_000, true));
    });
}

#[test]
fn an_underused_window_does_not_grow() {
    each(|mut controller| {
        controller.on_ack(LATER, NOW, 12_000, &Rtt::default(), true);
        assert_eq!(controller.window(), 12_000);
    });
}

#[test]
fn losses_of_one_round_trip_reduce_once_and_acks_of_it_do_not_grow() {
    each(|mut controller| {
        controller.on_loss(LATER, loss(NOW));
        let reduced = controller.window();
        assert!(reduced < 12_000);
        assert_eq!(controller.slow_start_threshold(), Some(reduced));
        controller.on_loss(LATER, loss(LATER));
        ack(&mut *controller, NOW, 12_000);
        assert_eq!(controller.window(), reduced);
        controller.on_loss(LATER + Duration::from_millis(1), loss(LATER + Duration::from_micros(1)));
        assert!(controller.window() < reduced);
    });
}

#[test]
fn the_window_never_goes_below_two_packets_and_persistent_congestion_takes_it_there() {
    each(|mut controller| {
        controller.on_loss(LATER, persistent(NOW));
        assert_eq!(controller.window(), 2 * PACKET);
        assert!(controller.in_slow_start());
        for step in 2..40 {
            let sent_at = LATER + Duration::from_secs(step);
            controller.on_loss(sent_at + Duration::from_millis(1), loss(sent_at));
            assert_eq!(controller.window(), 2 * PACKET);
        }
    });
}

#[test]
fn the_window_never_outgrows_the_ledger() {
    each(|mut controller| {
        ack(&mut *controller, NOW, 1 << 40);
        assert_eq!(controller.window(), maximum_window(PACKET));
    });
}

#[test]
fn reset_returns_to_the_start_and_inheritance_skips_it() {
    each(|mut controller| {
        controller.on_loss(LATER, persistent(NOW));
        controller.reset();
        assert_eq!((controller.window(), controller.slow_start_threshold()), (12_000, None));
        controller.inherit(60_000, Some(50_000));
        assert_eq!((controller.window(), controller.in_slow_start()), (60_000, false));
        controller.inherit(1, None);
        assert_eq!(controller.window(), 2 * PACKET);
    });
}

#[test]
fn new_reno_adds_a_packet_per_window() {
    let mut controller = Algorithm::NewReno.build(PACKET);
    controller.inherit(24_000, Some(24_000));
    for _ in 0..19 {
        ack(&mut *controller, NOW, PACKET);
    }
    assert_eq!(controller.window(), 24_000);
    ack(&mut *controller, NOW, PACKET);
    assert_eq!(controller.window(), 25_200);
    controller.on_loss(LATER, loss(NOW));
    assert_eq!(controller.window(), 12_600);
}

#[test]
fn losses_without_a_queue_take_the_window_no_lower_than_a_quarter_above_what_arrives() {
    for (arrives, least) in [(9_600, 12_000), (1_000_000, 12_000), (4_000, 5_000), (0, 2 * PACKET)] {
        assert_eq!(least_after_losses(arrives, Duration::from_millis(10)), [least; 2]);
    }
}

#[test]
fn a_long_round_trip_does_not_make_the_least_rate_smaller() {
    for (round_trip, least) in [(333, 12_000), (666, 24_000), (1_332, 48_000)] {
        assert_eq!(least_after_losses(1_000_000, Duration::from_millis(round_trip)), [least; 2]);
    }
    assert_eq!(
        least_after_losses(16_000, Duration::from_millis(1_332)),
        [20_000; 2],
        "it is what arrives, no more"
    );
}

/// The windows of both controllers after many losses.
fn least_after_losses(arrives: u64, round_trip: Duration) -> [u64; 2] {
    [Algorithm::Cubic, Algorithm::NewReno].map(|algorithm| {
        let mut controller = algorithm.build(PACKET);
        controller.inherit(600_000, None);
        for step in 2..40 {
            let sent_at = LATER + Duration::from_secs(step);
            let unqueued = Some(Passage { bytes: arrives, round_trip });
            controller.on_loss(sent_at, Loss { unqueued, ..loss(sent_at) });
        }
        controller.window()
    })
}

#[test]
fn a_small_window_is_not_raised_by_a_loss() {
    each(|mut controller| {
        controller.inherit(3 * PACKET, None);
        controller.on_loss(
            LATER,
            Loss { unqueued: Some(Passage { bytes: 12_000, round_trip: INITIAL_RTT }), ..loss(NOW) },
        );
        assert_eq!(controller.window(), 3 * PACKET);
    });
}

#[test]
fn a_reduction_can_be_taken_back_once() {
    each(|mut controller| {
        controller.inherit(60_000, None);
        assert!(controller.on_loss(LATER, loss(NOW)));
        assert!(!controller.on_loss(LATER, loss(NOW)), "it belongs to the same round trip");
        controller.undo();
        assert_eq!((controller.window(), controller.slow_start_threshold()), (60_000, None));
        assert!(controller.on_loss(LATER, loss(LATER)));
        let reduced = controller.window();
        controller.undo();
        controller.undo();
        assert!(reduced < 60_000);
        assert_eq!(controller.window(), 60_000);
    });
}
