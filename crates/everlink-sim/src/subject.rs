//! The code under test, in the words that are used here.
//!
//! Only this module knows how `everlink_proto` spells its types; a change there is met here.

use crate::check::bounds::Gauge;
use crate::check::delivery::Outcome;
use crate::cipher::Cipher;
use crate::clock::Micros;
use crate::swarm::{Load, Settings};
use everlink_proto::crypto::Provider;
use everlink_proto::crypto::keys::KeyLimits;
use everlink_proto::crypto::macs::{self, Mac1Key, verify_mac1, write_macs};
use everlink_proto::crypto::rustcrypto::RustCrypto;
use everlink_proto::link::ConnectionSnapshot;
use everlink_proto::link::lifecycle::{Fact, Row};
use everlink_proto::session::{EndReason, Verdict};
use everlink_proto::stats::{DropReason, Mark};
use everlink_proto::time::Instant;
use everlink_proto::wire::frame::CloseCode;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

mod held;

pub(crate) use everlink_proto::crypto::identity::Identity;
pub(crate) use everlink_proto::id::PeerId;
pub(crate) use everlink_proto::link::lifecycle::LinkState;
pub(crate) use everlink_proto::session::{ChannelOptions, DoneToken, InboxItem, OnRestart, SendOptions};
pub(crate) use everlink_proto::{Config, Endpoint, Event, Read, SendError, StreamId};
pub(crate) use held::{digest, digest_link, leftovers, leftovers_of, tables, work};

/// AES blocks in a packet of the usual size, for limits that are drawn in packets.
const BLOCKS: u64 = 20;

/// Why a session ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum End {
    /// The peer's process is a new one.
    PeerRestarted,
    /// The peer's process dropped the session.
    PeerForgot,
    /// Its own application closed it, and the peer knows.
    ClosedHere,
    /// Its own application closed it, and nobody knows whether the peer has heard.
    CloseUnconfirmed,
    /// Its endpoint needed the place for another.
    Evicted,
    /// The peer's application closed it, with this code; without one, something else did.
    ClosedByPeer(Option<u64>),
    /// The peer broke the rules.
    ProtocolViolation,
    /// The endpoint failed.
    Failed,
}

impl From<EndReason> for End {
    fn from(reason: EndReason) -> Self {
        match reason {
            EndReason::PeerRestarted => Self::PeerRestarted,
            EndReason::PeerForgot => Self::PeerForgot,
            EndReason::ClosedHere => Self::ClosedHere,
            EndReason::CloseUnconfirmed => Self::CloseUnconfirmed,
            EndReason::Evicted => Self::Evicted,
            EndReason::ClosedByPeer { code: CloseCode::Application, application } => {
                Self::ClosedByPeer(Some(application))
            }
            EndReason::ClosedByPeer { .. } => Self::ClosedByPeer(None),
            EndReason::ProtocolViolation => Self::ProtocolViolation,
            EndReason::EndpointFailed => Self::Failed,
        }
    }
}

impl End {
    /// Whether the application that is told closed the session itself.
    pub(crate) const fn is_own(self) -> bool {
        matches!(self, Self::ClosedHere | Self::CloseUnconfirmed)
    }

    /// What it is called in reports.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::PeerRestarted => "PeerRestarted",
            Self::PeerForgot => "PeerForgot",
            Self::ClosedHere => "ClosedHere",
            Self::CloseUnconfirmed => "CloseUnconfirmed",
            Self::Evicted => "Evicted",
            Self::ClosedByPeer(_) => "ClosedByPeer",
            Self::ProtocolViolation => "ProtocolViolation",
            Self::Failed => "Failed",
        }
    }
}

/// What a connection is used for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Standing {
    /// New data goes out on it.
    Sending,
    /// Kept until a higher one has carried an acknowledgement.
    Kept,
    /// On its way out.
    Draining,
}

/// One connection of a link.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ConnectionView {
    pub(crate) hash: [u8; 32],
    pub(crate) generation: u64,
    pub(crate) by_us: bool,
    pub(crate) standing: Standing,
    pub(crate) bound: bool,
    pub(crate) in_flight: u64,
    pub(crate) pto: Micros,
    pub(crate) lost: u64,
}

/// One end of a link.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct View {
    pub(crate) state: LinkState,
    pub(crate) mine: Option<[u8; 16]>,
    pub(crate) theirs: Option<[u8; 16]>,
    pub(crate) in_session: bool,
    /// Which session of the link it is, counted from 0.
    pub(crate) session: u64,
    pub(crate) connections: Vec<ConnectionView>,
    /// Messages that it has accepted and told no verdict of.
    pub(crate) open_messages: u64,
    /// Messages in its channels, in whole or in part, whichever way they go.
    pub(crate) queued: u64,
    /// What is bounded.
    pub(crate) gauges: Vec<Gauge>,
}

/// Looks at one end of a link, if there is one.
pub(crate) fn view(endpoint: &mut Endpoint, now: Instant, peer: PeerId) -> Option<View> {
    let snapshot = endpoint.snapshot(now, &peer)?;
    let limits = Config::default().session;
    let connections = snapshot.connections.iter().map(|one| ConnectionView {
        hash: one.handshake_hash,
        generation: one.order.generation,
        by_us: one.initiated,
        standing: match (one.current, one.ending) {
            (true, _) => Standing::Sending,
            (false, true) => Standing::Draining,
            (false, false) => Standing::Kept,
        },
        bound: one.bound,
        in_flight: one.in_flight,
        pto: one.pto.as_micros() as Micros,
        lost: one.packets.2,
    });
    let session = &snapshot.session;
    // A single message may pass the send budget, and the peer's window, alone.
    let largest = 16 << 20;
    Some(View {
        state: snapshot.state,
        mine: snapshot.mine.map(|half| half.0),
        theirs: snapshot.theirs.map(|half| half.0),
        in_session: snapshot.in_session,
        session: snapshot.epoch,
        connections: connections.collect(),
        open_messages: session.open_messages as u64,
        queued: session.channels.iter().map(held::queued).sum(),
        gauges: vec![
            ("send budget", session.open_cost, limits.send_budget + largest),
            ("inbox", session.inbox_cost, limits.link_window + largest),
            ("inbox items", session.inbox_items as u64, limits.link_window / 32 + 3 * 64),
            ("streams", session.streams as u64, 128),
            ("attempts", snapshot.attempts as u64, held::ATTEMPTS),
        ],
    })
}

/// Whether an endpoint has a link with `peer`.
pub(crate) fn holds(endpoint: &mut Endpoint, now: Instant, peer: PeerId) -> bool {
    endpoint.snapshot(now, &peer).is_some()
}

/// Which session of the link with `peer` it is, counted from 0; the next one, if there is none. Without a link all that
/// there were are over.
pub(crate) fn session(endpoint: &mut Endpoint, now: Instant, peer: PeerId) -> u64 {
    endpoint.snapshot(now, &peer).map_or(u64::MAX, |snapshot| snapshot.epoch)
}

/// What endpoints count, summed over processes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) drops: BTreeMap<String, u64>,
    pub(crate) marks: BTreeMap<String, u64>,
    pub(crate) edges: BTreeMap<String, u64>,
}

impl Counts {
    /// Adds what `endpoint` counted.
    pub(crate) fn add(&mut self, endpoint: &Endpoint) {
        let stats = endpoint.stats();
        for (reason, count) in &stats.drops {
            *self.drops.entry(format!("{reason:?}")).or_default() += count;
        }
        for (mark, count) in &stats.marks {
            *self.marks.entry(format!("{mark:?}")).or_default() += count;
        }
        for ((state, fact), count) in &stats.edges {
            *self.edges.entry(edge_name(*state, *fact)).or_default() += count;
        }
    }
}

/// The ciphers that are used outside of simulations, in pure Rust.
pub(crate) fn real_provider(has_aes: bool) -> Arc<dyn Provider> {
    Arc::new(RustCrypto { has_aes })
}

/// Whether the table of the lifecycle has an edge between these states.
pub(crate) fn declared(from: LinkState, to: LinkState) -> bool {
    Fact::ALL.iter().any(|fact| from.row(*fact) == Row::Edge(to))
}

/// What the observers call a verdict.
pub(crate) fn outcome(verdict: Verdict) -> Outcome {
    match verdict {
        Verdict::Delivered => Outcome::Delivered,
        Verdict::Processed => Outcome::Processed,
        Verdict::NotDelivered(reason) => Outcome::NotDelivered(format!("{reason:?}")),
        Verdict::Unknown(reason) => Outcome::Unknown(format!("{reason:?}")),
    }
}

/// The options of a channel.
pub(crate) fn channel_options(on_restart: OnRestart) -> ChannelOptions {
    ChannelOptions { on_restart }
}

/// The options of a message.
pub(crate) fn send_options(wants_done: bool) -> SendOptions {
    SendOptions { wants_done }
}

/// The configuration of the endpoints of an identity.
pub(crate) fn config(settings: &Settings, identity: usize) -> Config {
    let rekey_after = Duration::from_micros(settings.rekey_after);
    let key_limits = settings.key_limits.map_or_else(KeyLimits::default, |limits| KeyLimits {
        aes_rekey_blocks: limits.rekey_packets * BLOCKS,
        aes_stop_blocks: limits.stop_packets * BLOCKS,
        chacha_rekey_packets: limits.rekey_packets,
        chacha_stop_packets: limits.stop_packets,
        aes_forgeries: limits.forgeries,
        chacha_forgeries: limits.forgeries,
    });
    let usual = Config::default();
    let load = settings
        .load
        .unwrap_or(Load { cookies_from: usual.cookies_from, max_handshakes: usual.max_handshakes });
    Config {
        rekey_after,
        key_limits,
        cookies_from: load.cookies_from,
        max_handshakes: load.max_handshakes,
        max_links: settings.most_links(identity).unwrap_or(usual.max_links),
        ..usual
    }
}

/// Addresses a first message to `receiver`: whoever knows the identity can.
pub(crate) fn invite(message: &mut [u8], receiver: &PeerId) {
    write_macs(message, &Mac1Key::for_receiver(receiver), None);
}

/// The mac1 of a handshake message.
pub(crate) fn mac1(message: &[u8]) -> Option<[u8; 16]> {
    macs::mac1(message).copied()
}

/// Whether mac1 of a datagram is right: somebody who knows the identity of `receiver` wrote all of it but mac2.
pub(crate) fn is_invitation(message: &[u8], receiver: &PeerId) -> bool {
    verify_mac1(message, &Mac1Key::for_receiver(receiver))
}

/// How many packets a key may seal, and how many it may fail to open, if that is little.
pub(crate) fn most_uses(settings: &Settings) -> Option<(u64, u64)> {
    // A packet is at least one block long.
    let packets = if settings.cipher == Cipher::Aes { BLOCKS } else { 1 };
    settings.key_limits.map(|limits| (limits.stop_packets * packets, limits.forgeries))
}

/// After how many packets sealed, or not opened, a key has to be replaced at the earliest, if they are few.
pub(crate) fn fewest_uses(settings: &Settings) -> Option<(u64, u64)> {
    // A packet has 1,200 bytes at most, which are 75 blocks, and its header.
    let packets = if settings.cipher == Cipher::Aes { 4 } else { 1 };
    settings.key_limits.map(|limits| (limits.rekey_packets / packets, limits.forgeries / 2))
}

/// What an endpoint says about a link, for people: its own words, and the state behind them.
pub(crate) fn explain(endpoint: &mut Endpoint, now: Instant, peer: PeerId) -> String {
    let (Some(said), Some(snapshot)) = (endpoint.explain(now, &peer), endpoint.snapshot(now, &peer)) else {
        return "no link".to_owned();
    };
    let connections: String = snapshot.connections.iter().map(|one| format!("\n  {}", show(one))).collect();
    let (mine, theirs) = (snapshot.mine, snapshot.theirs);
    format!("{said}\n  halves {mine:?} and {theirs:?}{connections}\n  {:?}", snapshot.session)
}

fn show(one: &ConnectionSnapshot) -> String {
    let role = if one.initiated { "dialled" } else { "accepted" };
    let flags = [
        (one.current, "current"),
        (one.ending, "ending"),
        (one.bound, "bound"),
        (one.carried, "carried"),
        (one.suspect, "suspect"),
    ];
    let flags: Vec<&str> = flags.iter().filter(|(is, _)| *is).map(|(_, name)| *name).collect();
    format!(
        "connection {} {role}, to {}: {}; rtt {:.1?}, window {}, in flight {}, silent for {:.1?}, packets {:?}",
        one.order.generation,
        one.remote,
        flags.join(", "),
        one.rtt,
        one.window,
        one.in_flight,
        one.silent_for,
        one.packets
    )
}

/// How many handshakes an endpoint has begun.
pub(crate) fn begun(endpoint: &Endpoint) -> u64 {
    endpoint.stats().attempts
}

/// How many packets met no connection: an endpoint has dropped theirs, or never had it.
pub(crate) fn strays(endpoint: &Endpoint) -> u64 {
    endpoint.stats().drops.get(&DropReason::UnknownId).copied().unwrap_or_default()
}

/// The rows of the table of a link's life that are edges, by the names under which they are counted.
pub(crate) fn declared_edges() -> Vec<String> {
    let pairs = LinkState::ALL.into_iter().flat_map(|state| Fact::ALL.map(|fact| (state, fact)));
    pairs
        .filter(|(state, fact)| matches!(state.row(*fact), Row::Edge(_)))
        .map(|(state, fact)| edge_name(state, fact))
        .collect()
}

fn edge_name(state: LinkState, fact: Fact) -> String {
    format!("{state:?} on {fact:?}")
}

/// The marks that a swarm passes, by the names under which they are counted.
pub(crate) fn declared_marks() -> impl Iterator<Item = String> {
    Mark::ALL.into_iter().map(|mark| format!("{mark:?}"))
}

/// The reasons for which datagrams are discarded somewhere in a swarm, by the names under which they are counted.
/// `NoSlot` is not among them: it takes more than a thousand strangers at once, who push out the half that was shown to
/// a peer before that confirms it. A run that meets it after all is told of as one that met what nobody declared.
pub(crate) fn declared_drops() -> impl Iterator<Item = String> {
    let met = DropReason::ALL.into_iter().filter(|reason| !matches!(reason, DropReason::NoSlot));
    met.map(|reason| format!("{reason:?}"))
}

/// How many handshakes an endpoint has computed as their responder.
pub(crate) fn computed(endpoint: &Endpoint) -> u64 {
    endpoint.stats().responses
}
