//! Room in the table of links: who gets a place, and who gives way.
//!
//! A place is given to whoever needs one until the table is full. From then on each newcomer takes the place of the
//! link that was idle for longest; where none is idle, there is no room.

use super::Endpoint;
use crate::{
    event::Event,
    id::{Half, PeerId},
    link::{Context, Link, LinkKey},
    stats::Mark,
    time::Instant,
};

impl Endpoint {
    /// The link with `peer`, made if there is room. A `half` that was shown to it as a stranger goes on.
    pub(super) fn link_for(&mut self, now: Instant, peer: PeerId, half: Option<Half>) -> Option<LinkKey> {
        if let Some(key) = self.links.find(&peer) {
            return Some(key);
        }
        if !self.make_room(now) {
            return None;
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
    pub(super) fn has_room_for(&mut self, peer: &PeerId) -> bool {
        if self.stopping {
            return self.links.find(peer).is_some_and(|key| self.links.get(key).is_closing());
        }
        self.links.find(peer).is_some()
            || self.links.len() < self.shared.config.max_links
            || self.links.finds_forgettable()
    }

    /// After [`Self::stop`], a link that has said its goodbye is gone.
    pub(super) fn forget_if_over(&mut self, now: Instant, key: LinkKey) {
        if self.stopping && self.links.get(key).is_at_rest() {
            let mut ctx = Context { now, shared: &mut self.shared };
            self.links.get_mut(key).forget(&mut ctx);
            self.links.remove(key);
            if self.links.len() == 0 {
                self.shared.events.push_back(Event::Stopped);
            }
        }
    }

    /// Forgets the link that was idle for longest, if the table is full and one can go.
    fn make_room(&mut self, now: Instant) -> bool {
        if self.links.len() < self.shared.config.max_links {
            return true;
        }
        let keys = self.links.keys();
        let idle = keys.into_iter().filter(|key| self.links.get(*key).is_forgettable());
        let Some(oldest) = idle.min_by_key(|key| self.links.get(*key).last_active) else { return false };
        let mut ctx = Context { now, shared: &mut self.shared };
        let link = self.links.get_mut(oldest);
        link.forget(&mut ctx);
        // Their half is forgotten with the link: whoever confirmed one would go on with a session that is none.
        for id in self.slots.drop_of(&link.peer) {
            self.shared.router.forget(id);
        }
        self.shared.stats.mark(Mark::Evicted);
        self.links.remove(oldest);
        true
    }
}
