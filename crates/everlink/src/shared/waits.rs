//! Who waits for what.
//!
//! Entries exist only for what a local task waits for or holds; nothing a peer does makes one.

use std::collections::{HashMap, HashSet, VecDeque};
use std::task::Waker;

use everlink_proto::id::PeerId;
use everlink_proto::{Event, StreamId};

use super::watch::{Notice, StateChange, Watch};
use crate::receipt::Receipts;
use crate::wait::{WaitQueue, Wakes};

/// Everybody who waits at an endpoint, but for verdicts.
#[derive(Default)]
pub(crate) struct Waits {
    pub(crate) inbox: Inbox,
    /// Those who wait for the end.
    pub(crate) stops: WaitQueue,
    peers: HashMap<PeerId, PeerWaits>,
}

/// Links with something to receive, in turn, but for those whose receiver was taken.
#[derive(Default)]
pub(crate) struct Inbox {
    pub(crate) waiting: WaitQueue,
    /// Each peer at most once: bounded by the core's table of links, and by that of links that gave way.
    turns: VecDeque<PeerId>,
    listed: HashSet<PeerId>,
}

impl Inbox {
    pub(crate) fn list(&mut self, peer: PeerId, wakes: &mut Wakes) {
        if self.listed.insert(peer) {
            self.turns.push_back(peer);
            self.waiting.wake_first(wakes);
        }
    }

    pub(crate) fn next(&mut self) -> Option<PeerId> {
        let peer = self.turns.pop_front()?;
        self.listed.remove(&peer);
        Some(peer)
    }
}

/// Those who wait at one link.
#[derive(Default)]
pub(crate) struct PeerWaits {
    pub(crate) senders: WaitQueue,
    pub(crate) acceptors: WaitQueue,
    pub(crate) receiver: Option<Receiver>,
    pub(crate) streams: HashMap<StreamId, StreamWaits>,
    pub(crate) watch: Watch,
}

/// The receiver of this link was taken out of the inbox.
#[derive(Default)]
pub(crate) struct Receiver {
    pub(crate) waker: Option<Waker>,
}

#[derive(Default)]
pub(crate) struct StreamWaits {
    pub(crate) reader: Option<Waker>,
    pub(crate) writer: Option<Waker>,
}

impl PeerWaits {
    fn is_empty(&self) -> bool {
        self.senders.is_empty()
            && self.acceptors.is_empty()
            && self.receiver.is_none()
            && self.streams.is_empty()
            && self.watch.watchers == 0
    }

    fn wake_all(&mut self, wakes: &mut Wakes) {
        for queue in [&mut self.senders, &mut self.acceptors, &mut self.watch.waiting] {
            queue.wake_all(wakes);
        }
        wakes.wake(self.receiver.as_mut().and_then(|receiver| receiver.waker.take()));
        for stream in self.streams.values_mut() {
            wakes.wake(stream.reader.take());
            wakes.wake(stream.writer.take());
        }
    }
}

impl Waits {
    /// The entry of a peer, for somebody who is about to wait.
    pub(crate) fn peer(&mut self, peer: PeerId) -> &mut PeerWaits {
        self.peers.entry(peer).or_default()
    }

    /// The entry of a peer if anybody waits there.
    pub(crate) fn known(&mut self, peer: PeerId) -> Option<&mut PeerWaits> {
        self.peers.get_mut(&peer)
    }

    /// Forgets a peer at whose link nobody waits any longer.
    pub(crate) fn tidy(&mut self, peer: PeerId) {
        if self.peers.get(&peer).is_some_and(PeerWaits::is_empty) {
            self.peers.remove(&peer);
        }
    }

    pub(crate) fn wake_all(&mut self, wakes: &mut Wakes) {
        self.inbox.waiting.wake_all(wakes);
        self.stops.wake_all(wakes);
        self.peers.values_mut().for_each(|peer| peer.wake_all(wakes));
    }

    /// Wakes whoever waited for this.
    pub(super) fn on_event(&mut self, event: Event, receipts: &Receipts, wakes: &mut Wakes) {
        match event {
            Event::Verdict { peer, id, verdict } => receipts.settle(peer, id, verdict, wakes),
            Event::InboxReady { peer } => self.on_inbox_ready(peer, wakes),
            Event::SendRoom { peer } => self.with(peer, |waits| waits.senders.wake_first(wakes)),
            Event::StreamOpened { peer, .. } => self.with(peer, |waits| waits.acceptors.wake_first(wakes)),
            Event::Readable { peer, stream } => {
                self.with_stream(peer, stream, |waits| wakes.wake(waits.reader.take()));
            }
            Event::Writable { peer, stream } => {
                self.with_stream(peer, stream, |waits| wakes.wake(waits.writer.take()));
            }
            Event::State { peer, from, to, cause } => {
                tracing::debug!(target: "everlink", ?peer, ?from, ?to, ?cause);
                self.with(peer, |waits| waits.watch.on_change(StateChange { from, to, cause }, wakes));
            }
            Event::DuplicateIdentity { peer, ours } => {
                tracing::warn!(target: "everlink", ?peer, ours, "two processes use one key");
                self.with(peer, |waits| waits.watch.on_notice(Notice::DuplicateIdentity { ours }, wakes));
            }
            Event::Refused { peer, code, retry_after } => {
                tracing::info!(target: "everlink", ?peer, ?code, ?retry_after, "the peer refused a connection");
                self.with(peer, |waits| waits.watch.on_notice(Notice::Refused { retry_after }, wakes));
            }
            Event::Stopped => {}
        }
    }

    fn on_inbox_ready(&mut self, peer: PeerId, wakes: &mut Wakes) {
        match self.peers.get_mut(&peer).and_then(|waits| waits.receiver.as_mut()) {
            Some(receiver) => wakes.wake(receiver.waker.take()),
            None => self.inbox.list(peer, wakes),
        }
    }

    fn with(&mut self, peer: PeerId, f: impl FnOnce(&mut PeerWaits)) {
        if let Some(waits) = self.peers.get_mut(&peer) {
            f(waits);
        }
    }

    fn with_stream(&mut self, peer: PeerId, stream: StreamId, f: impl FnOnce(&mut StreamWaits)) {
        if let Some(waits) = self.peers.get_mut(&peer).and_then(|waits| waits.streams.get_mut(&stream)) {
            f(waits);
        }
    }
}
