//! What few worlds have: keys that wear out, little time for handshakes, little room for links, processes that are
//! overtaken by what the one before sent.
//!
//! Each is drawn from dice of its own, so that what it is added to stays as it was.

use super::{Limits, Load};
use crate::clock::{Micros, SECOND};
use crate::dice::{Dice, PERCENT};
use crate::fault::{FLICKER, FORGE, Fault};

pub(super) fn draw_rekey(dice: &mut Dice, seed: u64) -> Micros {
    let usual = dice.pick(&[10, 30, 120, 120]) * SECOND;
    if Dice::new(seed).fork("rekey", 0).chance(5 * PERCENT) { 5 * SECOND } else { usual }
}

pub(super) fn draw_limits(seed: u64) -> Option<Limits> {
    let mut dice = Dice::new(seed).fork("limits", 0);
    dice.chance(5 * PERCENT).then(|| {
        let rekey_packets = dice.pick(&[1_000, 3_000]);
        Limits { rekey_packets, stop_packets: 4 * rekey_packets, forgeries: dice.pick(&[100, 1_000]) }
    })
}

/// Forged handshakes, and perhaps endpoints that compute few of them.
pub(super) fn draw_forged(nodes: usize, fair_at: Micros, seed: u64) -> (Vec<(Micros, Fault)>, Option<Load>) {
    let mut dice = Dice::new(seed).fork("load", 0);
    let times = if dice.chance(10 * PERCENT) { dice.between(1, 3) } else { 0 };
    let faults = (0..times)
        .map(|_| (dice.between(SECOND, fair_at - SECOND), Fault::draw(FORGE, nodes, &mut dice)))
        .collect();
    let (cookies_from, max_handshakes) = dice.pick(&[(8, 8), (4, 16)]);
    let few = times > 0 && dice.coin();
    (faults, few.then_some(Load { cookies_from, max_handshakes }))
}

pub(super) fn draw_flicker(nodes: usize, fair_at: Micros, seed: u64) -> Vec<(Micros, Fault)> {
    let mut dice = Dice::new(seed).fork("flicker", 0);
    let times = if dice.chance(15 * PERCENT) { dice.between(1, 4) } else { 0 };
    (0..times)
        .map(|_| (dice.between(SECOND, fair_at - SECOND), Fault::draw(FLICKER, nodes, &mut dice)))
        .collect()
}

/// Whose endpoints have room for fewer links than there are peers. There is one such identity at most: three that each
/// owe only the next one would wait for one another for ever. Whose key is in use twice has room, since a link that is
/// forgotten takes along which process was left for which.
pub(super) fn draw_table(nodes: usize, cloned: bool, seed: u64) -> Option<(usize, usize)> {
    let mut dice = Dice::new(seed).fork("full table", 0);
    let small = dice.chance(125_000) && nodes > 2 && !cloned;
    small.then(|| (dice.below(nodes as u64) as usize, dice.between(1, nodes as u64 - 2) as usize))
}
