//! Waiting in line: whoever came first is woken first and tries again.
//!
//! A place in line is kept until its owner succeeds or gives up. Only the first is ever woken, and
//! whoever leaves wakes the next, so a thousand waiters cost one wake-up for each thing they wait
//! for, and none is lost when a woken task is dropped before it runs.

use std::collections::{BTreeMap, VecDeque};
use std::task::{Context, Waker};

/// Wakers on their way out of the lock: to be woken, or only to be dropped. Both run foreign code,
/// which might come back for the lock.
#[derive(Default)]
pub(crate) struct Wakes {
    ready: VecDeque<Waker>,
    stale: Vec<Waker>,
}

impl Wakes {
    pub(crate) fn wake(&mut self, waker: Option<Waker>) {
        self.ready.extend(waker);
    }

    /// Leaves in `slot` a waker of the task of `cx`.
    pub(crate) fn park(&mut self, slot: &mut Option<Waker>, cx: &Context<'_>) {
        if !slot.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            self.stale.extend(slot.replace(cx.waker().clone()));
        }
    }

    pub(crate) fn discard(&mut self, waker: Option<Waker>) {
        self.stale.extend(waker);
    }

    /// To be called without the lock.
    pub(crate) fn deliver(&mut self) {
        // One by one: those behind a waker that panics stay, for another call.
        while let Some(waker) = self.ready.pop_front() {
            waker.wake();
        }
        self.stale.clear();
    }
}

/// A place in one [`WaitQueue`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Ticket(u64);

/// Tasks that wait for the same thing, in order. Each is a future that somebody holds, which is
/// what bounds it.
#[derive(Default)]
pub(crate) struct WaitQueue {
    next: u64,
    waiting: BTreeMap<Ticket, Option<Waker>>,
}

impl WaitQueue {
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(crate) fn join(&mut self) -> Ticket {
        let ticket = Ticket(self.next);
        self.next += 1;
        self.waiting.insert(ticket, None);
        ticket
    }

    pub(crate) fn is_first(&self, ticket: Ticket) -> bool {
        self.waiting.first_key_value().is_none_or(|(first, _)| *first == ticket)
    }

    pub(crate) fn park(&mut self, ticket: Ticket, cx: &Context<'_>, wakes: &mut Wakes) {
        if let Some(slot) = self.waiting.get_mut(&ticket) {
            wakes.park(slot, cx);
        }
    }

    /// Gives up the place; the next may have been waiting only for its turn.
    pub(crate) fn leave(&mut self, ticket: Ticket, wakes: &mut Wakes) {
        let was_first = self.is_first(ticket);
        wakes.discard(self.waiting.remove(&ticket).flatten());
        if was_first {
            self.wake_first(wakes);
        }
    }

    pub(crate) fn wake_first(&mut self, wakes: &mut Wakes) {
        if let Some(mut first) = self.waiting.first_entry() {
            wakes.wake(first.get_mut().take());
        }
    }

    pub(crate) fn wake_all(&mut self, wakes: &mut Wakes) {
        for waker in self.waiting.values_mut() {
            wakes.wake(waker.take());
        }
    }
}

#[cfg(test)]
mod tests;
