//! One run: faults, then none, then rest, then farewell; and what is looked at in each part.

use crate::check::Sight;
use crate::check::link::pair;
use crate::check::liveness::{Look, Promise};
use crate::clock::{Micros, SECOND};
use crate::machine::Machine;
use crate::subject::{self, LinkState};
use crate::world::World;

mod calm;

/// For how long applications go on sending once the faults have stopped.
const STILL_SENDING: Micros = 5 * SECOND;

/// How long after the last verdict a pair may take to be at rest: connections drain for ten seconds.
const REST: Micros = 15 * SECOND;

/// How much longer, while streams still bring something or keys are being replaced.
const STIR: Micros = 120 * SECOND;

/// How long a close may take: it flushes for three seconds, then waits for its answer, and its records
/// are kept for ten.
const FAREWELL: Micros = 40 * SECOND;

/// How long after that the last trace of a stranger is kept: a slot for ten seconds, the half that was kept for it for
/// a minute. Copies that are a minute late came before.
const OBLIVION: Micros = 100 * SECOND;

/// Lets a whole world happen.
pub(crate) fn run(world: &mut World) {
    let fair_at = world.settings.fair_at;
    world.run_until(fair_at);
    world.make_fair();
    nudge(world);
    world.run_until(fair_at + STILL_SENDING);
    while anybody_leaves(world) {
        world.run_until(world.now + SECOND / 2);
    }
    settle_down(world);
    if converge(world) {
        come_to_rest(world);
        compare(world);
        if world.settings.looks_twice && !stirs(world) {
            calm::look(world);
        }
    }
    world.explain_findings();
    farewell(world);
    finish(world);
    world.explain_findings();
}

/// Lets every application owe something to every peer.
fn nudge(world: &mut World) {
    let now = world.now;
    for machine in 0..world.machines.len() {
        if let Some((_, app)) = world.turn(machine) {
            app.nudge(now);
        }
        world.appoint(machine);
    }
}

/// Whether a close is still under way somewhere: until it is over, who closed can owe the peer nothing new. The books
/// on closes bound how long that lasts (S9): to ten seconds, which is still less than L1 gives any pair.
fn anybody_leaves(world: &World) -> bool {
    let mut running = world.machines.iter().filter_map(Machine::process);
    running.any(|process| world.observer.closes.is_under_way(world.now, process.number))
}

fn settle_down(world: &mut World) {
    for machine in 0..world.machines.len() {
        if let Some((_, app)) = world.turn(machine) {
            app.settle_down();
        }
        world.appoint(machine);
    }
}

/// Waits until everything is delivered, for as long as that may take. False if a promise was broken meanwhile. Nobody
/// sends any more, so a pair that is not done is late one day.
fn converge(world: &mut World) -> bool {
    loop {
        let mut done = true;
        let mut late = false;
        for one in 0..world.settings.nodes {
            for other in 0..one {
                done &= look_at_pair(world, one, other);
                late |= world.observer.liveness.is_late((one, other));
            }
        }
        if done || late {
            return !late;
        }
        world.run_until(world.now + SECOND / 2);
    }
}

fn look_at_pair(world: &mut World, one: usize, other: usize) -> bool {
    let promise = promise(world, one, other);
    let mut look = Look { connected: is_mutual(world, one, other), waiting: 0, backlog: 0 };
    for (here, there) in [(one, other), (other, one)] {
        let Some(process) = world.machines[here].process() else { continue };
        let observer = &world.observer;
        look.connected &= observer.links.state(process.number, there) == LinkState::Connected;
        let waiting = observer.deliveries.waiting(process.number, there);
        look.waiting += waiting;
        if waiting > 0 {
            look.backlog += observer.deliveries.backlog(process.number, there);
        }
    }
    let (at, observer) = (world.now, &mut world.observer);
    let done = observer.liveness.on_look(at, pair(one, other), look, promise, &mut observer.findings);
    if !done && observer.liveness.is_late((one, other)) {
        for (here, there) in [(one, other), (other, one)] {
            if let Some(process) = world.machines[here].process() {
                let waiting = world.observer.deliveries.show_waiting(process.number, there);
                world.note(here, || format!("still owed to {there}: {waiting}"));
            }
        }
    }
    done
}

/// Whether both sides mean the same session: one of them may still take a copy that has ended for its peer.
fn is_mutual(world: &mut World, one: usize, other: usize) -> bool {
    if !world.observer.links.is_cloned(one, other) {
        return true;
    }
    let (here, there) = (world.sight(one, other), world.sight(other, one));
    here.zip(there).is_some_and(|(here, there)| {
        here.view.theirs.is_some()
            && here.view.theirs == there.view.mine
            && there.view.theirs == here.view.mine
    })
}

fn promise(world: &mut World, one: usize, other: usize) -> Promise {
    let there = world.fabric.link(one, other).options.clone();
    let back = world.fabric.link(other, one).options.clone();
    let shared = (world.settings.nodes as u64 - 1).max(1);
    Promise {
        round_trip: there.worst_delay() + back.worst_delay(),
        loss: there.mean_loss().max(back.mean_loss()),
        rate: there.rate.min(back.rate) / shared,
        refused: world.observer.links.is_cloned(one, other) || world.observer.links.was_closed(one, other),
        crowded: world.observer.tables.concerns(one, other),
    }
}

/// Waits until nothing is under way.
fn come_to_rest(world: &mut World) {
    world.run_until(world.now + REST);
    let until = world.now + STIR;
    while world.now < until && stirs(world) {
        world.run_until(world.now + SECOND / 2);
    }
}

fn stirs(world: &mut World) -> bool {
    (0..world.settings.nodes).any(|machine| {
        world.peers(machine).any(|peer| {
            let sight = world.sight(machine, peer);
            sight.is_some_and(|sight| sight.view.connections.iter().any(|one| one.in_flight > 0))
        })
    })
}

/// Compares both ends of every pair that has come to rest.
fn compare(world: &mut World) {
    for one in 0..world.settings.nodes {
        for other in 0..one {
            let ends = (end_at_rest(world, one, other), end_at_rest(world, other, one));
            let observer = &mut world.observer;
            if observer.tables.are_estranged(one, other) {
                continue;
            }
            if let (Some(here), Some(there)) = ends {
                observer.marks.pass("pair compared at rest");
                observer.links.compare("S2", &here, &there, &mut observer.findings);
            }
        }
    }
    world.observer.marks.pass("world compared at rest");
}

/// One end of a pair. There must be a link, since each side owed the other something.
fn end_at_rest(world: &mut World, here: usize, there: usize) -> Option<Sight> {
    let sight = world.sight(here, there);
    let excused = !world.machines[here].runs() || world.observer.tables.have_parted(here, there);
    if sight.is_none() && !excused {
        let text = "there is no link, though both sides owed each other something".to_owned();
        world.observer.findings.complain("S2", world.now, (here, there), text);
    }
    sight
}

/// Lets every application close every session, and looks at what is left then.
fn farewell(world: &mut World) {
    for machine in 0..world.machines.len() {
        for peer in world.peers(machine) {
            let polite = world.dice.coin();
            // Who has forgotten the link has nothing to say.
            let polite = polite || world.observer.tables.concerns(machine, peer);
            if world.machines[machine].number > peer || polite {
                world.close(machine, peer);
            }
        }
    }
    world.run_until(world.now + FAREWELL);
    check_closed(world);
    world.run_until(world.now + OBLIVION);
    check_rest(world);
}

/// Nothing may be left of a session that is closed (S9).
fn check_closed(world: &mut World) {
    for machine in 0..world.settings.nodes {
        for peer in world.peers(machine) {
            let Some(sight) = world.sight(machine, peer) else { continue };
            let view = &sight.view;
            if view.state != LinkState::Idle || !view.connections.is_empty() || view.theirs.is_some() {
                let text = format!("left after the close: {view:?}");
                world.observer.findings.complain("S9", sight.at, sight.machines(), text);
            }
        }
    }
}

/// Nothing may be left at all in the end, not even a timer for housekeeping (R4, S11), nor the end of a session that no
/// application was told of (D9).
fn check_rest(world: &mut World) {
    for machine in 0..world.settings.nodes {
        let peers: Vec<_> = world.peers(machine).collect();
        let Some((mut turn, _)) = world.turn(machine) else { continue };
        let (at, machines) = (turn.at, (turn.process.machine, turn.process.machine));
        let left = subject::leftovers(turn.endpoint);
        if !left.is_empty() {
            let text = format!("left in the end: {left:?}");
            turn.observer.findings.complain("R4", at, machines, text);
        }
        if let Some(deadline) = turn.endpoint.poll_timeout() {
            let text = format!("a timer is left in the end: {deadline:?}");
            turn.observer.findings.complain("S11", at, machines, text);
        }
        for sight in peers.iter().filter_map(|peer| turn.sight(*peer)).collect::<Vec<_>>() {
            let left = subject::leftovers_of(&sight.view);
            if !left.is_empty() {
                let text = format!("left of a link in the end: {left:?}");
                turn.observer.findings.complain("R4", at, sight.machines(), text);
            }
        }
        for peer in peers.into_iter().filter(|peer| turn.observer.deliveries.is_open(turn.process, *peer)) {
            let text = "the end of its last session was never told".to_owned();
            turn.observer.findings.complain("D9", at, (turn.process.machine, peer), text);
        }
    }
}

fn finish(world: &mut World) {
    for machine in 0..world.machines.len() {
        world.count(machine);
    }
    let (at, observer) = (world.now, &mut world.observer);
    observer.deliveries.finish(at, &mut observer.findings);
    observer.closes.finish(&mut observer.findings);
    observer.ledger.finish(&mut observer.findings);
    let confirmed = observer.ledger.confirmations();
    let worn_out = observer.ledger.worn_out();
    let links = &observer.links;
    // Two processes with one key take their peers from each other as often as they like.
    let exempt = |one, other, at| links.is_doubled(one, at) || links.is_doubled(other, at);
    observer.liveness.finish(&confirmed, &worn_out, exempt, &mut observer.findings);
}
