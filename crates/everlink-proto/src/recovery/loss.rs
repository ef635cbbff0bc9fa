//! What one round of loss detection found, as congestion control sees it.

use core::time::Duration;

use super::SentPacket;
use crate::time::Instant;

/// Packets lost together.
#[derive(Debug, Default)]
pub(super) struct Losses {
    first: Option<u64>,
    count: u64,
    newest: Option<Instant>,
    /// When the first ack-eliciting packet of the unbroken run under way was sent.
    run_start: Option<Instant>,
    longest_run: Duration,
}

impl Losses {
    /// Adds a packet, in the order of sending. Packets sent before the first round-trip sample do
    /// not make a run: how long a probe timeout is was a guess then (RFC 9002, 7.6.2).
    pub(super) fn add<R>(
        &mut self,
        sent_at: Instant,
        number: u64,
        packet: &SentPacket<R>,
        measured_since: Option<Instant>,
    ) {
        if packet.in_flight {
            self.first.get_or_insert(number);
            self.count += 1;
            self.newest = Some(sent_at);
        }
        if packet.ack_eliciting && packet.in_flight && measured_since.is_some_and(|since| since < sent_at) {
            let start = *self.run_start.get_or_insert(sent_at);
            self.longest_run = self.longest_run.max(sent_at.saturating_since(start));
        }
    }

    /// Ends the run: a packet in between was acknowledged.
    pub(super) const fn interrupt(&mut self) {
        self.run_start = None;
    }

    /// When the last of them was sent; `None` if congestion control has nothing to learn.
    pub(super) const fn newest(&self) -> Option<Instant> {
        self.newest
    }

    /// The lowest packet number among them.
    pub(super) fn first(&self) -> u64 {
        self.first.unwrap_or(0)
    }

    /// How many packets they are.
    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    /// The time between the first and the last of the longest run of lost packets.
    pub(super) const fn longest_run(&self) -> Duration {
        self.longest_run
    }
}
