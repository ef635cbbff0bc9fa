//! What a link looks like from outside, as data: for people, tools and checkers.

use core::{net::SocketAddr, time::Duration};

use super::{Context, Link, lifecycle::LinkState};
use crate::{
    connection::Bound,
    id::{Half, PeerId},
    session::{self, Order, Phase},
};

/// One link at one moment.
#[derive(Clone, Debug)]
pub struct LinkSnapshot {
    /// Whose link.
    pub peer: PeerId,
    /// Where it is in its life.
    pub state: LinkState,
    /// This side's half, if one is drawn.
    pub mine: Option<Half>,
    /// The peer's half, if it is known.
    pub theirs: Option<Half>,
    /// Which session of this link it is, counted from 0.
    pub epoch: u64,
    /// Whether the session is open.
    pub in_session: bool,
    /// The connections, in the order they were made.
    pub connections: Vec<ConnectionSnapshot>,
    /// Attempts under way.
    pub attempts: usize,
    /// Whether something is owed to the peer or wanted from it.
    pub needed: bool,
    /// Queues of the session.
    pub session: session::Snapshot,
}

/// One connection at one moment.
#[derive(Clone, Debug)]
pub struct ConnectionSnapshot {
    /// The same on both sides.
    pub handshake_hash: [u8; 32],
    /// Its place among the connections of the pair.
    pub order: Order,
    /// Whether this side dialled.
    pub initiated: bool,
    /// Whether new data goes out on it.
    pub current: bool,
    /// Whether it is on its way out.
    pub ending: bool,
    /// Whether it carries the session.
    pub bound: bool,
    /// Whether an acknowledgement has come for something sent on it.
    pub carried: bool,
    /// Whether its path no longer answers.
    pub suspect: bool,
    /// Where its packets go.
    pub remote: SocketAddr,
    /// Smoothed round-trip time.
    pub rtt: Duration,
    /// Probe timeout.
    pub pto: Duration,
    /// Congestion window in bytes.
    pub window: u64,
    /// Bytes in flight.
    pub in_flight: u64,
    /// Since when nothing was heard on it.
    pub silent_for: Duration,
    /// Packets sent, acknowledged, lost.
    pub packets: (u64, u64, u64),
}

impl Link {
    /// What this link looks like now.
    pub(crate) fn snapshot(&self, ctx: &Context<'_>) -> LinkSnapshot {
        LinkSnapshot {
            peer: self.peer,
            state: self.state,
            mine: self.continuity.drawn(),
            theirs: self.continuity.theirs(),
            epoch: self.session.epoch(),
            in_session: self.session.phase() != Phase::Absent,
            connections: self.connections.iter().map(|it| self.snapshot_of(ctx, it)).collect(),
            attempts: self.attempts.len(),
            needed: self.is_needed(),
            session: self.session.snapshot(),
        }
    }

    fn snapshot_of(
        &self,
        ctx: &Context<'_>,
        connection: &crate::connection::Connection,
    ) -> ConnectionSnapshot {
        let recovery = &connection.path.recovery;
        let packets = recovery.stats();
        ConnectionSnapshot {
            handshake_hash: connection.handshake_hash,
            order: connection.order,
            initiated: connection.role == crate::crypto::Role::Initiator,
            current: self.election.winner() == Some(connection.key),
            ending: connection.ending.is_some(),
            bound: matches!(connection.bound, Bound::To(epoch) if epoch == self.session.epoch()),
            carried: connection.carried,
            suspect: connection.path.is_suspect(),
            remote: connection.path.remote(),
            rtt: recovery.rtt().smoothed(),
            pto: connection.path.pto(),
            window: recovery.window(),
            in_flight: recovery.bytes_in_flight(),
            silent_for: ctx.now.saturating_since(connection.last_heard),
            packets: (packets.sent, packets.acked, packets.lost),
        }
    }
}
