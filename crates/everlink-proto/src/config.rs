//! What an endpoint can be told at its start.

use core::time::Duration;

use crate::{
    crypto::{keys::KeyLimits, noise::Network},
    recovery::congestion::Algorithm,
    session::SessionConfig,
};

/// Settings of an endpoint. `Config::default()` is right for most.
#[derive(Clone, Debug)]
pub struct Config {
    /// The network to which every peer must belong; default: the open one.
    pub network: Network,
    /// Links held at most. At the bound the one that was idle for longest, at least 10 s, and owes nothing gives way to
    /// another; its session ends as [`Evicted`](crate::session::EndReason::Evicted). Where its peer was found and what
    /// its channels are like is remembered, for 4,096 peers without a link. Endpoints whose tables are full of links
    /// that owe something may wait for each other: choose more than there are peers at once. Default 10,000; an idle
    /// link takes a few hundred bytes, a connected one a few KiB.
    pub max_links: usize,
    /// Bounds and windows of each session.
    pub session: SessionConfig,
    /// Congestion control of each path. Default CUBIC.
    pub congestion: Algorithm,
    /// How much a key may seal. Lower it only in tests.
    pub key_limits: KeyLimits,
    /// Age of a used connection at which its initiator makes a new one (SPEC 3.3); its responder waits a quarter
    /// longer. Default 120 s.
    pub rekey_after: Duration,
    /// Idle time after which keys are wiped and the session kept (SPEC 6.6). Default 1 h; keep it above `rekey_after`.
    pub idle_keys: Duration,
    /// How long a close flushes (SPEC 8.6). Default 3 s.
    pub linger: Duration,
    /// The persisted incarnation counter, or 0 where nothing is persisted (SPEC 8.1).
    pub counter: u64,
    /// Handshakes computed in a second from which on cookies are asked for (SPEC 2.10). Default 200, which
    /// is about 5 % of one core.
    pub cookies_from: u32,
    /// Handshakes computed in a second at most (SPEC 2.10). Default 800.
    pub max_handshakes: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            network: Network::default(),
            max_links: 10_000,
            session: SessionConfig::default(),
            congestion: Algorithm::default(),
            key_limits: KeyLimits::default(),
            rekey_after: Duration::from_secs(120),
            idle_keys: Duration::from_secs(3600),
            linger: Duration::from_secs(3),
            counter: 0,
            cookies_from: 200,
            max_handshakes: 800,
        }
    }
}
