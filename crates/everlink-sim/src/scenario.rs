//! Small worlds in which only one thing happens, and what holds for every swarm.

use crate::check::Sight;
use crate::clock::{MILLI, Micros, SECOND};
use crate::dice::Dice;
use crate::subject::{self, LinkState};
use crate::swarm::Settings;
use crate::world::World;
use crate::{Options, SwarmReport, run};
use std::time::Duration;

/// The first wait of the retry ladder (SPEC 6.3).
const RETRY: Micros = 300 * MILLI;

/// How long after its message is due an application sends it.
const APPOINTMENT: Micros = MILLI;

/// A world of two that know where the other is.
fn calm(seed: u64, delay: Micros) -> World {
    let mut world = World::new(Settings::calm(seed, delay), None);
    world.run_until(SECOND);
    world.tell(0, 1);
    world.tell(1, 0);
    world
}

/// Lets applications send a message each.
fn send(world: &mut World, machines: &[usize]) {
    let now = world.now;
    for &machine in machines {
        let (_, app) = world.turn(machine).expect("everybody runs in a calm world");
        app.nudge(now);
        world.appoint(machine);
    }
}

fn sight(world: &mut World, machine: usize) -> Sight {
    world.sight(machine, 1 - machine).expect("everybody runs in a calm world, and both know each other")
}

fn assert_kept(world: &World) {
    let findings = world.observer.findings.list();
    assert!(findings.is_empty(), "{findings:#?}");
}

/// S7: both send at the same moment, and neither has a connection.
#[test]
fn dials_that_cross_agree_within_three_round_trips_and_a_retry() {
    for seed in 0..60 {
        let delay = Dice::new(seed).between(100, 400 * MILLI);
        let mut world = calm(seed, delay);
        send(&mut world, &[0, 1]);
        world.run_until(world.now + APPOINTMENT + 6 * delay + RETRY);
        let ends = [0, 1].map(|machine| sight(&mut world, machine));
        for (machine, end) in ends.iter().enumerate() {
            assert_eq!(end.view.state, LinkState::Connected, "seed {seed}, machine {machine}");
            let (turn, _) = world.turn(machine).expect("everybody runs in a calm world");
            assert!(subject::begun(turn.endpoint) <= 4, "seed {seed}");
        }
        let observer = &mut world.observer;
        observer.links.compare("S7", &ends[0], &ends[1], &mut observer.findings);
        assert_kept(&world);
    }
}

/// C5: a new connection takes over while messages are on their way, again and again.
#[test]
fn a_new_connection_costs_no_packet_where_none_is_lost() {
    for seed in 0..10 {
        let mut world = calm(seed, Dice::new(seed).between(MILLI, 100 * MILLI));
        for step in 0_u64..400 {
            send(&mut world, &[0, 1]);
            if step % 40 == 20 {
                let machine = (step / 40 % 2) as usize;
                world.with(machine, |turn| turn.endpoint.redial(turn.now, turn.directory.id(1 - machine)));
            }
            world.run_until(world.now + 50 * MILLI);
            for machine in [0, 1] {
                let connections = sight(&mut world, machine).view.connections;
                let lost: u64 = connections.iter().map(|one| one.lost).sum();
                assert_eq!(lost, 0, "seed {seed}, after {step} messages");
            }
        }
        for machine in [0, 1] {
            world.count(machine);
        }
        let drained = world.counted.marks.get("Drained").copied().unwrap_or(0);
        assert!(drained >= 10, "seed {seed}: only {drained} connections drained");
        assert_eq!(world.counted.marks.get("NotKept"), None, "seed {seed}");
        assert_kept(&world);
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let report = run(7, Options { twice: true });
    assert!(report.violations.iter().all(|broken| broken.invariant != "L8"), "{report}");
}

/// What a swarm counts, what it says of that which it has not met, and how that is met.
type Gate = (&'static str, fn(&SwarmReport) -> Vec<String>, fn(&mut SwarmReport, String) -> Option<u64>);

/// An empty swarm was nowhere, and each thing met is one less to name.
#[test]
fn a_swarm_names_every_row_mark_reason_and_fault_that_it_has_not_met() {
    let gates: [Gate; 4] = [
        ("never taken", SwarmReport::untaken, |swarm, name| swarm.rows.insert(name, 1)),
        ("never passed", SwarmReport::unpassed, |swarm, name| swarm.marks.insert(name, 1)),
        ("never discarded for", SwarmReport::undropped, |swarm, name| swarm.drops.insert(name, 1)),
        ("never struck", SwarmReport::unstruck, |swarm, name| swarm.faults.insert(name.leak(), 1)),
    ];
    for (says, unmet, meet) in gates {
        let mut swarm = SwarmReport::default();
        let mut names = unmet(&swarm);
        assert!(swarm.to_string().contains(&format!("{says}: {}\n", names.join(", "))));
        let last = names.pop().expect("something is declared");
        for name in names {
            meet(&mut swarm, name);
        }
        assert!(swarm.to_string().contains(&format!("{says}: {last}\n")));
        meet(&mut swarm, last);
        assert!(!swarm.to_string().contains(says));
        assert!(!swarm.to_string().contains("never declared"));
    }
}

#[test]
fn a_swarm_names_every_mark_reason_and_fault_that_nobody_declared() {
    let mut swarm = SwarmReport::default();
    swarm.marks.insert("a mark from nowhere".to_owned(), 1);
    swarm.drops.insert("for no reason".to_owned(), 1);
    swarm.faults.insert("an act of nobody", 1);
    let all = "never declared: a mark from nowhere, for no reason, an act of nobody\n";
    assert!(swarm.to_string().contains(all));
}

#[test]
fn a_swarm_of_seeds_that_are_too_small_says_so() {
    let enough = SwarmReport {
        seeds: 2,
        simulated: Duration::from_secs(240),
        messages: 2_000,
        kinds_of_fault: 6,
        ..SwarmReport::default()
    };
    assert!(!enough.to_string().contains("too small"));
    let short = SwarmReport { simulated: Duration::from_secs(239), ..enough.clone() };
    assert!(short.to_string().contains("too small: less than 120 simulated seconds each\n"));
    let quiet = SwarmReport { messages: 1_999, ..enough.clone() };
    assert!(quiet.to_string().contains("too small: less than 1000 messages each\n"));
    let kind = SwarmReport { kinds_of_fault: 5, ..enough };
    assert!(kind.to_string().contains("too small: less than 3 kinds of fault each\n"));
}

#[test]
fn seeds_decide_worlds_of_the_promised_size() {
    let worlds: Vec<Settings> = (0..200).map(Settings::draw).collect();
    let mean = |of: fn(&Settings) -> u64| worlds.iter().map(of).sum::<u64>() / worlds.len() as u64;
    assert!(mean(|world| world.fair_at / 1_000_000) >= 120);
    assert!(mean(|world| world.faults.len() as u64) >= 3);
    assert!(worlds.iter().all(|world| (2..=4).contains(&world.nodes)));
}
