//! Handshakes that a peer has begun and not confirmed (SPEC 2.9): a fixed table, which a flood can fill and
//! not grow.

use core::net::SocketAddr;

use crate::{
    connection::Birth,
    crypto::{keys::PacketKeys, macs::MAC_LEN},
    id::{ConnectionId, Half, PeerId},
    rng::Rng,
    time::{Duration, Instant},
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

/// How long a stranger's half is kept (SPEC 6.6).
const HALF_LIFETIME: Duration = Duration::from_secs(60);

/// Halves kept for strangers; the oldest gives way.
const MAX_HALVES: usize = MAX_SLOTS;

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
    slots: Vec<Slot>,
    made: u64,
    halves: Vec<(PeerId, Half, Instant)>,
}

impl Slots {
    /// The slot of this very message 1, wherever it comes from now, whose time starts anew.
    pub(crate) fn repeat(&mut self, now: Instant, mac1: &[u8; MAC_LEN], from: SocketAddr) -> Option<&Slot> {
        let slot = self.slots.iter_mut().find(|slot| slot.mac1 == *mac1)?;
        slot.until = (now + LIFETIME).min(slot.born + LONGEST_LIFE);
        slot.ambiguous |= slot.from != from;
        Some(slot)
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
        let of_peer = self.slots.iter().filter(|slot| slot.peer == *peer).count();
        let same_source = |slot: &Slot| slot.from == from && slot.peer != *peer;
        if !proved && (of_peer > 0 || self.slots.iter().any(same_source)) {
            return Err(NeedsCookie);
        }
        let mut dropped = self.drop_if(same_source);
        if of_peer >= MAX_OF_PEER {
            let oldest = self.slots.iter().filter(|slot| slot.peer == *peer).min_by_key(|slot| slot.key);
            if let Some(key) = oldest.map(|slot| slot.key) {
                dropped.extend(self.drop_if(|slot| slot.key == key));
            }
        }
        Ok(dropped)
    }

    /// The highest generation shown to `peer` and not confirmed.
    pub(crate) fn highest_generation(&self, peer: &PeerId) -> u64 {
        let of_peer = self.slots.iter().filter(|slot| slot.peer == *peer);
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
        let given_way = (self.slots.len() >= MAX_SLOTS).then(|| {
            let at = usize::try_from(rng.below(MAX_SLOTS as u64)).unwrap_or(0);
            self.slots.swap_remove(at).id
        });
        let Pending { peer, from, id, mac1, reply, birth, keys, hello } = pending;
        let (generation, until) = (birth.order.generation, now + LIFETIME);
        let (ambiguous, born) = (false, now);
        self.slots.push(Slot {
            key,
            peer,
            from,
            ambiguous,
            id,
            generation,
            mac1,
            reply,
            birth,
            keys,
            hello,
            born,
            until,
        });
        given_way
    }

    /// A slot by its key.
    pub(crate) fn get_mut(&mut self, key: u64) -> Option<&mut Slot> {
        self.slots.iter_mut().find(|slot| slot.key == key)
    }

    /// Takes a slot out: it is confirmed.
    pub(crate) fn take(&mut self, key: u64) -> Option<Slot> {
        let at = self.slots.iter().position(|slot| slot.key == key)?;
        Some(self.slots.swap_remove(at))
    }

    /// Drops the slots of a peer whose session ended and returns their ids.
    pub(crate) fn drop_of(&mut self, peer: &PeerId) -> Vec<ConnectionId> {
        self.drop_if(|slot| slot.peer == *peer)
    }

    /// The half shown to a stranger in another slot, if it is still kept.
    pub(crate) fn half_of(&self, peer: &PeerId) -> Option<Half> {
        self.halves.iter().find(|(of, _, _)| of == peer).map(|(_, half, _)| *half)
    }

    /// Keeps the half shown to a stranger.
    pub(crate) fn keep_half(&mut self, now: Instant, peer: PeerId, half: Half) {
        self.halves.retain(|(of, _, _)| *of != peer);
        if self.halves.len() == MAX_HALVES {
            self.halves.remove(0);
        }
        self.halves.push((peer, half, now + HALF_LIFETIME));
    }

    /// Hands the half shown to a stranger over to its link.
    pub(crate) fn take_half(&mut self, peer: &PeerId) -> Option<Half> {
        let at = self.halves.iter().position(|(of, _, _)| of == peer)?;
        Some(self.halves.remove(at).1)
    }

    /// When something here is over.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let slots = self.slots.iter().map(|slot| slot.until);
        slots.chain(self.halves.iter().map(|(_, _, until)| *until)).min()
    }

    /// Drops what is over and returns the ids of the slots.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Vec<ConnectionId> {
        self.halves.retain(|(_, _, until)| *until > now);
        self.drop_if(|slot| slot.until <= now)
    }

    /// Slots in use.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    fn drop_if(&mut self, over: impl Fn(&Slot) -> bool) -> Vec<ConnectionId> {
        let dropped = self.slots.iter().filter(|slot| over(slot)).map(|slot| slot.id).collect();
        self.slots.retain(|slot| !over(slot));
        dropped
    }
}
