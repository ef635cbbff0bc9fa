//! Receipts: what became of a message.
//!
//! Their table has a lock of its own, held for a look-up only, so that dropping a receipt nobody
//! cares for does not wait for the core.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use everlink_proto::id::PeerId;
use everlink_proto::session::{MessageId, Verdict};

use crate::error::EndpointFailed;
use crate::shared::Shared;
use crate::wait::Wakes;

/// Tells what became of one message. Dropping it changes nothing for the message.
#[must_use = "the message was accepted; drop the receipt explicitly if its verdict does not matter"]
pub struct Receipt {
    shared: Arc<Shared>,
    key: Key,
}

/// Messages are numbered per link.
type Key = (PeerId, MessageId);

impl Receipt {
    pub(crate) fn new(shared: Arc<Shared>, peer: PeerId, id: MessageId) -> Self {
        Self { shared, key: (peer, id) }
    }

    /// To whom the message goes.
    pub fn peer(&self) -> PeerId {
        self.key.0
    }

    /// Waits for the verdict: exactly one for each accepted message, however long that takes. Messages of an endpoint
    /// that ends before have theirs then. There is an error only after a panic, since then nobody knows.
    ///
    /// Cancel safe: dropping the future gives up the receipt and nothing else. To wait in several
    /// goes, await `&mut receipt` instead.
    pub async fn verdict(mut self) -> Result<Verdict, EndpointFailed> {
        (&mut self).await
    }
}

impl Future for Receipt {
    type Output = Result<Verdict, EndpointFailed>;

    /// Once ready, it stays ready with the same verdict.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut wakes = Wakes::default();
        let verdict = self.shared.receipts.poll(&self.key, cx, &mut wakes);
        wakes.deliver();
        verdict
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        drop(self.shared.receipts.forget(&self.key));
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Receipt").field(&self.key.0).field(&self.key.1).finish()
    }
}

/// The open receipts of an endpoint: one entry for each that somebody holds.
#[derive(Default)]
pub(crate) struct Receipts(Mutex<Table>);

#[derive(Default)]
struct Table {
    slots: HashMap<Key, Slot>,
    failure: Option<EndpointFailed>,
}

enum Slot {
    Open(Option<Waker>),
    Settled(Verdict),
}

impl Receipts {
    /// Before the core can have a verdict: under the lock of the state.
    pub(crate) fn open(&self, peer: PeerId, id: MessageId) {
        self.lock().slots.insert((peer, id), Slot::Open(None));
    }

    /// A verdict that nobody holds a receipt for is dropped.
    pub(crate) fn settle(&self, peer: PeerId, id: MessageId, verdict: Verdict, wakes: &mut Wakes) {
        if let Some(slot) = self.lock().slots.get_mut(&(peer, id))
            && let Slot::Open(waker) = std::mem::replace(slot, Slot::Settled(verdict))
        {
            wakes.wake(waker);
        }
    }

    pub(crate) fn fail(&self, failure: &EndpointFailed, wakes: &mut Wakes) {
        let mut table = self.lock();
        table.failure.get_or_insert_with(|| failure.clone());
        for slot in table.slots.values_mut() {
            if let Slot::Open(waker) = slot {
                wakes.wake(waker.take());
            }
        }
    }

    fn poll(&self, key: &Key, cx: &Context<'_>, wakes: &mut Wakes) -> Poll<Result<Verdict, EndpointFailed>> {
        let Table { slots, failure } = &mut *self.lock();
        let slot = slots.get_mut(key).expect("a receipt has its slot until it is dropped");
        match (slot, failure) {
            (Slot::Settled(verdict), _) => Poll::Ready(Ok(*verdict)),
            (Slot::Open(_), Some(failure)) => Poll::Ready(Err(failure.clone())),
            (Slot::Open(waker), None) => {
                wakes.park(waker, cx);
                Poll::Pending
            }
        }
    }

    /// Gives what has to be dropped without the lock.
    fn forget(&self, key: &Key) -> Option<Slot> {
        self.lock().slots.remove(key)
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Receipts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} receipts", self.lock().slots.len())
    }
}
