//! The receiving side of acknowledgement: what arrived, and when to say so.
//!
//! Nothing is said while all is well: an acknowledgement waits for a second packet or for
//! [`MAX_ACK_DELAY`]. It is said at once when something is missing, since the sender's loss
//! detection waits for it.

use core::ops::RangeInclusive;
use core::time::Duration;

use super::PACKET_THRESHOLD;
use crate::range_set::RangeSet;
use crate::time::{Instant, soonest};

/// The longest an acknowledgement is held back.
///
/// Both sides know it: the sender adds it to its probe timeout and believes no longer delay. RFC
/// 9000 has 25 ms; 20 ms covers a driver timer of some milliseconds and keeps the first probe of a
/// short path within reach of the 200 ms after which a path may become suspect.
pub const MAX_ACK_DELAY: Duration = Duration::from_millis(20);

/// How many ranges are remembered and reported: more holes than a sender repairs one by one, and a
/// frame that fits any packet even at 16 bytes a range.
pub const MAX_ACK_RANGES: usize = 64;

/// After how many ack-eliciting packets an acknowledgement goes out (RFC 9000, 13.2.2).
const ACK_THRESHOLD: u32 = 2;

/// What arrived on one path, and when to acknowledge it.
#[derive(Debug)]
pub struct AckTracker {
    received: RangeSet,
    largest_at: Instant,
    /// Below this, a missing number is not worth a word: the sender knows what we know.
    settled: u64,
    /// The smallest number that no acknowledgement has reported yet.
    unreported: Option<u64>,
    /// Ack-eliciting packets since the last acknowledgement.
    waiting: u32,
    threshold: u32,
    deadline: Option<Instant>,
}

impl Default for AckTracker {
    fn default() -> Self {
        Self {
            received: RangeSet::new(),
            largest_at: Instant::ZERO,
            settled: 0,
            unreported: None,
            waiting: 0,
            threshold: ACK_THRESHOLD,
            deadline: None,
        }
    }
}

impl AckTracker {
    /// A tracker of a path on which nothing has arrived.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes note of an authentic packet that is acknowledged from now on.
    pub fn on_received(&mut self, number: u64, ack_eliciting: bool, now: Instant) {
        let overtaken = self.received.max().is_some_and(|largest| number < largest);
        if !self.received.insert(number) {
            return;
        }
        if !overtaken {
            self.largest_at = now;
        }
        self.unreported = soonest(self.unreported, Some(number));
        if self.received.len() > MAX_ACK_RANGES {
            self.received.pop_min();
        }
        if ack_eliciting {
            self.waiting = self.waiting.saturating_add(1);
            let at_once = overtaken || self.follows_a_hole(number) || self.waiting >= self.threshold;
            self.want_by(if at_once { now } else { now + MAX_ACK_DELAY });
        }
    }

    /// When the acknowledgement has to go out; `None` while none is owed.
    pub const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Whether the acknowledgement has to go out now. A packet that goes out anyway should carry
    /// one whenever [`Self::deadline`] is set.
    pub fn is_due(&self, now: Instant) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now)
    }

    /// What to report, newest first, at most [`MAX_ACK_RANGES`] ranges.
    pub fn ranges(&self) -> impl ExactSizeIterator<Item = RangeInclusive<u64>> + '_ {
        self.received.iter().rev().map(|range| range.start..=range.end - 1)
    }

    /// The largest number that arrived.
    pub fn largest(&self) -> Option<u64> {
        self.received.max()
    }

    /// How long ago the largest number arrived: the delay to report.
    pub fn ack_delay(&self, now: Instant) -> Duration {
        now.saturating_since(self.largest_at)
    }

    /// Makes an acknowledgement due now, if there is anything to acknowledge.
    pub fn force(&mut self, now: Instant) {
        if !self.received.is_empty() {
            self.want_by(now);
        }
    }

    /// Acknowledges only every `packets` ack-eliciting packets while nothing is missing; at least 1.
    pub fn set_threshold(&mut self, packets: u32) {
        self.threshold = packets.max(1);
    }

    /// Takes note that [`Self::ranges`] went out.
    pub fn on_ack_sent(&mut self) {
        self.waiting = 0;
        self.unreported = None;
        self.deadline = None;
    }

    /// Takes note that the peer has an acknowledgement of ours that reported up to `largest`: what
    /// it covered need not be repeated (RFC 9000, 13.2.4). The largest number stays, and so does
    /// what arrived late and has not been reported at all.
    pub fn on_ack_of_ack(&mut self, largest: u64) {
        let Some(newest) = self.received.max() else { return };
        let known = largest.saturating_add(1).min(newest);
        let cut = self.unreported.map_or(known, |number| known.min(number));
        self.received.remove_range(0..cut);
        self.settled = self.settled.max(cut);
    }

    /// Whether one of the numbers just before `number` is missing. So many are looked at as the
    /// sender's loss detection needs to hear of before it acts.
    fn follows_a_hole(&self, number: u64) -> bool {
        let from = number.saturating_sub(PACKET_THRESHOLD).max(self.settled);
        !self.received.contains_range(from..number)
    }

    fn want_by(&mut self, deadline: Instant) {
        self.deadline = soonest(self.deadline, Some(deadline));
    }
}

#[cfg(test)]
mod tests;
