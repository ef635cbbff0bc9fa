//! Watching a link.

use std::sync::Arc;
use std::task::Poll;

use everlink_proto::id::PeerId;

use crate::error::{EndpointFailed, RecvError};
use crate::line::{Attempt, InLine};
use crate::shared::{Notice, Seen, Shared, StateChange, Turn, Waits, Watch};
use crate::wait::WaitQueue;

/// Sees how a link moves from state to state, and what else there is to know about it. Several of them see the same:
/// whoever waits for both at once takes one for each.
#[derive(Debug)]
pub struct Watcher {
    shared: Arc<Shared>,
    peer: PeerId,
    seen: Seen,
}

impl Watcher {
    pub(crate) fn new(shared: Arc<Shared>, peer: PeerId) -> Self {
        // On an endpoint that failed, the first wait says so.
        let seen = shared.turn(|turn| {
            let watch = &mut turn.waits.peer(peer).watch;
            watch.watchers += 1;
            watch.seen()
        });
        Self { shared, peer, seen: seen.unwrap_or_default() }
    }

    /// Waits for a change later than the last one seen, at first than the making of the watcher. Changes that follow
    /// each other faster than they are asked for are seen as the last of them; [`Link::explain`](crate::Link::explain)
    /// has them all.
    ///
    /// Cancel safe: a change is seen only when the future is ready.
    pub async fn changed(&mut self) -> Result<StateChange, RecvError> {
        let (seen, change) = self.look(self.seen.changes, Watch::change_after).await?;
        self.seen.changes = seen;
        Ok(change)
    }

    /// Waits for the next notice since the making of the watcher. Of those that it does not ask for, the last eight
    /// are kept.
    ///
    /// Cancel safe: a notice is seen only when the future is ready.
    pub async fn notice(&mut self) -> Result<Notice, RecvError> {
        let (seen, notice) = self.look(self.seen.notices, Watch::notice_after).await?;
        self.seen.notices = seen;
        Ok(notice)
    }

    fn look<T>(&self, seen: u64, find: Find<T>) -> InLine<Look<T>> {
        InLine::new(Arc::clone(&self.shared), Look { peer: self.peer, seen, find })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // An endpoint that failed keeps no watchers.
        let _ = self.shared.turn(|turn| {
            let watch = &mut turn.waits.peer(self.peer).watch;
            watch.watchers = watch.watchers.saturating_sub(1);
            turn.waits.tidy(self.peer);
        });
    }
}

/// What there is later than what was seen, and how much is seen with it.
type Find<T> = fn(&Watch, u64) -> Option<(u64, T)>;

struct Look<T> {
    peer: PeerId,
    seen: u64,
    find: Find<T>,
}

impl<T> Attempt for Look<T> {
    type Output = Result<(u64, T), RecvError>;

    const IN_TURN: bool = false;

    fn queue<'a>(&self, waits: &'a mut Waits) -> &'a mut WaitQueue {
        &mut waits.peer(self.peer).watch.waiting
    }

    fn attempt(&mut self, _: &Arc<Shared>, turn: &mut Turn<'_>) -> Poll<Self::Output> {
        let over = turn.is_over();
        match (self.find)(&turn.waits.peer(self.peer).watch, self.seen) {
            Some(found) => Poll::Ready(Ok(found)),
            None if over => Poll::Ready(Err(RecvError::Stopped)),
            None => Poll::Pending,
        }
    }

    fn failed(&mut self, failure: EndpointFailed) -> Self::Output {
        Err(failure.into())
    }
}
