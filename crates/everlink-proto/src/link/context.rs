//! What a link borrows from its endpoint while it works.

use core::net::SocketAddr;
use std::collections::VecDeque;

use crate::{
    config::Config,
    crypto::{Provider, identity::Identity, token::TokenKey},
    event::Event,
    id::{Incarnation, PeerId},
    rng::Rng,
    router::Router,
    stats::Stats,
    time::Instant,
};

/// Handshake datagrams that wait for the driver; beyond it new ones are dropped, like on a full wire.
const MAX_OUTBOX: usize = 512;

/// What all links of an endpoint share.
pub(crate) struct Shared {
    pub(crate) identity: Identity,
    pub(crate) token_key: TokenKey,
    pub(crate) incarnation: Incarnation,
    pub(crate) config: Config,
    pub(crate) provider: std::sync::Arc<dyn Provider>,
    pub(crate) rng: Rng,
    pub(crate) router: Router,
    pub(crate) outbox: Outbox,
    pub(crate) events: VecDeque<Event>,
    pub(crate) stats: Stats,
    /// Connections made so far: their keys.
    pub(crate) connections_made: u64,
    /// Peers whose slots end with their session (SPEC 8.3).
    pub(crate) slots_to_drop: Vec<PeerId>,
}

/// Handshake datagrams on their way out.
#[derive(Debug, Default)]
pub(crate) struct Outbox(VecDeque<(SocketAddr, Box<[u8]>)>);

impl Outbox {
    pub(crate) fn push(&mut self, to: SocketAddr, datagram: &[u8]) {
        if self.0.len() < MAX_OUTBOX {
            self.0.push_back((to, datagram.into()));
        }
    }

    pub(crate) fn pop(&mut self) -> Option<(SocketAddr, Box<[u8]>)> {
        self.0.pop_front()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// What a link borrows for one call.
pub(crate) struct Context<'a> {
    pub(crate) now: Instant,
    pub(crate) shared: &'a mut Shared,
}

impl Context<'_> {
    pub(crate) fn event(&mut self, event: Event) {
        self.shared.events.push_back(event);
    }
}
