//! What happens to machines and cables: kinds of fault, and when they strike.

use crate::clock::{MILLI, Micros, SECOND};
use crate::dice::Dice;
use std::fmt;

/// One blow of fate. Machines are named by their place in the world.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// Nothing passes in either direction.
    Cut { one: usize, other: usize, lasts: Micros },
    /// Nothing passes in one direction.
    OneWay { from: usize, to: usize, lasts: Micros },
    /// The direction is slower by this factor.
    Slow { from: usize, to: usize, factor: u64, lasts: Micros },
    /// The machine gets another address. It notices, or (behind a NAT) it does not.
    Move { machine: usize, noticed: bool },
    /// Only the port changes, as when a NAT forgets a mapping.
    Rebind { machine: usize },
    /// The process dies and begins again, at the same address or another.
    Crash { machine: usize, down: Micros, moves: bool },
    /// The machine sleeps; its clock goes on.
    Suspend { machine: usize, lasts: Micros },
    /// The process gets no processor; its socket's buffer fills.
    Stall { machine: usize, lasts: Micros },
    /// The clock is set forward.
    ClockJump { machine: usize, by: Micros },
    /// The clock stands still.
    ClockFreeze { machine: usize, lasts: Micros },
    /// The socket fails, and is bound anew after a while, at another port.
    SocketDeath { machine: usize, lasts: Micros },
    /// The socket reports errors though nothing is wrong.
    SocketErrors { machine: usize, to: usize },
    /// The system says that the network changed though it did not.
    FalseChange { machine: usize },
    /// The application wants a new connection though the old one works.
    Redial { machine: usize, to: usize },
    /// Both sides of a pair do, at the same moment.
    CrossingDials { one: usize, other: usize },
    /// The application reads slowly.
    SlowReader { machine: usize, lasts: Micros },
    /// The application closes the session with a peer.
    Close { machine: usize, to: usize },
    /// A second process with the same key begins elsewhere, and dies after a while.
    Clone { machine: usize, lasts: Micros },
    /// Everything that was overheard is sent again.
    Replay,
    /// Datagrams that nobody sealed.
    Junk { machine: usize, count: u32 },
    /// From now on, somebody copies this many in a million datagrams under an address of his own.
    Spoof { odds: u32, lasts: Micros },
    /// A process dies after its last packets were held up on the way: they arrive when the next one has taken its
    /// place. A fresh one has only just begun, and so has its peer.
    Flicker { machine: usize, to: usize, fresh: bool, after: Micros, late: Micros },
    /// First messages of nobody, whose sender knows to whom he writes: mac1 is right, and nothing else.
    Forge { machine: usize, count: u32 },
}

/// The places in [`KINDS`] of what is not drawn like the others.
pub(crate) const FLICKER: usize = 21;
pub(crate) const FORGE: usize = 22;

/// Every kind of scheduled fault, as reports name them.
pub(crate) const KINDS: [&str; 23] = [
    "cut",
    "one-way partition",
    "rate step",
    "address change",
    "port change",
    "crash",
    "suspend",
    "stall",
    "clock jump",
    "clock freeze",
    "socket death",
    "socket errors",
    "false network change",
    "forced redial",
    "crossing dials",
    "slow reader",
    "close",
    "cloned identity",
    "replay",
    "junk",
    "copies from strangers",
    "overtaken process",
    "forged handshakes",
];

impl Fault {
    /// The kind, as reports name it.
    pub(crate) const fn kind(&self) -> &'static str {
        KINDS[match self {
            Self::Cut { .. } => 0,
            Self::OneWay { .. } => 1,
            Self::Slow { .. } => 2,
            Self::Move { .. } => 3,
            Self::Rebind { .. } => 4,
            Self::Crash { .. } => 5,
            Self::Suspend { .. } => 6,
            Self::Stall { .. } => 7,
            Self::ClockJump { .. } => 8,
            Self::ClockFreeze { .. } => 9,
            Self::SocketDeath { .. } => 10,
            Self::SocketErrors { .. } => 11,
            Self::FalseChange { .. } => 12,
            Self::Redial { .. } => 13,
            Self::CrossingDials { .. } => 14,
            Self::SlowReader { .. } => 15,
            Self::Close { .. } => 16,
            Self::Clone { .. } => 17,
            Self::Replay => 18,
            Self::Junk { .. } => 19,
            Self::Spoof { .. } => 20,
            Self::Flicker { .. } => FLICKER,
            Self::Forge { .. } => FORGE,
        }]
    }

    /// A fault of the kind named by its place in [`KINDS`], on some of `machines`.
    pub(crate) fn draw(kind: usize, machines: usize, dice: &mut Dice) -> Self {
        let machine = dice.below(machines as u64) as usize;
        let other = (machine + 1 + dice.below(machines as u64 - 1) as usize) % machines;
        let outage = draw_outage(dice);
        match kind {
            0 => Self::Cut { one: machine, other, lasts: outage },
            1 => Self::OneWay { from: machine, to: other, lasts: outage },
            2 => Self::Slow { from: machine, to: other, factor: dice.pick(&[10, 100, 1_000]), lasts: outage },
            3 => Self::Move { machine, noticed: dice.coin() },
            4 => Self::Rebind { machine },
            5 => Self::Crash {
                machine,
                down: dice.pick(&[0, 200 * MILLI, 2 * SECOND, 20 * SECOND]),
                moves: dice.coin(),
            },
            6 => Self::Suspend { machine, lasts: draw_sleep(dice) },
            7 => Self::Stall { machine, lasts: dice.between(10 * MILLI, 3 * SECOND) },
            8 => Self::ClockJump {
                machine,
                by: dice.pick(&[3 * SECOND, 60 * SECOND, 3_600 * SECOND, 315_360_000 * SECOND]),
            },
            9 => Self::ClockFreeze { machine, lasts: dice.between(SECOND, 10 * SECOND) },
            10 => Self::SocketDeath { machine, lasts: dice.between(0, 5 * SECOND) },
            11 => Self::SocketErrors { machine, to: other },
            12 => Self::FalseChange { machine },
            13 => Self::Redial { machine, to: other },
            14 => Self::CrossingDials { one: machine, other },
            15 => Self::SlowReader { machine, lasts: dice.between(5 * SECOND, 60 * SECOND) },
            16 => Self::Close { machine, to: other },
            17 => Self::Clone { machine, lasts: dice.between(10 * SECOND, 60 * SECOND) },
            18 => Self::Replay,
            FORGE => Self::Forge { machine, count: dice.between(5, 60) as u32 },
            19 => Self::Junk { machine, count: dice.between(20, 200) as u32 },
            FLICKER => {
                let fresh = dice.coin();
                let late = if fresh { (2 * SECOND, 6 * SECOND) } else { (100 * MILLI, 1_500 * MILLI) };
                Self::Flicker {
                    machine,
                    to: other,
                    fresh,
                    after: dice.between(200 * MILLI, 2 * SECOND),
                    late: dice.between(late.0, late.1),
                }
            }
            _ => Self::Spoof {
                odds: dice.pick(&[1_000, 20_000, 200_000]),
                lasts: dice.between(5 * SECOND, 30 * SECOND),
            },
        }
    }
}

/// How long a fault of the network lasts: from a flap to most of a run.
fn draw_outage(dice: &mut Dice) -> Micros {
    match dice.below(10) {
        0..=2 => dice.between(50 * MILLI, 500 * MILLI),
        3..=6 => dice.between(SECOND, 8 * SECOND),
        7..=8 => dice.between(8 * SECOND, 40 * SECOND),
        _ => dice.between(40 * SECOND, 90 * SECOND),
    }
}

/// How long a machine sleeps.
fn draw_sleep(dice: &mut Dice) -> Micros {
    match dice.below(4) {
        0 => dice.between(SECOND, 5 * SECOND),
        1..=2 => dice.between(5 * SECOND, 40 * SECOND),
        _ => dice.between(40 * SECOND, 120 * SECOND),
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {self:?}", self.kind())
    }
}
