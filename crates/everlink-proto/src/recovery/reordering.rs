//! How much a path reorders: packets that were declared lost and were merely late (RFC 9002 6.1.1 and 6.1.2 permit
//! thresholds that adapt, RFC 8985 6.2 adapts them).
//!
//! Each time such packets turn up, the thresholds of loss detection grow. If all packets of the last reduction of the
//! window turn up, there was no reason for it.

use core::time::Duration;

/// A packet is lost when one sent this many later is acknowledged (RFC 9002, 6.1.1).
pub const PACKET_THRESHOLD: u64 = 3;

/// How often the tolerance grows at most: then the packet threshold is 384, and the time threshold two round trips, as
/// far as RACK goes (RFC 8985 7.2).
const MAX_TOLERANCE: u32 = 7;

/// After so many reductions without one packet that was merely late, the tolerance is forgotten (`reo_wnd_persist` of
/// RFC 8985, 6.2.4).
const TOLERANCE_LASTS: u32 = 16;

/// The longest that an overtaken packet is waited for: two round trips of 2 s. One sample taken across a peer's sleep
/// would else make it minutes (SPEC 6.2).
const MAX_LOSS_DELAY: Duration = Duration::from_secs(4);

/// What is known of the order in which packets arrive.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reordering {
    tolerance: u32,
    /// Reductions since a packet was last found to be merely late.
    reductions: u32,
    /// The last reduction of the window, until it is taken back.
    episode: Episode,
}

/// The losses for which the window was reduced last.
#[derive(Clone, Copy, Debug, Default)]
struct Episode {
    /// The first packet lost.
    first: u64,
    /// How many of them have not turned up.
    missing: u64,
}

impl Reordering {
    /// What another path to the same address has found out. Its packets are none of this one.
    pub(super) fn inherited(&self) -> Self {
        Self { episode: Episode::default(), ..*self }
    }

    /// By how many packets one has to be overtaken to be lost.
    pub(super) const fn packet_threshold(&self) -> u64 {
        PACKET_THRESHOLD << self.tolerance
    }

    /// How long after it was sent an overtaken packet is lost, if `delay` would do on a path that keeps the order.
    pub(super) fn stretch(&self, delay: Duration) -> Duration {
        (delay + delay * self.tolerance / 8).min(MAX_LOSS_DELAY)
    }

    /// The first packet whose loss the last reduction was for.
    pub(super) const fn episode_began(&self) -> u64 {
        self.episode.first
    }

    /// Packets that were declared lost have turned up, `of_episode` of them lost in the last reduction or since. Says
    /// whether that is taken back: there was no reason for it.
    pub(super) fn on_late(&mut self, of_episode: u64) -> bool {
        self.tolerance = (self.tolerance + 1).min(MAX_TOLERANCE);
        self.reductions = 0;
        let missing = self.episode.missing;
        self.episode.missing = missing.saturating_sub(of_episode);
        missing > 0 && self.episode.missing == 0
    }

    /// `count` packets were declared lost, the lowest of them `first`; `reduced` says that the window shrank for it.
    pub(super) const fn on_lost(&mut self, first: u64, count: u64, reduced: bool) {
        if !reduced {
            // As many more for the reduction before, unless that was taken back.
            self.episode.missing += if self.episode.missing > 0 { count } else { 0 };
            return;
        }
        self.episode = Episode { first, missing: count };
        self.reductions += 1;
        if self.reductions >= TOLERANCE_LASTS {
            (self.tolerance, self.reductions) = (0, 0);
        }
    }
}
