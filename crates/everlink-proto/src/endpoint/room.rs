//! Room in the table of links: who gets a place, and who gives way.
//!
//! A place is given to whoever needs one until the table is full. From then on each newcomer takes the place of the
//! link that was idle for longest; where none is idle for [`IDLE`], there is no room.

use std::collections::BTreeMap;

use super::Endpoint;
use crate::{
    event::Event,
    id::{Half, PeerId},
    link::{Context, Link, LinkKey},
    session::EndReason,
    stats::Mark,
    time::{Duration, Instant},
};

/// For how long nothing was heard, sent or owed on a link that gives way. Peers between which an endpoint without room
/// goes to and fro would else cost more handshakes than messages.
pub(super) const IDLE: Duration = Duration::from_secs(10);

/// Sessions that ended with the place of their links, until the application has read so: as many as there are links, at
/// most; then nobody gives way.
#[derive(Default)]
pub(super) struct Evicted(BTreeMap<PeerId, EndReason>);

impl Evicted {
    /// A peer with news for the application.
    pub(super) fn first(&self) -> Option<PeerId> {
        self.0.first_key_value().map(|(peer, _)| *peer)
    }

    /// The news of `peer`, once.
    pub(super) fn take(&mut self, peer: &PeerId) -> Option<EndReason> {
        self.0.remove(peer)
    }
}

impl Endpoint {
    /// The link with `peer`, made if there is room. A `half` that was shown to it as a stranger goes on.
    pub(super) fn link_for(&mut self, now: Instant, peer: PeerId, half: Option<Half>) -> Option<LinkKey> {
        if let Some(key) = self.links.find(&peer) {
            return Some(key);
        }
        if self.is_full() {
            self.evict(now, self.gives_way(now)?);
        }
        let half = half.or_else(|| self.slots.half_of(&peer));
        self.slots.take_half(&peer);
        let mut ctx = Context { now, shared: &mut self.shared };
        let key = self.links.insert(peer, |key| Link::new(&mut ctx, key, peer));
        if let Some(half) = half {
            self.links.get_mut(key).continuity.mine(|| half);
        }
        Some(key)
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

    fn is_full(&self) -> bool {
        self.links.len() >= self.shared.config.max_links
    }

    /// The link that makes room for another.
    fn gives_way(&self, now: Instant) -> Option<LinkKey> {
        let (since, key) = self.links.first_idle()?;
        let told = self.evicted.0.len() < self.shared.config.max_links;
        (told && now.saturating_since(since) >= IDLE).then_some(key)
    }

    fn evict(&mut self, now: Instant, key: LinkKey) {
        // The half it showed is forgotten with it: whoever confirmed a slot would go on with a session that is none.
        let peer = self.links.get(key).peer;
        self.drop_slots_of(&peer);
        let mut ctx = Context { now, shared: &mut self.shared };
        if let Some(reason) = self.links.get_mut(key).evict(&mut ctx) {
            self.evicted.0.insert(peer, reason);
        }
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
