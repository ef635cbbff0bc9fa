use super::*;
use crate::net::rule::{Action, Kind, Rule};
use crate::swarm::Settings;

/// Two that are connected and have nothing to do.
fn at_rest() -> World {
    let mut world = World::new(Settings::calm(1, 20 * MILLI), None);
    world.run_until(SECOND);
    world.tell(0, 1);
    world.tell(1, 0);
    nudge(&mut world);
    world.run_until(world.now + 2 * SECOND);
    world
}

/// Holds so many in a million packets from 0 to 1 up for so long, which is no loss.
fn hold_up(world: &mut World, odds: u32, by: Micros) {
    world.fabric.add_rule(Rule {
        from: Some(0),
        to: Some(1),
        kind: Some(Kind::Short),
        odds,
        left: u32::MAX,
        action: Action::HoldBack(by),
    });
}

fn broken(world: &World) -> Vec<&'static str> {
    world.observer.findings.list().iter().map(|finding| finding.invariant).collect()
}

#[test]
fn a_calm_is_looked_at_and_nothing_is_lost_in_it() {
    let mut world = at_rest();
    look(&mut world);
    assert_eq!(broken(&world), [""; 0]);
    assert_eq!(world.observer.marks.0.get("dials crossed in a calm"), Some(&1));
    assert_eq!(world.observer.marks.0.get("new connections in a calm"), Some(&1));
}

#[test]
fn dials_that_cross_and_do_not_agree_in_time_are_found() {
    let mut world = at_rest();
    hold_up(&mut world, 1_000_000, 5 * SECOND);
    cross(&mut world, (1, 0));
    assert_eq!(broken(&world), ["S7"]);
}

#[test]
fn a_connection_that_is_dropped_before_its_last_packets_have_come_is_found() {
    let mut world = at_rest();
    // Longer than any connection drains.
    hold_up(&mut world, 300_000, 35 * SECOND);
    replace(&mut world, &[(1, 0)]);
    let before = [((1, 0), Book::of(&world, (1, 0)))];
    let found = broken(&world).len();
    world.run_until(world.now + 40 * SECOND);
    check_strays(&mut world, &before);
    assert_eq!(broken(&world)[found..], ["C5"]);
}

#[test]
fn packets_that_are_taken_for_lost_where_none_is_are_found() {
    let mut world = at_rest();
    hold_up(&mut world, 300_000, 200 * MILLI);
    replace(&mut world, &[(1, 0)]);
    assert!(broken(&world).contains(&"C5"), "{:?}", broken(&world));
}
