//! Connections on their way out: each is gone when its time is over (S1).

use super::{Findings, Sight, later};
use crate::clock::{Micros, SECOND};
use crate::subject::{ConnectionView, Standing};
use std::collections::BTreeMap;

/// Bounds of the drain time, which is three probe timeouts otherwise (SPEC 6.6).
const DRAIN: std::ops::RangeInclusive<Micros> = 10 * SECOND..=30 * SECOND;

/// How long last words may take, if a session ended over a connection while it drained: then it stays to repeat them
/// (SPEC 6.6).
const LAST_WORDS: Micros = 3 * SECOND;

/// How often links are looked at, and a little more.
const SLACK: Micros = SECOND;

/// A connection of a link: its generation, and whether this side dialled.
type Name = (u64, bool);

/// The books on every connection that drains.
#[derive(Debug, Default)]
pub(crate) struct Drains(BTreeMap<(u32, usize), BTreeMap<Name, Way>>);

/// How far a connection is on its way out.
#[derive(Clone, Copy, Debug)]
struct Way {
    /// Since when it drains, or says last words.
    since: Micros,
    /// Whether it carried the session when it was last looked at.
    bound: bool,
    /// Whether it ceased to while it drained.
    says_last_words: bool,
}

impl Drains {
    /// Looks at one end of a link.
    pub(crate) fn on_view(&mut self, sight: &Sight, findings: &mut Findings) {
        let at = sight.at;
        let seen = self.0.entry(sight.key()).or_default();
        let mut draining = BTreeMap::new();
        for one in sight.view.connections.iter().filter(|one| one.standing == Standing::Draining) {
            let begins = Way { since: at, bound: one.bound, says_last_words: false };
            let mut way = seen.get(&name(one)).copied().unwrap_or(begins);
            if way.bound && !one.bound {
                way = Way { since: at, bound: false, says_last_words: true };
            }
            let drain = (3 * one.pto).clamp(*DRAIN.start(), *DRAIN.end());
            let allowed = if way.says_last_words { LAST_WORDS } else { drain };
            if at - way.since > allowed + SLACK {
                let text = format!("{:?} drains since {} us, not {allowed}", name(one), at - way.since);
                findings.complain("S1", at, sight.machines(), text);
                way.since = at;
            }
            draining.insert(name(one), way);
        }
        *seen = draining;
    }

    /// `process` has forgotten its link with `peer`, connections included.
    pub(crate) fn on_forgotten(&mut self, process: u32, peer: usize) {
        self.0.remove(&(process, peer));
    }

    /// The machine of `process` was not itself for so long.
    pub(crate) fn forgive(&mut self, at: Micros, process: u32, lasted: Micros) {
        for (_, seen) in self.0.range_mut((process, 0)..(process + 1, 0)) {
            seen.values_mut().for_each(|way| way.since = later(way.since, lasted, at));
        }
    }
}

fn name(one: &ConnectionView) -> Name {
    (one.generation, one.by_us)
}
