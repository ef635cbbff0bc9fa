//! The clock of one machine: a crystal of its own, and the things that happen to it.
//!
//! World time is known to nobody inside the world. A machine reads its own clock, which started at
//! some other moment, runs a little fast or slow, is set forward, or stands still while a virtual
//! machine is moved. It never runs backwards, as `everlink_proto::time` demands of drivers, and it
//! counts the time the machine was suspended.

use everlink_proto::time::Instant;

/// World time, in microseconds since the world began.
pub(crate) type Micros = u64;

/// One second of world time.
pub(crate) const SECOND: Micros = 1_000_000;

/// One millisecond of world time.
pub(crate) const MILLI: Micros = 1_000;

const MILLION: i128 = 1_000_000;

/// How a machine's clock follows world time: a straight line since the last thing that bent it.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    since: Micros,
    local: u64,
    drift_ppm: i32,
    /// When it stopped, until somebody asks for how long it stood.
    stopped: Option<Micros>,
}

impl Clock {
    /// A clock that shows `origin` when the world begins and gains `drift_ppm` parts in a million.
    pub(crate) fn new(origin: u64, drift_ppm: i32) -> Self {
        Self { since: 0, local: origin, drift_ppm, stopped: None }
    }

    /// What the clock shows at `world`.
    pub(crate) fn read(&self, world: Micros) -> Instant {
        let passed = i128::from(world.saturating_sub(self.since));
        let shown = passed + passed * i128::from(self.drift_ppm) / MILLION;
        Instant::from_micros(self.local.saturating_add(u64::try_from(shown).unwrap_or(u64::MAX)))
    }

    /// The first moment of world time, not before `now`, at which the clock shows `deadline`.
    pub(crate) fn when(&self, now: Micros, deadline: Instant) -> Micros {
        let missing = i128::from(deadline.as_micros().saturating_sub(self.local));
        let passed = missing * MILLION / (MILLION + i128::from(self.drift_ppm));
        let mut world = self.since.saturating_add(u64::try_from(passed).unwrap_or(u64::MAX));
        while self.read(world) < deadline && world < Micros::MAX {
            world += 1;
        }
        world.max(now)
    }

    /// Sets the clock forward by `by`.
    pub(crate) fn jump(&mut self, now: Micros, by: Micros) {
        self.local = self.read(now).as_micros().saturating_add(by);
        self.since = now;
    }

    /// Whether the clock stands still.
    pub(crate) fn is_frozen(&self, now: Micros) -> bool {
        now < self.since
    }

    /// Stops the clock until `until`.
    pub(crate) fn freeze(&mut self, now: Micros, until: Micros) {
        self.local = self.read(now).as_micros();
        self.since = until;
        self.stopped.get_or_insert(now);
    }

    /// For how long it stood still, once it goes again; 0 as long as it does not, and if that was asked before.
    pub(crate) fn go_on(&mut self, now: Micros) -> Micros {
        if self.is_frozen(now) {
            return 0;
        }
        self.stopped.take().map_or(0, |stopped| now - stopped)
    }
}

#[cfg(test)]
mod tests;
