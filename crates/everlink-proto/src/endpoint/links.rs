//! The table of links: by identity for callers, by key for everything inside.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::agenda::Agenda;
use crate::{
    event::Deadline,
    id::PeerId,
    link::{Link, LinkKey},
    time::Instant,
};

/// The links of an endpoint: which of them have something to send or to read, when each wants to be woken, and which
/// can be forgotten.
#[derive(Default)]
pub(crate) struct Links {
    links: Vec<Option<Box<Link>>>,
    free: Vec<LinkKey>,
    by_peer: BTreeMap<PeerId, LinkKey>,
    ready: VecDeque<LinkKey>,
    is_ready: BTreeSet<LinkKey>,
    unread: VecDeque<LinkKey>,
    is_unread: BTreeSet<LinkKey>,
    timers: Agenda<Deadline>,
    /// Those with which nothing would be lost, by when they were used last.
    idle: Agenda<Instant>,
}

impl Links {
    pub(crate) fn find(&self, peer: &PeerId) -> Option<LinkKey> {
        self.by_peer.get(peer).copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.by_peer.len()
    }

    /// The link with this key. Keys are handed out by [`Self::insert`] and live until [`Self::remove`], which
    /// also takes every route to them away.
    pub(crate) fn get(&self, key: LinkKey) -> &Link {
        self.slot(key).expect("a key outlives its link nowhere")
    }

    /// See [`Self::get`].
    pub(crate) fn get_mut(&mut self, key: LinkKey) -> &mut Link {
        let at = usize::try_from(key.0).unwrap_or(usize::MAX);
        self.links.get_mut(at).and_then(Option::as_deref_mut).expect("a key outlives its link nowhere")
    }

    fn slot(&self, key: LinkKey) -> Option<&Link> {
        self.links.get(usize::try_from(key.0).ok()?)?.as_deref()
    }

    /// Makes a link.
    pub(crate) fn insert(&mut self, peer: PeerId, make: impl FnOnce(LinkKey) -> Link) -> LinkKey {
        let key = self.free.pop().unwrap_or_else(|| {
            self.links.push(None);
            LinkKey(u32::try_from(self.links.len() - 1).unwrap_or(u32::MAX))
        });
        if let Some(slot) = self.links.get_mut(usize::try_from(key.0).unwrap_or(usize::MAX)) {
            *slot = Some(Box::new(make(key)));
        }
        self.by_peer.insert(peer, key);
        self.file(key);
        key
    }

    /// Forgets a link.
    pub(crate) fn remove(&mut self, key: LinkKey) {
        let peer = self.get(key).peer;
        self.by_peer.remove(&peer);
        self.timers.set(key, None);
        self.idle.set(key, None);
        self.unready(key);
        if self.is_unread.remove(&key) {
            self.unread.retain(|unread| *unread != key);
        }
        if let Some(slot) = self.links.get_mut(usize::try_from(key.0).unwrap_or(usize::MAX)) {
            *slot = None;
        }
        self.free.push(key);
    }

    /// Every link, in the order of identities.
    pub(crate) fn keys(&self) -> Vec<LinkKey> {
        self.by_peer.values().copied().collect()
    }

    /// Takes note of whether a link can be forgotten, and since when. To be called whenever it was used.
    pub(crate) fn file(&mut self, key: LinkKey) {
        let idle_since = self.get(key).idle_since();
        self.idle.set(key, idle_since);
    }

    /// The link that can be forgotten first, and since when: of those with which nothing would be lost, the one used
    /// least recently.
    pub(crate) fn first_idle(&self) -> Option<(Instant, LinkKey)> {
        debug_assert!(self.is_filed(), "a link was used and not filed");
        // Whoever owes something keeps its place, even if somebody forgot to file it.
        self.idle.find(|since, key| self.get(key).idle_since() == Some(since))
    }

    /// Whether every link is filed as it is now.
    pub(crate) fn is_filed(&self) -> bool {
        self.by_peer.values().all(|key| self.idle.get(*key) == self.get(*key).idle_since())
    }

    /// A link has something in its inbox.
    pub(crate) fn set_unread(&mut self, key: LinkKey) {
        if self.is_unread.insert(key) {
            self.unread.push_back(key);
        }
    }

    /// The next link, in turn, with something in its inbox.
    pub(crate) fn next_unread(&mut self) -> Option<PeerId> {
        loop {
            let key = self.unread.pop_front()?;
            let link = self.get(key);
            if link.session.has_unread() {
                let peer = link.peer;
                self.unread.push_back(key);
                return Some(peer);
            }
            self.is_unread.remove(&key);
        }
    }

    pub(crate) fn set_ready(&mut self, key: LinkKey) {
        if self.is_ready.insert(key) {
            self.ready.push_back(key);
        }
    }

    /// The link whose turn it is to send.
    pub(crate) fn first_ready(&self) -> Option<LinkKey> {
        self.ready.front().copied()
    }

    /// It has had its turn.
    pub(crate) fn rotate(&mut self) {
        self.ready.rotate_left(usize::from(!self.ready.is_empty()));
    }

    /// It has nothing to send.
    pub(crate) fn unready(&mut self, key: LinkKey) {
        if !self.is_ready.remove(&key) {
            return;
        }
        if self.ready.front() == Some(&key) {
            self.ready.pop_front();
        } else {
            self.ready.retain(|ready| *ready != key);
        }
    }

    /// When a link wants to be woken, and why.
    pub(crate) fn set_timer(&mut self, key: LinkKey, deadline: Option<Deadline>) {
        self.timers.set(key, deadline);
    }

    /// The first link that wants to be woken, when and why.
    pub(crate) fn first_timer(&self) -> Option<(Deadline, LinkKey)> {
        self.timers.first()
    }

    /// Places in the queues of those that have something to send or to read, for checkers.
    pub(crate) fn turns(&self) -> usize {
        self.ready.len() + self.unread.len()
    }

    /// Armed timers, for checkers.
    pub(crate) fn timers(&self) -> usize {
        self.timers.len()
    }
}
