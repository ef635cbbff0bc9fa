//! What an acknowledgement tells: which packets arrived, how long that took, and how much more may go.

use core::{ops::RangeInclusive, time::Duration};

use super::{MAX_ACK_DELAY, Outcome, Recovery, ledger::Sent};
use crate::time::Instant;

/// What congestion control needs to know of an acknowledged packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Credit {
    number: u64,
    sent_at: Instant,
    delivered: u64,
    bytes: u64,
    ack_eliciting: bool,
}

impl<R> Recovery<R> {
    /// Looks for packets that were declared lost and were merely late: the path reorders and is given more time,
    /// and a reduction for which there was no reason is taken back.
    pub(super) fn find_late(&mut self, ranges: &[RangeInclusive<u64>]) -> u64 {
        if !self.ledger.has_lost() {
            return 0;
        }
        let began = self.reordering.episode_began();
        let (mut late, mut of_episode) = (0, 0);
        for range in ranges.iter().filter(|range| !range.is_empty()) {
            for number in self.ledger.find_lost(range) {
                late += 1;
                of_episode += u64::from(number >= began);
            }
        }
        if late > 0 {
            self.stats.spurious += late;
            if self.reordering.on_late(of_episode) {
                self.controller.undo();
                self.set_pace();
            }
        }
        late
    }

    /// Takes newly acknowledged packets out of the ledger, oldest first.
    pub(super) fn collect_acked(&mut self, ranges: &[RangeInclusive<u64>], out: &mut Outcome<R>) {
        self.credits.clear();
        for range in ranges.iter().rev() {
            for number in self.ledger.clip(range) {
                let Some(Sent { at, delivered, packet }) = self.ledger.take(number) else { continue };
                let (bytes, ack_eliciting) = (packet.bytes_in_flight(), packet.ack_eliciting);
                self.credits.push(Credit { number, sent_at: at, delivered, bytes, ack_eliciting });
                out.acked.push((number, packet.records));
            }
        }
        self.stats.acked += self.credits.len() as u64;
    }

    /// A sample needs the largest number to be news and the peer to have had a reason to answer
    /// (RFC 9002, 5.1).
    pub(super) fn sample_rtt(&mut self, now: Instant, largest: u64, ack_delay: Duration) {
        // The answer to a challenge elsewhere tells how far that is.
        let counts = |it: &&Credit| {
            it.number == largest && it.sent_at >= self.sampled_since && (it.bytes > 0 || !it.ack_eliciting)
        };
        let newest = self.credits.iter().find(counts);
        if let Some(newest) = newest.filter(|_| self.credits.iter().any(|credit| credit.ack_eliciting)) {
            let sample = now.saturating_since(newest.sent_at);
            self.rtt.update(sample, ack_delay.min(MAX_ACK_DELAY));
            self.measured_since.get_or_insert(now);
        }
    }

    pub(super) fn grow_window(&mut self, now: Instant) {
        let in_flight = |credit: &&Credit| credit.bytes > 0;
        for credit in self.credits.iter().filter(in_flight) {
            self.delivery.add(credit.bytes);
            if credit.sent_at >= self.judged_since {
                let app_limited = credit.number >= self.window_tried_below;
                self.controller.on_ack(now, credit.sent_at, credit.bytes, &self.rtt, app_limited);
            }
        }
        if let Some(newest) = self.credits.iter().rfind(in_flight) {
            self.delivery.on_round(now, newest.delivered, self.rtt.smoothed());
        }
        self.set_pace();
    }
}
