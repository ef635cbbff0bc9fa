//! What peers sent: one fair inbox for all links, and the receivers taken out of it.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use everlink_proto::id::PeerId;
use everlink_proto::session::{DoneToken, EndReason, InboxItem};

use crate::error::{EndpointFailed, RecvError};
use crate::line::Attempt;
use crate::shared::{Receiver, Shared, Turn, Waits};
use crate::wait::WaitQueue;

/// Something that came from a peer, in the order in which it happened there.
#[derive(Debug)]
pub struct Item {
    /// From whom.
    pub peer: PeerId,
    /// What.
    pub kind: ItemKind,
}

/// What came from a peer.
#[derive(Debug)]
#[non_exhaustive]
pub enum ItemKind {
    /// A message.
    Message(Message),
    /// A session began: what the two sides share from here on starts empty.
    SessionStarted,
    /// The session ended: one side closed it, or lost its memory of it.
    SessionEnded(EndReason),
}

/// A message of a peer. It has been delivered; its sender is told so whatever happens to it here.
pub struct Message {
    /// From whom.
    pub peer: PeerId,
    /// On which channel.
    pub channel: u64,
    /// Its number on that channel in this session.
    pub number: u64,
    /// Its content.
    pub body: Bytes,
    /// An earlier session may have delivered it already; only if its channel asks for that.
    pub possible_duplicate: bool,
    done: Option<(Arc<Shared>, DoneToken)>,
}

impl Message {
    /// Tells the sender that the message was processed, if it asked. More than once is as once.
    pub fn done(&mut self) {
        if let Some((shared, token)) = self.done.take() {
            // There is nobody to tell through an endpoint that failed.
            let _ = shared.turn(|turn| turn.core.done(turn.now, self.peer, token));
        }
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("peer", &self.peer)
            .field("channel", &self.channel)
            .field("number", &self.number)
            .field("len", &self.body.len())
            .finish_non_exhaustive()
    }
}

fn item(shared: &Arc<Shared>, peer: PeerId, item: InboxItem) -> Item {
    let kind = match item {
        InboxItem::SessionStarted => ItemKind::SessionStarted,
        InboxItem::SessionEnded(reason) => ItemKind::SessionEnded(reason),
        InboxItem::Message { channel, number, body, flags, token } => ItemKind::Message(Message {
            peer,
            channel,
            number,
            body,
            possible_duplicate: flags.possible_duplicate,
            done: flags.wants_done.then(|| (Arc::clone(shared), token)),
        }),
    };
    Item { peer, kind }
}

/// The next item of any link in its turn.
pub(crate) struct Next;

impl Attempt for Next {
    type Output = Result<Item, RecvError>;

    fn queue<'a>(&self, waits: &'a mut Waits) -> &'a mut WaitQueue {
        &mut waits.inbox.waiting
    }

    fn attempt(&mut self, shared: &Arc<Shared>, turn: &mut Turn<'_>) -> Poll<Self::Output> {
        while let Some(peer) = turn.waits.inbox.next() {
            if turn.waits.known(peer).is_some_and(|waits| waits.receiver.is_some()) {
                continue;
            }
            if let Some(received) = turn.core.recv(turn.now, peer) {
                turn.waits.inbox.list(peer, turn.wakes);
                return Poll::Ready(Ok(item(shared, peer, received)));
            }
        }
        if turn.is_over() { Poll::Ready(Err(RecvError::Stopped)) } else { Poll::Pending }
    }

    fn failed(&mut self, failure: EndpointFailed) -> Self::Output {
        Err(failure.into())
    }
}

/// The receiver of one link, taken out of the shared inbox. Dropped, the link is back in it, with
/// all that was not received.
#[derive(Debug)]
#[must_use = "a link whose receiver is dropped is back in the shared inbox"]
pub struct LinkReceiver {
    shared: Arc<Shared>,
    peer: PeerId,
}

impl LinkReceiver {
    /// `None` if it has been taken already.
    pub(crate) fn take(shared: &Arc<Shared>, peer: PeerId) -> Result<Option<Self>, EndpointFailed> {
        let taken = shared.turn(|turn| {
            let waits = turn.waits.peer(peer);
            let is_free = waits.receiver.is_none();
            waits.receiver.get_or_insert_with(Receiver::default);
            is_free
        })?;
        Ok(taken.then(|| Self { shared: Arc::clone(shared), peer }))
    }

    /// From whom it receives.
    pub fn peer(&self) -> PeerId {
        self.peer
    }

    /// The next item of this link.
    ///
    /// Cancel safe: an item is given out only when the future is ready.
    pub async fn recv(&mut self) -> Result<Item, RecvError> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// The next item of this link, or a wake-up when there is one.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Item, RecvError>> {
        self.shared.turn(|turn| {
            if let Some(received) = turn.core.recv(turn.now, self.peer) {
                return Poll::Ready(Ok(item(&self.shared, self.peer, received)));
            }
            if turn.is_over() {
                return Poll::Ready(Err(RecvError::Stopped));
            }
            let receiver = turn.waits.peer(self.peer).receiver.get_or_insert_with(Receiver::default);
            turn.wakes.park(&mut receiver.waker, cx);
            Poll::Pending
        })?
    }
}

impl Drop for LinkReceiver {
    fn drop(&mut self) {
        // An endpoint that failed has no inbox to go back to.
        let _ = self.shared.turn(|turn| {
            if let Some(receiver) = turn.waits.peer(self.peer).receiver.take() {
                turn.wakes.discard(receiver.waker);
            }
            turn.waits.tidy(self.peer);
            turn.waits.inbox.list(self.peer, turn.wakes);
        });
    }
}
