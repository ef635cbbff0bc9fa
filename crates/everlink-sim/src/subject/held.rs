//! What an endpoint holds: tables and queues, for those who look for bounds, for changes and for leaks.

use super::{Endpoint, PeerId, View, begun, computed};
use crate::check::abuse::Work;
use crate::check::bounds::Gauge;
use everlink_proto::Footprint;
use everlink_proto::session::ChannelSnapshot;
use everlink_proto::time::Instant;
use std::fmt::Write as _;

/// The most connections of a link, and attempts to make one (SPEC 8.5, 2.11).
const CONNECTIONS: u64 = 4;
pub(super) const ATTEMPTS: u64 = 2;

/// The most slots of an endpoint (SPEC 2.9).
const SLOTS: u64 = 1_024;

/// The most ids of ended connections that an endpoint remembers.
const RETIRED: u64 = 4_096;

/// The tables of an endpoint, which has room for so many links and that many peers.
pub(crate) fn tables(endpoint: &Endpoint, max_links: u64, peers: u64) -> [Gauge; 10] {
    let held = endpoint.footprint();
    // An id of this side for each connection, attempt, slot and retired one; one of the peer's for each connection.
    let routes = max_links * (2 * CONNECTIONS + ATTEMPTS) + SLOTS + RETIRED;
    [
        ("links", held.links as u64, max_links),
        ("slots", held.slots as u64, SLOTS),
        ("routes", held.routes as u64, routes),
        ("timers", held.timers as u64, held.links as u64),
        ("turns", held.turns as u64, 2 * held.links as u64),
        // Strangers are peers that have no link yet: nobody else shows an identity of its own.
        ("halves", held.halves as u64, peers.saturating_sub(held.links as u64)),
        ("memories", held.memories as u64, peers.saturating_sub(held.links as u64)),
        ("ends", held.ends as u64, max_links),
        // Whatever there is was fetched before the look.
        ("outbox", held.outbox as u64, 0),
        ("events", held.events as u64, 0),
    ]
}

/// What an endpoint holds besides its links, for comparison before and after a datagram that must change nothing:
/// tables, the next timer, and the handshakes that it began. What it answers is looked at elsewhere.
pub(crate) fn digest(endpoint: &mut Endpoint) -> String {
    let begun = begun(endpoint);
    let held = Footprint { outbox: 0, ..endpoint.footprint() };
    format!("{held:?} {:?} {begun}", endpoint.poll_timeout())
}

/// Adds all that an endpoint holds of a link to its digest.
pub(crate) fn digest_link(endpoint: &mut Endpoint, now: Instant, peer: PeerId, digest: &mut String) {
    // Writing to a string does not fail.
    let _ = write!(digest, "\n{:?}", endpoint.snapshot(now, &peer));
}

/// What an endpoint holds besides its links: each should be nothing in the end. What it remembers of peers without a link
/// may stay, as the links themselves may.
pub(crate) fn leftovers(endpoint: &Endpoint) -> Vec<(&'static str, u64)> {
    let held = endpoint.footprint();
    let all = [
        ("slots", held.slots),
        ("halves", held.halves),
        ("routes", held.routes),
        ("timers", held.timers),
        ("ends", held.ends),
        ("outbox", held.outbox),
        ("events", held.events),
    ];
    let left = all.into_iter().filter(|(_, count)| *count > 0);
    left.map(|(name, count)| (name, count as u64)).collect()
}

/// What a link holds that should be nothing in the end. What the application said of the peer, and where it was, may
/// stay.
pub(crate) fn leftovers_of(view: &View) -> Vec<(&'static str, u64)> {
    let connections = ("connections", view.connections.len() as u64);
    let gauges = view.gauges.iter().map(|(name, value, _)| (*name, *value));
    gauges.chain([connections, ("queued", view.queued)]).filter(|(_, value)| *value > 0).collect()
}

/// What an endpoint has done for message 1s.
pub(crate) fn work(endpoint: &Endpoint) -> Work {
    Work { computed: computed(endpoint), slots: endpoint.footprint().slots as u64 }
}

/// Messages in one direction of a channel, in whole or in part.
pub(super) fn queued(channel: &ChannelSnapshot) -> u64 {
    match channel {
        ChannelSnapshot::Sending { bound, unbound, .. } => (bound + unbound) as u64,
        ChannelSnapshot::Receiving { early, .. } => *early as u64,
    }
}
