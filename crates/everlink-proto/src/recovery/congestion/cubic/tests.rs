use super::*;
use crate::recovery::congestion::tests::{loss, persistent};

const PACKET: u64 = 1_200;
const START: Instant = Instant::from_micros(1_000_000_000);

fn rtt(millis: u64) -> Rtt {
    let mut rtt = Rtt::default();
    rtt.update(Duration::from_millis(millis), Duration::ZERO);
    rtt
}

/// A controller that lost a packet at `START` with a window of `packets`.
fn reduced_from(packets: u64) -> Cubic {
    let mut cubic = Cubic::new(PACKET);
    cubic.inherit(packets * PACKET, None);
    cubic.on_loss(START, loss(START));
    cubic
}

/// Acknowledges a full window per round trip from `from` on, packet by packet, for `time`.
fn run(cubic: &mut Cubic, from: Instant, time: Duration, rtt: &Rtt) -> Instant {
    let mut now = from;
    while now < from + time {
        let (round, packets) = (now, u32::try_from(cubic.window() / PACKET).expect("a small window"));
        for packet in 1..=packets {
            now = round + rtt.smoothed() * packet / packets;
            cubic.on_ack(now, now - rtt.smoothed() / 2, PACKET, rtt, false);
        }
    }
    now
}

/// RFC 9438, 4.2 in floating point and packets.
fn formula(plateau: f64, start: f64, time: f64) -> f64 {
    let rise = ((plateau - start) / 0.4).cbrt();
    0.4 * (time - rise).powi(3) + plateau
}

fn packets(cubic: &Cubic) -> f64 {
    cubic.window() as f64 / PACKET as f64
}

#[test]
fn a_loss_leaves_seven_tenths() {
    let cubic = reduced_from(1_000);
    assert_eq!(cubic.window(), 700 * PACKET);
    assert_eq!(cubic.slow_start_threshold(), Some(700 * PACKET));
}

#[test]
fn growth_follows_the_cubic_function() {
    let rtt = rtt(100);
    let mut cubic = reduced_from(1_000);
    let mut now = START + rtt.smoothed();
    cubic.on_ack(now, now - rtt.smoothed() / 2, PACKET, &rtt, false);
    for _ in 0..15 {
        now = run(&mut cubic, now, Duration::from_secs(1), &rtt);
        let time = (now.saturating_since(START) - rtt.smoothed()).as_secs_f64();
        let expected = formula(1_000.0, 700.0, time);
        let actual = packets(&cubic);
        assert!((actual - expected).abs() < expected * 0.02, "{actual} for {expected} at {time} s");
    }
    assert!(packets(&cubic) > 1_050.0);
}

#[test]
fn the_plateau_is_reached_after_the_cube_root() {
    let mut cubic = reduced_from(1_000);
    let epoch = cubic.begin_epoch(START);
    // (1,000 - 700) / 0.4 = 750, whose cube root is 9.0856.
    assert_eq!(epoch.rise, 9_085);
    assert_eq!(cubic.cubic(&epoch, Duration::from_millis(9_085)), 1_000 * PACKET);
    assert!(cubic.cubic(&epoch, Duration::ZERO).abs_diff(700 * PACKET) < PACKET);
}

#[test]
fn a_window_that_did_not_reach_the_last_plateau_lowers_it() {
    let mut cubic = reduced_from(1_000);
    let later = START + Duration::from_secs(1);
    cubic.on_loss(later, loss(later));
    assert_eq!(cubic.plateau, 595 * PACKET);
    assert_eq!(cubic.window(), 490 * PACKET);
}

#[test]
fn a_short_path_grows_as_reno_would() {
    let rtt = rtt(5);
    let mut cubic = reduced_from(40);
    run(&mut cubic, START + rtt.smoothed(), Duration::from_millis(500), &rtt);
    // 100 round trips: 12 packets at 9/17 a round trip, then one each.
    let expected = 40.0 + (100.0 - 12.0 * 17.0 / 9.0);
    assert!((packets(&cubic) - expected).abs() < 3.0, "{}", packets(&cubic));
}

#[test]
fn small_steps_of_a_large_window_add_up() {
    let rtt = rtt(1);
    let mut cubic = reduced_from(5_000);
    run(&mut cubic, START + rtt.smoothed(), Duration::from_millis(100), &rtt);
    // 100 round trips at 9/17 of a packet each, each far below a byte per packet.
    assert!(packets(&cubic) > 3_550.0, "{}", packets(&cubic));
}

#[test]
fn time_that_is_not_used_does_not_count() {
    let rtt = rtt(100);
    let (mut busy, mut idle, mut limited) = (reduced_from(1_000), reduced_from(1_000), reduced_from(1_000));
    let pause = Duration::from_secs(30);
    let middle = run(&mut busy, START + rtt.smoothed(), Duration::from_secs(2), &rtt);
    for cubic in [&mut idle, &mut limited] {
        run(cubic, START + rtt.smoothed(), Duration::from_secs(2), &rtt);
    }
    idle.on_sent(middle + pause, PACKET, 0);
    limited.on_ack(middle, middle, PACKET, &rtt, true);
    run(&mut busy, middle, Duration::from_secs(2), &rtt);
    for cubic in [&mut idle, &mut limited] {
        run(cubic, middle + pause, Duration::from_secs(2), &rtt);
        assert!((packets(cubic) - packets(&busy)).abs() < 2.0);
    }
}

#[test]
fn after_persistent_congestion_the_plateau_is_where_avoidance_starts() {
    let rtt = rtt(50);
    let mut cubic = reduced_from(100);
    let later = START + Duration::from_secs(1);
    cubic.on_loss(later, persistent(later));
    assert_eq!(cubic.window(), 2 * PACKET);
    run(&mut cubic, later + rtt.smoothed(), Duration::from_secs(1), &rtt);
    assert!(!cubic.in_slow_start());
    assert_eq!(cubic.epoch.as_ref().map(|epoch| epoch.rise), Some(0));
}

#[test]
fn cube_roots_are_exact() {
    for number in [0_u128, 1, 7, 8, 26, 27, 1_000_000, (1 << 126) - 1] {
        let root = u128::from(cube_root(number));
        assert!(root.pow(3) <= number);
        assert!((root + 1).checked_pow(3).is_none_or(|cube| cube > number));
    }
}
