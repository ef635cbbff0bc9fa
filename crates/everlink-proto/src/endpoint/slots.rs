//! Handshakes that a peer has begun and not confirmed (SPEC 2.9): a fixed table, which a flood can fill and
//! not grow.

use core::net::SocketAddr;
use std::collections::{BTreeMap, BTreeSet};

use super::halves::Halves;
use crate::{
    connection::Birth,
    crypto::{keys::PacketKeys, macs::MAC_LEN},
    id::{ConnectionId, Half, PeerId},
    rng::Rng,
    time::{Duration, Instant, soonest},
    wire::{MAX_DATAGRAM, frame::Hello},
};

/// Slots in all: at 2 KiB each, 2 MiB.
pub(crate) const MAX_SLOTS: usize = 1_024;

/// Slots of one identity.
const MAX_OF_PEER: usize = 4;

/// How long a slot waits, from the last repeat of its message 1.
const LIFETIME: Duration = Duration::from_secs(10);

/// The longest life of a slot, however often its message 1 is repeated: an attempt sends for 6 s, and its answer may
/// take 10 s.
const LONGEST_LIFE: Duration = Duration::from_secs(20);

/// A handshake that its initiator has to confirm.
pub(crate) struct Slot {
    pub(crate) key: u64,
    pub(crate) peer: PeerId,
    pub(crate) from: SocketAddr,
    /// The same message 1 came from elsewhere, too: nobody knows yet where its sender is.
    pub(crate) ambiguous: bool,
    pub(crate) id: ConnectionId,
    pub(crate) generation: u64,
    mac1: [u8; MAC_LEN],
    /// Message 2, for repeats.
    pub(crate) reply: [u8; MAX_DATAGRAM],
    pub(crate) birth: Birth,
    pub(crate) keys: PacketKeys,
    pub(crate) hello: Hello,
    born: Instant,
    until: Instant,
}

/// What a slot is made of.
pub(crate) struct Pending {
    pub(crate) peer: PeerId,
    pub(crate) from: SocketAddr,
    pub(crate) id: ConnectionId,
    pub(crate) mac1: [u8; MAC_LEN],
    pub(crate) reply: [u8; MAX_DATAGRAM],
    pub(crate) birth: Birth,
    pub(crate) keys: PacketKeys,
    pub(crate) hello: Hello,
}

/// A place is to be had only for who has proved its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NeedsCookie;

/// The table of slots, and the halves shown in them to strangers.
#[derive(Default)]
pub(crate) struct Slots {
    /// By key, which is by age. In boxes, so that the table moves 8 bytes and not 2 KiB.
    slots: BTreeMap<u64, Box<Slot>>,
    index: Index,
    made: u64,
    halves: Halves,
}

impl Slots {
    /// The slot of this very message 1, wherever it comes from now, whose time starts anew.
    pub(crate) fn repeat(&mut self, now: Instant, mac1: &[u8; MAC_LEN], from: SocketAddr) -> Option<&Slot> {
        let slot = self.slots.get_mut(self.index.by_mac1.get(mac1)?)?;
        self.index.by_end.remove(&(slot.until, slot.key));
        slot.until = (now + LIFETIME).min(slot.born + LONGEST_LIFE);
        self.index.by_end.insert((slot.until, slot.key));
        slot.ambiguous |= slot.from != from;
        Some(slot)
    }

    /// Whether there is a slot for that address.
    pub(crate) fn is_held_from(&self, from: SocketAddr) -> bool {
        self.index.of_source(from).next().is_some()
    }

    /// Makes place for a slot of `peer` at `from` and returns the ids of slots that gave way. Whoever has proved its
    /// address displaces others: else a spoofer could hold the place of an address, and old message 1s that of
    /// an identity.
    pub(crate) fn make_place(
        &mut self,
        peer: &PeerId,
        from: SocketAddr,
        proved: bool,
    ) -> Result<Vec<ConnectionId>, NeedsCookie> {
        let of_peer: Vec<u64> = self.index.of_peer(peer).collect();
        let of_others: Vec<u64> = self.index.of_source(from).filter(|key| !of_peer.contains(key)).collect();
        let is_alone = of_peer.is_empty() && of_others.is_empty();
        if !proved && !is_alone {
            return Err(NeedsCookie);
        }
        let oldest = of_peer.first().filter(|_| of_peer.len() >= MAX_OF_PEER);
        Ok(self.drop_all(of_others.into_iter().chain(oldest.copied())))
    }

    /// The highest generation shown to `peer` and not confirmed.
    pub(crate) fn highest_generation(&self, peer: &PeerId) -> u64 {
        let of_peer = self.index.of_peer(peer).filter_map(|key| self.slots.get(&key));
        of_peer.map(|slot| slot.generation).max().unwrap_or(0)
    }

    /// A key for the next slot.
    pub(crate) const fn next_key(&mut self) -> u64 {
        self.made += 1;
        self.made
    }

    /// Fills a slot; a random one gives way if all are taken. Returns the id of the one that did.
    pub(crate) fn insert(
        &mut self,
        now: Instant,
        key: u64,
        pending: Pending,
        rng: &mut Rng,
    ) -> Option<ConnectionId> {
        let given_way = if self.slots.len() >= MAX_SLOTS { self.drop_one(rng) } else { None };
        let Pending { peer, from, id, mac1, reply, birth, keys, hello } = pending;
        let (generation, until) = (birth.order.generation, now + LIFETIME);
        let (ambiguous, born) = (false, now);
        let slot =
            Slot { key, peer, from, ambiguous, id, generation, mac1, reply, birth, keys, hello, born, until };
        self.index.add(&slot);
        self.slots.insert(key, Box::new(slot));
        given_way
    }

    /// A slot by its key.
    pub(crate) fn get_mut(&mut self, key: u64) -> Option<&mut Slot> {
        self.slots.get_mut(&key).map(Box::as_mut)
    }

    /// Takes a slot out: it is confirmed.
    pub(crate) fn take(&mut self, key: u64) -> Option<Slot> {
        let slot = self.slots.remove(&key)?;
        self.index.remove(&slot);
        Some(*slot)
    }

    /// Drops the slots of a peer whose session ended and returns their ids.
    pub(crate) fn drop_of(&mut self, peer: &PeerId) -> Vec<ConnectionId> {
        let of_peer: Vec<u64> = self.index.of_peer(peer).collect();
        self.drop_all(of_peer)
    }

    /// The half shown to a stranger in another slot, if it is still kept.
    pub(crate) fn half_of(&self, peer: &PeerId) -> Option<Half> {
        self.halves.of(peer)
    }

    /// Keeps the half shown to a stranger.
    pub(crate) fn keep_half(&mut self, now: Instant, peer: PeerId, half: Half) {
        self.halves.keep(now, peer, half);
    }

    /// Hands the half shown to a stranger over to its link.
    pub(crate) fn take_half(&mut self, peer: &PeerId) -> Option<Half> {
        self.halves.take(peer)
    }

    /// When something here is over.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        soonest(self.index.by_end.first().map(|(until, _)| *until), self.halves.deadline())
    }

    /// Drops what is over and returns the ids of the slots.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Vec<ConnectionId> {
        self.halves.handle_timeout(now);
        let over: Vec<u64> = self.index.by_end.range(..=(now, u64::MAX)).map(|(_, key)| *key).collect();
        self.drop_all(over)
    }

    /// Slots in use.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Halves kept for strangers, for checkers.
    pub(crate) fn halves(&self) -> usize {
        self.halves.len()
    }

    /// A walk to a random slot: what made it necessary was a handshake, which took a hundred times as long.
    fn drop_one(&mut self, rng: &mut Rng) -> Option<ConnectionId> {
        let at = usize::try_from(rng.below(MAX_SLOTS as u64)).unwrap_or(0);
        let key = *self.slots.keys().nth(at)?;
        self.take(key).map(|slot| slot.id)
    }

    fn drop_all(&mut self, keys: impl IntoIterator<Item = u64>) -> Vec<ConnectionId> {
        keys.into_iter().filter_map(|key| self.take(key)).map(|slot| slot.id).collect()
    }
}

/// The keys of slots by all that they are looked for by: a flood asks with every datagram.
#[derive(Default)]
struct Index {
    by_mac1: BTreeMap<[u8; MAC_LEN], u64>,
    by_peer: BTreeSet<(PeerId, u64)>,
    by_source: BTreeSet<(SocketAddr, u64)>,
    by_end: BTreeSet<(Instant, u64)>,
}

impl Index {
    fn add(&mut self, slot: &Slot) {
        self.by_mac1.insert(slot.mac1, slot.key);
        self.by_peer.insert((slot.peer, slot.key));
        self.by_source.insert((slot.from, slot.key));
        self.by_end.insert((slot.until, slot.key));
    }

    fn remove(&mut self, slot: &Slot) {
        self.by_mac1.remove(&slot.mac1);
        self.by_peer.remove(&(slot.peer, slot.key));
        self.by_source.remove(&(slot.from, slot.key));
        self.by_end.remove(&(slot.until, slot.key));
    }

    /// The slots of an identity, oldest first.
    fn of_peer(&self, peer: &PeerId) -> impl Iterator<Item = u64> {
        self.by_peer.range((*peer, 0)..=(*peer, u64::MAX)).map(|(_, key)| *key)
    }

    /// The slots of a source address, oldest first.
    fn of_source(&self, from: SocketAddr) -> impl Iterator<Item = u64> {
        self.by_source.range((from, 0)..=(from, u64::MAX)).map(|(_, key)| *key)
    }
}

#[cfg(test)]
mod tests;
