//! Dialling: message 1 out, message 2 in (SPEC 2.11).

use core::{net::SocketAddr, time::Duration};

use super::{
    Context, Link,
    addresses::MAX_ADDRESSES,
    dial::{AttemptKey, Input, LISTENS_FOR, SENDS_FOR, Step},
    history::Cause,
};
use crate::{
    connection::{Birth, Connection},
    crypto::{
        Role, Suite,
        cookie::open_cookie,
        keys::PacketKeys,
        macs::{self, Cookie, Mac1Key},
        noise::{Initiator, Secrets},
    },
    event::Event,
    id::{ConnectionId, Half},
    path::PathIds,
    router::Target,
    session::Order,
    stats::{DropReason, Mark},
    time::{Instant, soonest},
    wire::{
        frame::{CloseCode, Hello},
        handshake::{Accepted, Capabilities, Message1, Message1Payload, Message2, Message2Payload},
        header::CookieReply,
    },
};

/// How long a cookie is good for (SPEC 2.7).
const COOKIE_LIFETIME: Duration = Duration::from_secs(120);

/// A generation this far above the highest that one side knows of is none that dialling ever reaches. Whoever stole a
/// key could else propose one that leaves no room above it, and the pair would never agree again (SPEC 2.12).
const MAX_STEP: u64 = 1 << 32;

/// The same for what a responder settles. It is far more: a peer that was led ahead so far, step by step, has to find
/// back to the one in whose name that was done, as soon as that dials.
const MAX_SETTLED_STEP: u64 = 1 << 48;

/// Whether a peer may propose `generation` to a side that knows of `held`.
pub(crate) const fn is_near(generation: u64, held: u64) -> bool {
    generation <= held.saturating_add(MAX_STEP)
}

/// Whether a responder may settle `generation` for whoever `proposed` one.
const fn settles(generation: u64, proposed: u64) -> bool {
    proposed <= generation && generation <= proposed.saturating_add(MAX_SETTLED_STEP)
}

/// One message 1 and what can read its answer.
pub(crate) struct Attempt {
    pub(crate) key: AttemptKey,
    id: ConnectionId,
    began: Instant,
    generation: u64,
    message: [u8; crate::wire::MAX_DATAGRAM],
    noise: Initiator,
    sending: bool,
    /// Who has had a message 1 for a COOKIE; at most [`MAX_ADDRESSES`].
    asked_by: Vec<SocketAddr>,
}

impl Attempt {
    /// When this attempt has to be looked at again.
    pub(crate) fn deadline(&self) -> Instant {
        self.began + if self.sending { SENDS_FOR } else { LISTENS_FOR }
    }
}

impl Link {
    /// Tells the handshake control that it is time for a try, and sends message 1 to the addresses that are due.
    pub(super) fn dial(&mut self, ctx: &mut Context<'_>, known: bool, other: bool) {
        let addresses: Vec<_> = [(known, true), (other, false)]
            .into_iter()
            .filter(|(due, _)| *due)
            .flat_map(|(_, proved)| self.addresses.to_dial(proved))
            .collect();
        if addresses.is_empty() {
            return;
        }
        for step in self.dial.on(Input::TryDue) {
            match step {
                Step::Start(attempt) => self.start_attempt(ctx, attempt, &addresses),
                Step::Repeat(attempt) => self.send_first_message(ctx, attempt, &addresses),
                Step::Forget(attempt) => self.forget_attempt(ctx, attempt),
            }
        }
    }

    /// Gives up every attempt: a connection was found, or none is wanted.
    pub(super) fn stop_dialling(&mut self, ctx: &mut Context<'_>) {
        for step in self.dial.on(Input::Stop) {
            if let Step::Forget(attempt) = step {
                self.forget_attempt(ctx, attempt);
            }
        }
    }

    /// Ends what has lasted long enough.
    pub(super) fn handle_attempt_timeouts(&mut self, ctx: &mut Context<'_>) {
        let due: Vec<_> = self
            .attempts
            .iter()
            .filter(|it| it.deadline() <= ctx.now)
            .map(|it| (it.key, it.sending))
            .collect();
        for (key, sending) in due {
            let input = if sending { Input::SendsOver(key) } else { Input::ListensOver(key) };
            if let Some(attempt) = self.attempts.iter_mut().find(|it| it.key == key) {
                attempt.sending = false;
            }
            for step in self.dial.on(input) {
                if let Step::Forget(attempt) = step {
                    self.forget_attempt(ctx, attempt);
                }
            }
        }
    }

    pub(super) fn attempt_deadline(&self) -> Option<Instant> {
        self.attempts.iter().map(Attempt::deadline).fold(None, |a, b| soonest(a, Some(b)))
    }

    /// A datagram answers our message 1.
    pub(crate) fn on_message2(
        &mut self,
        ctx: &mut Context<'_>,
        key: AttemptKey,
        from: SocketAddr,
        message: &Message2<'_>,
    ) {
        // From an address that was not dialled it is a copy: the path would begin at whoever made it.
        let dialled = self.addresses.contains(from);
        let Some(attempt) = self.attempts.iter().find(|it| it.key == key && dialled) else {
            return ctx.shared.stats.drop(DropReason::NoAttempt);
        };
        let Ok((payload, secrets)) = attempt.noise.read(message.header, message.body) else {
            return ctx.shared.stats.drop(DropReason::BadHandshake);
        };
        match Message2Payload::decode(&payload) {
            Ok(Message2Payload::Accepted(accepted)) if settles(accepted.generation, attempt.generation) => {
                self.on_accepted(ctx, key, from, message.responder, &accepted, secrets);
            }
            Ok(Message2Payload::Refused { retry_after, .. }) => {
                self.refused_until = Some(ctx.now + retry_after);
                self.stop_dialling(ctx);
                ctx.event(Event::Refused { peer: self.peer, code: CloseCode::Refused, retry_after });
            }
            Ok(Message2Payload::Accepted(_)) | Err(_) => ctx.shared.stats.drop(DropReason::BadHandshake),
        }
    }

    fn on_accepted(
        &mut self,
        ctx: &mut Context<'_>,
        key: AttemptKey,
        from: SocketAddr,
        responder: ConnectionId,
        accepted: &Accepted,
        secrets: Secrets,
    ) {
        let Some(at) = self.attempts.iter().position(|it| it.key == key) else { return };
        let attempt = self.attempts.remove(at);
        if accepted.generation > attempt.generation {
            ctx.shared.stats.mark(Mark::GenerationSettled);
        }
        if !attempt.sending {
            ctx.shared.stats.mark(Mark::LateAnswer);
        }
        for step in self.dial.on(Input::Answered(key)) {
            if let Step::Forget(other) = step {
                self.forget_attempt(ctx, other);
            }
        }
        let birth = Birth {
            key: ctx.next_connection_key(),
            order: self.order(accepted.generation, Role::Initiator),
            role: Role::Initiator,
            asked: attempt.began,
            remote: from,
            proved: true,
            ids: PathIds { local: attempt.id, remote: responder, remote_token: accepted.token },
            suite: suite(ctx, accepted.capabilities),
            secrets,
        };
        let mut connection = self.make_connection(ctx, &birth);
        connection.hello = Some(self.hello(ctx));
        connection.ping_due = true;
        self.adopt(ctx, connection);
        self.cause = Cause::Dialled;
        self.on_hello(ctx, birth.key, accepted.hello);
    }

    /// COOKIE: the peer is busy and wants to know that we are where we say.
    pub(crate) fn on_cookie(
        &mut self,
        ctx: &mut Context<'_>,
        key: AttemptKey,
        from: SocketAddr,
        reply: &CookieReply,
    ) {
        let Some(attempt) = self.attempts.iter_mut().find(|it| it.key == key && it.sending) else {
            return ctx.shared.stats.drop(DropReason::NoAttempt);
        };
        let cookie = macs::mac1(&attempt.message).and_then(|mac1| open_cookie(&self.peer, mac1, &reply.body));
        let Some(cookie) = cookie else { return ctx.shared.stats.drop(DropReason::BadToken) };
        // Anybody who saw message 1 can make a COOKIE: each address gets one message 1 for it.
        let fresh = attempt.asked_by.len() < MAX_ADDRESSES && !attempt.asked_by.contains(&from);
        self.cookie = Some((cookie, ctx.now));
        if fresh && self.addresses.contains(from) {
            self.send_first_message(ctx, key, &[from]);
            if let Some(attempt) = self.attempts.iter_mut().find(|it| it.key == key) {
                attempt.asked_by.push(from);
            }
        }
    }

    /// What both sides of a handshake do with its result.
    pub(crate) fn make_connection(&mut self, ctx: &mut Context<'_>, birth: &Birth) -> Connection {
        let limits = ctx.shared.config.key_limits;
        let keys = PacketKeys::new(&*ctx.shared.provider, &birth.secrets, birth.role, birth.suite, limits);
        Connection::new(ctx.now, birth, keys, ctx.shared.config.congestion)
    }

    /// Our HELLO; draws our half if there is none yet.
    pub(crate) fn hello(&mut self, ctx: &mut Context<'_>) -> Hello {
        let rng = &mut ctx.shared.rng;
        Hello {
            half: self.continuity.mine(|| Half(rng.bytes())),
            incarnation: ctx.shared.incarnation,
            counter: ctx.shared.config.counter,
        }
    }

    /// The place of a connection of this generation (SPEC 2.12).
    pub(crate) fn order(&self, generation: u64, role: Role) -> Order {
        Order { generation, by_smaller: (role == Role::Initiator) == self.we_are_smaller }
    }

    fn start_attempt(&mut self, ctx: &mut Context<'_>, key: AttemptKey, addresses: &[SocketAddr]) {
        let target = Target::Attempt(self.key, key);
        let id = ctx.shared.router.issue(&mut ctx.shared.rng, target);
        let generation = self.generation.saturating_add(1);
        let payload = Message1Payload {
            peer: ctx.shared.identity.peer_id(),
            generation,
            capabilities: own_capabilities(ctx),
            token: ctx.shared.token_key.token(&id),
        };
        let header = Message1::encode_header(id);
        let network = &ctx.shared.config.network;
        let made = Initiator::start(
            &ctx.shared.identity,
            &self.peer,
            network,
            &header,
            &payload.encode(),
            &mut ctx.shared.rng,
        );
        // The identity was checked when the link was made; what remains is a chance of 2^-255 in the draw.
        let Ok((noise, body)) = made else { return ctx.shared.router.forget(id) };
        self.generation = generation;
        ctx.shared.stats.attempts += 1;
        let message = Message1::encode(id, &body);
        let (began, sending, asked_by) = (ctx.now, true, Vec::new());
        self.attempts.push(Attempt { key, id, began, generation, message, noise, sending, asked_by });
        self.send_first_message(ctx, key, addresses);
    }

    fn send_first_message(&mut self, ctx: &mut Context<'_>, key: AttemptKey, addresses: &[SocketAddr]) {
        let cookie = self.valid_cookie(ctx.now);
        let Some(attempt) = self.attempts.iter_mut().find(|it| it.key == key) else { return };
        macs::write_macs(&mut attempt.message, &Mac1Key::for_receiver(&self.peer), cookie.as_ref());
        for address in addresses {
            ctx.shared.outbox.push(*address, &attempt.message);
            ctx.shared.stats.first_messages += 1;
        }
    }

    fn valid_cookie(&self, now: Instant) -> Option<Cookie> {
        self.cookie.filter(|(_, at)| now.saturating_since(*at) < COOKIE_LIFETIME).map(|(cookie, _)| cookie)
    }

    fn forget_attempt(&mut self, ctx: &mut Context<'_>, key: AttemptKey) {
        if let Some(at) = self.attempts.iter().position(|it| it.key == key) {
            let attempt = self.attempts.remove(at);
            ctx.shared.router.forget(attempt.id);
        }
    }
}

/// What this machine can do.
pub(crate) fn own_capabilities(ctx: &Context<'_>) -> Capabilities {
    if ctx.shared.provider.has_aes() { Capabilities::AES } else { Capabilities::default() }
}

/// The suite that both sides' capabilities give (SPEC 3.1).
pub(crate) fn suite(ctx: &Context<'_>, theirs: Capabilities) -> Suite {
    if ctx.shared.provider.has_aes() && theirs.contains(Capabilities::AES) {
        Suite::Aes256Gcm
    } else {
        Suite::ChaCha20Poly1305
    }
}
