//! Watching the state of a link.

use std::sync::Arc;
use std::task::Poll;

use everlink_proto::id::PeerId;

use crate::error::{EndpointFailed, RecvError};
use crate::line::{Attempt, InLine};
use crate::shared::{Shared, StateChange, Turn, Waits};
use crate::wait::WaitQueue;

/// Sees how a link moves from state to state. Changes that follow each other faster than they are
/// asked for are seen as the last of them; `Link::explain` has them all.
#[derive(Debug)]
pub struct Watcher {
    shared: Arc<Shared>,
    peer: PeerId,
    seen: u64,
}

impl Watcher {
    pub(crate) fn new(shared: Arc<Shared>, peer: PeerId) -> Self {
        // On an endpoint that failed, the first wait says so.
        let seen = shared.turn(|turn| {
            let watch = &mut turn.waits.peer(peer).watch;
            watch.watchers += 1;
            watch.version
        });
        Self { shared, peer, seen: seen.unwrap_or(0) }
    }

    /// Waits for a change later than the last one seen, at first than the making of the watcher.
    ///
    /// Cancel safe: a change is seen only when the future is ready.
    pub async fn changed(&mut self) -> Result<StateChange, RecvError> {
        let attempt = Changed { peer: self.peer, seen: self.seen };
        let (version, change) = InLine::new(Arc::clone(&self.shared), attempt).await?;
        self.seen = version;
        Ok(change)
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

struct Changed {
    peer: PeerId,
    seen: u64,
}

impl Attempt for Changed {
    type Output = Result<(u64, StateChange), RecvError>;

    const IN_TURN: bool = false;

    fn queue<'a>(&self, waits: &'a mut Waits) -> &'a mut WaitQueue {
        &mut waits.peer(self.peer).watch.waiting
    }

    fn attempt(&mut self, _: &Arc<Shared>, turn: &mut Turn<'_>) -> Poll<Self::Output> {
        let over = turn.is_over();
        let watch = &turn.waits.peer(self.peer).watch;
        match watch.latest {
            Some(change) if watch.version > self.seen => Poll::Ready(Ok((watch.version, change))),
            _ if over => Poll::Ready(Err(RecvError::Stopped)),
            _ => Poll::Pending,
        }
    }

    fn failed(&mut self, failure: EndpointFailed) -> Self::Output {
        Err(failure.into())
    }
}
