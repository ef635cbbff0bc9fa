use super::{Clock, SECOND};
use everlink_proto::time::Instant;

#[test]
fn a_deadline_is_reached_when_the_clock_shows_it_and_not_before() {
    for drift in [-200, -1, 0, 1, 200] {
        let clock = Clock::new(77, drift);
        for deadline in [78, 1_000_077, 3_600_000_123] {
            let deadline = Instant::from_micros(deadline);
            let world = clock.when(0, deadline);
            assert!(clock.read(world) >= deadline);
            assert!(clock.read(world - 1) < deadline);
        }
    }
}

#[test]
fn a_frozen_clock_stands_still_and_then_goes_on() {
    let mut clock = Clock::new(0, 0);
    clock.freeze(SECOND, 5 * SECOND);
    assert_eq!(clock.read(4 * SECOND), Instant::from_micros(SECOND));
    assert_eq!(clock.read(6 * SECOND), Instant::from_micros(2 * SECOND));
}

#[test]
fn a_jump_moves_the_clock_forward_at_once() {
    let mut clock = Clock::new(10, 0);
    clock.jump(SECOND, 60 * SECOND);
    assert_eq!(clock.read(SECOND), Instant::from_micros(61 * SECOND + 10));
}
