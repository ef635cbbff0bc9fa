use super::*;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn the_guess_is_a_third_of_a_second() {
    let rtt = Rtt::default();
    assert_eq!((rtt.smoothed(), rtt.variation()), (ms(333), Duration::from_micros(166_500)));
    assert_eq!(rtt.pto_base(ms(20)), ms(333 + 666 + 20));
}

#[test]
fn the_first_sample_replaces_the_guess() {
    let mut rtt = Rtt::default();
    rtt.update(ms(80), ms(30));
    assert_eq!((rtt.latest(), rtt.min(), rtt.smoothed(), rtt.variation()), (ms(80), ms(80), ms(80), ms(40)));
}

#[test]
fn later_samples_move_the_averages_by_an_eighth_and_a_quarter() {
    let mut rtt = Rtt::default();
    rtt.update(ms(80), ms(0));
    rtt.update(ms(120), ms(0));
    assert_eq!((rtt.smoothed(), rtt.variation(), rtt.min()), (ms(85), ms(40), ms(80)));
    rtt.update(ms(60), ms(0));
    assert_eq!(rtt.min(), ms(60));
    assert_eq!(rtt.variation(), Duration::from_micros(36_250));
    assert_eq!(rtt.smoothed(), Duration::from_micros(81_875));
}

#[test]
fn the_ack_delay_is_taken_off_unless_it_would_undercut_the_minimum() {
    let mut rtt = Rtt::default();
    rtt.update(ms(80), ms(0));
    rtt.update(ms(100), ms(20));
    assert_eq!(rtt.smoothed(), ms(80));
    rtt.update(ms(88), ms(20));
    assert_eq!(rtt.smoothed(), ms(81));
}

#[test]
fn an_inherited_estimate_is_replaced_by_the_first_own_sample() {
    let (mut old, mut new) = (Rtt::default(), Rtt::default());
    old.update(ms(40), ms(0));
    new.inherit(&old);
    assert_eq!((new.smoothed(), new.is_measured()), (ms(40), false));
    new.update(ms(90), ms(0));
    assert_eq!((new.smoothed(), new.min()), (ms(90), ms(90)));
}

#[test]
fn timers_never_go_below_their_granularity() {
    let mut rtt = Rtt::default();
    rtt.update(Duration::ZERO, ms(0));
    assert_eq!((rtt.loss_delay(), rtt.pto_base(ms(0))), (ms(1), ms(1)));
    rtt.update(ms(80), ms(0));
    assert_eq!(rtt.loss_delay(), ms(90));
}
