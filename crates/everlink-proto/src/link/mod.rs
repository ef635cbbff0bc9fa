//! The lasting relation with one peer: where it is in its life, which connection it sends on, what it does
//! when nothing answers.
//!
//! The link owns its parts and contains no mechanism: the life is in `lifecycle`, the choice of connection in
//! `election`, attempts in `dial`, tries in `recover` and `ladder`, HELLO in `resume`, the end in `close` and
//! `farewell`, when it is woken in `timers`, how it gives way in `room`. After every entry `Link::update` looks at the whole once and lets each part draw its conclusions.

mod addresses;
pub mod close;
mod connect;
mod context;
pub mod dial;
pub mod election;
mod explain;
mod farewell;
pub mod history;
mod ladder;
pub mod lifecycle;
mod receive;
mod recover;
mod resume;
mod room;
mod snapshot;
mod timers;

use core::net::SocketAddr;

pub(crate) use self::{
    addresses::Addresses,
    connect::{is_near, own_capabilities, suite},
    context::{Context, Outbox, Shared},
    room::Memory,
};
use self::{
    close::Closing,
    connect::Attempt,
    dial::Dial,
    election::{ConnectionKey, Election},
    history::{Cause, History, Transition},
    ladder::Ladder,
    lifecycle::{Health, LinkState, Row},
    resume::Check,
};
pub use self::{
    explain::Explanation,
    snapshot::{ConnectionSnapshot, LinkSnapshot},
};
use crate::{
    connection::{Bound, Connection, Goodbye, Offer, Slot},
    crypto::macs::Cookie,
    event::Event,
    id::PeerId,
    session::{Continuity, Phase, Session, SessionEvent, Side},
    stats::Mark,
    time::Instant,
    wire::{MAX_DATAGRAM, frame::CloseCode},
};

/// Names a link within its endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LinkKey(pub(crate) u32);

/// The lasting relation with one peer.
pub(crate) struct Link {
    pub(crate) key: LinkKey,
    pub(crate) peer: PeerId,
    we_are_smaller: bool,
    pub(crate) addresses: Addresses,
    pub(crate) session: Session,
    pub(crate) continuity: Continuity,
    state: LinkState,
    election: Election,
    dial: Dial,
    attempts: Vec<Attempt>,
    pub(crate) connections: Vec<Connection>,
    ladder: Option<Ladder>,
    /// When a side that can only wait asks next whether the peer is still there.
    question_at: Option<Instant>,
    check: Option<Check>,
    /// When the peer's former process may be believed again.
    switch_settles: Option<Instant>,
    closing: Closing,
    close_until: Option<Instant>,
    goodbye: Goodbye,
    cookie: Option<(Cookie, Instant)>,
    refused_until: Option<Instant>,
    /// The highest generation used or confirmed (SPEC 2.12).
    generation: u64,
    /// Somebody waits to be connected.
    wanted: bool,
    redial_wanted: bool,
    last_active: Instant,
    /// When the peer was last heard, or this side woke, moved or was used.
    waits_since: Instant,
    /// Nothing was heard of the peer for so long that what only the peer waits for is left to it.
    peer_is_gone: bool,
    /// When the application last had to do with it.
    last_used: Instant,
    history: History,
    /// Why the next transition happens.
    cause: Cause,
    last_violation: Option<String>,
}

impl Link {
    pub(crate) fn new(ctx: &mut Context<'_>, key: LinkKey, peer: PeerId) -> Self {
        let we_are_smaller = ctx.shared.identity.peer_id() < peer;
        Self {
            key,
            peer,
            we_are_smaller,
            addresses: Addresses::default(),
            session: Session::new(
                ctx.shared.config.session,
                if we_are_smaller { Side::SmallerKey } else { Side::LargerKey },
            ),
            continuity: Continuity::new(),
            state: LinkState::Idle,
            election: Election::default(),
            dial: Dial::default(),
            attempts: Vec::new(),
            connections: Vec::new(),
            ladder: None,
            question_at: None,
            check: None,
            switch_settles: None,
            closing: Closing::Open,
            close_until: None,
            goodbye: Goodbye::of(CloseCode::Closed),
            cookie: None,
            refused_until: None,
            generation: 0,
            wanted: false,
            redial_wanted: false,
            last_active: ctx.now,
            waits_since: ctx.now,
            peer_is_gone: false,
            last_used: ctx.now,
            history: History::default(),
            cause: Cause::Wanted,
            last_violation: None,
        }
    }

    /// Where the link is in its life.
    pub(crate) const fn state(&self) -> LinkState {
        self.state
    }

    /// The highest generation used or confirmed (SPEC 2.12).
    pub(crate) const fn generation(&self) -> u64 {
        self.generation
    }

    /// Somebody waits to be connected.
    pub(crate) fn want(&mut self) {
        self.wanted = self.state != LinkState::Connected;
    }

    /// A new connection is to be made though the old one works.
    pub(crate) fn want_redial(&mut self) {
        self.redial_wanted = true;
    }

    /// Whether messages are taken: not while the session is being closed.
    pub(crate) const fn is_open(&self) -> bool {
        self.closing.is_open()
    }

    /// Whether there is a session to close.
    pub(crate) fn has_session(&self) -> bool {
        self.session.phase() != Phase::Absent || self.session.owes()
    }

    /// Whether our side has asked for the end of the session and it has not come yet.
    pub(crate) fn is_closing(&self) -> bool {
        !self.closing.is_open()
    }

    /// Whether the last word is said and its answer can be expected. What this side has to show now is about to be
    /// forgotten, so no handshake is answered (SPEC 8.6); where the path is in doubt, one may bring the answer.
    pub(crate) fn awaits_answer(&self) -> bool {
        matches!(self.closing, Closing::Leaving(_)) && self.health() == Health::Usable
    }

    /// Whether nothing is left to do or say: after a close, unless a peer may ask for our answer to its own again.
    pub(crate) fn is_at_rest(&self) -> bool {
        !self.is_needed()
            && self.winner().is_none()
            && self.connections.iter().all(|it| it.farewell.is_none())
    }

    /// The token that belongs to an id of the peer's.
    pub(crate) fn token_of(&self, key: ConnectionKey) -> Option<crate::id::Token> {
        self.connections.iter().find(|it| it.key == key).map(|it| it.path.ids.remote_token)
    }

    /// A handshake that the peer began is confirmed.
    pub(crate) fn accept(&mut self, ctx: &mut Context<'_>, connection: Connection) {
        self.adopt(ctx, connection);
        self.cause = Cause::Accepted;
    }

    /// Lets every part draw its conclusions. Called after every entry.
    pub(crate) fn update(&mut self, ctx: &mut Context<'_>) {
        self.peer_is_gone = ctx.now.saturating_since(self.waits_since) >= ctx.shared.config.idle_keys;
        self.give_up_doubtful_ones();
        self.step_close(ctx);
        self.ask_if_still_there(ctx);
        let needed = self.is_needed();
        while let Some(fact) = self.state.fact(needed, self.health()) {
            self.take_edge(ctx, fact);
        }
        self.govern_ladder(ctx, needed);
        self.take_session_events(ctx);
    }

    /// A connection on its way out whose path is in doubt will not bring home what it owes (SPEC 8.5).
    fn give_up_doubtful_ones(&mut self) {
        let mut settled = Vec::new();
        for connection in self.connections.iter_mut().filter(|it| it.ending.is_some() && it.path.is_suspect())
        {
            connection.give_up(&mut settled);
        }
        self.settle(settled);
    }

    fn take_edge(&mut self, ctx: &mut Context<'_>, fact: lifecycle::Fact) {
        let Row::Edge(to) = self.state.row(fact) else { return };
        let cause = match fact {
            lifecycle::Fact::Need => Cause::Wanted,
            lifecycle::Fact::NoNeed => Cause::NotWanted,
            _ => self.cause,
        };
        *ctx.shared.stats.edges.entry((self.state, fact)).or_default() += 1;
        self.history.push(Transition { at: ctx.now, from: self.state, to, cause });
        ctx.event(Event::State { peer: self.peer, from: self.state, to, cause });
        self.state = to;
        if to == LinkState::Connected {
            self.wanted = false;
            self.refused_until = None;
        }
        if fact == lifecycle::Fact::GoneInNeed {
            // Dials may have been put off as long as probes could answer (SPEC 6.3).
            self.pull_forward(ctx.now);
        }
    }

    fn health(&self) -> Health {
        match self.winner() {
            None => Health::None,
            Some(winner) if winner.path.is_suspect() => Health::Suspect,
            Some(_) => Health::Usable,
        }
    }

    /// Whether something is owed to the peer or wanted from it (SPEC 6.3).
    fn is_needed(&self) -> bool {
        let asked = self.session.has_to_deliver() || self.session.awaits_processing();
        self.wanted || asked || !self.closing.is_open() || self.is_waited_for()
    }

    /// Whether the peer may wait for something: what is under way may be just that DONE or CREDIT.
    fn is_waited_for(&self) -> bool {
        let bound = Bound::To(self.session.epoch());
        let mut under_way = self.connections.iter().filter(|it| it.bound == bound && it.under_way > 0);
        !self.peer_is_gone && (under_way.next().is_some() || self.session.owes())
    }

    fn take_session_events(&mut self, ctx: &mut Context<'_>) {
        let peer = self.peer;
        while let Some(event) = self.session.poll_event() {
            ctx.event(match event {
                SessionEvent::Verdict { id, verdict } => Event::Verdict { peer, id, verdict },
                SessionEvent::InboxReady => Event::InboxReady { peer },
                SessionEvent::SendRoom => Event::SendRoom { peer },
                SessionEvent::StreamOpened => Event::StreamOpened { peer },
                SessionEvent::Readable(stream) => Event::Readable { peer, stream },
                SessionEvent::Writable(stream) => Event::Writable { peer, stream },
            });
        }
    }

    /// Appends one datagram, if this link has anything to say, and tells where it goes.
    pub(crate) fn write_packet(
        &mut self,
        ctx: &mut Context<'_>,
        slot: Slot,
        buf: &mut Vec<u8>,
    ) -> Option<SocketAddr> {
        let winner = self.election.winner();
        let epoch = self.session.epoch();
        for connection in &mut self.connections {
            let carries = Some(connection.key) == winner && connection.bound == Bound::To(epoch);
            let may_bind = self.check.is_none()
                && !connection.is_stale(ctx.now)
                && !connection.path.is_unanswered()
                && matches!(self.closing, Closing::Open | Closing::Flushing);
            if carries && connection.path.is_unanswered() && self.session.has_pending(true) {
                let suspect = connection.path.is_suspect();
                let mark = if suspect { Mark::HeldWhileSuspect } else { Mark::HeldWhileUnanswered };
                ctx.shared.stats.mark(mark);
            }
            let offer = carries.then_some(Offer { session: &mut self.session, may_bind });
            if let Some(to) = connection.write_packet(ctx.now, &mut ctx.shared.rng, offer, slot, buf) {
                self.last_active = ctx.now;
                return Some(to);
            }
        }
        None
    }

    fn winner(&self) -> Option<&Connection> {
        let key = self.election.winner()?;
        self.connections.iter().find(|it| it.key == key)
    }

    fn connection_mut(&mut self, key: ConnectionKey) -> Option<&mut Connection> {
        self.connections.iter_mut().find(|it| it.key == key)
    }
}

/// The largest batch entry: a full datagram.
pub(crate) const FULL: usize = MAX_DATAGRAM;

impl Context<'_> {
    pub(crate) fn next_connection_key(&mut self) -> ConnectionKey {
        self.shared.connections_made += 1;
        ConnectionKey(self.shared.connections_made)
    }
}
