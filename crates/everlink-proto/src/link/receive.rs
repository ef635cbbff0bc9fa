//! A datagram of a connection, opened and taken apart: what each frame means to the link.

use core::net::SocketAddr;

use super::{
    Context, Link,
    election::{Ballot, ConnectionKey},
    history::Cause,
    recover::STALE,
};
use crate::{
    connection::{Bound, Opened, Settled},
    path::Moved,
    session::Kept,
    stats::{DropReason, Mark},
    wire::frame::{Ack, Close, CloseCode, Frame, frames},
};

/// Why a connection must end: its peer broke a rule.
#[derive(Debug)]
pub(crate) struct Violation(pub(crate) String);

impl<E: core::error::Error> From<E> for Violation {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

impl Link {
    /// A datagram for one of our connections. Says whether it opened; until then only a drop counter may change.
    pub(crate) fn on_datagram(
        &mut self,
        ctx: &mut Context<'_>,
        key: ConnectionKey,
        from: SocketAddr,
        datagram: &mut [u8],
    ) -> bool {
        let Some(connection) = self.connection_mut(key) else {
            ctx.shared.stats.drop(DropReason::UnknownId);
            return false;
        };
        match connection.open(datagram) {
            Ok(opened) => self.on_opened(ctx, key, from, opened, datagram),
            Err(reason) => {
                ctx.shared.stats.drop(reason);
                return false;
            }
        }
        true
    }

    /// A packet of one of our connections, opened in place.
    pub(crate) fn on_opened(
        &mut self,
        ctx: &mut Context<'_>,
        key: ConnectionKey,
        from: SocketAddr,
        opened: Opened,
        datagram: &[u8],
    ) {
        let Some(connection) = self.connection_mut(key) else { return };
        if ctx.now.saturating_since(connection.last_heard) >= STALE && connection.stale_from.is_none() {
            connection.ask_afresh();
        }
        connection.last_heard = ctx.now;
        connection.path.on_authentic(ctx.now, from, opened.number, datagram.len(), &mut ctx.shared.rng);
        self.last_active = ctx.now;
        self.waits_since = ctx.now;
        // The peer is there: an outage may be over, so the next try is due.
        if let Some(ladder) = self.ladder.as_mut().filter(|_| self.state.is_suspect()) {
            ladder.pull_probe(ctx.now);
        }
        let payload = datagram.get(opened.payload).unwrap_or_default();
        match self.on_payload(ctx, key, from, payload) {
            Ok(Packet { keep, eliciting }) => {
                if let Some(connection) = self.connection_mut(key).filter(|_| keep) {
                    connection.path.acks.on_received(opened.number, eliciting, ctx.now);
                } else if !keep {
                    ctx.shared.stats.mark(Mark::NotKept);
                }
            }
            Err(violation) => self.on_violation(ctx, key, &violation),
        }
    }

    fn on_payload(
        &mut self,
        ctx: &mut Context<'_>,
        key: ConnectionKey,
        from: SocketAddr,
        payload: &[u8],
    ) -> Result<Packet, Violation> {
        let mut packet = Packet { keep: true, eliciting: false };
        for frame in frames(payload) {
            let frame = frame?;
            packet.eliciting |= frame.is_ack_eliciting();
            packet.keep &= self.on_frame(ctx, key, from, &frame)?;
        }
        Ok(packet)
    }

    /// What a frame means. Says whether it is kept; only session frames may not be (SPEC 4.5).
    #[deny(clippy::wildcard_enum_match_arm)]
    fn on_frame(
        &mut self,
        ctx: &mut Context<'_>,
        key: ConnectionKey,
        from: SocketAddr,
        frame: &Frame<'_>,
    ) -> Result<bool, Violation> {
        match frame {
            Frame::Padding | Frame::Ping => {}
            Frame::Ack(ack) => self.on_ack(ctx, key, ack)?,
            Frame::Hello(hello) => self.on_hello_frame(ctx, key, *hello)?,
            Frame::Msgs(_)
            | Frame::Frag(_)
            | Frame::Done(_)
            | Frame::Stream(_)
            | Frame::StreamReset { .. }
            | Frame::StreamStop { .. }
            | Frame::Credit { .. } => return self.on_session_frame(key, frame),
            Frame::Received(_) => {
                let kept = self.on_session_frame(key, frame)?;
                self.on_close(ctx, key);
                return Ok(kept);
            }
            Frame::Close(close) => return self.on_close_frame(ctx, key, close),
            Frame::PathChallenge(challenge) => {
                if let Some(connection) = self.connection_mut(key) {
                    connection.path.migration.on_challenge(*challenge, from);
                }
            }
            Frame::PathResponse(response) => self.on_path_response(ctx, key, *response),
            // This implementation uses path 0 alone; ids for others are taken and not needed.
            Frame::Ids { .. } => {}
        }
        Ok(true)
    }

    fn on_session_frame(&mut self, key: ConnectionKey, frame: &Frame<'_>) -> Result<bool, Violation> {
        let epoch = self.session.epoch();
        let Some(connection) = self.connection_mut(key) else { return Ok(false) };
        if connection.bound != Bound::To(epoch) {
            // What a peer repeats of a farewell that is settled may be acknowledged.
            return Ok(connection.farewell.is_some() && matches!(frame, Frame::Received(_)));
        }
        Ok(self.session.on_frame(frame)? == Kept::Yes)
    }

    fn on_ack(&mut self, ctx: &mut Context<'_>, key: ConnectionKey, ack: &Ack) -> Result<(), Violation> {
        let mut settled = Vec::new();
        let Some(connection) = self.connection_mut(key) else { return Ok(()) };
        if ack.path != connection.path.number {
            return Err(Violation(format!("ACK of path {}, which was never opened", ack.path)));
        }
        let carried_before = connection.carried;
        let news = connection.on_ack(ctx.now, ack, &mut settled)?;
        let proved = connection.path.migration.is_proved().then(|| connection.path.remote());
        let carried = connection.carried;
        if news.trusted_again {
            self.cause = Cause::Answered;
        }
        if let Some(remote) = proved.filter(|_| news.acked) {
            self.addresses.on_proved(ctx.now, remote);
        }
        self.settle(settled);
        if carried && !carried_before {
            self.elect(ctx, Ballot::Carried(key));
        }
        self.answer_check(ctx, key, news.highest);
        Ok(())
    }

    fn on_path_response(&mut self, ctx: &mut Context<'_>, key: ConnectionKey, response: [u8; 8]) {
        let Some(connection) = self.connection_mut(key) else { return };
        let Some(moved) = connection.path.migration.on_response(response) else { return };
        connection.prove_by = None;
        let remote = connection.path.remote();
        let of_session = matches!(connection.bound, Bound::To(_));
        match moved {
            Moved::Nowhere => {}
            Moved::Port => ctx.shared.stats.mark(Mark::MovedPort),
            Moved::Host => {
                connection.path.recovery.reset_after_outage(ctx.now);
                ctx.shared.stats.mark(Mark::MovedHost);
            }
        }
        if moved != Moved::Nowhere {
            // What is under way went where the peer no longer is.
            let mut settled = Vec::new();
            connection.follow(ctx.now, &mut settled);
            self.settle(settled);
        }
        self.addresses.on_proved(ctx.now, remote);
        if of_session {
            self.addresses.shun(remote, false);
        }
    }

    fn on_close_frame(
        &mut self,
        ctx: &mut Context<'_>,
        key: ConnectionKey,
        close: &Close<'_>,
    ) -> Result<bool, Violation> {
        let nobody = self.continuity.theirs().is_none();
        let Some(connection) = self.connection_mut(key) else { return Ok(false) };
        Ok(match connection.bound {
            Bound::Never if nobody && close.code == CloseCode::SessionGone && connection.says_gone() => {
                // Each has ended a session with what the other shows. Who has none any more begins anew.
                connection.farewell = None;
                self.on_connection_closed(ctx, key, &close.into());
                true
            }
            Bound::Never => {
                // Only a close that still waits for an answer: two answers would go on answering each other.
                if close.code.is_of_session() && close.code != CloseCode::Closed {
                    connection.repeat_farewell();
                }
                true
            }
            Bound::Undecided if close.code.is_of_session() => false,
            Bound::Undecided
                if matches!(close.code, CloseCode::SessionGone | CloseCode::ProtocolViolation) =>
            {
                // It knows nothing of the session that there is, and may not end it.
                self.leave(ctx, key);
                true
            }
            Bound::Undecided | Bound::To(_) => {
                // Its sender waits for this one acknowledgement.
                connection.path.acks.force(ctx.now);
                connection.their_close = Some(close.into());
                self.on_close(ctx, key);
                true
            }
        })
    }

    /// Brings the news of packets home to the session.
    pub(super) fn settle(&mut self, settled: Vec<Settled>) {
        let now = self.session.epoch();
        for news in settled {
            match news {
                Settled::Acked(epoch, record) if epoch == now => self.session.on_acked(record),
                Settled::Lost(epoch, record) if epoch == now => self.session.on_lost(record),
                Settled::Acked(..) | Settled::Lost(..) => {}
            }
        }
    }
}

/// What a packet's frames add up to.
struct Packet {
    keep: bool,
    eliciting: bool,
}
