//! The handle on one peer.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use everlink_proto::id::PeerId;
use everlink_proto::link::lifecycle::LinkState;
use everlink_proto::link::{Explanation, LinkSnapshot};
use everlink_proto::session::{ChannelOptions, SendOptions};

use crate::error::{EndpointFailed, SendError, StreamError};
use crate::inbox::LinkReceiver;
use crate::line::{Attempt, InLine};
use crate::receipt::Receipt;
use crate::shared::{Shared, Turn, Waits};
use crate::stream::{AcceptStream, Stream};
use crate::wait::WaitQueue;
use crate::watch::Watcher;

/// The channel of messages for which none is named.
const DEFAULT_CHANNEL: u64 = 0;

/// The way to one peer: to one identity, wherever it is and however often it moves.
///
/// A link is never closed, stale or lost. It connects when something is to be sent, again whenever
/// it has to, and holds nothing before its first use. Clones are the same link, and so is what
/// another call of [`Endpoint::link`](crate::Endpoint::link) gives; dropping one does nothing. Links
/// keep neither the endpoint nor its sockets: after the last [`Endpoint`](crate::Endpoint) is dropped, sends answer
/// [`SendError::Stopped`].
#[derive(Clone)]
pub struct Link {
    shared: Arc<Shared>,
    peer: PeerId,
}

impl Link {
    pub(crate) fn new(shared: Arc<Shared>, peer: PeerId) -> Self {
        Self { shared, peer }
    }

    /// Whose link this is.
    pub fn peer(&self) -> PeerId {
        self.peer
    }

    /// Accepts a message as soon as there is room for it, in an outage too, and gives its receipt.
    /// The peer receives messages of a channel once each and in this order.
    ///
    /// Cancel safe: a future dropped before it is ready has accepted nothing. Waiting senders are
    /// served in the order in which they came.
    pub fn send(&self, body: impl Into<Bytes>) -> Sending {
        self.message(body).send()
    }

    /// Accepts a message at once, or refuses it with [`SendError::Full`].
    pub fn try_send(&self, body: impl Into<Bytes>) -> Result<Receipt, SendError> {
        self.message(body).try_send()
    }

    /// A message with more to say about it than its content.
    pub fn message(&self, body: impl Into<Bytes>) -> Draft {
        Draft {
            link: self.clone(),
            channel: DEFAULT_CHANNEL,
            body: body.into(),
            options: SendOptions::default(),
        }
    }

    /// Sets how a channel of this link behaves, best before its first message.
    pub fn set_channel(&self, channel: u64, options: ChannelOptions) -> Result<(), SendError> {
        self.command(|turn| turn.core.set_channel(turn.now, self.peer, channel, options))
    }

    /// Connects now, if it is not connected, though nothing is to be sent yet.
    pub fn connect(&self) -> Result<(), SendError> {
        self.command(|turn| turn.core.connect(turn.now, self.peer))
    }

    /// Makes a new connection though the old one works; what is on its way is not disturbed.
    pub fn redial(&self) {
        // An endpoint that failed has no connection to replace.
        let _ = self.shared.turn(|turn| turn.core.redial(turn.now, self.peer));
    }

    /// Ends the session: what is queued is sent, for the linger time at most; then both sides forget
    /// what they share. The link stays, and the next message begins another session.
    pub fn close(&self, code: u64, reason: &str) {
        // The sessions of an endpoint that failed are over.
        let _ = self.shared.turn(|turn| turn.core.close(turn.now, self.peer, code, reason));
    }

    /// Opens a stream in this session, or the next if there is none. The peer hears of it with its
    /// first bytes.
    ///
    /// Cancel safe: it is ready at once.
    pub async fn open_stream(&self) -> Result<Stream, StreamError> {
        Stream::open(&self.shared, self.peer)
    }

    /// Waits for the next stream that the peer opens.
    ///
    /// Cancel safe: a stream is given out only when the future is ready.
    pub async fn accept_stream(&self) -> Result<Stream, StreamError> {
        InLine::new(Arc::clone(&self.shared), AcceptStream { peer: self.peer }).await
    }

    /// Takes this link out of the endpoint's inbox, into a receiver of its own; `None` if somebody
    /// has done so before and still holds it.
    pub fn receiver(&self) -> Result<Option<LinkReceiver>, EndpointFailed> {
        LinkReceiver::take(&self.shared, self.peer)
    }

    /// The state of the link; `Idle` on an endpoint that failed.
    pub fn state(&self) -> LinkState {
        self.shared.turn(|turn| turn.core.state(&self.peer)).unwrap_or(LinkState::Idle)
    }

    /// Sees how the state changes from now on, and notices what else an application may have to act on.
    pub fn watch(&self) -> Watcher {
        Watcher::new(Arc::clone(&self.shared), self.peer)
    }

    /// What is owed, why it does not move, what was tried, and what comes next, in sentences; `None`
    /// if the link was not used yet, or was forgotten.
    pub fn explain(&self) -> Result<Option<Explanation>, EndpointFailed> {
        self.shared.turn(|turn| turn.core.explain(turn.now, &self.peer))
    }

    /// Figures of the link; `None` if it was not used yet, or was forgotten.
    pub fn snapshot(&self) -> Result<Option<LinkSnapshot>, EndpointFailed> {
        self.shared.turn(|turn| turn.core.snapshot(turn.now, &self.peer))
    }

    fn command(
        &self,
        f: impl FnOnce(&mut Turn<'_>) -> Result<(), everlink_proto::SendError>,
    ) -> Result<(), SendError> {
        self.shared
            .turn(f)
            .map_err(|failure| SendError::EndpointFailed { peer: self.peer, failure })?
            .map_err(|error| SendError::from_core(self.peer, error, self.state()))
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Link").field(&self.peer).finish()
    }
}

/// A message about to be sent. See [`Link::message`].
#[derive(Clone, Debug)]
#[must_use = "a message is sent by `send` or `try_send`"]
pub struct Draft {
    link: Link,
    channel: u64,
    body: Bytes,
    options: SendOptions,
}

impl Draft {
    /// On which channel it goes; channel 0 if this is not called. Channels do not wait for each
    /// other.
    pub fn channel(mut self, channel: u64) -> Self {
        self.channel = channel;
        self
    }

    /// Asks the peer's application to say when it has processed the message, which makes the verdict
    /// `Processed` rather than `Delivered`.
    pub fn processed(mut self) -> Self {
        self.options.wants_done = true;
        self
    }

    /// As [`Link::send`].
    pub fn send(self) -> Sending {
        Sending(Some(InLine::new(Arc::clone(&self.link.shared), self)))
    }

    /// As [`Link::try_send`].
    pub fn try_send(self) -> Result<Receipt, SendError> {
        let shared = &self.link.shared;
        shared
            .turn(|turn| self.accept(shared, turn))
            .map_err(|failure| SendError::EndpointFailed { peer: self.link.peer, failure })?
    }

    fn accept(&self, shared: &Arc<Shared>, turn: &mut Turn<'_>) -> Result<Receipt, SendError> {
        let peer = self.link.peer;
        match turn.core.send(turn.now, peer, self.channel, self.body.clone(), self.options) {
            Ok(id) => {
                turn.receipts.open(peer, id);
                Ok(Receipt::new(Arc::clone(shared), peer, id))
            }
            Err(error) => Err(SendError::from_core(peer, error, turn.core.state(&peer))),
        }
    }
}

impl Attempt for Draft {
    type Output = Result<Receipt, SendError>;

    fn queue<'a>(&self, waits: &'a mut Waits) -> &'a mut WaitQueue {
        &mut waits.peer(self.link.peer).senders
    }

    fn attempt(&mut self, shared: &Arc<Shared>, turn: &mut Turn<'_>) -> Poll<Self::Output> {
        match self.accept(shared, turn) {
            Err(SendError::Full { peer, .. }) if turn.is_over() => {
                Poll::Ready(Err(SendError::Stopped { peer }))
            }
            Err(SendError::Full { .. }) => Poll::Pending,
            accepted_or_refused => Poll::Ready(accepted_or_refused),
        }
    }

    fn failed(&mut self, failure: EndpointFailed) -> Self::Output {
        Err(SendError::EndpointFailed { peer: self.link.peer, failure })
    }

    fn left(&self, waits: &mut Waits) {
        waits.tidy(self.link.peer);
    }
}

/// A message that waits for room. See [`Link::send`].
#[must_use = "a message is sent when this is awaited"]
pub struct Sending(Option<InLine<Draft>>);

impl Future for Sending {
    type Output = Result<Receipt, SendError>;

    /// Panics after it was ready, as the future of an `async fn` does: the message is gone.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let line = self.0.as_mut().expect("`Sending` polled after completion");
        let polled = Pin::new(line).poll(cx);
        if polled.is_ready() {
            self.0 = None;
        }
        polled
    }
}

impl fmt::Debug for Sending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sending").field(&self.0.as_ref().map(InLine::attempt)).finish()
    }
}
