//! A task that waits in a [`WaitQueue`] for its turn to try something.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::error::EndpointFailed;
use crate::shared::{Shared, Turn, Waits};
use crate::wait::{Ticket, WaitQueue};

/// What is tried, and where the waiting is done.
pub(crate) trait Attempt: Unpin {
    type Output;

    /// Whether only the first in line may try. Not so where what is waited for is not used up.
    const IN_TURN: bool = true;

    /// Where those wait who want the same.
    fn queue<'a>(&self, waits: &'a mut Waits) -> &'a mut WaitQueue;

    /// Tries once. `Pending` if it has to be tried again when the queue is woken.
    fn attempt(&mut self, shared: &Arc<Shared>, turn: &mut Turn<'_>) -> Poll<Self::Output>;

    /// The endpoint can do nothing more.
    fn failed(&mut self, failure: EndpointFailed) -> Self::Output;

    /// The place in line is given up: the moment to forget an empty queue.
    fn left(&self, _waits: &mut Waits) {}
}

/// The future of an [`Attempt`]: first come, first served. Dropping it before it is ready gives up
/// the place, and nothing has happened.
pub(crate) struct InLine<A: Attempt> {
    shared: Arc<Shared>,
    attempt: A,
    ticket: Option<Ticket>,
}

impl<A: Attempt> InLine<A> {
    pub(crate) fn new(shared: Arc<Shared>, attempt: A) -> Self {
        Self { shared, attempt, ticket: None }
    }

    pub(crate) fn attempt(&self) -> &A {
        &self.attempt
    }

    fn try_turn(&mut self, cx: &Context<'_>, turn: &mut Turn<'_>) -> Poll<A::Output> {
        let queue = self.attempt.queue(turn.waits);
        let my_turn = match self.ticket {
            _ if !A::IN_TURN => true,
            Some(ticket) => queue.is_first(ticket),
            None => queue.is_empty(),
        };
        if my_turn && let Poll::Ready(output) = self.attempt.attempt(&self.shared, turn) {
            self.leave(turn);
            return Poll::Ready(output);
        }
        let queue = self.attempt.queue(turn.waits);
        let ticket = *self.ticket.get_or_insert_with(|| queue.join());
        queue.park(ticket, cx, turn.wakes);
        Poll::Pending
    }

    fn leave(&mut self, turn: &mut Turn<'_>) {
        if let Some(ticket) = self.ticket.take() {
            self.attempt.queue(turn.waits).leave(ticket, turn.wakes);
        }
        self.attempt.left(turn.waits);
    }
}

impl<A: Attempt> Future for InLine<A> {
    type Output = A::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<A::Output> {
        let shared = Arc::clone(&self.shared);
        let this = &mut *self;
        match shared.turn(|turn| this.try_turn(cx, turn)) {
            Ok(output) => output,
            Err(failure) => {
                this.ticket = None;
                Poll::Ready(this.attempt.failed(failure))
            }
        }
    }
}

impl<A: Attempt> Drop for InLine<A> {
    fn drop(&mut self) {
        if self.ticket.is_some() {
            let shared = Arc::clone(&self.shared);
            // An endpoint that failed has no lines any more.
            let _ = shared.turn(|turn| self.leave(turn));
        }
    }
}
