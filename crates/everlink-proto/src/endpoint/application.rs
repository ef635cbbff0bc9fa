//! What an application can ask of an endpoint. The peer's identity is the handle: a link is made on first use.

use core::net::SocketAddr;

use bytes::Bytes;

use super::Endpoint;
use crate::{
    crypto::identity::montgomery,
    error::SendError,
    event::Event,
    id::PeerId,
    link::{Context, Explanation, LinkKey, LinkSnapshot, lifecycle::LinkState},
    session::{ChannelOptions, DoneToken, InboxItem, MESSAGE_MAX, MessageId, SendOptions, SendRefused},
    stream::{Read, StreamError, StreamId},
    time::Instant,
    wire::frame::CloseCode,
};

impl Endpoint {
    /// Takes hints where a peer may be: what a ticket says. Impossible addresses are passed over; at most 16
    /// are kept. No link gives way for a hint: where there is no room it waits for a link.
    pub fn add_addresses(
        &mut self,
        now: Instant,
        peer: PeerId,
        addresses: &[SocketAddr],
    ) -> Result<(), SendError> {
        self.look_for_sleep(now);
        self.check_peer(peer)?;
        let has_place = self.links.find(&peer).is_some() || !self.is_full();
        let Some(key) = has_place.then(|| self.link_for(now, peer, None)).flatten() else {
            self.keep_hints(peer, addresses);
            return Ok(());
        };
        for address in addresses {
            self.links.get_mut(key).addresses.add(*address);
        }
        self.links.get_mut(key).pull_forward(now);
        self.touch(now, key);
        Ok(())
    }

    /// A hint: a connection will be needed soon.
    pub fn connect(&mut self, now: Instant, peer: PeerId) -> Result<(), SendError> {
        let key = self.link_to(now, peer)?;
        self.links.get_mut(key).want();
        self.touch_in_use(now, key);
        Ok(())
    }

    /// Says how the messages of a channel to `peer` are treated.
    pub fn set_channel(
        &mut self,
        now: Instant,
        peer: PeerId,
        channel: u64,
        options: ChannelOptions,
    ) -> Result<(), SendError> {
        let key = self.link_to(now, peer)?;
        let link = self.links.get_mut(key);
        link.note_use(now);
        let set = link.session.set_channel(channel, options);
        self.links.file(key);
        set.map_err(|refused| refusal(peer, channel, 0, refused))
    }

    /// Accepts a message for `peer`. From then on it ends with exactly one verdict, unless this process ends first.
    pub fn send(
        &mut self,
        now: Instant,
        peer: PeerId,
        channel: u64,
        body: Bytes,
        options: SendOptions,
    ) -> Result<MessageId, SendError> {
        let key = self.link_to(now, peer)?;
        let id = self.next_message_id();
        let link = self.links.get_mut(key);
        let len = body.len();
        if !link.is_open() {
            return Err(SendError::Full { peer });
        }
        link.session
            .send(channel, body, options, id)
            .map_err(|refused| refusal(peer, channel, len, refused))?;
        self.touch_in_use(now, key);
        Ok(id)
    }

    /// The next link, in turn, with something to receive.
    pub fn next_unread(&mut self) -> Option<PeerId> {
        self.departed.first_end().or_else(|| self.links.next_unread())
    }

    /// The next item of a link's inbox.
    pub fn recv(&mut self, now: Instant, peer: PeerId) -> Option<InboxItem> {
        self.look_for_sleep(now);
        if let Some(reason) = self.departed.take_end(&peer) {
            return Some(InboxItem::SessionEnded(reason));
        }
        let key = self.links.find(&peer)?;
        let item = self.links.get_mut(key).session.recv()?;
        self.touch_in_use(now, key);
        Some(item)
    }

    /// The application is done with a message: its sender hears `Processed` if it asked to.
    pub fn done(&mut self, now: Instant, peer: PeerId, token: DoneToken) {
        self.with_link(now, peer, |link| link.session.done(token));
    }

    /// Opens a stream.
    pub fn open_stream(&mut self, now: Instant, peer: PeerId) -> Result<StreamId, OpenError> {
        let key = self.link_to(now, peer)?;
        let opened = self.links.get_mut(key).session.open();
        self.touch_in_use(now, key);
        Ok(opened?)
    }

    /// The next stream that the peer has opened.
    pub fn accept_stream(&mut self, peer: PeerId) -> Option<StreamId> {
        let key = self.links.find(&peer)?;
        let accepted = self.links.get_mut(key).session.accept();
        self.links.file(key);
        accepted
    }

    /// Writes what fits and says how much that was; 0 means wait for [`Event::Writable`].
    pub fn write_stream(
        &mut self,
        now: Instant,
        peer: PeerId,
        stream: StreamId,
        bytes: &[u8],
    ) -> Result<usize, StreamError> {
        self.with_stream(now, peer, |session| session.write(stream, bytes))
    }

    /// Ends our direction: the peer reads to the end and then `End`.
    pub fn finish_stream(&mut self, now: Instant, peer: PeerId, stream: StreamId) -> Result<(), StreamError> {
        self.with_stream(now, peer, |session| session.finish(stream))
    }

    /// Gives our direction up: the peer reads `Reset(code)`.
    pub fn reset_stream(
        &mut self,
        now: Instant,
        peer: PeerId,
        stream: StreamId,
        code: u64,
    ) -> Result<(), StreamError> {
        self.with_stream(now, peer, |session| session.reset(stream, code))
    }

    /// Asks the peer to write no more: it hears `StoppedByReader(code)`.
    pub fn stop_stream(
        &mut self,
        now: Instant,
        peer: PeerId,
        stream: StreamId,
        code: u64,
    ) -> Result<(), StreamError> {
        self.with_stream(now, peer, |session| session.stop(stream, code))
    }

    /// Reads what has arrived in order.
    pub fn read_stream(
        &mut self,
        now: Instant,
        peer: PeerId,
        stream: StreamId,
        buf: &mut [u8],
    ) -> Result<Read, StreamError> {
        self.with_stream(now, peer, |session| session.read(stream, buf))
    }

    /// The application has dropped its handle on the stream.
    pub fn release_stream(&mut self, now: Instant, peer: PeerId, stream: StreamId) {
        self.with_link(now, peer, |link| link.session.release(stream));
    }

    /// Makes a new connection now although the old one works, as a re-key does.
    pub fn redial(&mut self, now: Instant, peer: PeerId) {
        self.with_link(now, peer, |link| link.want_redial());
    }

    /// Closes the session with `peer`: flushes for at most `linger`, then says so with the application's code.
    /// The next send opens a new one.
    pub fn close(&mut self, now: Instant, peer: PeerId, code: u64, reason: &str) {
        self.look_for_sleep(now);
        if let Some(key) = self.links.find(&peer) {
            let mut ctx = Context { now, shared: &mut self.shared };
            self.links.get_mut(key).close(&mut ctx, CloseCode::Application, code, reason);
            self.touch_in_use(now, key);
        }
    }

    /// Flushes and closes every link, and takes no more messages. [`Event::Stopped`] follows.
    pub fn stop(&mut self, now: Instant) {
        self.look_for_sleep(now);
        if core::mem::replace(&mut self.stopping, true) {
            return;
        }
        for key in self.links.keys() {
            let mut ctx = Context { now, shared: &mut self.shared };
            self.links.get_mut(key).close(&mut ctx, CloseCode::Stopped, 0, "");
            self.touch(now, key);
        }
        if self.links.len() == 0 {
            self.shared.events.push_back(Event::Stopped);
        }
    }

    /// Where the link with `peer` is in its life.
    pub fn state(&self, peer: &PeerId) -> LinkState {
        self.links.find(peer).map_or(LinkState::Idle, |key| self.links.get(key).state())
    }

    /// Why the link with `peer` is as it is.
    pub fn explain(&mut self, now: Instant, peer: &PeerId) -> Option<Explanation> {
        let key = self.links.find(peer)?;
        let ctx = Context { now, shared: &mut self.shared };
        Some(self.links.get(key).explain(&ctx))
    }

    /// The link with `peer` as data.
    pub fn snapshot(&mut self, now: Instant, peer: &PeerId) -> Option<LinkSnapshot> {
        let key = self.links.find(peer)?;
        let ctx = Context { now, shared: &mut self.shared };
        Some(self.links.get(key).snapshot(&ctx))
    }

    fn link_to(&mut self, now: Instant, peer: PeerId) -> Result<LinkKey, SendError> {
        self.look_for_sleep(now);
        self.check_peer(peer)?;
        let max = self.shared.config.max_links;
        self.link_for(now, peer, None).ok_or(SendError::TooManyLinks { peer, max })
    }

    /// Whether there can be a link with `peer` at all.
    fn check_peer(&self, peer: PeerId) -> Result<(), SendError> {
        if self.stopping {
            return Err(SendError::Stopped { peer });
        }
        if self.links.find(&peer).is_some() {
            return Ok(());
        }
        if peer == self.peer_id() {
            return Err(SendError::InvalidPeer { peer, cause: "this is the endpoint's own identity" });
        }
        if montgomery(&peer).is_err() {
            return Err(SendError::InvalidPeer { peer, cause: "this is not a valid public key" });
        }
        Ok(())
    }

    /// Names a message that is about to be accepted.
    fn next_message_id(&mut self) -> MessageId {
        self.messages_accepted += 1;
        MessageId(self.messages_accepted)
    }

    fn touch_in_use(&mut self, now: Instant, key: LinkKey) {
        self.links.get_mut(key).note_use(now);
        self.touch(now, key);
    }

    fn with_link(&mut self, now: Instant, peer: PeerId, work: impl FnOnce(&mut crate::link::Link)) {
        self.look_for_sleep(now);
        if let Some(key) = self.links.find(&peer) {
            work(self.links.get_mut(key));
            self.touch_in_use(now, key);
        }
    }

    fn with_stream<T>(
        &mut self,
        now: Instant,
        peer: PeerId,
        work: impl FnOnce(&mut crate::session::Session) -> Result<T, StreamError>,
    ) -> Result<T, StreamError> {
        self.look_for_sleep(now);
        let key = self.links.find(&peer).ok_or(StreamError::NoSuchStream)?;
        let done = work(&mut self.links.get_mut(key).session);
        self.touch_in_use(now, key);
        done
    }
}

/// Why a stream was not opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no link to open it on.
    #[error(transparent)]
    Link(#[from] SendError),
    /// The session has as many streams as it may.
    #[error(transparent)]
    Stream(#[from] StreamError),
}

fn refusal(peer: PeerId, channel: u64, len: usize, refused: SendRefused) -> SendError {
    match refused {
        SendRefused::Full => SendError::Full { peer },
        SendRefused::TooLarge => SendError::TooLarge { peer, len, max: MESSAGE_MAX },
        SendRefused::TooManyChannels => SendError::TooManyChannels { peer, channel },
    }
}
