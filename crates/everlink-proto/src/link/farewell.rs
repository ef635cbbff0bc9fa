//! Ending a session by word, ours or the peer's (SPEC 8.6).

use core::time::Duration;

use super::{
    Context, Link,
    close::{Closing, Progress, Turn},
    election::ConnectionKey,
    history::Cause,
    receive::Violation,
};
use crate::{
    connection::{Bound, CLOSE_AGAIN, Connection, Farewell, Goodbye, TheirClose},
    event::Event,
    session::{EndReason, Phase},
    stats::Mark,
    wire::frame::{CloseCode, Received},
};

/// Bounds of the wait for an answer to CLOSE: two answers may be lost (SPEC 6.6).
const ANSWER: core::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3);

/// The longest that a peer can keep us from dialling it again (SPEC 8.7).
const MAX_RETRY: Duration = Duration::from_secs(24 * 3600);

/// The longest that a side which met our double keeps us from dialling it (SPEC 8.4).
const MAX_DUPLICATE_RETRY: Duration = Duration::from_secs(30);

/// Characters kept of what a peer did wrong.
const MAX_NOTE: usize = 256;

/// How long last words have: 3 PTO within [`ANSWER`].
pub(super) fn answer_time(connection: &Connection) -> Duration {
    (connection.path.pto() * 3).clamp(*ANSWER.start(), *ANSWER.end())
}

impl Link {
    /// The application or the endpoint ends the session.
    pub(crate) fn close(&mut self, ctx: &mut Context<'_>, code: CloseCode, application: u64, reason: &str) {
        if !self.closing.is_open() {
            return;
        }
        let mut text = reason.to_owned();
        text.truncate(reason.floor_char_boundary(128));
        self.goodbye = Goodbye { code, application, retry_after_ms: 0, reason: text };
        if self.session.phase() == Phase::Absent && !self.session.owes() {
            // Nobody knows of this session, and nothing waits for one: there is nobody to tell.
            return self.finish_close(ctx, None);
        }
        self.advance_close(ctx, Turn::Asked);
        self.close_until = Some(ctx.now + ctx.shared.config.linger);
    }

    /// Takes every step that our close can take now: nothing else may come that would bring it on.
    pub(super) fn step_close(&mut self, ctx: &mut Context<'_>) {
        let mut before = Closing::Open;
        while self.closing != before {
            before = self.closing;
            self.take_close_step(ctx);
        }
    }

    fn take_close_step(&mut self, ctx: &mut Context<'_>) {
        let winner = self.election.winner();
        let late = self.close_until.is_some_and(|until| until <= ctx.now);
        match self.closing {
            Closing::Open => {}
            _ if late => self.advance_close(ctx, Turn::Late(winner)),
            Closing::Flushing if self.session.is_flushed() => self.advance_close(ctx, Turn::Flushed),
            Closing::Settling => {
                if let Some(connection) = winner.filter(|_| self.session.is_settled()) {
                    self.advance_close(ctx, Turn::Settled(connection));
                }
            }
            Closing::Leaving(on) if winner != Some(on) => self.advance_close(ctx, Turn::Moved(winner)),
            Closing::Flushing | Closing::Leaving(_) => {}
        }
    }

    fn advance_close(&mut self, ctx: &mut Context<'_>, turn: Turn) {
        match self.closing.on(turn) {
            Progress::Goes(next) => {
                if next == self.closing {
                    return;
                }
                let left_already = matches!(self.closing, Closing::Leaving(_));
                self.closing = next;
                match next {
                    Closing::Settling => {
                        self.session.closing();
                        // The application has as long again to finish what it has been given.
                        self.close_until = Some(ctx.now + ctx.shared.config.linger);
                    }
                    Closing::Leaving(key) => {
                        self.begin_leaving(ctx, key);
                        if !left_already {
                            let answer = self.connection_mut(key).map(|connection| answer_time(connection));
                            self.close_until = answer.map(|answer| ctx.now + answer);
                        }
                    }
                    Closing::Open | Closing::Flushing => {}
                }
            }
            Progress::Over => {
                ctx.shared.stats.mark(Mark::CloseUnconfirmed);
                self.finish_close(ctx, None);
            }
        }
    }

    /// Last words go on this connection. When they have to move to another one they get no more time.
    fn begin_leaving(&mut self, ctx: &mut Context<'_>, key: ConnectionKey) {
        // The session itself has been writing RECEIVED since it was frozen.
        let count = self.session.closing();
        let goodbye = self.goodbye.clone();
        self.say_goodbye(key, Vec::new(), goodbye);
        if let Some(farewell) = self.connection_mut(key).and_then(|it| it.farewell.as_mut()) {
            farewell.count = count;
            farewell.again_at = Some(ctx.now + CLOSE_AGAIN);
        }
    }

    /// Our own close is over, answered or not.
    pub(super) fn finish_close(&mut self, ctx: &mut Context<'_>, answered_on: Option<ConnectionKey>) {
        self.cause = Cause::Closed;
        let reason = if answered_on.is_some() { EndReason::ClosedHere } else { EndReason::CloseUnconfirmed };
        self.end_session(ctx, reason, answered_on);
        self.continuity.forget();
        self.wanted = false;
        if let Some(key) = answered_on {
            if let Some(connection) = self.connection_mut(key) {
                // The answer says that our words were heard: there is nothing to repeat.
                connection.farewell = None;
            }
            self.leave(ctx, key);
        }
    }

    /// Puts last words on a connection.
    pub(super) fn say_goodbye(&mut self, key: ConnectionKey, received: Vec<Received>, close: Goodbye) {
        if let Some(connection) = self.connection_mut(key) {
            let count = u64::try_from(received.len()).unwrap_or(u64::MAX);
            connection.farewell =
                Some(Farewell { received, count, close, written: 0, due: true, again_at: None });
        }
    }

    /// CLOSE has arrived, or a RECEIVED that it waits for.
    pub(super) fn on_close(&mut self, ctx: &mut Context<'_>, key: ConnectionKey) {
        let epoch = self.session.epoch();
        let Some(connection) = self.connection_mut(key) else { return };
        let Some(close) = connection.their_close.clone() else { return };
        let bound = connection.bound == Bound::To(epoch);
        if close.code.is_of_session() {
            if bound && self.session.peer_positions(close.received).is_some() {
                self.on_session_closed(ctx, key, &close);
            }
        } else {
            self.on_connection_closed(ctx, key, &close);
        }
    }

    fn on_session_closed(&mut self, ctx: &mut Context<'_>, key: ConnectionKey, close: &TheirClose) {
        let leaving = matches!(self.closing, Closing::Leaving(_));
        if leaving && close.code == CloseCode::Closed {
            return self.finish_close(ctx, Some(key));
        }
        if leaving {
            ctx.shared.stats.mark(Mark::CrossingClose);
        }
        let received = self.session.positions().collect();
        let ours_too = !self.closing.is_open();
        self.cause = Cause::PeerClosed;
        let reason = if ours_too {
            EndReason::ClosedHere
        } else {
            EndReason::ClosedByPeer { code: close.code, application: close.application }
        };
        self.end_session(ctx, reason, Some(key));
        if leaving {
            self.continuity.forget();
        } else {
            self.continuity.on_peer_closed();
        }
        self.say_goodbye(key, received, Goodbye::of(CloseCode::Closed));
        self.leave(ctx, key);
        if matches!(close.code, CloseCode::Application | CloseCode::Refused) {
            let retry_after = Duration::from_millis(close.retry_after_ms).min(MAX_RETRY);
            self.refused_until = Some(ctx.now + retry_after);
            if !retry_after.is_zero() {
                ctx.event(Event::Refused { peer: self.peer, code: close.code, retry_after });
            }
        }
    }

    pub(super) fn on_connection_closed(
        &mut self,
        ctx: &mut Context<'_>,
        key: ConnectionKey,
        close: &TheirClose,
    ) {
        let retry_after = Duration::from_millis(close.retry_after_ms).min(MAX_RETRY);
        match close.code {
            CloseCode::DuplicateIdentity => {
                self.cause = Cause::DuplicateIdentity;
                ctx.event(Event::DuplicateIdentity { peer: self.peer, ours: true });
                self.refused_until = Some(ctx.now + retry_after.min(MAX_DUPLICATE_RETRY));
                self.leave(ctx, key);
            }
            CloseCode::SessionGone => {
                ctx.shared.stats.mark(Mark::GoneReceived);
                self.cause = Cause::SessionGone;
                self.end_session(ctx, EndReason::PeerForgot, Some(key));
                self.continuity.forget();
                self.leave(ctx, key);
            }
            CloseCode::ProtocolViolation => {
                self.cause = Cause::ProtocolViolation;
                self.end_session(ctx, EndReason::ProtocolViolation, Some(key));
                self.continuity.forget();
                self.leave(ctx, key);
            }
            CloseCode::Closed
            | CloseCode::Idle
            | CloseCode::Stopped
            | CloseCode::Application
            | CloseCode::Refused => {}
        }
    }

    /// The peer broke a rule on this connection: the session cannot be trusted to mean the same to both.
    pub(super) fn on_violation(&mut self, ctx: &mut Context<'_>, key: ConnectionKey, violation: &Violation) {
        self.last_violation = Some(violation.0.chars().take(MAX_NOTE).collect());
        self.cause = Cause::ProtocolViolation;
        let of_session = self.connection_mut(key).is_some_and(|it| matches!(it.bound, Bound::To(_)));
        if of_session {
            self.end_session(ctx, EndReason::ProtocolViolation, Some(key));
            self.continuity.forget();
        }
        self.reject(ctx, key, CloseCode::ProtocolViolation, 0);
    }
}
