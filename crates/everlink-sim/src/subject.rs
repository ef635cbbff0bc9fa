//! The code under test, in the words that are used here.
//!
//! Only this file knows how `everlink_proto` spells its types; a change there is met here.

use crate::check::delivery::Outcome;
use crate::clock::Micros;
use crate::swarm::Settings;
use everlink_proto::time::Instant;
use std::time::Duration;

pub(crate) use crate::stub::*;

/// Why a session ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum End {
    /// The peer's process is a new one.
    PeerRestarted,
    /// The peer's process dropped the session.
    PeerForgot,
    /// Its own application closed it.
    ClosedHere,
    /// The peer's application closed it.
    ClosedByPeer,
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
            EndReason::ClosedByPeer { .. } => Self::ClosedByPeer,
            EndReason::ProtocolViolation => Self::ProtocolViolation,
            EndReason::EndpointFailed => Self::Failed,
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
    pub(crate) generation: u64,
    pub(crate) by_us: bool,
    pub(crate) standing: Standing,
    pub(crate) pto: Micros,
    pub(crate) in_flight: u64,
}

/// One end of a link.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct View {
    pub(crate) state: LinkState,
    pub(crate) mine: Option<[u8; 16]>,
    pub(crate) theirs: Option<[u8; 16]>,
    pub(crate) connections: Vec<ConnectionView>,
    /// What is bounded: name, value, cap.
    pub(crate) gauges: Vec<(&'static str, u64, u64)>,
}

/// Looks at one end of a link, if there is one.
pub(crate) fn view(endpoint: &Endpoint, now: Instant, peer: PeerId) -> Option<View> {
    let snapshot = endpoint.snapshot(now, peer)?;
    Some(View {
        state: endpoint.state(peer),
        mine: snapshot.mine.map(|half| half.0),
        theirs: snapshot.theirs.map(|half| half.0),
        connections: Vec::new(),
        gauges: Vec::new(),
    })
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

/// The configuration of every endpoint of a world.
pub(crate) fn config(settings: &Settings) -> Config {
    Config { rekey_after: Duration::from_micros(settings.rekey_after), ..Config::default() }
}

/// What an endpoint says about a link, for people.
pub(crate) fn explain(endpoint: &Endpoint, now: Instant, peer: PeerId) -> String {
    endpoint.explain(now, peer).to_string()
}

/// Whether any timer is armed that is more than housekeeping.
pub(crate) fn is_at_rest(endpoint: &mut Endpoint) -> bool {
    endpoint.poll_timeout().is_none()
}
