//! When a link wants to be woken, and what it does then.

use super::{Context, Link, history::Cause, ladder::Ladder};
use crate::{
    connection::Connection,
    event::{Deadline, Reason},
    session::Phase,
    stats::Mark,
    time::{Instant, soonest},
};

impl Link {
    /// When something is due, and why.
    pub(crate) fn poll_timeout(&self, ctx: &Context<'_>) -> Option<Deadline> {
        let mut first = None;
        let mut consider = |at: Option<Instant>, reason| {
            first = soonest(first, at.map(|at| Deadline { at, reason }));
        };
        for connection in &self.connections {
            if connection.is_spent() {
                // It can serve no deadline any more.
                consider(Some(ctx.now), Reason::Drain);
                continue;
            }
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
        if self.winner().is_some() && !self.is_needed() {
            consider(Some(self.last_active + ctx.shared.config.idle_keys), Reason::Idle);
        } else if !self.peer_is_gone && self.session.phase() != Phase::Absent {
            consider(Some(self.waits_since + ctx.shared.config.idle_keys), Reason::Idle);
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
            if connection.repeat_farewell_if_due(now) {
                self.session.repeat_positions();
            }
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
            if self.addresses.shun_none() {
                self.pull_forward(now);
            }
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

    /// A connection that cannot send any more is over, and whoever needs one makes another.
    fn drop_full(&mut self, ctx: &mut Context<'_>) {
        let full: Vec<_> = self.connections.iter().filter(|it| it.is_spent()).map(|it| it.key).collect();
        for key in full {
            self.cause = Cause::Silence;
            self.drop_connection(ctx, key);
        }
    }

    /// A link idle for long keeps its session and forgets its keys (SPEC 6.6).
    fn wipe_idle_keys(&mut self, ctx: &mut Context<'_>) {
        let used = ctx.now < self.last_active + ctx.shared.config.idle_keys || self.is_needed();
        if used || self.connections.is_empty() {
            return;
        }
        self.cause = Cause::KeysExpired;
        let all: Vec<_> = self.connections.iter().map(|it| it.key).collect();
        for key in all {
            self.drop_connection(ctx, key);
        }
    }
}

impl Connection {
    /// Whether it can send no more: its peer has left too much unanswered (SPEC 6.1), or its key is used up.
    fn is_spent(&self) -> bool {
        self.path.recovery.is_full() || self.keys.is_spent()
    }
}
