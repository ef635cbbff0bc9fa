//! How long a packet and its acknowledgement take: the estimate of RFC 9002, section 5.

use core::time::Duration;

/// What is assumed before anything was measured (RFC 9002, 6.2.2).
pub const INITIAL_RTT: Duration = Duration::from_millis(333);

/// Timers are not finer than this (RFC 9002, 6.1.2).
pub const GRANULARITY: Duration = Duration::from_millis(1);

/// The round-trip time of one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rtt {
    latest: Duration,
    min: Duration,
    smoothed: Duration,
    variation: Duration,
    /// False while the figures are a guess, which the first sample replaces.
    measured: bool,
}

impl Default for Rtt {
    fn default() -> Self {
        Self {
            latest: INITIAL_RTT,
            min: INITIAL_RTT,
            smoothed: INITIAL_RTT,
            variation: INITIAL_RTT / 2,
            measured: false,
        }
    }
}

impl Rtt {
    /// The newest sample.
    pub const fn latest(&self) -> Duration {
        self.latest
    }

    /// The smallest sample: the path without queues.
    pub const fn min(&self) -> Duration {
        self.min
    }

    /// The moving average of the samples.
    pub const fn smoothed(&self) -> Duration {
        self.smoothed
    }

    /// The moving average of how far samples are from the average.
    pub const fn variation(&self) -> Duration {
        self.variation
    }

    /// Whether the figures come from this path, not from a guess or another path.
    pub const fn is_measured(&self) -> bool {
        self.measured
    }

    /// Whether packets take a quarter longer than they need: a queue is building up somewhere.
    pub fn shows_queue(&self) -> bool {
        self.smoothed > self.min + (self.min / 4).max(GRANULARITY)
    }

    /// How long to wait for an acknowledgement before sending a probe, without back-off
    /// (RFC 9002, 6.2.1).
    pub fn pto_base(&self, max_ack_delay: Duration) -> Duration {
        self.smoothed + (self.variation * 4).max(GRANULARITY) + max_ack_delay
    }

    /// How long a packet may be overtaken before it counts as lost: 9/8 of a round trip
    /// (RFC 9002, 6.1.2).
    pub fn loss_delay(&self) -> Duration {
        (self.smoothed.max(self.latest) * 9 / 8).max(GRANULARITY)
    }

    /// Takes a sample. `ack_delay` is the part of it that the peer says it spent waiting; it is
    /// believed only as far as the sample stays above the minimum (RFC 9002, 5.3).
    pub fn update(&mut self, sample: Duration, ack_delay: Duration) {
        self.latest = sample;
        if !self.measured {
            self.measured = true;
            self.min = sample;
            self.smoothed = sample;
            self.variation = sample / 2;
            return;
        }
        self.min = self.min.min(sample);
        let believed = sample >= self.min + ack_delay;
        let adjusted = if believed { sample - ack_delay } else { sample };
        self.variation = (self.variation * 3 + self.smoothed.abs_diff(adjusted)) / 4;
        self.smoothed = (self.smoothed * 7 + adjusted) / 8;
    }

    /// Starts from the estimate of another path. It remains a guess: the first sample of this
    /// path replaces it.
    pub fn inherit(&mut self, other: &Self) {
        *self = Self { measured: false, ..*other };
    }

    /// Forgets the minimum, since the route may have changed for good (RFC 9002, 5.2).
    pub(super) fn restart_min(&mut self) {
        self.min = self.latest;
    }
}

#[cfg(test)]
mod tests;
