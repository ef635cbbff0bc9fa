//! Which packets are lost, and what congestion control has to know of them.

use core::time::Duration;

use super::{
    Outcome, Recovery, SentPacket,
    congestion::{Loss, Passage},
    ledger::{Sent, Slot},
};
use crate::time::Instant;

/// Losses without a break over this many probe timeouts are persistent congestion (RFC 9002, 7.6.1).
const PERSISTENT_TIMEOUTS: u32 = 3;

impl<R> Recovery<R> {
    /// RFC 9002, 6.1. Packets are looked at in the order they were sent, so the first that is not
    /// lost is also the first that will be.
    pub(super) fn detect_lost(&mut self, now: Instant, out: &mut Outcome<R>) {
        self.loss_time = None;
        let (mut losses, delay) = (Losses::default(), self.reordering.stretch(self.rtt.loss_delay()));
        for number in self.ledger.base()..self.largest_acked.unwrap_or(0) {
            match self.ledger.slot(number) {
                Some(Slot::Sent(sent)) if !self.is_overtaken(number) && now < sent.at + delay => {
                    self.loss_time = Some(sent.at + delay);
                    break;
                }
                Some(Slot::Settled) => losses.interrupt(),
                _ => {}
            }
            if let Some(Sent { at, packet, .. }) = self.ledger.lose(number) {
                if at >= self.judged_since {
                    losses.add(at, number, &packet, self.measured_since);
                }
                self.stats.lost += 1;
                out.lost.push((number, packet.records));
            }
        }
        self.shrink_window(now, &losses);
        self.trim();
    }

    fn is_overtaken(&self, number: u64) -> bool {
        let threshold = self.reordering.packet_threshold();
        self.largest_acked.is_some_and(|largest| number.saturating_add(threshold) <= largest)
    }

    fn shrink_window(&mut self, now: Instant, losses: &Losses) {
        let Some(newest) = losses.newest() else { return };
        let persistent = losses.longest_run() > self.pto() * PERSISTENT_TIMEOUTS;
        if persistent {
            self.rtt.restart_min();
            self.stats.persistent += 1;
        }
        let passage = || Passage { bytes: self.delivery.best(), round_trip: self.rtt.min() };
        let unqueued = (!self.rtt.shows_queue()).then(passage);
        let loss = Loss { sent_at: newest, persistent, unqueued };
        let reduced = self.controller.on_loss(now, loss);
        self.reordering.on_lost(losses.first(), losses.count(), reduced);
        self.set_pace();
    }

    pub(super) fn give_up(&mut self, out: &mut Outcome<R>, which: impl Fn(&SentPacket<R>) -> bool) {
        for number in self.ledger.base()..self.ledger.end() {
            let chosen = matches!(self.ledger.slot(number), Some(Slot::Sent(sent)) if which(&sent.packet));
            if !chosen {
                continue;
            }
            if let Some(sent) = self.ledger.take(number) {
                self.stats.given_up += 1;
                out.lost.push((number, sent.packet.records));
            }
        }
        self.loss_time = None;
        self.trim();
    }

    fn trim(&mut self) {
        self.ledger.trim(self.largest_acked.unwrap_or(0));
    }
}

/// What one round of loss detection found.
#[derive(Debug, Default)]
struct Losses {
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
    fn add<R>(
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
    const fn interrupt(&mut self) {
        self.run_start = None;
    }

    /// When the last of them was sent; `None` if congestion control has nothing to learn.
    const fn newest(&self) -> Option<Instant> {
        self.newest
    }

    /// The lowest packet number among them.
    fn first(&self) -> u64 {
        self.first.unwrap_or(0)
    }

    /// How many packets they are.
    const fn count(&self) -> u64 {
        self.count
    }

    /// The time between the first and the last of the longest run of lost packets.
    const fn longest_run(&self) -> Duration {
        self.longest_run
    }
}
