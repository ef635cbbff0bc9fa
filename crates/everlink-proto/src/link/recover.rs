//! What a link does when its peer does not answer: doubt, ask, probe, dial again (SPEC 6.2 to 6.4, 7.1).
//!
//! The ladder says when; here stands whether there is reason to climb it, and what a rung does.

use core::time::Duration;

use super::{
    Context, Link, dial::LISTENS_FOR, election::ConnectionKey, history::Cause, ladder::Ladder,
    lifecycle::LinkState,
};
use crate::{connection::Connection, stats::Mark, time::Instant};

/// A connection not heard from for this long carries nothing new until a PING on it is answered (SPEC 6.6).
pub(super) const STALE: Duration = Duration::from_secs(30);

/// Handshakes that silence alone asks for are at least this far apart (SPEC 6.3): each side makes ten a minute at most.
const APART: Duration = Duration::from_secs(6);

/// How long a side that waits for DONE or credit, with nothing under way whose fate would tell, listens before it
/// asks with a PING (SPEC 6.3). Each further PING comes twice as late.
const FIRST_QUESTION: Duration = Duration::from_secs(1);

/// And at most this late: as often as NATs want to see a packet (RFC 4787, REQ-5, RFC 9000 10.1.2).
const LAST_QUESTION: Duration = Duration::from_secs(25);

impl Link {
    /// Every path is in doubt: the process slept, or the network changed (SPEC 6.2).
    pub(crate) fn doubt(&mut self, ctx: &mut Context<'_>, cause: Cause) {
        self.cause = cause;
        self.waits_since = ctx.now;
        for connection in &mut self.connections {
            connection.path.suspect(ctx.now);
        }
        self.pull_forward(ctx.now);
    }

    /// The peer says with a token that it does not know this connection (SPEC 4.6).
    pub(crate) fn on_unknown(&mut self, ctx: &mut Context<'_>, key: ConnectionKey) {
        ctx.shared.stats.mark(Mark::UnknownBelieved);
        if self.check.is_some_and(|check| check.old == key) {
            self.end_check(ctx, false);
        }
        let now = ctx.now;
        let Some(connection) = self.connection_mut(key) else { return };
        connection.path.suspect(now);
        self.cause = Cause::Unknown;
        self.pull_forward(now);
    }

    /// Makes the next try due (SPEC 6.4).
    pub(crate) fn pull_forward(&mut self, now: Instant) {
        if let Some(ladder) = &mut self.ladder {
            ladder.pull_forward(now);
        }
    }

    /// Starts, keeps or ends the ladder.
    pub(super) fn govern_ladder(&mut self, ctx: &mut Context<'_>, needed: bool) {
        let searching = needed
            && match self.state {
                LinkState::Connecting => !self.is_refused(ctx.now),
                LinkState::Suspect => true,
                LinkState::Idle | LinkState::Connected => false,
            };
        let renewing = self.state == LinkState::Connected && self.wants_new_connection(ctx, needed);
        match (&self.ladder, searching, renewing) {
            (Some(ladder), true, _) if ladder.probes() => {}
            (_, true, _) => self.ladder = Some(Ladder::start(ctx.now, self.dials_from(ctx.now))),
            (Some(ladder), false, true) if !ladder.probes() => {}
            (_, false, true) => self.ladder = Some(Ladder::start_without_probes(ctx.now)),
            (None, false, false) => {}
            (Some(_), false, false) => {
                self.ladder = None;
                self.stop_dialling(ctx);
            }
        }
    }

    /// Does what the ladder says is due.
    pub(super) fn climb(&mut self, ctx: &mut Context<'_>) {
        let Some(ladder) = &mut self.ladder else { return };
        let due = ladder.take_due(ctx.now, &mut ctx.shared.rng);
        if due.probe {
            for connection in
                self.connections.iter_mut().filter(|it| it.path.is_suspect() && it.ending.is_none())
            {
                connection.ping_due = true;
                connection.path.migration.repeat();
                connection.repeat_farewell();
            }
        }
        if (due.dial_known || due.dial_other) && !self.is_refused(ctx.now) {
            self.dial(ctx, due.dial_known, due.dial_other);
        }
    }

    /// After 30 s of silence a PING goes before anything new (SPEC 7.1); and a side that can only wait asks now and
    /// then whether there is still somebody to wait for.
    pub(super) fn ask_if_still_there(&mut self, ctx: &mut Context<'_>) {
        self.question_at = None;
        let winner = self.election.winner();
        let Some(winner) = winner.and_then(|key| self.connections.iter_mut().find(|it| it.key == key)) else {
            return;
        };
        if winner.is_stale(ctx.now) && winner.stale_from.is_none() && self.session.has_pending(true) {
            winner.ask_afresh();
            ctx.shared.stats.mark(Mark::HeldWhileStale);
        }
        let told = winner.ping_due || winner.path.is_suspect() || winner.path.recovery.is_waiting();
        if told || !(self.session.awaits_processing() || self.session.blocked_by_credit()) {
            return;
        }
        let ask_at = winner.last_heard + winner.patience();
        if ask_at <= ctx.now {
            winner.questions = winner.questions.saturating_add(1);
            winner.ping_due = true;
        } else {
            self.question_at = Some(ask_at);
        }
    }

    /// The peer does not want to be dialled for now; a connection that exists may be probed all the same.
    fn is_refused(&self, now: Instant) -> bool {
        self.refused_until.is_some_and(|until| now < until)
    }

    /// When a silent path is to be helped by a new connection: not within [`APART`] of the last one, since on a
    /// path that loses much, probes answer the question as well and cost neither side a handshake.
    fn dials_from(&self, now: Instant) -> Instant {
        let silent = self.state == LinkState::Suspect && self.cause == Cause::Silence;
        let last = self.connections.iter().map(|it| it.born).max().filter(|_| silent);
        last.map_or(now, |born| now.max(born + APART))
    }

    /// Keys are renewed by use: an idle connection may keep its own until something is to be sent (SPEC 3.3).
    fn wants_new_connection(&self, ctx: &Context<'_>, needed: bool) -> bool {
        // A handshake under way is worth its answer, and no other one.
        let begun = |ladder: &Ladder| ctx.now.saturating_since(ladder.since()) < LISTENS_FOR;
        let in_use = needed || (self.dial.is_active() && self.ladder.as_ref().is_some_and(begun));
        let worn = in_use && self.winner().is_some_and(|winner| winner.keys_are_worn(ctx));
        self.closing.is_open() && (self.redial_wanted || worn)
    }
}

impl Connection {
    /// Whether nothing new may be bound to it before a PING is answered (SPEC 7.1).
    pub(super) fn is_stale(&self, now: Instant) -> bool {
        self.stale_from.is_some() || now.saturating_since(self.last_heard) >= STALE
    }

    /// Sends a PING; only an acknowledgement of what goes out from now on counts as an answer.
    pub(super) fn ask_afresh(&mut self) {
        self.stale_from = Some(self.path.next_number());
        self.ping_due = true;
    }

    fn patience(&self) -> Duration {
        (FIRST_QUESTION * (1 << self.questions.min(5))).min(LAST_QUESTION)
    }

    /// Whether its keys are to be replaced (SPEC 3.3).
    pub(super) fn keys_are_worn(&self, ctx: &Context<'_>) -> bool {
        self.is_worn(ctx.now, ctx.shared.config.rekey_after)
    }
}
