//! Handshake control of who is dialled: which message 1 has a slot, and what follows from the next (SPEC 2.9, 2.12).
//!
//! Without keys and clocks, so that all of it can be explored. What a slot holds, and when its time is over, stands
//! beside this; how many handshakes may be computed in a second is the limiter's business.

use core::net::SocketAddr;
use std::collections::{BTreeMap, BTreeSet};

use crate::{crypto::macs::MAC_LEN, id::PeerId, link::is_near};

/// Slots in all: at 2 KiB each, 2 MiB.
pub const MAX_SLOTS: usize = 1_024;

/// Slots of one identity.
pub const MAX_OF_PEER: usize = 4;

/// The mac1 of a message 1, by which it is known again.
pub type Mac1 = [u8; MAC_LEN];

/// Names a slot. Keys are used once, and grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotKey(pub u64);

/// What the control has to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// A message 1 came whose mac1 is right.
    Arrived {
        /// Its mac1.
        mac1: Mac1,
        /// Where it came from.
        from: SocketAddr,
    },
    /// It has no slot, and there is time for it.
    Admitted {
        /// Where it came from.
        from: SocketAddr,
        /// Whether its mac2 shows that its sender is there.
        proved: bool,
    },
    /// It opened.
    Opened(Opened),
    /// A packet opened under the keys of a slot, which becomes a connection.
    Confirmed(SlotKey, SocketAddr),
    /// The time of a slot is over, or it could not be filled.
    Over(SlotKey),
    /// The session with this peer ended: what its slots showed names nothing any more.
    Ended(PeerId),
}

/// What a message 1 says once it is opened, and what this side knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Opened {
    /// Who sent it.
    pub peer: PeerId,
    /// Its mac1.
    pub mac1: Mac1,
    /// Where it came from.
    pub from: SocketAddr,
    /// Whether its mac2 shows that its sender is there.
    pub proved: bool,
    /// The generation it proposes.
    pub proposed: u64,
    /// The highest generation used or confirmed with that peer.
    pub used: u64,
    /// A number drawn at random: who gives way if all slots are taken.
    pub chance: u64,
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Send the message 2 of this slot again; its time starts anew.
    Repeat(SlotKey),
    /// Answer with a COOKIE.
    AskCookie,
    /// Open the message.
    Open,
    /// The generation is none that dialling reaches: drop the message.
    Refuse,
    /// Forget what this slot holds.
    Forget(SlotKey),
    /// Answer with message 2, which settles this generation, and keep what a connection needs in this slot.
    Fill(SlotKey, u64),
    /// Make a connection of what this slot holds. Its remote address is proved or not.
    Adopt(SlotKey, bool),
}

/// The slots, and by what they are known.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Places {
    most: usize,
    made: u64,
    places: BTreeMap<SlotKey, Place>,
    // A flood asks with every datagram.
    pub(super) by_mac1: BTreeMap<Mac1, SlotKey>,
    pub(super) by_peer: BTreeSet<(PeerId, SlotKey)>,
    pub(super) by_source: BTreeSet<(SocketAddr, SlotKey)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Place {
    peer: PeerId,
    from: SocketAddr,
    mac1: Mac1,
    generation: u64,
    /// The same message 1 came from elsewhere, too: nobody knows yet where its sender is.
    ambiguous: bool,
}

impl Default for Places {
    fn default() -> Self {
        Self::with_room_for(MAX_SLOTS)
    }
}

impl Places {
    /// Room for so many slots.
    pub const fn with_room_for(most: usize) -> Self {
        Self {
            most,
            made: 0,
            places: BTreeMap::new(),
            by_mac1: BTreeMap::new(),
            by_peer: BTreeSet::new(),
            by_source: BTreeSet::new(),
        }
    }

    /// Slots in use.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether no slot is in use.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The highest generation shown to `peer` and not confirmed.
    pub fn highest_generation(&self, peer: &PeerId) -> u64 {
        let of_peer = self.of_peer(peer).filter_map(|key| self.places.get(&key));
        of_peer.map(|place| place.generation).max().unwrap_or(0)
    }

    /// Takes an input in and says what follows, in order.
    pub fn on(&mut self, input: Input) -> Vec<Step> {
        match input {
            Input::Arrived { mac1, from } => self.repeat(&mac1, from).map(Step::Repeat).into_iter().collect(),
            // Whoever it is: where there is a slot already, only proof makes place for another.
            Input::Admitted { from, proved } if !proved && self.of_source(from).next().is_some() => {
                vec![Step::AskCookie]
            }
            Input::Admitted { .. } => vec![Step::Open],
            Input::Opened(opened) => self.answer(&opened),
            Input::Confirmed(key, from) => {
                let adopted = self.remove(key);
                // Message 2 went to one address only, and its receiver confirms it from there: that address is proved.
                let proved = |place: Place| Step::Adopt(key, from == place.from && !place.ambiguous);
                adopted.map(proved).into_iter().collect()
            }
            Input::Over(key) => self.forget([key]),
            Input::Ended(peer) => {
                let of_peer: Vec<_> = self.of_peer(&peer).collect();
                self.forget(of_peer)
            }
        }
    }

    fn repeat(&mut self, mac1: &Mac1, from: SocketAddr) -> Option<SlotKey> {
        let key = *self.by_mac1.get(mac1)?;
        let place = self.places.get_mut(&key)?;
        place.ambiguous |= place.from != from;
        Some(key)
    }

    /// Makes place for a message 1 that opened. Whoever has proved its address displaces others: else a spoofer could
    /// hold the place of an address, and old message 1s that of an identity.
    fn answer(&mut self, opened: &Opened) -> Vec<Step> {
        let Opened { peer, mac1, from, proved, proposed, used, chance } = *opened;
        // What this side has proposed itself counts, too: a late answer to that must not overtake a connection that
        // was confirmed since.
        let held = used.max(self.highest_generation(&peer));
        if !is_near(proposed, held) {
            return vec![Step::Refuse];
        }
        let of_peer: Vec<_> = self.of_peer(&peer).collect();
        let of_others: Vec<_> = self.of_source(from).filter(|key| !of_peer.contains(key)).collect();
        let is_alone = of_peer.is_empty() && of_others.is_empty();
        if !proved && !is_alone {
            return vec![Step::AskCookie];
        }
        let oldest = of_peer.first().copied().filter(|_| of_peer.len() >= MAX_OF_PEER);
        let mut steps = self.forget(of_others.into_iter().chain(oldest));
        if self.places.len() >= self.most {
            // Smaller than a number of places is one.
            let at = usize::try_from(chance % self.most.max(1) as u64).unwrap_or(0);
            // A walk: what made it necessary was a handshake, which took a hundred times as long.
            let one = self.places.keys().nth(at).copied();
            steps.extend(self.forget(one));
        }
        self.made += 1;
        let (key, generation) = (SlotKey(self.made), proposed.max(held.saturating_add(1)));
        self.insert(key, Place { peer, from, mac1, generation, ambiguous: false });
        steps.push(Step::Fill(key, generation));
        steps
    }

    fn forget(&mut self, keys: impl IntoIterator<Item = SlotKey>) -> Vec<Step> {
        keys.into_iter().filter(|key| self.remove(*key).is_some()).map(Step::Forget).collect()
    }

    fn insert(&mut self, key: SlotKey, place: Place) {
        self.by_mac1.insert(place.mac1, key);
        self.by_peer.insert((place.peer, key));
        self.by_source.insert((place.from, key));
        self.places.insert(key, place);
    }

    fn remove(&mut self, key: SlotKey) -> Option<Place> {
        let place = self.places.remove(&key)?;
        self.by_mac1.remove(&place.mac1);
        self.by_peer.remove(&(place.peer, key));
        self.by_source.remove(&(place.from, key));
        Some(place)
    }

    /// The slots of an identity, oldest first.
    fn of_peer(&self, peer: &PeerId) -> impl Iterator<Item = SlotKey> {
        self.by_peer.range((*peer, SlotKey(0))..=(*peer, SlotKey(u64::MAX))).map(|(_, key)| *key)
    }

    /// The slots of a source address, oldest first.
    fn of_source(&self, from: SocketAddr) -> impl Iterator<Item = SlotKey> {
        self.by_source.range((from, SlotKey(0))..=(from, SlotKey(u64::MAX))).map(|(_, key)| *key)
    }
}
