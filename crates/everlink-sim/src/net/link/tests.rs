use super::{Bursts, Link, LinkOptions, Loss};
use crate::clock::{MILLI, SECOND};
use crate::dice::Dice;

#[test]
fn a_clean_link_keeps_the_order_and_adds_the_delay() {
    let mut link = Link::new(LinkOptions::clean(20 * MILLI));
    let mut dice = Dice::new(1);
    let mut last = 0;
    for sent in 0..1_000 {
        let fate = link.carry(sent * MILLI, 1_200, &mut dice).unwrap();
        assert!(fate.arrives >= sent * MILLI + 20 * MILLI && fate.arrives >= last);
        last = fate.arrives;
    }
}

#[test]
fn bursts_lose_what_their_average_says() {
    let mut options = LinkOptions::clean(0);
    options.bursts = Some(Bursts { enter: 10_000, leave: 100_000, loss: 800_000 });
    let expected = f64::from(options.mean_loss()) / 1e6;
    let mut link = Link::new(options);
    let mut dice = Dice::new(2);
    let lost = (0..100_000).filter(|at| link.carry(at * SECOND, 100, &mut dice) == Err(Loss::Burst)).count();
    assert!((lost as f64 / 1e5 - expected).abs() < 0.01, "{lost} against {expected}");
}

#[test]
fn a_full_buffer_refuses_and_a_slow_line_delays() {
    let mut options = LinkOptions::clean(0);
    options.rate = 12_280;
    options.queue = SECOND;
    let mut link = Link::new(options);
    let mut dice = Dice::new(3);
    let fates: Vec<_> = (0..20).map(|_| link.carry(0, 1_200, &mut dice)).collect();
    assert_eq!(fates[0].unwrap().arrives, SECOND / 10);
    assert_eq!(fates[19], Err(Loss::Queue));
    assert_eq!(fates.iter().filter(|fate| fate.is_ok()).count(), 11);
}

#[test]
fn a_cut_link_carries_nothing() {
    let mut link = Link::new(LinkOptions::clean(0));
    link.cuts = 1;
    assert_eq!(link.carry(0, 10, &mut Dice::new(4)), Err(Loss::Cut));
}
