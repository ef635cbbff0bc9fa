//! When to try again: the retry ladder (SPEC 6.3).
//!
//! Like someone who rings, waits a moment, rings again, and then tries every few seconds: quick while
//! somebody probably waits at the other end, patient later, never silent while something is owed. Waits are drawn
//! from 80 to 100 % of their figure, so that many peers of one lost gateway do not come back in step.

use core::time::Duration;

use crate::{
    rng::Rng,
    time::{Instant, soonest},
};

/// The tries of one outage.
#[derive(Clone, Debug)]
pub(crate) struct Ladder {
    since: Instant,
    probe: Track,
    known: Track,
    other: Track,
}

/// What is due now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Due {
    /// A PING on each known path.
    pub(crate) probe: bool,
    /// Message 1 to addresses that ever authenticated.
    pub(crate) dial_known: bool,
    /// Message 1 to other addresses.
    pub(crate) dial_other: bool,
}

#[derive(Clone, Debug)]
struct Track {
    at: Option<Instant>,
    tries: u32,
    /// Once for each regular try it may be pulled forward (SPEC 6.4).
    may_pull: bool,
    /// The next try is one that was pulled forward.
    pulled: bool,
}

impl Ladder {
    /// Probes are due at once, dials at `dials_from`.
    pub(crate) fn start(now: Instant, dials_from: Instant) -> Self {
        let track = |at| Track { at: Some(at), tries: 0, may_pull: true, pulled: false };
        Self { since: now, probe: track(now), known: track(dials_from), other: track(dials_from) }
    }

    /// Only dials: the old connection works and is merely to be replaced.
    pub(crate) fn start_without_probes(now: Instant) -> Self {
        let mut ladder = Self::start(now, now);
        ladder.probe.at = None;
        ladder
    }

    /// Whether paths are probed, too.
    pub(crate) const fn probes(&self) -> bool {
        self.probe.at.is_some()
    }

    /// When the outage began.
    pub(crate) const fn since(&self) -> Instant {
        self.since
    }

    /// How many dials were due so far, to addresses that ever authenticated and to others.
    pub(crate) const fn dials(&self) -> (u32, u32) {
        (self.known.tries, self.other.tries)
    }

    /// When something is due next.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        soonest(self.probe.at, soonest(self.known.at, self.other.at))
    }

    /// Makes the next try due now, once for each try.
    pub(crate) fn pull_forward(&mut self, now: Instant) {
        for track in [&mut self.probe, &mut self.known, &mut self.other] {
            track.pull(now);
        }
    }

    /// Makes the next probe due now, once for each: the peer was heard.
    pub(crate) fn pull_probe(&mut self, now: Instant) {
        self.probe.pull(now);
    }

    /// Says what is due and draws the waits that follow.
    pub(crate) fn take_due(&mut self, now: Instant, rng: &mut Rng) -> Due {
        let elapsed = now.saturating_since(self.since);
        Due {
            probe: self.probe.take(now, rng, |_| probe_wait(elapsed)),
            dial_known: self.known.take(now, rng, dial_known_wait),
            dial_other: self.other.take(now, rng, |tries| dial_other_wait(tries, elapsed)),
        }
    }
}

impl Track {
    fn pull(&mut self, now: Instant) {
        if self.may_pull && self.at.is_some_and(|at| at > now) {
            self.may_pull = false;
            self.pulled = true;
            self.at = Some(now);
        }
    }

    fn take(&mut self, now: Instant, rng: &mut Rng, wait: impl Fn(u32) -> Duration) -> bool {
        let Some(_) = self.at.filter(|at| *at <= now) else { return false };
        self.tries = self.tries.saturating_add(1);
        self.at = Some(now + shortened(wait(self.tries), rng));
        if !core::mem::take(&mut self.pulled) {
            self.may_pull = true;
        }
        true
    }
}

/// Draws from 80 to 100 % of `figure`.
fn shortened(figure: Duration, rng: &mut Rng) -> Duration {
    let micros = u64::try_from(figure.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(micros - rng.below(micros / 5 + 1))
}

const fn probe_wait(elapsed: Duration) -> Duration {
    Duration::from_millis(match elapsed.as_secs() {
        0..10 => 250,
        10..60 => 500,
        _ => 1_800,
    })
}

const fn dial_known_wait(tries: u32) -> Duration {
    Duration::from_millis(match tries {
        1 => 300,
        2 => 600,
        3 => 1_200,
        _ => 3_000,
    })
}

const fn dial_other_wait(tries: u32, elapsed: Duration) -> Duration {
    match tries {
        1..=3 => dial_known_wait(tries),
        _ if elapsed.as_secs() < 60 => Duration::from_millis(4_500),
        _ => Duration::from_millis(9_500),
    }
}
