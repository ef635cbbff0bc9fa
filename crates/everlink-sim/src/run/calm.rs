//! What new connections cost in a world that is at rest and where nothing is lost: dials that cross agree soon (S7), and
//! a new connection loses no packet of the one before (C5).

use super::{nudge, settle_down};
use crate::check::Sight;
use crate::clock::{MILLI, Micros, SECOND};
use crate::subject::{self, LinkState};
use crate::world::World;
use std::collections::BTreeMap;

/// The first wait of the retry ladder (SPEC 6.3), and what a clock that is slow adds.
const RETRY: Micros = 301 * MILLI;

/// The most handshakes that a side may begin (S7).
const MOST_BEGUN: u64 = 4;

/// How often messages are sent, and how often in all; every second time a side dials as well.
const STEP: Micros = SECOND / 2;
const STEPS: usize = 8;

/// What is left to do then may take so long; what is not done ends with the close.
const REST: Micros = 10 * SECOND;

/// The bytes on the wire of a handshake message.
const MESSAGE: u64 = 1_228;

/// Packets lost by each connection of a process, by handshake.
type Lost = BTreeMap<(u32, [u8; 32]), u64>;

/// Looks closely at every pair that loses nothing.
pub(super) fn look(world: &mut World) {
    let pairs: Vec<_> = (0..world.settings.nodes)
        .flat_map(|one| (0..one).map(move |other| (one, other)))
        .filter(|pair| is_calm(world, *pair))
        .collect();
    for &pair in &pairs {
        cross(world, pair);
    }
    if !pairs.is_empty() {
        replace(world, &pairs);
    }
}

fn is_calm(world: &mut World, (one, other): (usize, usize)) -> bool {
    let lossless = [(one, other), (other, one)]
        .iter()
        .all(|(from, to)| world.fabric.link(*from, *to).options.mean_loss() == 0);
    let links = &world.observer.links;
    let connected = [(one, other), (other, one)].iter().all(|(here, there)| {
        let process = world.machines[*here].process();
        process.is_some_and(|process| links.state(process.number, *there) == LinkState::Connected)
    });
    let crowded = world.observer.tables.concerns(one, other);
    lossless && connected && !crowded && !links.is_cloned(one, other)
}

/// S7: both dial at the same moment.
fn cross(world: &mut World, (one, other): (usize, usize)) {
    let before = [one, other].map(|machine| begun(world, machine));
    world.redial(one, other);
    world.redial(other, one);
    let soon = 3 * round_trip(world, one, other) + RETRY;
    world.run_until(world.now + soon);
    world.observer.marks.pass("dials crossed in a calm");
    let (here, there) = (world.sight(one, other), world.sight(other, one));
    let (Some(here), Some(there)) = (here, there) else { return };
    let observer = &mut world.observer;
    observer.links.compare("S7", &here, &there, &mut observer.findings);
    for (machine, before) in [one, other].into_iter().zip(before) {
        let begun = begun(world, machine) - before;
        if !(1..=MOST_BEGUN).contains(&begun) {
            let text = format!("{begun} handshakes begun by {machine} for dials that cross");
            world.observer.findings.complain("S7", world.now, (one, other), text);
        }
    }
}

/// C5: connections take over while messages are on their way. It says nothing if a buffer was full.
fn replace(world: &mut World, pairs: &[(usize, usize)]) {
    let (dropped, before) = (dropped(world), lost(world, pairs));
    let books: Vec<_> = pairs.iter().map(|pair| (*pair, Book::of(world, *pair))).collect();
    let mut after = before.clone();
    go_on(world);
    for step in 0..STEPS {
        nudge(world);
        world.run_until(world.now + STEP / 2);
        for &(one, other) in pairs.iter().filter(|_| step % 2 == 0) {
            let (from, to) = if step % 4 == 0 { (one, other) } else { (other, one) };
            world.redial(from, to);
        }
        world.run_until(world.now + STEP / 2);
        // A connection that drains may be gone in the end.
        for (connection, count) in lost(world, pairs) {
            after.entry(connection).and_modify(|most| *most = count.max(*most)).or_insert(count);
        }
    }
    settle_down(world);
    if after.len() > before.len() && self::dropped(world) == dropped {
        world.observer.marks.pass("new connections in a calm");
        for ((process, hash), count) in after {
            let more = count - before.get(&(process, hash)).copied().unwrap_or(0);
            if more > 0 {
                let text = format!("process {process} lost {more} packets on a network that loses none");
                world.observer.findings.complain("C5", world.now, pairs[0], text);
            }
        }
    }
    world.explain_findings();
    world.run_until(world.now + REST);
    if self::dropped(world) == dropped {
        check_strays(world, &books);
    }
}

/// Nothing comes for a connection that is gone, beyond what had come `before`. Late copies of what the network had lost
/// are acknowledged, however long their connection has been left, so a pair to which some came is not calm.
fn check_strays(world: &mut World, before: &[((usize, usize), Book)]) {
    for &(pair, before) in before {
        let after = Book::of(world, pair);
        let more = after.strays - before.strays;
        if more > 0 && after.copies == before.copies {
            let text = format!("connections were dropped on which {more} packets were still to come");
            world.observer.findings.complain("C5", world.now, pair, text);
        }
    }
}

fn go_on(world: &mut World) {
    for machine in 0..world.machines.len() {
        if let Some((_, app)) = world.turn(machine) {
            app.go_on();
        }
    }
}

fn begun(world: &mut World, machine: usize) -> u64 {
    world.turn(machine).map_or(0, |(turn, _)| subject::begun(turn.endpoint))
}

fn round_trip(world: &mut World, one: usize, other: usize) -> Micros {
    let mut way = |from, to| {
        let options = &world.fabric.link(from, to).options;
        // Two handshake messages may follow each other, one for either dial.
        options.delay + options.jitter + 2 * MESSAGE * SECOND / options.rate.max(1)
    };
    way(one, other) + way(other, one)
}

/// How much the network has done to datagrams so far.
fn dropped(world: &World) -> u64 {
    world.fabric.struck.values().sum()
}

fn lost(world: &mut World, pairs: &[(usize, usize)]) -> Lost {
    let ends = pairs.iter().flat_map(|(one, other)| [(*one, *other), (*other, *one)]);
    let sights: Vec<Sight> = ends.filter_map(|(here, there)| world.sight(here, there)).collect();
    let all = sights.iter().flat_map(|sight| {
        sight.view.connections.iter().map(|one| ((sight.process.number, one.hash), one.lost))
    });
    all.collect()
}

/// How many packets between two machines met no connection, and how many came a second time.
#[derive(Clone, Copy)]
struct Book {
    strays: u64,
    copies: u64,
}

impl Book {
    fn of(world: &World, (one, other): (usize, usize)) -> Self {
        let sum = |counts: &BTreeMap<(usize, usize), u64>| {
            [(one, other), (other, one)].iter().filter_map(|way| counts.get(way)).sum()
        };
        Self { strays: sum(&world.observer.strays), copies: sum(&world.observer.copies) }
    }
}

#[cfg(test)]
mod tests;
