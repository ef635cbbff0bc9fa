//! Connections on their way out: each is gone when its time is over (S1).

use super::{Findings, Process};
use crate::clock::{Micros, SECOND};
use crate::subject::{ConnectionView, Standing, View};
use std::collections::BTreeMap;

/// Bounds of the drain time, which is three probe timeouts otherwise (SPEC 6.6).
const DRAIN: std::ops::RangeInclusive<Micros> = 10 * SECOND..=30 * SECOND;

/// How often links are looked at, and a little more.
const SLACK: Micros = SECOND;

/// A connection of a link: its generation, and whether this side dialled.
type Name = (u64, bool);

/// What is known of the connections of one link.
#[derive(Debug, Default)]
struct Seen {
    /// The longest probe timeout of the last look: a new connection inherits what is known of the path.
    timeout: Micros,
    /// How long each may drain, and since when it does.
    draining: BTreeMap<Name, (Micros, Micros)>,
}

/// The books on every connection that drains.
#[derive(Debug, Default)]
pub(crate) struct Drains(BTreeMap<(u32, usize), Seen>);

impl Drains {
    /// Looks at one end of a link.
    pub(crate) fn on_view(
        &mut self,
        at: Micros,
        process: Process,
        peer: usize,
        view: &View,
        findings: &mut Findings,
    ) {
        let seen = self.0.entry((process.number, peer)).or_default();
        let longest = view.connections.iter().map(|one| one.pto).max().unwrap_or(0);
        // The time is fixed when it begins, some time since the last look.
        let timeout = std::mem::replace(&mut seen.timeout, longest).max(longest);
        // It may have been longer in between, for a moment.
        let fresh = (3 * timeout * 6 / 5).clamp(*DRAIN.start(), *DRAIN.end());
        let mut draining = BTreeMap::new();
        for one in view.connections.iter().filter(|one| one.standing == Standing::Draining) {
            let (allowed, since) = *seen.draining.get(&name(one)).unwrap_or(&(fresh, at));
            let late = at - since > allowed + SLACK;
            if late {
                let text = format!("{:?} drains since {} us, not {allowed}", name(one), at - since);
                findings.complain("S1", at, (process.machine, peer), text);
            }
            draining.insert(name(one), (allowed, if late { at } else { since }));
        }
        seen.draining = draining;
    }

    /// The machine of `process` was not itself.
    pub(crate) fn forgive(&mut self, at: Micros, process: u32) {
        for (_, seen) in self.0.range_mut((process, 0)..(process + 1, 0)) {
            seen.draining.values_mut().for_each(|(_, since)| *since = at);
        }
    }
}

fn name(one: &ConnectionView) -> Name {
    (one.generation, one.by_us)
}
