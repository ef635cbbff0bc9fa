//! One direction between two machines: delay, loss, order, rate and buffer.

use crate::clock::{MILLI, Micros, SECOND};
use crate::dice::{Dice, Ppm};

/// Loss in bursts (Gilbert 1960, Elliott 1963): a good and a bad state, changed at random with each
/// packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Bursts {
    /// How often a packet finds the link turning bad.
    pub(crate) enter: Ppm,
    /// How often a packet finds it turning good again; the mean burst is its inverse.
    pub(crate) leave: Ppm,
    /// What is lost while it is bad.
    pub(crate) loss: Ppm,
}

/// How one direction treats what is sent on it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct LinkOptions {
    pub(crate) delay: Micros,
    pub(crate) jitter: Micros,
    pub(crate) loss: Ppm,
    pub(crate) bursts: Option<Bursts>,
    pub(crate) reorder: Ppm,
    pub(crate) reorder_by: Micros,
    pub(crate) duplicate: Ppm,
    pub(crate) duplicate_within: Micros,
    pub(crate) corrupt: Ppm,
    /// Bytes in a second.
    pub(crate) rate: u64,
    /// How long a packet may stand in the buffer before the buffer is full.
    pub(crate) queue: Micros,
}

impl LinkOptions {
    /// A good line of `delay` one way.
    pub(crate) fn clean(delay: Micros) -> Self {
        Self {
            delay,
            jitter: 0,
            loss: 0,
            bursts: None,
            reorder: 0,
            reorder_by: 0,
            duplicate: 0,
            duplicate_within: 0,
            corrupt: 0,
            rate: 12_500_000,
            queue: 100 * MILLI,
        }
    }

    /// What the network may take away, on average, of what is sent slowly enough.
    pub(crate) fn mean_loss(&self) -> Ppm {
        let bursts = self.bursts.map_or(0, |bursts| {
            let bad = u64::from(bursts.enter) * u64::from(bursts.loss);
            (bad / u64::from(bursts.enter + bursts.leave).max(1)) as Ppm
        });
        self.loss + bursts + self.corrupt
    }

    /// The longest a packet can be on its way, if it is neither reordered nor a late copy.
    pub(crate) fn worst_delay(&self) -> Micros {
        self.delay + self.jitter + self.queue + 1_200 * SECOND / self.rate.max(1)
    }
}

/// Why a datagram went no further.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Loss {
    /// Lost at random.
    Random,
    /// Lost in a burst.
    Burst,
    /// The buffer was full.
    Queue,
    /// The direction is cut.
    Cut,
}

/// What becomes of one datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Fate {
    pub(crate) arrives: Micros,
    pub(crate) late: bool,
    pub(crate) corrupt: bool,
    pub(crate) copy: Option<Micros>,
}

/// The state of one direction.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) options: LinkOptions,
    /// How many cuts lie on it now.
    pub(crate) cuts: u32,
    bad: bool,
    free_at: Micros,
    last_arrival: Micros,
}

impl Link {
    /// An idle link.
    pub(crate) fn new(options: LinkOptions) -> Self {
        Self { options, cuts: 0, bad: false, free_at: 0, last_arrival: 0 }
    }

    /// Takes a datagram of `len` bytes at `now` and tells what becomes of it.
    pub(crate) fn carry(&mut self, now: Micros, len: usize, dice: &mut Dice) -> Result<Fate, Loss> {
        if self.cuts > 0 {
            return Err(Loss::Cut);
        }
        let leaves = self.leave_queue(now, len)?;
        self.lose(dice)?;
        let on_time = leaves + self.options.delay + dice.below(self.options.jitter + 1);
        let late = dice.chance(self.options.reorder);
        let arrives = if late {
            on_time + dice.between(1, self.options.reorder_by.max(1))
        } else {
            self.last_arrival = self.last_arrival.max(on_time);
            self.last_arrival
        };
        let copy = dice
            .chance(self.options.duplicate)
            .then(|| arrives + dice.below(self.options.duplicate_within + 1));
        Ok(Fate { arrives, late, corrupt: dice.chance(self.options.corrupt), copy })
    }

    fn leave_queue(&mut self, now: Micros, len: usize) -> Result<Micros, Loss> {
        let starts = self.free_at.max(now);
        if starts - now > self.options.queue {
            return Err(Loss::Queue);
        }
        // 28 bytes of IP and UDP header take their time too.
        self.free_at = starts + (len as u64 + 28) * SECOND / self.options.rate.max(1);
        Ok(self.free_at)
    }

    fn lose(&mut self, dice: &mut Dice) -> Result<(), Loss> {
        if let Some(bursts) = self.options.bursts {
            let turn = if self.bad { bursts.leave } else { bursts.enter };
            if dice.chance(turn) {
                self.bad = !self.bad;
            }
            if self.bad && dice.chance(bursts.loss) {
                return Err(Loss::Burst);
            }
        }
        if dice.chance(self.options.loss) { Err(Loss::Random) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
