//! A queue between a thread and a task. It is bounded by bytes, for a message may be a thousand times longer than
//! another: it holds a megabyte, or one item if that alone is more.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// What the queue holds, and what is taken out of it and still held.
const ROOM: usize = 1 << 20;
/// What an item takes up besides its bytes, so that there is a bound to empty ones too.
const ITEM: usize = 64;

/// An empty queue.
pub(crate) fn queue<T>() -> (Giver<T>, Taker<T>) {
    let (give, take) = mpsc::unbounded_channel();
    (Giver { room: Arc::new(Semaphore::new(ROOM)), items: give }, Taker { items: take })
}

/// The end at which items go in.
pub(crate) struct Giver<T> {
    room: Arc<Semaphore>,
    items: mpsc::UnboundedSender<Held<T>>,
}

/// The end at which they come out.
pub(crate) struct Taker<T> {
    items: mpsc::UnboundedReceiver<Held<T>>,
}

/// An item that takes up room until it is dropped.
pub(crate) struct Held<T> {
    pub(crate) item: T,
    _room: OwnedSemaphorePermit,
}

impl<T> Giver<T> {
    /// Waits for room for an item of so many bytes, and puts it in. Whether there is still somebody to take it.
    pub(crate) async fn give(&self, item: T, bytes: usize) -> bool {
        let cost = bytes.saturating_add(ITEM).min(ROOM);
        let cost = u32::try_from(cost).unwrap_or(u32::MAX);
        let Ok(room) = Arc::clone(&self.room).acquire_many_owned(cost).await else { return false };
        self.items.send(Held { item, _room: room }).is_ok()
    }
}

impl<T> Taker<T> {
    /// The next item, whose room is free from now on; none when the giver is gone.
    pub(crate) async fn recv(&mut self) -> Option<T> {
        self.items.recv().await.map(|held| held.item)
    }

    /// The same for a thread, with the item's room still taken.
    pub(crate) fn blocking_recv(&mut self) -> Option<Held<T>> {
        self.items.blocking_recv()
    }

    /// Whether the next item is still to come.
    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const SOON: Duration = Duration::from_millis(10);

    #[tokio::test(start_paused = true)]
    async fn it_holds_a_megabyte_and_then_its_giver_waits() {
        let (give, mut take) = queue();
        for number in 0..3 {
            assert!(give.give(number, 300 << 10).await);
        }
        assert!(timeout(SOON, give.give(3, 300 << 10)).await.is_err());
        assert_eq!(take.recv().await, Some(0));
        assert!(give.give(4, 300 << 10).await);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_longer_than_the_queue_goes_through_alone() {
        let (give, mut take) = queue();
        assert!(give.give(0, 16 << 20).await);
        assert!(timeout(SOON, give.give(1, 0)).await.is_err());
        assert_eq!(take.recv().await, Some(0));
        assert!(give.give(2, 0).await);
    }

    #[tokio::test(start_paused = true)]
    async fn even_empty_items_are_bounded() {
        let (give, _take) = queue();
        let filling = async { while give.give((), 0).await {} };
        assert!(timeout(SOON, filling).await.is_err());
        assert_eq!(give.room.available_permits(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_giver_without_a_taker_does_not_wait() {
        let (give, take) = queue();
        assert!(give.give(0, 16 << 20).await);
        drop(take);
        assert!(!give.give(1, 16 << 20).await);
    }
}
