//! Which connection to send on.
//!
//! Crossing dials, re-keying, recovery and a restarted peer all leave a link with more than one
//! connection for a while. They are ordered, by the same rule on both sides (SPEC 2.12), and new data goes
//! out on the highest one that the peer has been heard on. The one before is kept until the new one has
//! carried an acknowledgement: nothing that works is given up for something that only might.

use core::cmp::Reverse;

use crate::session::Order;

/// How many connections a link holds at most; the lowest gives way (SPEC 8.5).
pub const MAX_CONNECTIONS: usize = 4;

/// Names a connection within its endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionKey(pub u64);

/// What the election has to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ballot {
    /// A handshake is complete and the peer was heard under the new keys.
    Heard(ConnectionKey, Order),
    /// The peer acknowledged a packet of this connection.
    Carried(ConnectionKey),
    /// The connection is gone.
    Gone(ConnectionKey),
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Send nothing new on it, and drop it after the drain time.
    Drain(ConnectionKey),
    /// Drop it now.
    Drop(ConnectionKey),
}

/// The connections of one link and their standing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Election {
    /// Highest first.
    candidates: Vec<Candidate>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Candidate {
    key: ConnectionKey,
    order: Order,
    carried: bool,
    draining: bool,
}

impl Election {
    /// The connection that carries new data.
    pub fn winner(&self) -> Option<ConnectionKey> {
        self.candidates.first().filter(|first| !first.draining).map(|first| first.key)
    }

    /// Whether `key` carries no new data any more.
    pub fn is_draining(&self, key: ConnectionKey) -> bool {
        self.candidates.iter().any(|candidate| candidate.key == key && candidate.draining)
    }

    /// Takes a fact in and says what follows, in order.
    pub fn on(&mut self, ballot: Ballot) -> Vec<Effect> {
        match ballot {
            Ballot::Heard(key, order) => self.insert(key, order),
            Ballot::Carried(key) => {
                if let Some(candidate) = self.candidates.iter_mut().find(|candidate| candidate.key == key) {
                    candidate.carried = true;
                }
                self.drain_below_carried()
            }
            Ballot::Gone(key) => {
                self.candidates.retain(|candidate| candidate.key != key);
                Vec::new()
            }
        }
    }

    fn insert(&mut self, key: ConnectionKey, order: Order) -> Vec<Effect> {
        if self.candidates.iter().any(|candidate| candidate.key == key) {
            return Vec::new();
        }
        self.candidates.push(Candidate { key, order, carried: false, draining: false });
        self.candidates.sort_by_key(|candidate| Reverse((candidate.order, candidate.key)));
        let mut effects = self.drain_below_carried();
        while self.candidates.len() > MAX_CONNECTIONS {
            effects.extend(self.candidates.pop().map(|lowest| Effect::Drop(lowest.key)));
        }
        effects
    }

    /// Drains every connection below the highest that has carried an acknowledgement.
    fn drain_below_carried(&mut self) -> Vec<Effect> {
        let below =
            self.candidates.iter().position(|candidate| candidate.carried).map_or(usize::MAX, |at| at + 1);
        let mut effects = Vec::new();
        for candidate in self.candidates.iter_mut().skip(below).filter(|candidate| !candidate.draining) {
            candidate.draining = true;
            effects.push(Effect::Drain(candidate.key));
        }
        effects
    }
}
