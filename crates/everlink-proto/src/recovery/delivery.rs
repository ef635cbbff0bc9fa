//! How much a path delivers in a round trip: the best of the last few, as BBR counts it
//! (draft-ietf-ccwg-bbr, "delivery rate samples").
//!
//! Each packet remembers how much had been delivered when it was sent. What was delivered between then and its own
//! acknowledgement took one round trip.

use core::time::Duration;

use crate::time::Instant;

/// For how many round trips the best one is remembered at least, and at most twice as many. Of eight in a row one has
/// few losses, if losses are random; and a path that has become slower is believed after a second or two.
const ROUNDS: u32 = 8;

/// What one path delivered so far, and the most in one round trip.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Delivery {
    total: u64,
    /// The best of the present and of the last stretch of [`ROUNDS`].
    best: [u64; 2],
    until: Instant,
}

impl Delivery {
    /// What was delivered until now: to be kept with each packet that is sent.
    pub(super) const fn total(&self) -> u64 {
        self.total
    }

    /// Counts bytes that arrived.
    pub(super) const fn add(&mut self, bytes: u64) {
        self.total = self.total.saturating_add(bytes);
    }

    /// A packet arrived that was sent when `before` had been delivered.
    pub(super) fn on_round(&mut self, now: Instant, before: u64, round_trip: Duration) {
        if now >= self.until {
            self.best = [0, self.best[0]];
            self.until = now + round_trip * ROUNDS;
        }
        self.best[0] = self.best[0].max(self.total.saturating_sub(before));
    }

    /// The most that arrived in one of the last round trips.
    pub(super) fn best(&self) -> u64 {
        self.best[0].max(self.best[1])
    }
}
