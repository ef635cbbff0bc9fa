//! Spreads a window over the round trip: a token bucket (RFC 9002, 7.7).
//!
//! The bucket counts in millionths of a byte, so that a rate in bytes per second times a time in
//! microseconds is exact and frequent questions round nothing away.

use core::time::Duration;

use crate::time::Instant;

/// The least a full bucket holds in slow start: the initial window leaves in one go (RFC 9002, 7.7).
const FIRST_BURST: u64 = 10;

/// And afterwards: what a delayed acknowledgement lets go. The buffers of slow paths may hold no more, and lose the
/// rest of a longer burst however low the rate is.
const BURST: u64 = 2;

/// The time at the current rate that a full bucket holds. A driver's timer is good to about 1 ms
/// and may come 1 ms late: with less in the bucket, a fast path would be held up by the timer and
/// not by the rate. At a round trip of 100 us this is many windows, that is, no pacing at all.
const BURST_TIME: Duration = Duration::from_millis(2);

const MICROS_PER_SECOND: u64 = 1_000_000;

/// The bucket of one path.
#[derive(Debug)]
pub(super) struct Pacer {
    /// Bytes per second.
    rate: u64,
    /// Millionths of a byte, as is `tokens`.
    capacity: u64,
    tokens: u64,
    filled_at: Instant,
    max_datagram: u64,
}

impl Pacer {
    /// A pacer with a full bucket.
    pub(super) fn new(max_datagram: u64) -> Self {
        let burst = FIRST_BURST * max_datagram * MICROS_PER_SECOND;
        Self { rate: 1, capacity: burst, tokens: burst, filled_at: Instant::ZERO, max_datagram }
    }

    /// Sets the rate: 5/4 of a window per round trip, so that the window and not the pacer is what
    /// limits; 2 in slow start, where the window doubles in that time.
    pub(super) fn set_rate(&mut self, window: u64, smoothed_rtt: Duration, slow_start: bool) {
        let quarters = if slow_start { 8 } else { 5 };
        let per_second = u128::from(window) * quarters * u128::from(MICROS_PER_SECOND) / 4;
        self.rate = saturate(per_second / smoothed_rtt.as_micros().max(1)).max(1);
        let burst = if slow_start { FIRST_BURST } else { BURST } * self.max_datagram * MICROS_PER_SECOND;
        self.capacity = self.rate.saturating_mul(saturate(BURST_TIME.as_micros())).max(burst);
        self.tokens = self.tokens.min(self.capacity);
    }

    /// When `bytes` may go; `None` if now.
    pub(super) fn delay(&mut self, now: Instant, bytes: u64) -> Option<Instant> {
        self.refill(now);
        let wanted = bytes.saturating_mul(MICROS_PER_SECOND).min(self.capacity);
        let missing = wanted.checked_sub(self.tokens).filter(|missing| *missing > 0)?;
        Some(now + Duration::from_micros(missing.div_ceil(self.rate)))
    }

    /// How many bytes may go at the time last asked about.
    pub(super) const fn available(&self) -> u64 {
        self.tokens / MICROS_PER_SECOND
    }

    /// Takes note of bytes that went. What goes regardless of the pacer, such as a probe, empties
    /// the bucket but leaves no debt.
    pub(super) fn on_sent(&mut self, now: Instant, bytes: u64) {
        self.refill(now);
        self.tokens = self.tokens.saturating_sub(bytes.saturating_mul(MICROS_PER_SECOND));
    }

    fn refill(&mut self, now: Instant) {
        let elapsed = saturate(now.saturating_since(self.filled_at).as_micros());
        self.filled_at = self.filled_at.max(now);
        self.tokens = self.tokens.saturating_add(self.rate.saturating_mul(elapsed)).min(self.capacity);
    }
}

fn saturate(number: u128) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
