//! What one handshake made: a set of keys, the path they travel on, and what is under way on it.
//!
//! A connection is disposable. It numbers packets, not messages; when it is given up, what it still owes is
//! handed back as lost, like any lost packet, and goes out on the next one through the same code.

mod packet;
mod settle;

use core::{net::SocketAddr, time::Duration};

pub(crate) use self::{
    packet::{Offer, Opened, Slot, open_first},
    settle::{Record, Settled},
};
use crate::{
    crypto::{Role, Suite, keys::PacketKeys, noise::Secrets},
    link::election::ConnectionKey,
    path::{Path, PathIds},
    recovery::congestion::Algorithm,
    session::Order,
    time::Instant,
    wire::frame::{Close, CloseCode, Hello, Received},
};

/// For how long a connection that is given up still acknowledges, at least (SPEC 6.6).
pub(crate) const DRAIN: Duration = Duration::from_secs(10);

/// How often CLOSE goes out while its answer is awaited (SPEC 6.6): the time is short, so losses are not waited for.
pub(crate) const CLOSE_AGAIN: Duration = Duration::from_millis(250);

/// And at most: a path whose last sample was taken across a sleep may have no other for minutes.
const MAX_DRAIN: Duration = Duration::from_secs(30);

/// For how long a peer may take to prove its address: three tries at the initial round-trip time. Meanwhile
/// nothing but a challenge is sent, so a connection that stays unproved would be of no use.
const PROOF: Duration = Duration::from_secs(3);

/// What has become of the session on this connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    /// The peer's HELLO is not here yet, or is being looked into.
    Undecided,
    /// Carries the session of this epoch.
    To(u64),
    /// Belongs to a session that is over, or to none.
    Never,
}

/// Until when a connection that carries nothing new is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// For 3 PTO of its path as they are measured meanwhile, since then.
    Drains(Instant),
    /// Until then: its last words have their time.
    Leaves(Instant),
}

/// What a side says before it leaves, again and again until it is heard.
#[derive(Clone, Debug)]
pub(crate) struct Farewell {
    /// RECEIVED frames that go with it.
    pub(crate) received: Vec<Received>,
    /// How many there are, whoever writes them.
    pub(crate) count: u64,
    pub(crate) close: Goodbye,
    /// Frames already in packets of this round.
    pub(crate) written: usize,
    pub(crate) due: bool,
    /// When it is said again without being asked to, while an answer is awaited.
    pub(crate) again_at: Option<Instant>,
}

/// The fields of a CLOSE that we send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Goodbye {
    pub(crate) code: CloseCode,
    pub(crate) application: u64,
    pub(crate) retry_after_ms: u64,
    pub(crate) reason: String,
}

impl Goodbye {
    /// Without a word of explanation.
    pub(crate) const fn of(code: CloseCode) -> Self {
        Self { code, application: 0, retry_after_ms: 0, reason: String::new() }
    }
}

/// The fields of a CLOSE that the peer sent.
#[derive(Clone, Debug)]
pub(crate) struct TheirClose {
    pub(crate) code: CloseCode,
    pub(crate) application: u64,
    pub(crate) retry_after_ms: u64,
    pub(crate) received: u64,
}

impl From<&Close<'_>> for TheirClose {
    fn from(close: &Close<'_>) -> Self {
        Self {
            code: close.code,
            application: close.application,
            retry_after_ms: close.retry_after_ms,
            received: close.received,
        }
    }
}

/// What one handshake made.
pub(crate) struct Connection {
    pub(crate) key: ConnectionKey,
    pub(crate) order: Order,
    pub(crate) role: Role,
    /// When this side gave the peer something to answer that was never there before: whoever answered lived later.
    pub(crate) asked: Instant,
    pub(crate) born: Instant,
    pub(crate) handshake_hash: [u8; 32],
    pub(crate) keys: PacketKeys,
    pub(crate) path: Path<Record>,
    pub(crate) last_heard: Instant,
    /// Our HELLO, while it rides on every packet (SPEC 8.1).
    pub(crate) hello: Option<Hello>,
    pub(crate) their_hello: Option<Hello>,
    pub(crate) bound: Bound,
    pub(crate) farewell: Option<Farewell>,
    pub(crate) their_close: Option<TheirClose>,
    /// When a connection whose peer has not proved its address is dropped.
    pub(crate) prove_by: Option<Instant>,
    /// On its way out.
    pub(crate) ending: Option<Ending>,
    /// Nothing was heard for long: nothing new goes out before a packet of this number or a higher one is
    /// acknowledged (SPEC 7.1).
    pub(crate) stale_from: Option<u64>,
    /// Session frames in packets that are neither acknowledged nor lost.
    pub(crate) under_way: usize,
    /// PINGs sent since the last session frame, because this side can only wait (SPEC 6.3).
    pub(crate) questions: u32,
    /// A PING is to go out now, whatever the window says.
    pub(crate) ping_due: bool,
    /// Packets that may go out though the window is full (RFC 9002 6.2.4).
    pub(crate) probes_due: u32,
    /// The pacer said to wait until then.
    pub(crate) paced_until: Option<Instant>,
    /// An ACK has come for something that went out on this connection.
    pub(crate) carried: bool,
    /// A session frame was sent on it since: keys age by use (SPEC 3.3).
    pub(crate) used: bool,
}

/// What a finished handshake leaves.
pub(crate) struct Birth {
    pub(crate) key: ConnectionKey,
    pub(crate) order: Order,
    pub(crate) role: Role,
    /// When this side sent its message of the handshake first.
    pub(crate) asked: Instant,
    pub(crate) remote: SocketAddr,
    /// Whether the peer is known to be there.
    pub(crate) proved: bool,
    pub(crate) ids: PathIds,
    pub(crate) secrets: Secrets,
    pub(crate) suite: Suite,
}

impl Connection {
    pub(crate) fn new(now: Instant, birth: &Birth, keys: PacketKeys, algorithm: Algorithm) -> Self {
        Self {
            key: birth.key,
            order: birth.order,
            role: birth.role,
            asked: birth.asked,
            born: now,
            handshake_hash: birth.secrets.handshake_hash,
            keys,
            path: Path::first(birth.remote, birth.proved, birth.ids, algorithm),
            last_heard: now,
            hello: None,
            their_hello: None,
            bound: Bound::Undecided,
            farewell: None,
            their_close: None,
            prove_by: (!birth.proved).then(|| now + PROOF),
            ending: None,
            stale_from: None,
            under_way: 0,
            questions: 0,
            ping_due: false,
            probes_due: 0,
            paced_until: None,
            carried: false,
            used: false,
        }
    }

    /// When a connection that is on its way out is dropped (SPEC 6.6).
    pub(crate) fn ends_at(&self) -> Option<Instant> {
        Some(match self.ending? {
            Ending::Drains(since) => since + (self.path.pto() * 3).clamp(DRAIN, MAX_DRAIN),
            Ending::Leaves(at) => at,
        })
    }

    /// Whether the process at the other end is known to have lived at a moment after `then`: who answers a handshake
    /// uses its keys once ours are confirmed, and whoever acknowledges something has received it.
    pub(crate) fn lived_after(&self, then: Instant) -> bool {
        let confirmed = self.role == Role::Initiator && self.path.largest_received().is_some();
        self.asked >= then || ((self.carried || confirmed) && self.born >= then)
    }

    /// Whether its last words are that this side knows no session with what the peer showed.
    pub(crate) fn says_gone(&self) -> bool {
        self.farewell.as_ref().is_some_and(|farewell| farewell.close.code == CloseCode::SessionGone)
    }

    /// Since when its keys are old enough to be replaced (SPEC 3.3).
    pub(crate) fn is_worn(&self, now: Instant, after: Duration) -> bool {
        let after = match self.role {
            Role::Initiator => after,
            Role::Responder => after.saturating_add(after / 4),
        };
        self.keys.should_rekey() || (self.used && now.saturating_since(self.born) >= after)
    }
}
