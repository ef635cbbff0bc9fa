//! The lasting relation with one peer: where it is in its life, which connection it sends on, what it does
//! when nothing answers.
//!
//! The link owns its parts and contains no mechanism: the life is in `lifecycle`, the choice of connection in
//! `election`, attempts in `dial`, tries in `recover` and `ladder`, HELLO in `resume`, the end in `close` and
//! `farewell`. After every entry `Link::update` looks at the whole once and lets each part draw its conclusions.

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
mod snapshot;

use core::net::SocketAddr;

pub(crate) use self::{
    addresses::Addresses,
    connect::{is_near, own_capabilities, suite},
    context::{Context, Outbox, Shared},
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
    event::{Deadline, Event, Reason},
    id::PeerId,
    session::{ChannelOptions, Continuity, EndReason, InboxItem, Phase, Session, SessionEvent, Side},
    stats::Mark,
    time::{Instant, soonest},
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
    /// When the application last had to do with it.
    last_used: Instant,
    history: History,
    /// Why the next transition happens.
    cause: Cause,
    last_violation: Option<String>,
}

/// What outlives a link that gives its place away.
#[derive(Default)]
pub(crate) struct Memory {
    addresses: Addresses,
    channels: Vec<(u64, ChannelOptions)>,
}

impl Memory {
    pub(crate) fn is_empty(&self) -> bool {
        self.channels.is_empty() && self.addresses.is_empty()
    }

    /// Takes hints for a peer that has no link.
    pub(crate) fn add(&mut self, hints: &[SocketAddr]) {
        for hint in hints {
            self.addresses.add(*hint);
        }
    }
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

    /// When it was used last, if nothing would be lost with this link. A close that is under way is needed, too.
    pub(crate) fn idle_since(&self) -> Option<Instant> {
        let since = self.last_active.max(self.last_used);
        (!self.is_needed() && self.session.is_free_of_debt()).then_some(since)
    }

    /// The application has to do with it.
    pub(crate) const fn note_use(&mut self, now: Instant) {
        self.last_used = now;
    }

    /// What the application said of the peer, and where it was found: to be handed to the next link with it.
    pub(crate) fn memory(&self) -> Memory {
        Memory { addresses: self.addresses.clone(), channels: self.session.channel_options() }
    }

    /// Goes on with what was known when the link gave its place away, in sessions of other numbers.
    pub(crate) fn remember(&mut self, memory: Memory) {
        self.addresses = memory.addresses;
        for (channel, options) in memory.channels {
            // They were taken before, so they are within the bound.
            let _ = self.session.set_channel(channel, options);
        }
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

    /// Gives its place to another link, to which this one owes nothing. Tells how the session ended, if there was one.
    pub(crate) fn evict(&mut self, ctx: &mut Context<'_>) -> Option<EndReason> {
        self.cause = Cause::Evicted;
        self.forget(ctx);
        self.session.end(EndReason::Evicted, None);
        self.update(ctx);
        match self.session.recv() {
            Some(InboxItem::SessionEnded(reason)) => Some(reason),
            _ => None,
        }
    }

    /// Says goodbye for good.
    pub(crate) fn forget(&mut self, ctx: &mut Context<'_>) {
        if let Some(key) = self.election.winner() {
            let received = self.session.positions().collect();
            self.say_goodbye(key, received, Goodbye::of(CloseCode::Idle));
            let mut last_words = Vec::new();
            let slot = Slot { to: None, size: FULL };
            let winner = self.connection_mut(key);
            let to = winner
                .and_then(|it| it.write_packet(ctx.now, &mut ctx.shared.rng, None, slot, &mut last_words));
            if let Some(to) = to {
                ctx.shared.outbox.push(to, &last_words);
            }
        }
        let all: Vec<_> = self.connections.iter().map(|it| it.key).collect();
        for key in all {
            self.drop_connection(ctx, key);
        }
        self.stop_dialling(ctx);
    }

    /// Lets every part draw its conclusions. Called after every entry.
    pub(crate) fn update(&mut self, ctx: &mut Context<'_>) {
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

    /// Whether something is owed to the peer or wanted from it (SPEC 6.3). What is under way is owed as well: the peer
    /// may wait for just that DONE or CREDIT.
    fn is_needed(&self) -> bool {
        let bound = Bound::To(self.session.epoch());
        let under_way = self.connections.iter().any(|it| it.bound == bound && it.under_way > 0);
        let owed = under_way || self.session.owes() || self.session.awaits_processing();
        self.wanted || owed || !self.closing.is_open()
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

    /// When something is due, and why.
    pub(crate) fn poll_timeout(&self, ctx: &Context<'_>) -> Option<Deadline> {
        let mut first = None;
        let mut consider = |at: Option<Instant>, reason| {
            first = soonest(first, at.map(|at| Deadline { at, reason }));
        };
        for connection in &self.connections {
            consider(connection.path.recovery.poll_timeout(), Reason::Recovery);
            let proved = connection.path.migration.is_proved();
            consider(connection.path.acks.deadline().filter(|_| proved), Reason::Ack);
            consider(connection.paced_until, Reason::Pace);
            consider(soonest(connection.ends_at(), connection.prove_by), Reason::Drain);
            consider(connection.farewell.as_ref().and_then(|farewell| farewell.again_at), Reason::Close);
        }
        consider(self.question_at, Reason::Question);
        consider(self.ladder.as_ref().and_then(Ladder::deadline), Reason::Ladder);
        consider(self.attempt_deadline(), Reason::Attempt);
        consider(self.check.map(|check| check.until), Reason::Check);
        consider(self.switch_settles, Reason::Check);
        consider(self.close_until, Reason::Close);
        if self.refused_until.is_some() && self.is_needed() {
            consider(self.refused_until, Reason::Refusal);
        }
        if self.winner().is_some() && !self.session.owes() {
            consider(Some(self.last_active + ctx.shared.config.idle_keys), Reason::Idle);
        }
        first
    }

    /// Does what is due.
    pub(crate) fn handle_timeout(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now;
        let mut settled = Vec::new();
        for connection in &mut self.connections {
            let trusted = !connection.path.is_suspect();
            connection.on_recovery_timeout(now, &mut settled);
            connection.paced_until = connection.paced_until.filter(|at| *at > now);
            connection.repeat_farewell_if_due(now);
            if trusted && connection.path.is_suspect() {
                ctx.shared.stats.mark(Mark::Silence);
                self.cause = Cause::Silence;
            }
        }
        self.settle(settled);
        self.handle_attempt_timeouts(ctx);
        if self.check.is_some_and(|check| check.until <= now) {
            self.end_check(ctx, false);
        }
        if self.switch_settles.take_if(|at| *at <= now).is_some() {
            self.continuity.on_switch_settled();
        }
        self.refused_until = self.refused_until.filter(|until| *until > now);
        self.drop_ended(ctx);
        self.drop_full(ctx);
        self.wipe_idle_keys(ctx);
        self.climb(ctx);
    }

    fn drop_ended(&mut self, ctx: &mut Context<'_>) {
        let ended: Vec<_> = self
            .connections
            .iter()
            .filter(|it| soonest(it.ends_at(), it.prove_by).is_some_and(|at| at <= ctx.now))
            .map(|it| it.key)
            .collect();
        for key in ended {
            self.drop_connection(ctx, key);
        }
    }

    /// A connection whose ledger is full of unanswered probes cannot send any more: hours have passed.
    fn drop_full(&mut self, ctx: &mut Context<'_>) {
        let full: Vec<_> = self.connections.iter().filter(|it| it.is_spent()).map(|it| it.key).collect();
        for key in full {
            self.cause = Cause::Silence;
            self.drop_connection(ctx, key);
        }
    }

    /// A link idle for long keeps its session and forgets its keys (SPEC 6.6).
    fn wipe_idle_keys(&mut self, ctx: &mut Context<'_>) {
        let used = ctx.now < self.last_active + ctx.shared.config.idle_keys || self.session.owes();
        if used || self.connections.is_empty() {
            return;
        }
        self.cause = Cause::KeysExpired;
        let all: Vec<_> = self.connections.iter().map(|it| it.key).collect();
        for key in all {
            self.drop_connection(ctx, key);
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

impl Connection {
    /// Whether it can send no more: its ledger is full of unanswered probes, or its key is used up.
    fn is_spent(&self) -> bool {
        (self.path.recovery.is_full() && self.path.is_suspect()) || self.keys.is_spent()
    }
}
