use std::collections::BTreeSet;

use super::*;
use crate::rng::Rng;

/// The same promises, kept by remembering everything.
struct Model {
    seen: BTreeSet<u64>,
    highest: u64,
    size: u64,
    floor: u64,
}

impl Model {
    fn check(&self, number: u64) -> bool {
        let in_window = number >= self.floor && number.saturating_add(self.size) > self.highest;
        in_window && !self.seen.contains(&number)
    }

    fn commit(&mut self, number: u64) {
        self.seen.insert(number);
        self.highest = self.highest.max(number);
        if self.highest - number > self.size / 2 && self.size < MAX_SIZE as u64 {
            self.floor = self.floor.max((self.highest + 1).saturating_sub(self.size));
            self.size *= 2;
        }
    }
}

/// A number near the top of the window, in its middle, at its edge, beyond it, or anywhere.
fn draw(rng: &mut Rng, model: &Model) -> u64 {
    let back = |by: u64| model.highest.saturating_sub(by);
    match rng.below(8) {
        0..=2 => model.highest.saturating_add(rng.below(4)),
        3 => back(rng.below(100)),
        4 => back(rng.below(model.size + 200)),
        5 => back(model.size.saturating_sub(70) + rng.below(140)),
        6 => model.highest.saturating_add(rng.below(3 * model.size)),
        _ => rng.below(model.highest.saturating_add(10)),
    }
}

#[test]
fn window_agrees_with_a_model_that_remembers_everything() {
    for seed in 0..20 {
        let mut rng = Rng::from_seed([seed; 32]);
        let mut window = ReplayWindow::new(MIN_SIZE);
        let mut model = Model { seen: BTreeSet::new(), highest: 0, size: MIN_SIZE as u64, floor: 0 };
        for step in 0..20_000 {
            let number = draw(&mut rng, &model);
            assert_eq!(window.check(number), model.check(number), "seed {seed}, step {step}, {number}");
            if model.check(number) && rng.below(4) != 0 {
                window.commit(number);
                model.commit(number);
            }
        }
        assert_eq!(window.size() as u64, model.size);
        assert_eq!(window.size(), MAX_SIZE, "late packets make it as large as may be");
    }
}

#[test]
fn a_window_grows_for_packets_that_are_late_by_more_than_half_of_it() {
    let mut window = ReplayWindow::default();
    window.commit(10_000);
    window.commit(10_000 - DEFAULT_SIZE as u64 / 2);
    assert_eq!(window.size(), DEFAULT_SIZE);
    window.commit(10_000 - DEFAULT_SIZE as u64 / 2 - 1);
    assert_eq!(window.size(), 2 * DEFAULT_SIZE);
    assert!(!window.check(10_000 - DEFAULT_SIZE as u64), "what was forgotten does not come back");
    assert!(!window.check(10_000 - DEFAULT_SIZE as u64 / 2));
}

#[test]
fn the_first_and_the_last_number_are_taken_once() {
    let mut window = ReplayWindow::default();
    for number in [0, u64::MAX, u64::MAX - 1] {
        assert!(window.check(number));
        window.commit(number);
        assert!(!window.check(number));
    }
    assert!(!window.check(0));
    assert!(window.check(u64::MAX - DEFAULT_SIZE as u64 + 1));
    assert!(!window.check(u64::MAX - DEFAULT_SIZE as u64));
    window.commit(u64::MAX - DEFAULT_SIZE as u64 + 1);
    assert_eq!(window.size(), 2 * DEFAULT_SIZE);
    assert!(!window.check(u64::MAX));
    assert!(!window.check(u64::MAX - DEFAULT_SIZE as u64));
}

#[test]
fn checking_changes_nothing() {
    let mut window = ReplayWindow::default();
    window.commit(10);
    for number in [5, 1_000_000, 11] {
        assert!(window.check(number));
        assert!(window.check(number));
    }
}

#[test]
fn committing_a_number_behind_the_window_changes_nothing() {
    let mut window = ReplayWindow::new(MIN_SIZE);
    window.commit(100_000);
    window.commit(5);
    assert!(window.check(99_999));
    assert!(!window.check(5));
}

#[test]
fn sizes_are_rounded_into_their_range() {
    assert_eq!(ReplayWindow::new(0).size(), MIN_SIZE);
    assert_eq!(ReplayWindow::new(1025).size(), 2048);
    assert_eq!(ReplayWindow::new(usize::MAX).size(), MAX_SIZE);
}
