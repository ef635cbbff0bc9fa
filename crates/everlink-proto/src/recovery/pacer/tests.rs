use super::*;

const PACKET: u64 = 1_200;

fn paced(window: u64, rtt: Duration, slow_start: bool) -> Pacer {
    let mut pacer = Pacer::new(PACKET);
    pacer.set_rate(window, rtt, slow_start);
    pacer
}

/// Sends whenever allowed for `time`, waking `lag` late, and says how much went.
fn send_for(pacer: &mut Pacer, time: Duration, lag: Duration) -> u64 {
    let mut now = Instant::ZERO;
    let mut sent = 0;
    while now.saturating_since(Instant::ZERO) < time {
        match pacer.delay(now, PACKET) {
            Some(later) => {
                assert!(later > now);
                now = later + lag;
            }
            None => {
                pacer.on_sent(now, PACKET);
                sent += PACKET;
            }
        }
    }
    sent
}

fn assert_near(actual: u64, expected: u64) {
    assert!(actual.abs_diff(expected) <= expected / 50, "{actual} is not within 2 % of {expected}");
}

#[test]
fn ten_packets_may_go_at_once_in_slow_start_and_two_afterwards() {
    // 24,000 bytes in 100 ms: 1,200 bytes in 5 ms; 15,000 bytes: in 8 ms.
    for (slow_start, burst, wait) in [(true, 10, 5_000), (false, 2, 8_000)] {
        let mut pacer = paced(12_000, Duration::from_millis(100), slow_start);
        for _ in 0..burst {
            assert_eq!(pacer.delay(Instant::ZERO, PACKET), None);
            pacer.on_sent(Instant::ZERO, PACKET);
        }
        assert_eq!(pacer.delay(Instant::ZERO, PACKET), Some(Instant::from_micros(wait)));
        assert_eq!(pacer.delay(Instant::from_micros(wait), PACKET), None);
    }
}

#[test]
fn the_average_rate_is_five_quarters_of_a_window_per_round_trip() {
    let mut pacer = paced(120_000, Duration::from_millis(50), false);
    assert_near(send_for(&mut pacer, Duration::from_secs(10), Duration::ZERO), 30_000_000);
}

#[test]
fn slow_start_goes_at_two_windows_per_round_trip() {
    let mut pacer = paced(120_000, Duration::from_millis(50), true);
    assert_near(send_for(&mut pacer, Duration::from_secs(10), Duration::ZERO), 48_000_000);
}

#[test]
fn a_timer_that_is_a_millisecond_late_does_not_lower_the_rate() {
    let mut pacer = paced(12_000_000, Duration::from_millis(50), false);
    assert_near(send_for(&mut pacer, Duration::from_secs(1), Duration::from_millis(1)), 300_000_000);
}

#[test]
fn asking_every_microsecond_rounds_nothing_away() {
    let mut pacer = paced(2_400, Duration::from_secs(10), false);
    pacer.on_sent(Instant::ZERO, 10 * PACKET);
    for micros in 0..4_000_000 {
        assert!(pacer.delay(Instant::from_micros(micros), PACKET).is_some());
    }
    assert_eq!(pacer.delay(Instant::from_micros(4_000_000), PACKET), None);
}

#[test]
fn a_window_of_a_short_path_goes_at_once() {
    let mut pacer = paced(240_000, Duration::from_micros(100), false);
    pacer.on_sent(Instant::from_micros(0), 12_000);
    let refilled = Instant::from_micros(200);
    assert_eq!(pacer.delay(refilled, 240_000), None);
    assert!(pacer.available() >= 240_000);
}

#[test]
fn extremes_do_not_overflow() {
    let mut pacer = paced(u64::MAX, Duration::ZERO, true);
    let never = Instant::from_micros(u64::MAX);
    assert_eq!(pacer.delay(never, u64::MAX), None);
    pacer.on_sent(never, u64::MAX);
    pacer.set_rate(0, Duration::MAX, false);
    assert!(pacer.delay(never, u64::MAX).is_some());
}
