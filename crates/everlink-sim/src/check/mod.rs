//! Observers that stand outside the code they check.
//!
//! They see what goes in and what comes out: calls of applications, events, datagrams, what keys do,
//! and snapshots. Each keeps books of its own and complains when the books do not agree with what
//! an endpoint says. What a few of them have to take from the code under test, docs/TESTING.md names.

pub(crate) mod abuse;
pub(crate) mod bounds;
pub(crate) mod close;
pub(crate) mod crypto;
pub(crate) mod delivery;
pub(crate) mod drain;
pub(crate) mod link;
pub(crate) mod liveness;
pub(crate) mod mark;
pub(crate) mod room;
pub(crate) mod stream;

use crate::clock::Micros;
use crate::subject::View;

/// How many complaints a run keeps; what comes after the first few rarely says more.
const MOST: usize = 16;

/// One broken promise.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    pub(crate) invariant: &'static str,
    pub(crate) at: Micros,
    pub(crate) machines: (usize, usize),
    pub(crate) text: String,
}

/// The broken promises of one run.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    list: Vec<Finding>,
    /// How many there were, kept or not.
    pub(crate) total: usize,
}

impl Findings {
    /// Notes that `invariant` does not hold between two machines (or for one, named twice).
    pub(crate) fn complain(
        &mut self,
        invariant: &'static str,
        at: Micros,
        machines: (usize, usize),
        text: String,
    ) {
        self.total += 1;
        if self.list.len() < MOST {
            self.list.push(Finding { invariant, at, machines, text });
        }
    }

    /// All that was kept.
    pub(crate) fn list(&self) -> &[Finding] {
        &self.list
    }
}

/// A moment, put off by the time that does not count, which ends at `now`.
pub(crate) fn later(moment: Micros, lasted: Micros, now: Micros) -> Micros {
    moment.saturating_add(lasted).min(now)
}

/// One life of one program: the numbers of its machine and of its identity, and one for itself that
/// no other process of the world has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Process {
    pub(crate) number: u32,
    pub(crate) machine: usize,
    pub(crate) identity: usize,
}

/// What was to be seen at one end of a link: when, in which process, towards which identity.
#[derive(Clone, Debug)]
pub(crate) struct Sight {
    pub(crate) at: Micros,
    pub(crate) process: Process,
    pub(crate) peer: usize,
    pub(crate) view: View,
}

impl Sight {
    /// Between which machines, as findings name them.
    pub(crate) fn machines(&self) -> (usize, usize) {
        (self.process.machine, self.peer)
    }

    /// Under which name observers keep books on this end.
    pub(crate) fn key(&self) -> (u32, usize) {
        (self.process.number, self.peer)
    }
}
