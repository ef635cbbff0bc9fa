//! One way to the peer within a connection: an address pair, its packet numbers and what is known of it.

mod migration;

use core::{net::SocketAddr, time::Duration};

pub(crate) use self::migration::{Migration, Moved};
use crate::{
    crypto::replay::ReplayWindow,
    id::{ConnectionId, Token},
    recovery::{AckTracker, Recovery, SentPacket, congestion::Algorithm},
    rng::Rng,
    time::Instant,
    wire::MAX_DATAGRAM,
};

/// Probe timeouts in a row after which a path is suspect (SPEC 6.2).
const SUSPECT_AFTER_PROBES: u32 = 3;

/// And the least time since the oldest packet without acknowledgement (SPEC 6.2): on a path of 100 us three
/// probe timeouts pass while a busy peer merely waits for its turn on the processor.
const SUSPECT_AFTER: Duration = Duration::from_millis(200);

/// The ids that travel on the packets of a path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PathIds {
    /// On packets to us.
    pub(crate) local: ConnectionId,
    /// On packets to the peer.
    pub(crate) remote: ConnectionId,
    /// What the peer would prove ignorance of `remote` with.
    pub(crate) remote_token: Token,
}

/// One way to the peer, on which packets carry records of `R`.
#[derive(Debug)]
pub(crate) struct Path<R> {
    pub(crate) number: u32,
    pub(crate) ids: PathIds,
    pub(crate) recovery: Recovery<Vec<R>>,
    pub(crate) acks: AckTracker,
    pub(crate) replay: ReplayWindow,
    pub(crate) migration: Migration,
    largest_received: Option<u64>,
    last_sent: Option<u64>,
    suspicion: Option<Suspicion>,
}

#[derive(Clone, Copy, Debug)]
struct Suspicion {
    since: Instant,
    /// The first packet number that can end it.
    first_probe: u64,
}

impl<R> Path<R> {
    /// The first path of a connection (SPEC 2.11). `proved` says that the peer is known to be at `remote`.
    pub(crate) fn first(remote: SocketAddr, proved: bool, ids: PathIds, algorithm: Algorithm) -> Self {
        Self {
            number: 0,
            ids,
            recovery: Recovery::new(algorithm, u16::try_from(MAX_DATAGRAM).unwrap_or(u16::MAX)),
            acks: AckTracker::new(),
            replay: ReplayWindow::default(),
            migration: Migration::new(remote, proved),
            largest_received: None,
            last_sent: None,
            suspicion: None,
        }
    }

    /// Where packets go.
    pub(crate) const fn remote(&self) -> SocketAddr {
        self.migration.remote()
    }

    /// The largest packet number that opened.
    pub(crate) const fn largest_received(&self) -> Option<u64> {
        self.largest_received
    }

    /// A packet opened for the first time.
    pub(crate) fn on_authentic(
        &mut self,
        now: Instant,
        from: SocketAddr,
        number: u64,
        size: usize,
        rng: &mut Rng,
    ) {
        self.replay.commit(number);
        let newest = self.largest_received.is_none_or(|largest| number > largest);
        if newest {
            self.largest_received = Some(number);
        }
        self.migration.on_authentic(now, from, number, newest, size, rng);
    }

    /// The probe timeout: what to expect of a peer that answers at once.
    pub(crate) fn pto(&self) -> Duration {
        self.recovery.pto()
    }

    /// Since when the path is in doubt.
    pub(crate) fn suspect_since(&self) -> Option<Instant> {
        self.suspicion.map(|suspicion| suspicion.since)
    }

    /// Whether the path is in doubt.
    pub(crate) const fn is_suspect(&self) -> bool {
        self.suspicion.is_some()
    }

    /// Doubts the path from now on (SPEC 6.2).
    pub(crate) fn suspect(&mut self, now: Instant) {
        if self.suspicion.is_none() {
            let first_probe = self.next_number();
            self.suspicion = Some(Suspicion { since: now, first_probe });
            self.recovery.set_suspect(Some(now));
        }
    }

    /// Whether the path is in doubt, or a probe timeout has passed without an answer: the peer may be gone
    /// (SPEC 7.1).
    pub(crate) const fn is_unanswered(&self) -> bool {
        self.is_suspect() || self.recovery.probe_count() > 0
    }

    /// Whether silence has lasted long enough to doubt the path.
    pub(crate) fn is_silent(&self, now: Instant) -> bool {
        self.recovery.probe_count() >= SUSPECT_AFTER_PROBES
            && self.recovery.oldest_unacked().is_some_and(|at| now.saturating_since(at) >= SUSPECT_AFTER)
    }

    /// No packet with this number or a higher one was sent yet.
    pub(crate) fn next_number(&self) -> u64 {
        self.last_sent.map_or(0, |last| last.saturating_add(1))
    }

    /// A packet goes out.
    pub(crate) fn on_sent(&mut self, now: Instant, number: u64, packet: SentPacket<Vec<R>>) {
        self.last_sent = Some(number);
        self.recovery.on_sent(now, number, packet);
    }

    /// Packet `number` was acknowledged. Ends the doubt if it was sent since the doubt began.
    pub(crate) fn on_acked(&mut self, now: Instant, number: u64) -> bool {
        if self.suspicion.is_none_or(|suspicion| number < suspicion.first_probe) {
            return false;
        }
        self.suspicion = None;
        self.recovery.set_suspect(None);
        self.recovery.reset_after_outage(now);
        true
    }
}
