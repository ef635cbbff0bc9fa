//! Room in the table of links: who gets a place, and who gives way.
//!
//! A place is given to whoever needs one until the table is full. From then on each newcomer takes the place of the
//! link that was idle for longest; where none is idle for [`IDLE`], there is no room.

use core::net::SocketAddr;
use std::collections::{BTreeMap, VecDeque};

use super::Endpoint;
use crate::{
    event::Event,
    id::{Half, PeerId},
    link::{Context, Link, LinkKey, Memory},
    session::EndReason,
    stats::Mark,
    time::{Duration, Instant},
};

/// For how long nothing was heard, sent or asked of a link that gives way. Peers between which an endpoint without room
/// goes to and fro would else cost more handshakes than messages.
pub(super) const IDLE: Duration = Duration::from_secs(10);

/// Peers without a link of which something is remembered: at most 16 addresses, below a kilobyte, and the options of
/// channels that the application has set.
const MEMORIES: usize = 4_096;

/// What is left of links that gave way.
#[derive(Default)]
pub(super) struct Departed {
    /// Sessions that ended with the place of their links, until the application has read so. As many as there may be
    /// links: then nobody gives way.
    ends: BTreeMap<PeerId, EndReason>,
    /// What is known of peers that have no link, [`MEMORIES`] at most: then whoever came first is forgotten.
    memories: BTreeMap<PeerId, Memory>,
    order: VecDeque<PeerId>,
    /// Where the next link begins to count its sessions: what names one of a link that is gone names none of another's.
    epoch: u64,
}

impl Departed {
    /// A peer whose session ended unread.
    pub(super) fn first_end(&self) -> Option<PeerId> {
        self.ends.first_key_value().map(|(peer, _)| *peer)
    }

    /// How the session with `peer` ended, once.
    pub(super) fn take_end(&mut self, peer: &PeerId) -> Option<EndReason> {
        self.ends.remove(peer)
    }

    /// Ends that were not read, for checkers.
    pub(super) fn ends(&self) -> usize {
        self.ends.len()
    }

    /// Peers of which something is remembered, for checkers.
    pub(super) fn memories(&self) -> usize {
        self.memories.len()
    }

    fn remember(&mut self, peer: PeerId, memory: Memory) {
        if memory.is_empty() {
            return;
        }
        if self.memories.insert(peer, memory).is_some() {
            return;
        }
        self.order.push_back(peer);
        if self.order.len() > MEMORIES
            && let Some(oldest) = self.order.pop_front()
        {
            self.memories.remove(&oldest);
        }
    }

    fn recall(&mut self, peer: &PeerId) -> Option<Memory> {
        let memory = self.memories.remove(peer)?;
        self.order.retain(|known| known != peer);
        Some(memory)
    }
}

impl Endpoint {
    /// The link with `peer`, made if there is room. A `half` that was shown to it as a stranger goes on.
    pub(super) fn link_for(&mut self, now: Instant, peer: PeerId, half: Option<Half>) -> Option<LinkKey> {
        if let Some(key) = self.links.find(&peer) {
            if let Some(half) = half {
                self.links.get_mut(key).continuity.mine(|| half);
            }
            return Some(key);
        }
        if self.is_full() {
            self.evict(now, self.gives_way(now)?);
        }
        let half = half.or_else(|| self.slots.half_of(&peer));
        self.slots.take_half(&peer);
        let mut ctx = Context { now, shared: &mut self.shared };
        let key = self.links.insert(peer, |key| Link::new(&mut ctx, key, peer));
        let link = self.links.get_mut(key);
        link.session.start_at(self.departed.epoch);
        if let Some(memory) = self.departed.recall(&peer) {
            link.remember(memory);
        }
        if let Some(half) = half {
            link.continuity.mine(|| half);
        }
        Some(key)
    }

    /// Keeps hints for a peer for which there is no room now.
    pub(super) fn keep_hints(&mut self, peer: PeerId, hints: &[SocketAddr]) {
        let mut memory = self.departed.recall(&peer).unwrap_or_default();
        memory.add(hints);
        self.departed.remember(peer, memory);
    }

    /// Whether a stranger's or a peer's message 1 may be answered. A stopping endpoint answers only those to whom
    /// it has not said goodbye yet: any other would begin a session that ends with the process, its messages in doubt.
    pub(super) fn has_room_for(&self, now: Instant, peer: &PeerId) -> bool {
        let held = self.links.find(peer);
        if self.stopping {
            return held.is_some_and(|key| self.links.get(key).is_closing());
        }
        held.is_some() || !self.is_full() || self.gives_way(now).is_some()
    }

    /// After [`Self::stop`], a link that has said its goodbye is gone.
    pub(super) fn forget_if_over(&mut self, now: Instant, key: LinkKey) {
        if self.stopping && self.links.get(key).is_at_rest() {
            self.forget(now, key);
            if self.links.len() == 0 {
                self.shared.events.push_back(Event::Stopped);
            }
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.links.len() >= self.shared.config.max_links
    }

    /// The link that makes room for another.
    fn gives_way(&self, now: Instant) -> Option<LinkKey> {
        let (since, key) = self.links.first_idle()?;
        let told = self.departed.ends.len() < self.shared.config.max_links;
        (told && now.saturating_since(since) >= IDLE).then_some(key)
    }

    fn evict(&mut self, now: Instant, key: LinkKey) {
        // The half it showed is forgotten with it: whoever confirmed a slot would go on with a session that is none.
        let peer = self.links.get(key).peer;
        self.drop_slots_of(&peer);
        let mut ctx = Context { now, shared: &mut self.shared };
        let link = self.links.get_mut(key);
        let memory = link.memory();
        if let Some(reason) = link.evict(&mut ctx) {
            self.departed.ends.insert(peer, reason);
        }
        self.departed.epoch = self.departed.epoch.max(link.session.epoch());
        self.departed.remember(peer, memory);
        self.links.remove(key);
        self.shared.stats.mark(Mark::Evicted);
    }

    fn forget(&mut self, now: Instant, key: LinkKey) {
        let mut ctx = Context { now, shared: &mut self.shared };
        self.links.get_mut(key).forget(&mut ctx);
        self.links.remove(key);
    }
}

#[cfg(test)]
mod tests;
