use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;

use super::IDLE;
use crate::{
    Config, Endpoint, SendError,
    crypto::{identity::Identity, rustcrypto::RustCrypto},
    id::PeerId,
    rng::Rng,
    session::SendOptions,
    stats::Mark,
    time::{Duration, Instant},
};

/// Links in the table, and peers that want one.
const PLACES: usize = 4;
const PEERS: u8 = 12;

/// An endpoint whose peers can be found nowhere, and what its table of links has to hold.
struct Table {
    now: Instant,
    endpoint: Endpoint,
    /// The links that are held: since when, and whether they owe anything.
    held: BTreeMap<PeerId, (Instant, bool)>,
    evicted: u64,
}

impl Table {
    fn new() -> Self {
        let config = Config { max_links: PLACES, ..Config::default() };
        let (now, identity) = (Instant::from_micros(1), Identity::from_seed(&[100; 32]));
        let endpoint = Endpoint::new(now, identity, config, Arc::new(RustCrypto::default()), [1; 32]);
        Self { now, endpoint, held: BTreeMap::new(), evicted: 0 }
    }

    /// Whether the model has a place for `peer`, by looking at every link.
    fn gives_place(&mut self, peer: PeerId) -> bool {
        if let Some((since, _)) = self.held.get_mut(&peer) {
            *since = self.now;
            return true;
        }
        if self.held.len() == PLACES {
            let idle = self.held.iter().filter(|(_, (_, owes))| !owes);
            let oldest = idle.min_by_key(|(_, (since, _))| *since).map(|(peer, (since, _))| (*peer, *since));
            let Some((oldest, _)) = oldest.filter(|(_, since)| self.now.saturating_since(*since) >= IDLE)
            else {
                return false;
            };
            self.held.remove(&oldest);
            self.evicted += 1;
        }
        self.held.insert(peer, (self.now, false));
        true
    }

    /// Takes a place that is free, and never another's.
    fn hint(&mut self, peer: PeerId) {
        self.endpoint.add_addresses(self.now, peer, &[]).unwrap();
        if self.held.len() < PLACES {
            self.held.entry(peer).or_insert((self.now, false));
        }
    }

    fn connect(&mut self, peer: PeerId) {
        let taken = self.endpoint.connect(self.now, peer);
        assert_eq!(taken.is_ok(), self.gives_place(peer));
        self.held.entry(peer).and_modify(|(_, owes)| *owes = true);
    }

    fn send(&mut self, peer: PeerId) {
        let body = Bytes::from_static(b"for nobody");
        let sent = self.endpoint.send(self.now, peer, 0, body, SendOptions { wants_done: false });
        if self.gives_place(peer) {
            sent.unwrap();
            self.held.entry(peer).and_modify(|(_, owes)| *owes = true);
        } else {
            assert_eq!(sent, Err(SendError::TooManyLinks { peer, max: PLACES }));
        }
    }

    /// Gives up what is owed to `peer`, and waits until that is done.
    fn close(&mut self, peer: PeerId) {
        self.endpoint.close(self.now, peer, 0, "");
        self.held.entry(peer).and_modify(|held| *held = (self.now, false));
        self.now += Duration::from_secs(4);
        self.endpoint.handle_timeout(self.now);
    }

    /// One turn of a driver, in which the table checks itself; then whether it holds what it has to.
    fn check(&mut self, peers: &[PeerId]) {
        while self.endpoint.poll_transmit(self.now, 1, &mut Vec::new()).is_some() {}
        self.endpoint.poll_timeout();
        for peer in peers {
            let held = self.endpoint.explain(self.now, peer).is_some();
            assert_eq!(held, self.held.contains_key(peer), "{peer:?}");
        }
        assert_eq!(self.endpoint.stats().marks.get(&Mark::Evicted).copied().unwrap_or(0), self.evicted);
        self.now += Duration::from_secs(2);
    }
}

#[test]
fn whoever_owes_nothing_and_was_used_least_recently_gives_way() {
    let peers: Vec<_> = (1..=PEERS).map(|seed| Identity::from_seed(&[seed; 32]).peer_id()).collect();
    let mut rng = Rng::from_seed([3; 32]);
    let mut table = Table::new();
    for _ in 0..3_000 {
        let peer = peers[usize::try_from(rng.next_u64() % u64::from(PEERS)).unwrap()];
        match rng.next_u64() % 5 {
            0 => table.hint(peer),
            1 => table.connect(peer),
            2 => table.send(peer),
            _ => table.close(peer),
        }
        table.check(&peers);
    }
    assert!(table.evicted > 100, "the table was full too seldom: {}", table.evicted);
}
