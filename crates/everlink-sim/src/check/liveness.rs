//! Once the faults have stopped, the world must become whole (L1 to L3, L5).

use super::Findings;
use super::crypto::busiest_minute;
use super::link::pair;
use crate::clock::{Micros, SECOND};
use std::collections::BTreeMap;

/// The handshakes a pair may complete in any minute (L5).
const HANDSHAKES: usize = 20;

/// What each restart, forced replacement, dead socket or wake adds to that.
const HANDSHAKES_EACH: usize = 4;

/// What a key adds that is worn out and has to be replaced: both sides may begin.
const HANDSHAKES_WORN: usize = 2;

/// What a link adds that was forgotten to make room: both sides may begin anew.
const HANDSHAKES_FORGOTTEN: usize = 2;

/// How long a pair may wait where nothing better is promised: for its messages at heavy loss, and for room that others
/// hold as long as they owe something.
const PATIENCE: Micros = 600 * SECOND;

/// What is promised to a pair.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Promise {
    /// The worst round trip of the network between them, buffers included.
    pub(crate) round_trip: Micros,
    /// The worse direction's mean loss, in parts in a million.
    pub(crate) loss: u32,
    /// The slower direction's bytes in a second.
    pub(crate) rate: u64,
    /// Whether a refusal may have told one of them to wait.
    pub(crate) refused: bool,
    /// Whether one of them has little room for links, so that the other may have to wait for it.
    pub(crate) crowded: bool,
}

/// What became of a pair since the faults stopped.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    connected: Option<Micros>,
    backlog: u64,
    late: bool,
}

/// The books on what must happen in the end.
#[derive(Debug, Default)]
pub(crate) struct Liveness {
    fair_since: Micros,
    pairs: BTreeMap<(usize, usize), Progress>,
    /// What excuses handshakes: (moment, identity).
    forced: Vec<(Micros, usize)>,
    /// When a pair's link was forgotten to make room.
    forgotten: Vec<(Micros, (usize, usize))>,
}

/// What a look at a pair found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) connected: bool,
    pub(crate) waiting: u64,
    pub(crate) backlog: u64,
}

impl Liveness {
    /// From now on the network is fair.
    pub(crate) fn on_fair(&mut self, at: Micros) {
        self.fair_since = at;
    }

    /// Something happened to a machine of `identity` after which more handshakes are in order.
    pub(crate) fn on_forced(&mut self, at: Micros, identity: usize) {
        self.forced.push((at, identity));
    }

    /// A link of a pair was forgotten to make room.
    pub(crate) fn on_forgotten(&mut self, at: Micros, names: (usize, usize)) {
        self.forgotten.push((at, names));
    }

    /// Looks at a pair while the network is fair. Tells whether everything it owes is done.
    pub(crate) fn on_look(
        &mut self,
        at: Micros,
        names: (usize, usize),
        look: Look,
        promise: Promise,
        findings: &mut Findings,
    ) -> bool {
        let fair_since = self.fair_since;
        let progress = self.pairs.entry(pair(names.0, names.1)).or_default();
        let done = look.waiting == 0;
        if progress.connected.is_none() {
            if look.connected || (done && at > fair_since) {
                progress.connected = Some(at);
                progress.backlog = look.backlog;
            } else if at > fair_since + promise.connect_within() && !progress.late {
                progress.late = true;
                let text =
                    format!("not connected {:.1} s after the faults stopped", seconds(at - fair_since));
                findings.complain("L1", at, names, text);
            }
        }
        progress.backlog = progress.backlog.max(look.backlog);
        if let Some(connected) = progress.connected
            && !done
            && !progress.late
            && at > connected.max(fair_since) + promise.deliver_within(progress.backlog)
        {
            progress.late = true;
            let text = format!(
                "{} verdicts missing {:.1} s after the faults stopped, connected after {:.1} s",
                look.waiting,
                seconds(at - fair_since),
                seconds(connected.saturating_sub(fair_since))
            );
            findings.complain("L2", at, names, text);
        }
        done
    }

    /// Whether a promise to the pair was broken already, so that waiting longer shows nothing new.
    pub(crate) fn is_late(&self, names: (usize, usize)) -> bool {
        self.pairs.get(&pair(names.0, names.1)).is_some_and(|progress| progress.late)
    }

    /// The run is over: counts handshakes (L5).
    pub(crate) fn finish(
        &self,
        confirmed: &[(Micros, usize, usize)],
        worn_out: &[(Micros, usize, usize)],
        exempt: impl Fn(usize, usize, Micros) -> bool,
        findings: &mut Findings,
    ) {
        let mut by_pair: BTreeMap<(usize, usize), Vec<Micros>> = BTreeMap::new();
        for &(at, one, other) in confirmed {
            by_pair.entry((one, other)).or_default().push(at);
        }
        for ((one, other), mut moments) in by_pair {
            // Each connection has two keys and so two first openings; the later ones are counted.
            moments.sort_unstable();
            let connections = moments.iter().copied().skip(1).step_by(2);
            let connections: Vec<_> = connections.filter(|at| !exempt(one, other, *at)).collect();
            let forced = self.forced.iter().filter(|(_, who)| *who == one || *who == other);
            let worn_out = worn_out.iter().filter(|(_, here, there)| (*here, *there) == (one, other));
            let forgotten = self.forgotten.iter().filter(|(_, names)| *names == (one, other));
            let events: Vec<_> = forced
                .map(|(at, _)| (*at, HANDSHAKES_EACH))
                .chain(worn_out.map(|(at, _, _)| (*at, HANDSHAKES_WORN)))
                .chain(forgotten.map(|(at, _)| (*at, HANDSHAKES_FORGOTTEN)))
                .collect();
            let (count, at) = busiest_minute(&connections, &events);
            if count > HANDSHAKES {
                let text = format!("{count} handshakes within a minute that nothing explains");
                findings.complain("L5", at, (one, other), text);
            }
        }
    }
}

impl Promise {
    fn connect_within(self) -> Micros {
        if self.crowded {
            return PATIENCE;
        }
        let refused = if self.refused { 35 * SECOND } else { 0 };
        let ladder = if self.loss == 0 { 10 * SECOND + 8 * self.round_trip } else { 180 * SECOND };
        ladder + refused + SECOND
    }

    /// L2: half of the link, or of what RFC 5348's simplest form gives a loss-based controller at this loss and
    /// round trip, whichever is less.
    fn deliver_within(self, backlog: u64) -> Micros {
        if self.crowded || self.loss > 10_000 {
            return PATIENCE;
        }
        let limit = if self.loss == 0 {
            self.rate
        } else {
            // 1.2 MSS / (RTT sqrt(p)), with p in parts in a million: sqrt(p / 10^6) = sqrt(p) / 1000.
            let root = u64::from(self.loss).isqrt().max(1);
            self.rate.min(1_200 * 1_200 * SECOND / (self.round_trip.max(1_000) * root))
        };
        let rate = (limit / 2).max(1);
        10 * SECOND + 20 * self.round_trip + backlog.saturating_mul(SECOND) / rate + SECOND
    }
}

fn seconds(micros: Micros) -> f64 {
    micros as f64 / 1e6
}
