//! Connections on their way out: each is gone when its time is over (S1).

use super::{Findings, Sight, later};
use crate::clock::{Micros, SECOND};
use crate::subject::{ConnectionView, Standing};
use std::collections::BTreeMap;

/// Bounds of the drain time, which is three probe timeouts otherwise (SPEC 6.6).
const DRAIN: std::ops::RangeInclusive<Micros> = 10 * SECOND..=30 * SECOND;

/// How often links are looked at, and a little more.
const SLACK: Micros = SECOND;

/// A connection of a link: its generation, and whether this side dialled.
type Name = (u64, bool);

/// The books on every connection that drains: since when it does.
#[derive(Debug, Default)]
pub(crate) struct Drains(BTreeMap<(u32, usize), BTreeMap<Name, Micros>>);

impl Drains {
    /// Looks at one end of a link.
    pub(crate) fn on_view(&mut self, sight: &Sight, findings: &mut Findings) {
        let at = sight.at;
        let seen = self.0.entry(sight.key()).or_default();
        let mut draining = BTreeMap::new();
        for one in sight.view.connections.iter().filter(|one| one.standing == Standing::Draining) {
            let since = *seen.get(&name(one)).unwrap_or(&at);
            let allowed = (3 * one.pto).clamp(*DRAIN.start(), *DRAIN.end());
            let late = at - since > allowed + SLACK;
            if late {
                let text = format!("{:?} drains since {} us, not {allowed}", name(one), at - since);
                findings.complain("S1", at, sight.machines(), text);
            }
            draining.insert(name(one), if late { at } else { since });
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
            seen.values_mut().for_each(|since| *since = later(*since, lasted, at));
        }
    }
}

fn name(one: &ConnectionView) -> Name {
    (one.generation, one.by_us)
}
