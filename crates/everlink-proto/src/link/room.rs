//! How a link gives its place away: when it may, what it says, what outlives it.

use core::net::SocketAddr;

use super::{Addresses, Context, FULL, Link, election::ConnectionKey, history::Cause};
use crate::{
    connection::{Goodbye, Slot},
    session::{ChannelOptions, EndReason, InboxItem},
    time::Instant,
    wire::frame::CloseCode,
};

/// Datagrams in which a link that gives way says goodbye: 256 channels have a RECEIVED each, at most 30 bytes, and a
/// challenge may be due before.
const MOST_LAST_WORDS: usize = 8;

/// What outlives a link that gives its place away.
#[derive(Default)]
pub(crate) struct Memory {
    addresses: Addresses,
    channels: Vec<(u64, ChannelOptions)>,
    refused_until: Option<Instant>,
}

impl Memory {
    pub(crate) fn is_empty(&self) -> bool {
        self.channels.is_empty() && self.addresses.is_empty() && self.refused_until.is_none()
    }

    /// Takes hints for a peer that has no link.
    pub(crate) fn add(&mut self, hints: &[SocketAddr]) {
        for hint in hints {
            self.addresses.add(*hint);
        }
    }
}

impl Link {
    /// When it was used last, if nothing would be lost with this link. A close that is under way is needed, too, and so
    /// is the memory of a process that was left (SPEC 8.2).
    pub(crate) fn idle_since(&self) -> Option<Instant> {
        let since = self.last_active.max(self.last_used);
        let is_free = !self.is_needed() && self.switch_settles.is_none();
        (is_free && self.session.is_free_of_debt(self.peer_is_gone)).then_some(since)
    }

    /// The application has to do with it, and may owe the peer something new.
    pub(crate) const fn note_use(&mut self, now: Instant) {
        self.last_used = now;
        self.waits_since = now;
    }

    /// What the application said of the peer, and where it was found: to be handed to the next link with it.
    pub(crate) fn memory(&self) -> Memory {
        let (addresses, channels) = (self.addresses.clone(), self.session.channel_options());
        Memory { addresses, channels, refused_until: self.refused_until }
    }

    /// Goes on with what was known when the link gave its place away, in sessions of other numbers.
    pub(crate) fn remember(&mut self, memory: Memory) {
        self.addresses = memory.addresses;
        self.refused_until = memory.refused_until;
        for (channel, options) in memory.channels {
            // They were taken before, so they are within the bound.
            let _ = self.session.set_channel(channel, options);
        }
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
            self.write_last_words(ctx, key);
        }
        let all: Vec<_> = self.connections.iter().map(|it| it.key).collect();
        for key in all {
            self.drop_connection(ctx, key);
        }
        self.stop_dialling(ctx);
    }

    /// All that a connection still has to say goes out now; there will be no other time.
    fn write_last_words(&mut self, ctx: &mut Context<'_>, key: ConnectionKey) {
        let Some(connection) = self.connection_mut(key) else { return };
        for _ in 0..MOST_LAST_WORDS {
            let mut last_words = Vec::new();
            let slot = Slot { to: None, size: FULL };
            let to = connection.write_packet(ctx.now, &mut ctx.shared.rng, None, slot, &mut last_words);
            let Some(to) = to else { return };
            ctx.shared.outbox.push(to, &last_words);
        }
    }
}
