//! Links in the order of a time that each of them has, or has not: when it wants to be woken, since when it is idle.

use std::collections::{BTreeMap, BTreeSet};

use crate::{link::LinkKey, time::Instant};

/// Links, the one with the earliest time first. Holds at most one entry a link.
#[derive(Default)]
pub(super) struct Agenda {
    times: BTreeMap<LinkKey, Instant>,
    in_order: BTreeSet<(Instant, LinkKey)>,
}

impl Agenda {
    /// Enters a link under `at`, in place of what it was entered under before; `None` strikes it out.
    pub(super) fn set(&mut self, key: LinkKey, at: Option<Instant>) {
        let before = match at {
            Some(at) => self.times.insert(key, at),
            None => self.times.remove(&key),
        };
        if before == at {
            return;
        }
        if let Some(before) = before {
            self.in_order.remove(&(before, key));
        }
        if let Some(at) = at {
            self.in_order.insert((at, key));
        }
    }

    /// What a link is entered under.
    pub(super) fn get(&self, key: LinkKey) -> Option<Instant> {
        self.times.get(&key).copied()
    }

    /// The link with the earliest time.
    pub(super) fn first(&self) -> Option<(Instant, LinkKey)> {
        self.in_order.first().copied()
    }

    /// How many links are entered.
    pub(super) fn len(&self) -> usize {
        self.in_order.len()
    }
}

#[cfg(test)]
mod tests;
