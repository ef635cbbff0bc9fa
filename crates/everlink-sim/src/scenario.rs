//! Seeds that once failed, each named after what went wrong, and what holds for every swarm.

use crate::swarm::Settings;
use crate::{Options, run};

#[test]
fn the_same_seed_gives_the_same_trace() {
    let report = run(7, Options { twice: true });
    assert!(report.violations.iter().all(|broken| broken.invariant != "L8"), "{report}");
}

#[test]
fn seeds_decide_worlds_of_the_promised_size() {
    let worlds: Vec<Settings> = (0..200).map(Settings::draw).collect();
    let mean = |of: fn(&Settings) -> u64| worlds.iter().map(of).sum::<u64>() / worlds.len() as u64;
    assert!(mean(|world| world.fair_at / 1_000_000) >= 120);
    assert!(mean(|world| world.faults.len() as u64) >= 3);
    assert!(worlds.iter().all(|world| (2..=4).contains(&world.nodes)));
}
