//! Links that are forgotten to make room for others, by whoever has little.
//!
//! A link that goes owes nothing (D8), and what it was to both sides is over: its process knows nothing of it any more,
//! and its peer may be told so or find out. Its application is told that the session ended, some time later. So
//! observers look which links there are.

use super::link::pair;
use std::collections::{BTreeMap, BTreeSet};

/// The books on the links that processes with little room hold.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    whose: Option<usize>,
    held: BTreeMap<u32, BTreeSet<usize>>,
    /// Pairs of which one side has forgotten the session and has begun no other.
    estranged: BTreeSet<(usize, usize)>,
}

impl Tables {
    /// Books on the processes of one identity, or of none.
    pub(crate) fn of(whose: Option<usize>) -> Self {
        Self { whose, ..Self::default() }
    }

    /// Whether the processes of an identity have little room.
    pub(crate) fn watches(&self, identity: usize) -> bool {
        self.whose == Some(identity)
    }

    /// Whether one side of a pair has little room.
    pub(crate) fn concerns(&self, one: usize, other: usize) -> bool {
        self.watches(one) || self.watches(other)
    }

    /// Looks which links a process holds, and tells which of those that it held are gone.
    pub(crate) fn on_look(&mut self, process: u32, held: BTreeSet<usize>) -> Vec<usize> {
        let before = self.held.insert(process, held.clone()).unwrap_or_default();
        before.difference(&held).copied().collect()
    }

    /// An identity has forgotten its session with `peer`.
    pub(crate) fn on_forgotten(&mut self, identity: usize, peer: usize) {
        self.estranged.insert(pair(identity, peer));
    }

    /// An identity has begun a session with `peer`.
    pub(crate) fn on_started(&mut self, identity: usize, peer: usize) {
        if self.watches(identity) {
            self.estranged.remove(&pair(identity, peer));
        }
    }

    /// Whether `identity` may have no link with `peer`: it has forgotten their session, and has begun no other.
    pub(crate) fn have_parted(&self, identity: usize, peer: usize) -> bool {
        self.watches(identity) && self.are_estranged(identity, peer)
    }

    /// Whether one side of a pair has forgotten their session, and it may be that the other does not know.
    pub(crate) fn are_estranged(&self, one: usize, other: usize) -> bool {
        self.estranged.contains(&pair(one, other))
    }
}
