//! What the watchers of a link have to see.

use std::collections::VecDeque;
use std::time::Duration;

use everlink_proto::link::history::Cause;
use everlink_proto::link::lifecycle::LinkState;

use crate::wait::{WaitQueue, Wakes};

/// Notices kept for a watcher that is slow; the oldest gives way. A peer that is refused tries again after half a
/// minute, so these are the last minutes.
const KEPT: usize = 8;

/// A link moved from one state to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StateChange {
    /// The state before.
    pub from: LinkState,
    /// The state now.
    pub to: LinkState,
    /// Why.
    pub cause: Cause,
}

/// Something about a link that need not change its state, and that somebody may have to act on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Notice {
    /// Two living processes use one key. One of them is refused, and tries again after half a minute.
    DuplicateIdentity {
        /// Whether the key is that of this endpoint, as the peer says; else it is the peer's.
        ours: bool,
    },
    /// The peer does not want a connection for now.
    Refused {
        /// When it is asked again, if there is something to send.
        retry_after: Duration,
    },
}

/// What happened to a link since its first watcher came.
#[derive(Default)]
pub(crate) struct Watch {
    pub(crate) watchers: usize,
    pub(crate) waiting: WaitQueue,
    changes: u64,
    latest: Option<StateChange>,
    noticed: u64,
    /// The last of them.
    notices: VecDeque<Notice>,
}

/// How much of a [`Watch`] one watcher has seen.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Seen {
    pub(crate) changes: u64,
    pub(crate) notices: u64,
}

impl Watch {
    /// All that there is now.
    pub(crate) fn seen(&self) -> Seen {
        Seen { changes: self.changes, notices: self.noticed }
    }

    /// The latest change to whoever has seen `seen` of them, and how many that makes.
    pub(crate) fn change_after(&self, seen: u64) -> Option<(u64, StateChange)> {
        let latest = self.latest.filter(|_| self.changes > seen)?;
        Some((self.changes, latest))
    }

    /// The next notice to whoever has seen `seen` of them, and how many that makes.
    pub(crate) fn notice_after(&self, seen: u64) -> Option<(u64, Notice)> {
        let oldest = self.noticed.saturating_sub(self.notices.len() as u64);
        let next = seen.max(oldest);
        let notice = self.notices.get(usize::try_from(next - oldest).ok()?)?;
        Some((next + 1, *notice))
    }

    pub(super) fn on_change(&mut self, change: StateChange, wakes: &mut Wakes) {
        self.changes += 1;
        self.latest = Some(change);
        self.waiting.wake_all(wakes);
    }

    pub(super) fn on_notice(&mut self, notice: Notice, wakes: &mut Wakes) {
        if self.notices.len() == KEPT {
            self.notices.pop_front();
        }
        self.notices.push_back(notice);
        self.noticed += 1;
        self.waiting.wake_all(wakes);
    }
}

#[cfg(test)]
mod tests;
