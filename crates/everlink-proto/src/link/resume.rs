//! What a HELLO does to a link (SPEC 8.2 to 8.5): begin, go on, end and begin anew, or ask first whether the
//! process that was here before is still alive.

use core::time::Duration;

use super::{
    Context, Link,
    election::{Ballot, ConnectionKey, Effect},
    history::Cause,
    receive::Violation,
};
use crate::{
    connection::{Bound, Connection, Ending, Goodbye},
    crypto::Role,
    event::Event,
    id::Incarnation,
    session::{CheckOutcome, EndReason, HelloOutcome, Known, Order, SWITCH_SETTLES},
    stats::Mark,
    time::Instant,
    wire::frame::{CloseCode, Hello},
};

/// The longest that a duplicate check waits (SPEC 8.4).
const CHECK_AT_MOST: Duration = Duration::from_secs(1);

/// When a second process may show the key again (SPEC 8.4).
const DUPLICATE_RETRY_MS: u64 = 30_000;

/// A PING under way that asks whether the peer's former process lives (SPEC 8.4).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Check {
    pub(crate) old: ConnectionKey,
    /// The first packet number on it that was sent after the new HELLO.
    pub(crate) first: u64,
    pub(crate) until: Instant,
}

impl Link {
    /// Takes a connection in that a handshake has just made.
    pub(crate) fn adopt(&mut self, ctx: &mut Context<'_>, mut connection: Connection) {
        let remote = connection.path.remote();
        if let Some(before) = self.winner().filter(|before| before.path.remote() == remote) {
            connection.path.recovery.inherit(&before.path.recovery);
            if before.path.is_suspect() {
                // What the path carries after an outage is unknown, however its end is noticed (SPEC 6.2).
                connection.path.recovery.reset_after_outage(ctx.now);
            }
        }
        let ids = connection.path.ids;
        let target = crate::router::Target::Connection(self.key, connection.key);
        ctx.shared.router.point(ids.local, target);
        ctx.shared.router.note_remote(ids.remote, self.key, connection.key);
        ctx.shared.stats.handshakes += 1;
        self.generation = self.generation.max(connection.order.generation);
        if connection.path.migration.is_proved() {
            self.addresses.on_proved(ctx.now, remote);
        }
        self.connections.push(connection);
        self.bound_connections(ctx);
    }

    pub(super) fn on_hello_frame(
        &mut self,
        ctx: &mut Context<'_>,
        key: ConnectionKey,
        hello: Hello,
    ) -> Result<(), Violation> {
        let Some(connection) = self.connection_mut(key) else { return Ok(()) };
        match connection.their_hello {
            Some(known) if known == hello => {}
            Some(_) => return Err(Violation("HELLO changed within a connection".into())),
            None if connection.bound == Bound::Never => {}
            None => self.on_hello(ctx, key, hello),
        }
        Ok(())
    }

    /// The peer has shown its half under confirmed keys.
    pub(super) fn on_hello(&mut self, ctx: &mut Context<'_>, key: ConnectionKey, hello: Hello) {
        let Some(connection) = self.connection_mut(key) else { return };
        connection.their_hello = Some(hello);
        let order = connection.order;
        let known = self.known_before(order);
        let left = self.continuity.left();
        let outcome = self.continuity.on_hello(hello, order, known);
        self.time_switch(ctx.now, left);
        match outcome {
            HelloOutcome::Begin => self.begin_session(ctx, key),
            HelloOutcome::Continue => self.bind(ctx, key),
            HelloOutcome::EndThenBegin(reason) => self.replace_session(ctx, key, reason),
            HelloOutcome::Gone => {
                ctx.shared.stats.mark(Mark::GoneSent);
                self.reject(ctx, key, CloseCode::SessionGone, 0);
            }
            HelloOutcome::Duplicate => {
                self.shun(key);
                self.refuse_duplicate(ctx, vec![key]);
            }
            HelloOutcome::Stale => {
                ctx.shared.stats.mark(Mark::StaleHello);
                self.retire_soon(ctx, key);
            }
            HelloOutcome::CheckDuplicate => self.begin_check(ctx),
            HelloOutcome::CheckRunning => {}
        }
    }

    /// What is known of the process in the session, now that this connection brings a HELLO. Who dials lives when its
    /// message 1 arrives; who answers something fresh, or acknowledges it, lives later than that was sent.
    fn known_before(&self, order: Order) -> Known {
        let answers = self.winner().is_some_and(|winner| !winner.path.is_suspect());
        self.known_if(order, answers)
    }

    /// The same, once it is clear whether that process answers.
    fn known_if(&self, order: Order, answers: bool) -> Known {
        if self.is_outlived(order) {
            Known::Later
        } else if answers {
            Known::Alive
        } else {
            Known::Silent
        }
    }

    /// Whether the process in the session is known to have lived after the one on this connection had dialled.
    fn is_outlived(&self, order: Order) -> bool {
        let epoch = self.session.epoch();
        let dialled = self.connections.iter().find(|it| it.order == order && it.role == Role::Responder);
        let mut bound =
            self.connections.iter().filter(|it| it.order != order && it.bound == Bound::To(epoch));
        dialled.is_some_and(|new| bound.any(|it| it.lived_after(new.asked)))
    }

    fn begin_session(&mut self, ctx: &mut Context<'_>, key: ConnectionKey) {
        self.session.begin();
        self.bind(ctx, key);
    }

    /// The connection carries the session that both sides remember.
    fn bind(&mut self, ctx: &mut Context<'_>, key: ConnectionKey) {
        let epoch = self.session.epoch();
        let Some(connection) = self.connection_mut(key) else { return };
        connection.bound = Bound::To(epoch);
        let proved = connection.path.migration.is_proved().then(|| connection.path.remote());
        let (order, carried) = (connection.order, connection.carried);
        if let Some(remote) = proved {
            self.addresses.shun(remote, false);
        }
        if self.winner().is_some_and(|before| before.keys_are_worn(ctx)) {
            ctx.shared.stats.mark(Mark::Rekeyed);
        }
        self.redial_wanted = false;
        if self.winner().is_some()
            && let Some(connection) = self.connection_mut(key)
        {
            // The ones before are kept until this one has carried an acknowledgement: it should soon.
            connection.ping_due = true;
        }
        self.elect(ctx, Ballot::Heard(key, order));
        if carried {
            self.elect(ctx, Ballot::Carried(key));
        }
    }

    fn replace_session(&mut self, ctx: &mut Context<'_>, key: ConnectionKey, reason: EndReason) {
        let dialled = self.connection_mut(key).is_some_and(|it| it.role == Role::Initiator);
        if dialled && !self.closing.is_open() {
            // We dialled to say goodbye, to a peer that knows of no session any more. Nobody asked for another one, so
            // what was dialled goes unconfirmed.
            return self.finish_close(ctx, None);
        }
        self.cause =
            if reason == EndReason::PeerRestarted { Cause::PeerRestarted } else { Cause::PeerForgot };
        self.end_session(ctx, reason, Some(key));
        self.begin_session(ctx, key);
    }

    /// Where a process answers that was left, nobody is dialled before it may come back.
    fn shun(&mut self, key: ConnectionKey) {
        let dialled = self.connections.iter().find(|it| it.key == key && it.role == Role::Initiator);
        let Some(remote) = dialled.map(|it| it.path.remote()) else { return };
        if self.switch_settles.is_some() {
            self.addresses.shun(remote, true);
        }
    }

    /// Tells once of a process that showed the key on these connections.
    fn refuse_duplicate(&mut self, ctx: &mut Context<'_>, shown: Vec<ConnectionKey>) {
        ctx.shared.stats.mark(Mark::CheckDuplicate);
        ctx.event(Event::DuplicateIdentity { peer: self.peer, ours: false });
        for key in shown {
            self.reject(ctx, key, CloseCode::DuplicateIdentity, DUPLICATE_RETRY_MS);
        }
    }

    /// Ends the session, and with it every connection, slot and attempt but the one that brought the news
    /// (SPEC 8.3).
    pub(super) fn end_session(
        &mut self,
        ctx: &mut Context<'_>,
        reason: EndReason,
        keep: Option<ConnectionKey>,
    ) {
        // Only a CLOSE of the session says what was received; others know nothing of this session.
        let last_word = keep
            .and_then(|key| self.connection_mut(key))
            .and_then(|connection| connection.their_close.as_ref())
            .filter(|close| close.code.is_of_session());
        let positions =
            last_word.map(|close| close.received).and_then(|count| self.session.peer_positions(count));
        // Whatever ends a session that this side was closing, what it leaves is closed.
        let by_close = self.closing.is_open() || reason == EndReason::ClosedHere;
        let reason = if by_close { reason } else { EndReason::CloseUnconfirmed };
        self.session.end(reason, positions.as_ref());
        if self.session.owes() {
            ctx.shared.stats.mark(Mark::CarriedOver);
        }
        self.check = None;
        if !self.closing.is_open() {
            // Messages that were refused during the close may be sent again.
            ctx.event(Event::SendRoom { peer: self.peer });
        }
        self.closing = super::close::Closing::Open;
        self.close_until = None;
        self.stop_dialling(ctx);
        ctx.shared.slots_to_drop.push(self.peer);
        let others: Vec<_> =
            self.connections.iter().map(|it| it.key).filter(|key| Some(*key) != keep).collect();
        for key in others {
            self.drop_connection(ctx, key);
        }
    }

    /// Ends a connection that is not wanted, and tells the peer why.
    pub(super) fn reject(
        &mut self,
        ctx: &mut Context<'_>,
        key: ConnectionKey,
        code: CloseCode,
        retry_after_ms: u64,
    ) {
        self.say_goodbye(key, Vec::new(), Goodbye { retry_after_ms, ..Goodbye::of(code) });
        self.leave(ctx, key);
    }

    /// Takes a connection out of the election; it is dropped when its last words have had their time.
    pub(super) fn leave(&mut self, ctx: &mut Context<'_>, key: ConnectionKey) {
        let now = ctx.now;
        if let Some(connection) = self.connection_mut(key) {
            connection.bound = Bound::Never;
            connection.ending = Some(Ending::Leaves(now + super::farewell::answer_time(connection)));
        }
        self.elect(ctx, Ballot::Gone(key));
    }

    fn retire_soon(&mut self, ctx: &mut Context<'_>, key: ConnectionKey) {
        let now = ctx.now;
        if let Some(connection) = self.connection_mut(key) {
            connection.bound = Bound::Never;
            connection.ending = Some(Ending::Drains(now));
        }
        self.bound_connections(ctx);
    }

    /// Feeds the election and does what it says.
    pub(super) fn elect(&mut self, ctx: &mut Context<'_>, ballot: Ballot) {
        for effect in self.election.on(ballot) {
            match effect {
                Effect::Drain(key) => self.drain(ctx, key),
                Effect::Drop(key) => self.drop_connection(ctx, key),
            }
        }
        self.bound_connections(ctx);
    }

    /// No more than the bound, whatever their standing: the one that was made first gives way (SPEC 8.5).
    fn bound_connections(&mut self, ctx: &mut Context<'_>) {
        let winner = self.election.winner();
        while self.connections.len() > super::election::MAX_CONNECTIONS {
            let lowest =
                self.connections.iter().filter(|it| Some(it.key) != winner).min_by_key(|it| it.order);
            let Some(lowest) = lowest.map(|it| it.key) else { return };
            self.drop_connection(ctx, lowest);
        }
    }

    fn drain(&mut self, ctx: &mut Context<'_>, key: ConnectionKey) {
        ctx.shared.stats.mark(Mark::Drained);
        let mut settled = Vec::new();
        let now = ctx.now;
        if let Some(connection) = self.connection_mut(key) {
            connection.ending = Some(Ending::Drains(now));
            if connection.path.is_suspect() {
                connection.give_up(&mut settled);
            }
        }
        self.settle(settled);
    }

    /// Forgets a connection; what it still owes is lost.
    pub(super) fn drop_connection(&mut self, ctx: &mut Context<'_>, key: ConnectionKey) {
        let Some(at) = self.connections.iter().position(|it| it.key == key) else { return };
        let mut connection = self.connections.remove(at);
        let mut settled = Vec::new();
        connection.give_up(&mut settled);
        self.settle(settled);
        ctx.shared.router.retire(ctx.now, connection.path.ids.local, connection.path.ids.remote);
        // What is below the bound now needs no second look: the election only lost a candidate.
        let _ = self.election.on(Ballot::Gone(key));
        if self.check.is_some_and(|check| check.old == key) {
            self.end_check(ctx, false);
        }
    }

    fn begin_check(&mut self, ctx: &mut Context<'_>) {
        ctx.shared.stats.mark(Mark::CheckBegan);
        let Some(old) = self.election.winner() else { return self.end_check(ctx, false) };
        let now = ctx.now;
        if let Some(connection) = self.connection_mut(old) {
            connection.ping_due = true;
            let first = connection.path.next_number();
            let until = now + (connection.path.pto() * 3).min(CHECK_AT_MOST);
            self.check = Some(Check { old, first, until });
        }
    }

    /// Packets up to this number were acknowledged: one sent since the check began proves that the former process
    /// lives.
    pub(super) fn answer_check(&mut self, ctx: &mut Context<'_>, key: ConnectionKey, highest: Option<u64>) {
        if self.check.is_some_and(|check| check.old == key && highest >= Some(check.first)) {
            self.end_check(ctx, true);
        }
    }

    /// The check is over: the former process answered, or it did not.
    pub(super) fn end_check(&mut self, ctx: &mut Context<'_>, answered: bool) {
        self.check = None;
        let left = self.continuity.left();
        let Some(order) = self.continuity.checked() else { return };
        let known = self.known_if(order, answered);
        let outcome = self.continuity.on_check_result(known);
        self.time_switch(ctx.now, left);
        match outcome {
            Some(CheckOutcome::Stale(order)) => {
                ctx.shared.stats.mark(Mark::StaleHello);
                for key in self.undecided_up_to(order) {
                    self.retire_soon(ctx, key);
                }
            }
            Some(CheckOutcome::Duplicate(order)) => {
                let shown = self.undecided_up_to(order);
                self.refuse_duplicate(ctx, shown);
            }
            Some(CheckOutcome::EndThenBegin(reason, order)) => {
                ctx.shared.stats.mark(Mark::CheckRestart);
                let keep = self.connections.iter().find(|it| it.order == order && it.ending.is_none());
                let keep = keep.map(|it| it.key);
                match keep {
                    Some(key) => self.replace_session(ctx, key, reason),
                    None => {
                        self.end_session(ctx, reason, None);
                        self.session.begin();
                    }
                }
            }
            None => {}
        }
    }

    /// If another process is left than `before`, it may come back after this time.
    fn time_switch(&mut self, now: Instant, before: Option<Incarnation>) {
        if self.continuity.left() != before {
            self.switch_settles = Some(now + SWITCH_SETTLES);
            self.addresses.shun_none();
        }
    }

    /// Connections whose HELLO waits for a check, as far as it is about them.
    fn undecided_up_to(&self, order: Order) -> Vec<ConnectionKey> {
        self.connections
            .iter()
            .filter(|it| it.bound == Bound::Undecided && it.their_hello.is_some() && it.ending.is_none())
            .filter(|it| it.order <= order)
            .map(|it| it.key)
            .collect()
    }
}
