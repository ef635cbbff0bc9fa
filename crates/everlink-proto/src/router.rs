//! From the connection id of a datagram to whoever waits for it.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque, btree_map::Entry};

use crate::{
    id::ConnectionId,
    link::{LinkKey, dial::AttemptKey, election::ConnectionKey},
    rng::Rng,
    time::Instant,
};

/// How long a retired id is remembered (SPEC 6.6).
const REMEMBERED: Duration = Duration::from_secs(10);

/// Retired ids remembered at most; the oldest gives way. At 4,096 an endpoint may end 400 connections a second
/// before a late packet of one is answered with UNKNOWN, which is harmless.
const MAX_RETIRED: usize = 4_096;

/// Connections remembered for one id of the peers' choice: two that agree are a chance of 2^-64, many are somebody who
/// wants each UNKNOWN to be compared with many tokens. Whoever comes later gets no help from UNKNOWN.
const MAX_SENDERS: usize = 4;

/// Who waits for packets with an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Our attempt: the id is in our message 1.
    Attempt(LinkKey, AttemptKey),
    /// A slot: the id is in our message 2.
    Slot(u64),
    /// A connection.
    Connection(LinkKey, ConnectionKey),
    /// Nobody any more.
    Retired,
}

/// The ids in use.
#[derive(Debug, Default)]
pub(crate) struct Router {
    /// Ids we issued.
    local: BTreeMap<ConnectionId, Target>,
    /// Ids that peers issued to us, for UNKNOWN. Peers choose them, so one may choose what another did: each
    /// connection has an entry of its own.
    remote: BTreeMap<(ConnectionId, ConnectionKey), LinkKey>,
    retired: VecDeque<(Instant, ConnectionId)>,
}

impl Router {
    /// Draws an id that is not in use and points it at `target`.
    pub(crate) fn issue(&mut self, rng: &mut Rng, target: Target) -> ConnectionId {
        loop {
            let id = ConnectionId(rng.bytes());
            if let Entry::Vacant(place) = self.local.entry(id) {
                place.insert(target);
                return id;
            }
        }
    }

    /// Points an issued id at `target`.
    pub(crate) fn point(&mut self, id: ConnectionId, target: Target) {
        self.local.insert(id, target);
    }

    /// Remembers which connection sends with an id of the peer's.
    pub(crate) fn note_remote(&mut self, id: ConnectionId, link: LinkKey, connection: ConnectionKey) {
        if self.senders(id).count() < MAX_SENDERS {
            self.remote.insert((id, connection), link);
        }
    }

    /// Who waits for packets with this id.
    pub(crate) fn target(&self, id: ConnectionId) -> Option<Target> {
        self.local.get(&id).copied()
    }

    /// Which connections send packets with this id, oldest first.
    pub(crate) fn senders(&self, id: ConnectionId) -> impl Iterator<Item = (LinkKey, ConnectionKey)> {
        let all = (id, ConnectionKey(0))..=(id, ConnectionKey(u64::MAX));
        self.remote.range(all).map(|((_, connection), link)| (*link, *connection))
    }

    /// Forgets an id that no packet was ever asked for with.
    pub(crate) fn forget(&mut self, id: ConnectionId) {
        self.local.remove(&id);
    }

    /// Stops routing to a connection; late packets are known as such for a while.
    pub(crate) fn retire(&mut self, now: Instant, local: ConnectionId, remote: ConnectionId) {
        if let Some(Target::Connection(_, connection)) = self.local.insert(local, Target::Retired) {
            self.remote.remove(&(remote, connection));
        }
        self.retired.push_back((now, local));
        if self.retired.len() > MAX_RETIRED {
            self.forget_oldest();
        }
    }

    /// When the oldest retired id is forgotten.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.retired.front().map(|(at, _)| *at + REMEMBERED)
    }

    /// Forgets retired ids whose time is over.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        while self.deadline().is_some_and(|at| at <= now) {
            self.forget_oldest();
        }
    }

    /// Ids held, for checkers.
    pub(crate) fn len(&self) -> usize {
        self.local.len() + self.remote.len()
    }

    fn forget_oldest(&mut self) {
        if let Some((_, id)) = self.retired.pop_front() {
            self.local.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests;
