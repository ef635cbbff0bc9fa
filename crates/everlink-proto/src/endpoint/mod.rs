//! One identity and its links: the surface of the core.
//!
//! A driver calls five verbs, in this rhythm:
//!
//! 1. [`Endpoint::handle_datagram`] for every datagram, [`Endpoint::handle_timeout`] when the deadline has come, and
//!    any command of the application in between;
//! 2. then [`Endpoint::poll_transmit`] until it returns `None`, sending what it wrote;
//! 3. then [`Endpoint::poll_event`] until it returns `None`;
//! 4. then [`Endpoint::poll_timeout`], to know how long to wait.
//!
//! Nothing happens between two calls. The endpoint owns its links and contains no mechanism: who is meant by a
//! datagram is in `router`, first contact in `accept`, everything about one peer in `link`.

mod accept;
mod agenda;
mod application;
mod failure;
mod halves;
mod limiter;
mod links;
pub mod places;
mod room;
mod slots;

use core::net::SocketAddr;
use std::collections::VecDeque;
use std::sync::Arc;

pub use self::application::OpenError;
use self::{accept::UnknownBudget, limiter::Limiter, links::Links, slots::Slots};
use crate::{
    config::Config,
    connection::Slot,
    crypto::{
        Provider,
        cookie::CookieJar,
        identity::Identity,
        macs::{self, Mac1Key},
        token::TokenKey,
    },
    event::{Deadline, Event, Reason},
    id::{Incarnation, PeerId},
    link::{Context, FULL, LinkKey, Outbox, Shared, history::Cause},
    rng::Rng,
    router::{Router, Target},
    stats::{DropReason, Mark, Stats},
    time::{Duration, Instant, soonest},
    wire::{
        frame::CloseCode,
        header::{Datagram, DatagramError},
    },
};

/// A deadline handled this late means that the process was asleep (SPEC 6.5).
const ASLEEP: Duration = Duration::from_secs(2);

/// Datagrams for one destination, written by [`Endpoint::poll_transmit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Where they go.
    pub to: SocketAddr,
    /// Bytes appended to the buffer.
    pub len: usize,
    /// Size of each datagram; the last may be shorter.
    pub segment: usize,
}

/// One identity and its links.
pub struct Endpoint {
    shared: Shared,
    links: Links,
    departed: room::Departed,
    slots: Slots,
    limiter: Limiter,
    cookies: CookieJar,
    unknown_budget: UnknownBudget,
    own_mac1: Mac1Key,
    messages_accepted: u64,
    stopping: bool,
    /// The earliest deadline the driver was told.
    armed: Option<Instant>,
    /// When an entry last looked for sleep: it was awake then.
    awake_at: Instant,
}

impl Endpoint {
    /// An endpoint that holds nothing yet. `seed` must come from the operating system's generator and never be
    /// used twice: everything random comes from it, keys included.
    pub fn new(
        now: Instant,
        identity: Identity,
        config: Config,
        provider: Arc<dyn Provider>,
        seed: [u8; 32],
    ) -> Self {
        let mut rng = Rng::from_seed(seed);
        let own_mac1 = Mac1Key::for_receiver(&identity.peer_id());
        Self {
            links: Links::default(),
            departed: room::Departed::default(),
            slots: Slots::default(),
            limiter: Limiter::new(&mut rng),
            cookies: CookieJar::new(now, &mut rng),
            unknown_budget: UnknownBudget::new(now),
            own_mac1,
            messages_accepted: 0,
            stopping: false,
            armed: None,
            awake_at: now,
            shared: Shared {
                token_key: TokenKey::new(&identity),
                incarnation: Incarnation(rng.bytes()),
                identity,
                config,
                provider,
                rng,
                router: Router::default(),
                outbox: Outbox::default(),
                events: VecDeque::new(),
                stats: Stats::default(),
                connections_made: 0,
                slots_to_drop: Vec::new(),
            },
        }
    }

    /// Who this is.
    pub fn peer_id(&self) -> PeerId {
        self.shared.identity.peer_id()
    }

    /// This process life.
    pub const fn incarnation(&self) -> Incarnation {
        self.shared.incarnation
    }

    /// A datagram has arrived. It is opened in place.
    pub fn handle_datagram(&mut self, now: Instant, from: SocketAddr, datagram: &mut [u8]) {
        self.look_for_sleep(now);
        self.shared.stats.received += 1;
        match Datagram::parse(datagram) {
            Ok(Datagram::Short(packet)) => {
                let id = packet.id;
                match self.shared.router.target(id) {
                    Some(Target::Connection(link, connection)) => {
                        let mut ctx = Context { now, shared: &mut self.shared };
                        // What does not open is nothing that happened.
                        if self.links.get_mut(link).on_datagram(&mut ctx, connection, from, datagram) {
                            self.touch(now, link);
                        }
                    }
                    Some(Target::Slot(slot)) => self.on_confirmation(now, from, slot, datagram),
                    Some(Target::Attempt(..) | Target::Retired) => {
                        self.shared.stats.drop(DropReason::UnknownId);
                    }
                    None => self.on_unknown_id(now, from, id, datagram.len()),
                }
            }
            Ok(Datagram::Message1(message)) => self.on_message1(now, from, &message),
            Ok(Datagram::Message2(message)) => {
                if !macs::verify_mac1(message.datagram, &self.own_mac1) {
                    return self.shared.stats.drop(DropReason::BadMac);
                }
                let Some(Target::Attempt(link, attempt)) = self.shared.router.target(message.initiator)
                else {
                    return self.shared.stats.drop(DropReason::NoAttempt);
                };
                let mut ctx = Context { now, shared: &mut self.shared };
                self.links.get_mut(link).on_message2(&mut ctx, attempt, from, &message);
                self.touch(now, link);
            }
            Ok(Datagram::Cookie(reply)) => {
                let Some(Target::Attempt(link, attempt)) = self.shared.router.target(reply.id) else {
                    return self.shared.stats.drop(DropReason::NoAttempt);
                };
                let mut ctx = Context { now, shared: &mut self.shared };
                self.links.get_mut(link).on_cookie(&mut ctx, attempt, from, &reply);
            }
            Ok(Datagram::Unknown(packet)) => self.on_unknown(now, &packet),
            Ok(Datagram::OtherVersion(message)) => self.on_other_version(from, &message),
            Ok(Datagram::Versions(_)) => self.shared.stats.drop(DropReason::OtherVersion),
            Err(
                DatagramError::Kind
                | DatagramError::Length
                | DatagramError::Version
                | DatagramError::Reserved,
            ) => {
                self.shared.stats.drop(DropReason::Malformed);
            }
        }
    }

    /// The deadline of [`Self::poll_timeout`] has come, or anything before it.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.look_for_sleep(now);
        while let Some((deadline, key)) = self.links.first_timer() {
            if deadline.at > now {
                break;
            }
            let mut ctx = Context { now, shared: &mut self.shared };
            self.links.get_mut(key).handle_timeout(&mut ctx);
            self.touch(now, key);
            let next = self.links.first_timer();
            if next.is_some_and(|(next, of)| (next.at, of) == (deadline.at, key)) {
                // Its deadline is now: it is served by what it sends, and looked at again in the next turn.
                break;
            }
        }
        self.shared.router.handle_timeout(now);
        for id in self.slots.handle_timeout(now) {
            self.shared.router.forget(id);
        }
    }

    /// Appends up to `max_datagrams` datagrams for one destination to `buf`. `None` if there is nothing to send now.
    pub fn poll_transmit(
        &mut self,
        now: Instant,
        max_datagrams: usize,
        buf: &mut Vec<u8>,
    ) -> Option<Transmit> {
        if let Some((to, datagram)) = self.shared.outbox.pop() {
            buf.extend_from_slice(&datagram);
            self.shared.stats.sent += 1;
            return Some(Transmit { to, len: datagram.len(), segment: datagram.len() });
        }
        while let Some(key) = self.links.first_ready() {
            if let Some(transmit) = self.write_batch(now, key, max_datagrams.max(1), buf) {
                self.links.rotate();
                return Some(transmit);
            }
            self.links.unready(key);
            // What was to be sent again may have been void.
            self.links.file(key);
            self.arm(now, key);
            self.forget_if_over(now, key);
        }
        None
    }

    /// When to call [`Self::handle_timeout`], and why. Ask after [`Self::poll_transmit`] has returned `None`.
    pub fn poll_timeout(&mut self) -> Option<Deadline> {
        debug_assert!(self.links.is_filed(), "a link was used and not filed");
        let housekeeping = soonest(self.shared.router.deadline(), self.slots.deadline());
        let housekeeping = housekeeping.map(|at| Deadline { at, reason: Reason::Housekeeping });
        let first = soonest(self.links.first_timer().map(|(deadline, _)| deadline), housekeeping);
        self.armed = first.map(|deadline| deadline.at);
        first
    }

    /// What happened, oldest first.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.shared.events.pop_front()
    }

    /// The socket was bound again or an interface changed: every path is suspect (SPEC 6.2).
    pub fn handle_network_change(&mut self, now: Instant) {
        self.doubt_everything(now, Cause::NetworkChanged);
    }

    /// The socket reported an error for `to`: a hint, and never the end of anything (SPEC 6.4).
    pub fn handle_socket_error(&mut self, now: Instant, to: SocketAddr) {
        self.look_for_sleep(now);
        for key in self.links.keys() {
            let link = self.links.get_mut(key);
            if link.connections.iter().any(|it| it.path.remote() == to) {
                link.pull_forward(now);
                self.touch(now, key);
            }
        }
    }

    /// Counters since the start.
    pub const fn stats(&self) -> &Stats {
        &self.shared.stats
    }

    /// What is held in tables and queues: for checkers of leaks.
    pub fn footprint(&self) -> Footprint {
        Footprint {
            links: self.links.len(),
            slots: self.slots.len(),
            halves: self.slots.halves(),
            routes: self.shared.router.len(),
            timers: self.links.timers(),
            turns: self.links.turns(),
            memories: self.departed.memories(),
            ends: self.departed.ends(),
            outbox: self.shared.outbox.len(),
            events: self.shared.events.len(),
        }
    }

    fn write_batch(
        &mut self,
        now: Instant,
        key: LinkKey,
        max_datagrams: usize,
        buf: &mut Vec<u8>,
    ) -> Option<Transmit> {
        let start = buf.len();
        let mut ctx = Context { now, shared: &mut self.shared };
        let link = self.links.get_mut(key);
        let to = link.write_packet(&mut ctx, Slot { to: None, size: FULL }, buf)?;
        let segment = buf.len() - start;
        let mut count = 1;
        while count < max_datagrams && buf.len() == start + count * segment {
            let slot = Slot { to: Some(to), size: segment };
            if link.write_packet(&mut ctx, slot, buf).is_none() {
                break;
            }
            count += 1;
        }
        self.links.file(key);
        self.shared.stats.sent += u64::try_from(count).unwrap_or(0);
        Some(Transmit { to, len: buf.len() - start, segment })
    }

    /// Lets a link draw its conclusions after an entry.
    fn touch(&mut self, now: Instant, key: LinkKey) {
        let mut ctx = Context { now, shared: &mut self.shared };
        let link = self.links.get_mut(key);
        if self.stopping && link.is_open() && link.has_session() {
            // The peer began anew while its session was being closed.
            link.close(&mut ctx, CloseCode::Stopped, 0, "");
        }
        link.update(&mut ctx);
        while let Some(peer) = self.shared.slots_to_drop.pop() {
            self.drop_slots_of(&peer);
        }
        if self.links.get(key).session.has_unread() {
            self.links.set_unread(key);
        }
        self.links.set_ready(key);
        self.links.file(key);
        self.arm(now, key);
    }

    fn drop_slots_of(&mut self, peer: &PeerId) {
        for id in self.slots.drop_of(peer) {
            self.shared.router.forget(id);
        }
    }

    fn arm(&mut self, now: Instant, key: LinkKey) {
        let ctx = Context { now, shared: &mut self.shared };
        let deadline = self.links.get(key).poll_timeout(&ctx);
        self.links.set_timer(key, deadline);
    }

    fn look_for_sleep(&mut self, now: Instant) {
        // A deadline that was late when the driver was told of it says nothing of the time before.
        let awake_at = core::mem::replace(&mut self.awake_at, now);
        if self.armed.take_if(|armed| now.saturating_since((*armed).max(awake_at)) > ASLEEP).is_some() {
            self.shared.stats.mark(Mark::Woke);
            self.doubt_everything(now, Cause::Woke);
        }
    }

    fn doubt_everything(&mut self, now: Instant, cause: Cause) {
        for key in self.links.keys() {
            let mut ctx = Context { now, shared: &mut self.shared };
            self.links.get_mut(key).doubt(&mut ctx, cause);
            self.touch(now, key);
        }
    }
}

/// What an endpoint holds: for checkers of leaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// Links in the table.
    pub links: usize,
    /// Slots of unconfirmed handshakes.
    pub slots: usize,
    /// Halves kept for strangers to whom they were shown.
    pub halves: usize,
    /// Connection ids routed, those of ended connections included.
    pub routes: usize,
    /// Armed timers of links.
    pub timers: usize,
    /// Turns that links wait for: to send, or to be read.
    pub turns: usize,
    /// Peers without a link of which something is remembered.
    pub memories: usize,
    /// Ends of sessions whose link is gone that the application has not read.
    pub ends: usize,
    /// Handshake datagrams on their way out.
    pub outbox: usize,
    /// Events that the driver has not taken.
    pub events: usize,
}

#[cfg(test)]
mod tests;
