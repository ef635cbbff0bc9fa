//! The handle on one identity and all its links.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;

use everlink_proto::id::PeerId;
use everlink_proto::stats::Stats;
use everlink_proto::ticket::Ticket;

use crate::builder::Builder;
use crate::error::{EndpointFailed, FailureCause, RecvError};
use crate::inbox::{Item, Next};
use crate::interfaces::reachable_at;
use crate::line::{Attempt, InLine};
use crate::link::Link;
use crate::shared::{Shared, Turn, Waits};
use crate::socket::{Rebind, canonical};
use crate::wait::WaitQueue;

/// One identity on the network.
///
/// Clones are the same endpoint. When the last is dropped, the endpoint stops in the background: it
/// sends what it has accepted, for the linger time at most, and closes its links. Only the tokio
/// runtime on which it was started must live that long; calls work from everywhere.
#[derive(Clone)]
pub struct Endpoint {
    handle: Arc<Handle>,
}

struct Handle {
    shared: Arc<Shared>,
}

impl Endpoint {
    /// Begins to make an endpoint.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { handle: Arc::new(Handle { shared }) }
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.handle.shared
    }

    /// The endpoint's own identity.
    pub fn peer_id(&self) -> PeerId {
        self.shared().peer_id
    }

    /// The addresses its sockets are bound to; an unspecified one stands for all of the machine. None once the endpoint
    /// has ended.
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        self.shared().socket.local_addrs()
    }

    /// A text for another machine's `add_ticket`: the identity, and where this machine can be
    /// reached as far as it knows itself.
    pub fn ticket(&self) -> Ticket {
        Ticket::new(self.peer_id(), reachable_at(&self.local_addrs()))
    }

    /// The link to `peer`: always the same one, and never an error.
    pub fn link(&self, peer: PeerId) -> Link {
        Link::new(Arc::clone(self.shared()), peer)
    }

    /// The link to the peer of a ticket, whose addresses are added to those known.
    pub fn add_ticket(&self, ticket: &Ticket) -> Link {
        self.add_addresses(ticket.peer(), ticket.addresses());
        self.link(ticket.peer())
    }

    /// Adds addresses at which `peer` may be found. They are hints: whoever answers there has to
    /// prove that it is that peer.
    pub fn add_addresses(&self, peer: PeerId, addresses: &[SocketAddr]) {
        let addresses: Vec<_> = addresses.iter().copied().map(canonical).collect();
        // They are kept even where there is no room for a link now. Where there can be none, the first send says why.
        let _ = self.shared().turn(|turn| turn.core.add_addresses(turn.now, peer, &addresses));
    }

    /// The next item of any link whose receiver was not taken, one link after the other.
    ///
    /// Cancel safe: an item is given out only when the future is ready. Of several tasks that
    /// wait, each gets items of its own.
    pub async fn recv(&self) -> Result<Item, RecvError> {
        InLine::new(Arc::clone(self.shared()), Next).await
    }

    /// What was counted since the start.
    pub fn stats(&self) -> Result<Stats, EndpointFailed> {
        self.shared().turn(|turn| turn.core.stats().clone())
    }

    /// The network has changed: binds the sockets again and tries every path. To be called when an
    /// interface comes or goes, if the application learns of it.
    pub fn rebind(&self) {
        self.shared().request_rebind(Rebind::All);
    }

    /// Sends what was accepted, for the linger time at most, closes every link, and tells what could
    /// not be delivered. From then on nothing is accepted any more. When it is ready all is sent and the sockets are
    /// closed, whatever handles still live.
    ///
    /// Not cancelled by dropping the future: the endpoint goes on stopping.
    pub async fn stop(&self) -> Result<StopReport, EndpointFailed> {
        let shared = self.shared();
        shared.turn(|turn| turn.stop())?;
        InLine::new(Arc::clone(shared), Stopped).await?;
        Ok(StopReport { undelivered: shared.with_state(|state| state.undelivered()) })
    }

    /// Ends at once, as a crash would: nothing is flushed, nobody is told, and every call that waits
    /// ends with [`EndpointFailed`]. Only receipts get their verdicts: `Unknown` for what was on its way, `NotDelivered`
    /// for what was not. When it returns the sockets are closed.
    pub fn abort(&self) {
        self.shared().fail(FailureCause::Aborted);
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Endpoint").field(&self.peer_id()).finish()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // An endpoint that failed has stopped already.
        let _ = self.shared.turn(|turn| turn.stop());
    }
}

/// What a stop left behind.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct StopReport {
    /// For each peer, messages accepted of which it is not certain that they were delivered. Their
    /// receipts say more.
    pub undelivered: BTreeMap<PeerId, u64>,
}

struct Stopped;

impl Attempt for Stopped {
    type Output = Result<(), EndpointFailed>;

    const IN_TURN: bool = false;

    fn queue<'a>(&self, waits: &'a mut Waits) -> &'a mut WaitQueue {
        &mut waits.stops
    }

    fn attempt(&mut self, _: &Arc<Shared>, turn: &mut Turn<'_>) -> Poll<Self::Output> {
        if turn.has_stopped() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn failed(&mut self, failure: EndpointFailed) -> Self::Output {
        Err(failure)
    }
}
