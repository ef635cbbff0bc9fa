//! First contact from outside: message 1 (SPEC 2.9), key confirmation (2.11), UNKNOWN (4.6).

use core::net::SocketAddr;

use super::{
    Endpoint,
    limiter::Admission,
    places::{Opened, SlotKey},
    slots::{Given, NoPlace, Slot},
};
use crate::{
    connection::{Birth, Connection, open_first},
    crypto::{
        Role,
        cookie::{seal_cookie, seal_versions, source},
        keys::PacketKeys,
        macs::{self, Mac1Key},
        noise::{Received, Responder},
        token,
    },
    id::{ConnectionId, Half, PeerId},
    link::{Context, election::ConnectionKey, own_capabilities, suite},
    path::PathIds,
    router::Target,
    session::Order,
    stats::{DropReason, Mark},
    time::Instant,
    wire::{
        WIRE_VERSION,
        frame::Hello,
        handshake::{Accepted, Message1, Message1Payload, Message2, Message2Payload, OtherVersion},
        header::{CookieReply, UNKNOWN_LEN, UnknownPacket, VersionsReply},
    },
};

/// UNKNOWN sent at once, and a second (SPEC 4.6).
const UNKNOWN_BURST: u32 = 20;

/// Microseconds in which the budget of UNKNOWN grows by one: ten a second.
const UNKNOWN_EVERY_MICROS: u64 = 100_000;

/// How many UNKNOWN may still be sent.
#[derive(Debug)]
pub(crate) struct UnknownBudget {
    left: u32,
    counted: Instant,
}

impl UnknownBudget {
    pub(crate) const fn new(now: Instant) -> Self {
        Self { left: UNKNOWN_BURST, counted: now }
    }

    fn take(&mut self, now: Instant) -> bool {
        let grown = now.saturating_since(self.counted).as_micros() / u128::from(UNKNOWN_EVERY_MICROS);
        if grown > 0 {
            self.left = self.left.saturating_add(u32::try_from(grown).unwrap_or(u32::MAX)).min(UNKNOWN_BURST);
            self.counted = now;
        }
        if self.left == UNKNOWN_BURST {
            // A full budget earns nothing.
            self.counted = now;
        }
        let allowed = self.left > 0;
        self.left = self.left.saturating_sub(1);
        allowed
    }
}

impl Endpoint {
    /// Message 1: at most one answer and one slot, and nothing else.
    pub(super) fn on_message1(&mut self, now: Instant, from: SocketAddr, message: &Message1<'_>) {
        if !macs::verify_mac1(message.datagram, &self.own_mac1) {
            return self.shared.stats.drop(DropReason::BadMac);
        }
        if let Some(slot) = self.slots.repeat(now, message.mac1, from) {
            self.shared.stats.mark(Mark::ReplyRepeated);
            return self.shared.outbox.push(from, &slot.reply);
        }
        let config = &self.shared.config;
        let proved = self.cookies.verify_mac2(now, &source(from), message.datagram);
        match self.limiter.admit(now, from, proved, config.cookies_from, config.max_handshakes) {
            Admission::Compute if self.slots.is_welcome(from, proved) => {}
            Admission::Compute | Admission::NeedsCookie => return self.send_cookie(now, from, message),
            Admission::Drop => return self.shared.stats.drop(DropReason::Overload),
        }
        self.limiter.on_computed(from);
        self.shared.stats.responses += 1;
        if proved {
            self.shared.stats.mark(Mark::CookieUsed);
        }
        let network = &self.shared.config.network;
        match Responder::read(&self.shared.identity, network, message.header, message.body) {
            Ok(received) => self.answer(now, from, message, received, proved),
            Err(_) => self.shared.stats.drop(DropReason::BadHandshake),
        }
    }

    fn answer(
        &mut self,
        now: Instant,
        from: SocketAddr,
        message: &Message1<'_>,
        received: Received,
        proved: bool,
    ) {
        let Ok(payload) = Message1Payload::decode(&received.payload) else {
            return self.shared.stats.drop(DropReason::Malformed);
        };
        if self.links.find(&received.peer).is_some_and(|key| self.links.get(key).awaits_answer()) {
            return self.shared.stats.drop(DropReason::Leaving);
        }
        if !self.has_room_for(now, &received.peer) {
            return self.shared.stats.drop(DropReason::NoLink);
        }
        let peer = received.peer;
        let used = self.links.find(&peer).map_or(0, |key| self.links.get(key).generation());
        let chance = if self.slots.is_full() { self.shared.rng.next_u64() } else { 0 };
        let (mac1, proposed) = (*message.mac1, payload.generation);
        let opened = Opened { peer, mac1, from, proved, proposed, used, chance };
        let Given { key, generation, given_way } = match self.slots.make_place(opened) {
            Ok(given) => given,
            Err(NoPlace::NeedsCookie) => return self.send_cookie(now, from, message),
            Err(NoPlace::TooFar) => return self.shared.stats.drop(DropReason::Malformed),
        };
        for id in given_way {
            self.shared.stats.mark(Mark::SlotReplaced);
            self.shared.router.forget(id);
        }
        let hello = self.hello_for(now, peer);
        let id = self.shared.router.issue(&mut self.shared.rng, Target::Slot(key.0));
        let ctx = Context { now, shared: &mut self.shared };
        let accepted = Message2Payload::Accepted(Accepted {
            generation,
            capabilities: own_capabilities(&ctx),
            token: ctx.shared.token_key.token(&id),
            hello,
        });
        let suite = suite(&ctx, payload.capabilities);
        let header = Message2::encode_header(message.id, id);
        let made = received.responder.reply(&header, &accepted.encode(), &mut self.shared.rng);
        let Ok((body, secrets)) = made else {
            self.shared.router.forget(id);
            self.slots.give_back(key);
            return self.shared.stats.drop(DropReason::BadHandshake);
        };
        let mut reply = Message2::encode(message.id, id, &body);
        macs::write_macs(&mut reply, &Mac1Key::for_receiver(&peer), None);
        self.shared.outbox.push(from, &reply);
        let limits = self.shared.config.key_limits;
        let keys = PacketKeys::new(&*self.shared.provider, &secrets, Role::Responder, suite, limits);
        let birth = Birth {
            key: ConnectionKey(0),
            order: Order { generation, by_smaller: peer < self.shared.identity.peer_id() },
            role: Role::Responder,
            asked: now,
            remote: from,
            proved: false,
            ids: PathIds { local: id, remote: message.id, remote_token: payload.token },
            secrets,
            suite,
        };
        self.slots.fill(now, key, Slot { peer, id, reply, birth, keys, hello });
    }

    /// The first packet under the keys of a slot makes it a connection; before that nothing changes.
    pub(super) fn on_confirmation(&mut self, now: Instant, from: SocketAddr, slot: u64, datagram: &mut [u8]) {
        let slot = SlotKey(slot);
        let Some(pending) = self.slots.get_mut(slot) else { return };
        let opened = match open_first(&mut pending.keys, datagram) {
            Ok(opened) => opened,
            Err(reason) => return self.shared.stats.drop(reason),
        };
        let Some((mut slot, proved)) = self.slots.confirm(slot, from) else { return };
        let drawn = self.links.find(&slot.peer).and_then(|key| self.links.get(key).continuity.drawn());
        if drawn.is_some_and(|drawn| drawn != slot.hello.half) {
            // Its session ended since: the half that was shown names nothing any more.
            self.shared.router.forget(slot.id);
            return self.shared.stats.drop(DropReason::NoSlot);
        }
        let Some(link) = self.link_for(now, slot.peer, Some(slot.hello.half)) else {
            self.shared.router.forget(slot.id);
            return self.shared.stats.drop(DropReason::NoLink);
        };
        let mut ctx = Context { now, shared: &mut self.shared };
        slot.birth.key = ctx.next_connection_key();
        (slot.birth.remote, slot.birth.proved) = (from, proved);
        let key = slot.birth.key;
        let connection = Connection::new(now, &slot.birth, slot.keys, ctx.shared.config.congestion);
        let link = self.links.get_mut(link);
        link.accept(&mut ctx, connection);
        link.on_opened(&mut ctx, key, from, opened, datagram);
        let link = link.key;
        self.touch(now, link);
    }

    /// A short packet for an id that nobody holds.
    pub(super) fn on_unknown_id(&mut self, now: Instant, from: SocketAddr, id: ConnectionId, len: usize) {
        self.shared.stats.drop(DropReason::UnknownId);
        if len > UNKNOWN_LEN && self.unknown_budget.take(now) {
            self.shared.stats.mark(Mark::UnknownSent);
            let token = self.shared.token_key.token(&id);
            self.shared.outbox.push(from, &UnknownPacket { id, token }.encode());
        }
    }

    /// UNKNOWN: believed only with the token that came with the id. Several peers may have chosen that, but the token
    /// only one of them.
    pub(super) fn on_unknown(&mut self, now: Instant, packet: &UnknownPacket) {
        let sender = self.shared.router.senders(packet.id).find(|(link, connection)| {
            let expected = self.links.get(*link).token_of(*connection);
            expected.is_some_and(|expected| token::verify(&expected, &packet.token))
        });
        let Some((link, connection)) = sender else {
            return self.shared.stats.drop(DropReason::BadToken);
        };
        let mut ctx = Context { now, shared: &mut self.shared };
        self.links.get_mut(link).on_unknown(&mut ctx, connection);
        self.touch(now, link);
    }

    /// A message 1 of a version that is to come, or long gone.
    pub(super) fn on_other_version(&mut self, from: SocketAddr, message: &OtherVersion<'_>) {
        self.shared.stats.drop(DropReason::OtherVersion);
        if macs::verify_mac1(message.datagram, &self.own_mac1) {
            let own = self.shared.identity.peer_id();
            let body = seal_versions(&own, message.mac1, &[WIRE_VERSION], &mut self.shared.rng);
            self.shared.outbox.push(from, &VersionsReply { id: message.id, body }.encode());
        }
    }

    fn send_cookie(&mut self, now: Instant, from: SocketAddr, message: &Message1<'_>) {
        self.shared.stats.mark(Mark::CookieSent);
        let cookie = self.cookies.issue(now, &source(from), &mut self.shared.rng);
        let own = self.shared.identity.peer_id();
        let body = seal_cookie(&own, message.mac1, &cookie, &mut self.shared.rng);
        self.shared.outbox.push(from, &CookieReply { id: message.id, body }.encode());
    }

    /// The half to show `peer`: the same in every slot and dial (SPEC 8.1).
    fn hello_for(&mut self, now: Instant, peer: PeerId) -> Hello {
        if let Some(key) = self.links.find(&peer) {
            let mut ctx = Context { now, shared: &mut self.shared };
            return self.links.get_mut(key).hello(&mut ctx);
        }
        let half = self.slots.half_of(&peer).unwrap_or_else(|| Half(self.shared.rng.bytes()));
        self.slots.keep_half(now, peer, half);
        Hello { half, incarnation: self.shared.incarnation, counter: self.shared.config.counter }
    }
}
