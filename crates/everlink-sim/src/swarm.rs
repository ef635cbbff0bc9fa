//! Worlds drawn from seeds: one number decides the machines, the network, the applications and
//! everything that goes wrong.
//!
//! Each kind of fault is on or off for a whole world ("swarm testing", Groce et al. 2012): worlds in which everything
//! goes wrong at once hide as much as worlds in which nothing does. A third of the worlds has each of what befalls
//! machines, rare ones excepted; two fifths have each kind of noise of the network.
//! Parameters come from what was measured in the field or, one time in four, from beyond it.

use crate::app::{AppPlan, FlowPlan, Sizes};
use crate::cipher::Cipher;
use crate::clock::{MILLI, Micros, SECOND};
use crate::dice::{Dice, PERCENT};
use crate::fault::{FLICKER, Fault};
use crate::net::link::{Bursts, LinkOptions};
use crate::subject::OnRestart;
use std::fmt;

mod rare;

/// What is decided about one machine.
#[derive(Clone, Debug)]
pub(crate) struct MachinePlan {
    pub(crate) identity: usize,
    /// What its clock shows when the world begins.
    pub(crate) origin: u64,
    pub(crate) drift_ppm: i32,
    pub(crate) app: AppPlan,
}

/// How much a key may be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Limits {
    /// Packets sealed from which on it should be replaced.
    pub(crate) rekey_packets: u64,
    /// Packets sealed beyond which nothing more is.
    pub(crate) stop_packets: u64,
    /// Packets that do not open after which none is opened any more.
    pub(crate) forgeries: u64,
}

/// How many handshakes are computed in a second.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Load {
    /// From how many on a cookie is asked for.
    pub(crate) cookies_from: u32,
    /// At most.
    pub(crate) max_handshakes: u32,
}

/// Everything a seed decides.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) seed: u64,
    /// Identities that take part; each has a machine of the same number.
    pub(crate) nodes: usize,
    pub(crate) machine_plans: Vec<MachinePlan>,
    pub(crate) ipv6: bool,
    pub(crate) cipher: Cipher,
    pub(crate) rekey_after: Micros,
    /// How much a key may be used, if that is little.
    pub(crate) key_limits: Option<Limits>,
    /// How many handshakes are computed, if they are few.
    pub(crate) load: Option<Load>,
    /// An identity whose endpoints hold few links, and how many.
    pub(crate) small_table: Option<(usize, usize)>,
    /// Whether it is looked at closely once it is at rest.
    pub(crate) looks_twice: bool,
    /// While faults last; from machine to machine, row by row.
    pub(crate) links: Vec<LinkOptions>,
    /// Afterwards.
    pub(crate) fair: Vec<LinkOptions>,
    pub(crate) faults: Vec<(Micros, Fault)>,
    /// When faults stop.
    pub(crate) fair_at: Micros,
    /// Whether somebody listens, so that there is something to replay.
    pub(crate) tap: bool,
}

impl Settings {
    /// The world that belongs to `seed`.
    pub(crate) fn draw(seed: u64) -> Self {
        let mut dice = Dice::new(seed).fork("settings", 0);
        let nodes = dice.pick(&[2, 2, 2, 2, 3, 3, 3, 4]);
        let fair_at = dice.between(80, 200) * SECOND;
        let kinds = draw_kinds(nodes, &mut dice);
        let clone = kinds.contains(&17).then(|| dice.below(nodes as u64) as usize);
        let mut faults = draw_faults(&kinds, nodes, clone, fair_at, &mut dice);
        faults.extend(rare::draw_flicker(nodes, fair_at, seed));
        let (forged, load) = rare::draw_forged(nodes, fair_at, seed);
        faults.extend(forged);
        faults.sort_by_key(|(at, _)| *at);
        let machines = nodes + usize::from(clone.is_some());
        let (links, fair) = draw_links(machines, &mut dice);
        let slowest = links.iter().chain(&fair).map(|link| link.rate).min().unwrap_or(1);
        Self {
            seed,
            nodes,
            machine_plans: draw_machines(nodes, clone, slowest, fair_at, &mut dice),
            ipv6: dice.chance(25 * PERCENT),
            cipher: draw_cipher(&mut dice),
            rekey_after: rare::draw_rekey(&mut dice, seed),
            key_limits: rare::draw_limits(seed),
            load,
            small_table: rare::draw_table(nodes, clone.is_some(), seed),
            looks_twice: Dice::new(seed).fork("calm", 0).chance(25 * PERCENT),
            links,
            fair,
            faults,
            fair_at,
            tap: kinds.contains(&18),
        }
    }

    /// A world of two in which nothing goes wrong and nobody says anything before he is asked to.
    #[cfg(test)]
    pub(crate) fn calm(seed: u64, delay: Micros) -> Self {
        let flow = |to| FlowPlan {
            to,
            channel: 0,
            on_restart: OnRestart::Carry,
            wants_done: false,
            sizes: Sizes::Small,
            gap: 1_000_000 * SECOND,
            burst: 1,
        };
        let machine = |identity| MachinePlan {
            identity,
            origin: 0,
            drift_ppm: 0,
            app: AppPlan { flows: vec![flow(1 - identity)], streams: None, longest_stream: 0, lazy: 0 },
        };
        let links = vec![LinkOptions::clean(delay); 4];
        Self {
            seed,
            nodes: 2,
            machine_plans: vec![machine(0), machine(1)],
            ipv6: false,
            cipher: Cipher::Null,
            rekey_after: 120 * SECOND,
            key_limits: None,
            load: None,
            small_table: None,
            looks_twice: false,
            fair: links.clone(),
            links,
            faults: Vec::new(),
            fair_at: 100 * SECOND,
            tap: false,
        }
    }

    /// How many links the endpoints of an identity hold, if they are few.
    pub(crate) fn most_links(&self, identity: usize) -> Option<usize> {
        self.small_table.filter(|(whose, _)| *whose == identity).map(|(_, most)| most)
    }

    /// How many machines there are, spare ones for second processes included.
    pub(crate) fn machines(&self) -> usize {
        self.machine_plans.len()
    }
}

fn draw_cipher(dice: &mut Dice) -> Cipher {
    match dice.below(20) {
        0 => Cipher::ChaCha,
        1 => Cipher::Aes,
        _ => Cipher::Null,
    }
}

fn draw_kinds(nodes: usize, dice: &mut Dice) -> Vec<usize> {
    (0..FLICKER)
        .filter(|kind| match kind {
            // Two processes with one key change what may be expected of everything else.
            17 => nodes > 1 && dice.chance(10 * PERCENT),
            16 => dice.chance(20 * PERCENT),
            _ => dice.chance(35 * PERCENT),
        })
        .collect()
}

fn draw_faults(
    kinds: &[usize],
    nodes: usize,
    clone: Option<usize>,
    fair_at: Micros,
    dice: &mut Dice,
) -> Vec<(Micros, Fault)> {
    let mut faults = Vec::new();
    for &kind in kinds {
        let most = match kind {
            0 | 1 | 3 | 4 | 5 => 6,
            17 | 18 => 2,
            _ => 4,
        };
        for _ in 0..dice.between(1, most) {
            let at = dice.between(SECOND / 2, fair_at - SECOND);
            let mut fault = Fault::draw(kind, nodes, dice);
            if let (Fault::Clone { machine, .. }, Some(clone)) = (&mut fault, clone) {
                *machine = clone;
            }
            faults.push((at, fault));
        }
    }
    faults
}

fn draw_links(machines: usize, dice: &mut Dice) -> (Vec<LinkOptions>, Vec<LinkOptions>) {
    let stress = dice.chance(25 * PERCENT);
    let noise: [bool; 6] = std::array::from_fn(|_| dice.chance(40 * PERCENT));
    let fair_loss = if dice.chance(15 * PERCENT) {
        dice.pick(&[PERCENT / 2, PERCENT, 5 * PERCENT, 20 * PERCENT])
    } else {
        0
    };
    let slow = dice.chance(15 * PERCENT);
    let mut links = Vec::new();
    let mut fair = Vec::new();
    let mut delays = vec![0; machines * machines];
    for from in 0..machines {
        for to in 0..machines {
            // Both directions of a pair are about equally long.
            let back = delays[to * machines + from];
            let delay = if back > 0 { back } else { draw_delay(stress, dice) };
            delays[from * machines + to] = delay;
            let mut clean = LinkOptions::clean(delay);
            clean.rate =
                if slow { dice.pick(&[32_000, 125_000]) } else { dice.pick(&[1_250_000, 12_500_000]) };
            clean.queue = dice.pick(&[50, 200, 500]) * MILLI;
            links.push(add_noise(clean.clone(), noise, stress, dice));
            clean.loss = fair_loss;
            clean.jitter = if noise[2] { clean.delay / 4 } else { 0 };
            fair.push(clean);
        }
    }
    (links, fair)
}

fn draw_delay(stress: bool, dice: &mut Dice) -> Micros {
    match dice.below(if stress { 12 } else { 10 }) {
        0..=3 => dice.between(100, 5 * MILLI),
        4..=7 => dice.between(5 * MILLI, 60 * MILLI),
        8..=9 => dice.between(60 * MILLI, 300 * MILLI),
        _ => dice.between(300 * MILLI, 750 * MILLI),
    }
}

fn add_noise(mut link: LinkOptions, noise: [bool; 6], stress: bool, dice: &mut Dice) -> LinkOptions {
    let [loss, bursts, jitter, reorder, duplicate, corrupt] = noise;
    if loss {
        link.loss =
            if stress { dice.between(2, 30) as u32 * PERCENT } else { dice.between(100, 20_000) as u32 };
    }
    if bursts {
        let length = if stress { dice.between(25, 40) } else { dice.between(6, 20) };
        let average = if stress { 15 * PERCENT } else { dice.between(1_000, 80_000) as u32 };
        let leave = (1_000_000 / length) as u32;
        let enter = (u64::from(leave) * u64::from(average) / u64::from(1_000_000 - average)) as u32;
        link.bursts = Some(Bursts { enter, leave, loss: 950_000 });
    }
    if jitter {
        link.jitter = if stress { dice.between(0, 1_000) * MILLI } else { dice.between(0, 60) * MILLI };
    }
    if reorder {
        link.reorder = if stress { 20 * PERCENT } else { dice.between(500, 5_000) as u32 };
        link.reorder_by = dice.pick(&[5, 50, 500]) * MILLI;
    }
    if duplicate {
        link.duplicate = if stress { 50 * PERCENT } else { dice.between(500, 10_000) as u32 };
        link.duplicate_within = dice.pick(&[MILLI, 100 * MILLI, 60 * SECOND]);
    }
    if corrupt {
        link.corrupt = if stress { 30 * PERCENT } else { dice.between(100, 5_000) as u32 };
    }
    link
}

fn draw_machines(
    nodes: usize,
    clone: Option<usize>,
    slowest: u64,
    fair_at: Micros,
    dice: &mut Dice,
) -> Vec<MachinePlan> {
    let total = dice.between(800, 2_400);
    let pairs = (nodes * (nodes - 1)) as u64;
    // A channel sends one message in each gap.
    let gap = fair_at * pairs / total.max(1);
    let streams = dice.coin();
    (0..nodes)
        .chain(clone)
        .map(|identity| MachinePlan {
            identity,
            origin: dice.pick(&[0, 1, 1_000 * SECOND, 1 << 60]),
            drift_ppm: dice.pick(&[0, 0, 200, -200, 37]),
            app: draw_app(identity, nodes, gap, streams, slowest, dice),
        })
        .collect()
}

fn draw_app(
    identity: usize,
    nodes: usize,
    gap: Micros,
    streams: bool,
    slowest: u64,
    dice: &mut Dice,
) -> AppPlan {
    let mut flows = Vec::new();
    for to in (0..nodes).filter(|to| *to != identity) {
        let channels = dice.between(1, 4);
        for channel in 0..channels {
            let burst = dice.pick(&[1, 1, 4, 30]);
            let sizes = match dice.below(10) {
                0..=5 => Sizes::Small,
                6..=8 => Sizes::Mixed,
                _ if slowest >= 1_250_000 => Sizes::Large,
                _ => Sizes::Mixed,
            };
            flows.push(FlowPlan {
                to,
                channel: channel * 3,
                on_restart: dice.pick(&[
                    OnRestart::Carry,
                    OnRestart::Carry,
                    OnRestart::Drop,
                    OnRestart::Resend,
                ]),
                wants_done: dice.chance(25 * PERCENT),
                sizes,
                gap: gap * channels * u64::from(burst),
                burst,
            });
        }
    }
    AppPlan {
        flows,
        streams: streams.then(|| dice.between(2, 20) * SECOND),
        longest_stream: dice.pick(&[100, 20_000, if slowest >= 1_250_000 { 300_000 } else { 30_000 }]),
        lazy: dice.pick(&[0, 5 * PERCENT]),
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}: {} identities on {} machines", self.seed, self.nodes, self.machines())?;
        writeln!(
            f,
            "  faults stop at {} s; keys are replaced after {} s",
            self.fair_at / SECOND,
            self.rekey_after / SECOND
        )?;
        if let Some(limits) = self.key_limits {
            writeln!(f, "  {limits:?}")?;
        }
        if let Some((whose, most)) = self.small_table {
            writeln!(f, "  room for links at {whose}: {most}")?;
        }
        if let Some(load) = self.load {
            writeln!(f, "  {load:?}")?;
        }
        writeln!(f, "  cipher: {:?}; IPv6: {}; eavesdropper: {}", self.cipher, self.ipv6, self.tap)?;
        let machines = self.machines();
        for (index, (noisy, fair)) in self.links.iter().zip(&self.fair).enumerate() {
            let (from, to) = (index / machines, index % machines);
            if from != to {
                writeln!(
                    f,
                    "  {from} to {to}: {noisy:?}\n    fair: loss {} ppm, jitter {} us",
                    fair.loss, fair.jitter
                )?;
            }
        }
        for (number, plan) in self.machine_plans.iter().enumerate() {
            writeln!(
                f,
                "  machine {number}: identity {}, clock from {} us, {} ppm",
                plan.identity, plan.origin, plan.drift_ppm
            )?;
            for flow in &plan.app.flows {
                writeln!(f, "    {flow:?}")?;
            }
            writeln!(
                f,
                "    streams every {:?} us up to {} bytes",
                plan.app.streams, plan.app.longest_stream
            )?;
        }
        for (at, fault) in &self.faults {
            writeln!(f, "  at {:.3} s {fault}", *at as f64 / 1e6)?;
        }
        Ok(())
    }
}
