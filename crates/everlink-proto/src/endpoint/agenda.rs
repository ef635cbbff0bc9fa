//! Links in the order of a moment that each of them has, or has not: when it wants to be woken, since when it is idle.

use std::collections::{BTreeMap, BTreeSet};

use crate::link::LinkKey;

/// Links, the one with the earliest moment first. Holds at most one entry a link.
pub(super) struct Agenda<M> {
    moments: BTreeMap<LinkKey, M>,
    in_order: BTreeSet<(M, LinkKey)>,
}

impl<M> Default for Agenda<M> {
    fn default() -> Self {
        Self { moments: BTreeMap::new(), in_order: BTreeSet::new() }
    }
}

impl<M: Copy + Ord> Agenda<M> {
    /// Enters a link under `at`, in place of what it was entered under before; `None` strikes it out.
    pub(super) fn set(&mut self, key: LinkKey, at: Option<M>) {
        let before = match at {
            Some(at) => self.moments.insert(key, at),
            None => self.moments.remove(&key),
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
    pub(super) fn get(&self, key: LinkKey) -> Option<M> {
        self.moments.get(&key).copied()
    }

    /// The link with the earliest moment.
    pub(super) fn first(&self) -> Option<(M, LinkKey)> {
        self.in_order.first().copied()
    }

    /// The first link of which this is true.
    pub(super) fn find(&self, is_true: impl Fn(M, LinkKey) -> bool) -> Option<(M, LinkKey)> {
        self.in_order.iter().copied().find(|(at, key)| is_true(*at, *key))
    }

    /// How many links are entered.
    pub(super) fn len(&self) -> usize {
        self.in_order.len()
    }
}

#[cfg(test)]
mod tests;
