//! Handshakes that a peer has begun and not confirmed (SPEC 2.9): a fixed table, which a flood can fill and
//! not grow.

use core::net::SocketAddr;
use std::collections::{BTreeMap, BTreeSet};

use super::{
    halves::Halves,
    places::{Input, MAX_SLOTS, Mac1, Opened, Places, SlotKey, Step},
};
use crate::{
    connection::Birth,
    crypto::keys::PacketKeys,
    id::{ConnectionId, Half, PeerId},
    time::{Duration, Instant, soonest},
    wire::{MAX_DATAGRAM, frame::Hello},
};

/// How long a slot waits, from the last repeat of its message 1.
const LIFETIME: Duration = Duration::from_secs(10);

/// The longest life of a slot, however often its message 1 is repeated: an attempt sends for 6 s, and its answer may
/// take 10 s.
const LONGEST_LIFE: Duration = Duration::from_secs(20);

/// A handshake that its initiator has to confirm.
pub(crate) struct Slot {
    pub(crate) peer: PeerId,
    pub(crate) id: ConnectionId,
    /// Message 2, for repeats.
    pub(crate) reply: [u8; MAX_DATAGRAM],
    pub(crate) birth: Birth,
    pub(crate) keys: PacketKeys,
    pub(crate) hello: Hello,
}

/// Why a message 1 that opened gets no slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoPlace {
    /// A place is to be had only for who has proved its address.
    NeedsCookie,
    /// The generation is none that dialling reaches.
    TooFar,
}

/// A place for a slot.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) key: SlotKey,
    /// What message 2 settles.
    pub(crate) generation: u64,
    /// The ids of slots that gave way.
    pub(crate) given_way: Vec<ConnectionId>,
}

/// The table of slots, and the halves shown in them to strangers.
#[derive(Default)]
pub(crate) struct Slots {
    places: Places,
    filled: BTreeMap<SlotKey, Held>,
    by_end: BTreeSet<(Instant, SlotKey)>,
    halves: Halves,
}

/// What stands in a place, and for how long.
struct Held {
    born: Instant,
    until: Instant,
    /// In a box, so that the table moves bytes and not kilobytes.
    slot: Box<Slot>,
}

impl Slots {
    /// The slot of this very message 1, wherever it comes from now, whose time starts anew.
    pub(crate) fn repeat(&mut self, now: Instant, mac1: &Mac1, from: SocketAddr) -> Option<&Slot> {
        let steps = self.places.on(Input::Arrived { mac1: *mac1, from });
        let [Step::Repeat(key)] = steps[..] else { return None };
        let held = self.filled.get_mut(&key)?;
        self.by_end.remove(&(held.until, key));
        held.until = (now + LIFETIME).min(held.born + LONGEST_LIFE);
        self.by_end.insert((held.until, key));
        Some(&held.slot)
    }

    /// Whether a new message 1 is worth opening.
    pub(crate) fn is_welcome(&mut self, from: SocketAddr, proved: bool) -> bool {
        self.places.on(Input::Admitted { from, proved }) == [Step::Open]
    }

    /// Makes place for a message 1 that opened: it is filled, or given back, at once.
    pub(crate) fn make_place(&mut self, opened: Opened) -> Result<Given, NoPlace> {
        let mut steps = self.places.on(Input::Opened(opened));
        match steps.pop() {
            Some(Step::Fill(key, generation)) => Ok(Given { key, generation, given_way: self.forget(steps) }),
            Some(Step::AskCookie) => Err(NoPlace::NeedsCookie),
            _ => Err(NoPlace::TooFar),
        }
    }

    /// Fills a place.
    pub(crate) fn fill(&mut self, now: Instant, key: SlotKey, slot: Slot) {
        let until = now + LIFETIME;
        self.by_end.insert((until, key));
        self.filled.insert(key, Held { born: now, until, slot: Box::new(slot) });
    }

    /// Gives a place back that was not filled.
    pub(crate) fn give_back(&mut self, key: SlotKey) {
        self.places.on(Input::Over(key));
    }

    /// A slot by its key.
    pub(crate) fn get_mut(&mut self, key: SlotKey) -> Option<&mut Slot> {
        self.filled.get_mut(&key).map(|held| &mut *held.slot)
    }

    /// Takes a slot out: it is confirmed from there. Says whether that address is proved.
    pub(crate) fn confirm(&mut self, key: SlotKey, from: SocketAddr) -> Option<(Slot, bool)> {
        let steps = self.places.on(Input::Confirmed(key, from));
        let [Step::Adopt(key, proved)] = steps[..] else { return None };
        self.take(key).map(|slot| (slot, proved))
    }

    /// Drops the slots of a peer whose session ended and returns their ids.
    pub(crate) fn drop_of(&mut self, peer: &PeerId) -> Vec<ConnectionId> {
        let steps = self.places.on(Input::Ended(*peer));
        self.forget(steps)
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
        soonest(self.by_end.first().map(|(until, _)| *until), self.halves.deadline())
    }

    /// Drops what is over and returns the ids of the slots.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Vec<ConnectionId> {
        self.halves.handle_timeout(now);
        let mut steps = Vec::new();
        while let Some(&(until, key)) = self.by_end.first().filter(|(until, _)| *until <= now) {
            self.by_end.remove(&(until, key));
            steps.extend(self.places.on(Input::Over(key)));
        }
        self.forget(steps)
    }

    /// Whether a new slot takes the place of another.
    pub(crate) fn is_full(&self) -> bool {
        self.places.len() >= MAX_SLOTS
    }

    /// Slots in use.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// Halves kept for strangers, for checkers.
    pub(crate) fn halves(&self) -> usize {
        self.halves.len()
    }

    fn forget(&mut self, steps: Vec<Step>) -> Vec<ConnectionId> {
        let gone = steps.into_iter().filter_map(|step| match step {
            Step::Forget(key) => self.take(key),
            _ => None,
        });
        gone.map(|slot| slot.id).collect()
    }

    fn take(&mut self, key: SlotKey) -> Option<Slot> {
        let held = self.filled.remove(&key)?;
        self.by_end.remove(&(held.until, key));
        Some(*held.slot)
    }
}

#[cfg(test)]
mod tests;
