//! Recovery of one path: what is under way, what arrived, what is lost, how much more may go.
//!
//! The rules are those of RFC 9002 for one packet-number space. A packet is known here by its
//! number, its size and an opaque list of records: what it carried. Each record is handed back
//! exactly once, with the packet acknowledged or lost, so that its owner can forget it or send it
//! again; a packet itself is never sent twice.
//!
//! A path that its owner has declared *suspect* arms no probe timeout and gives no packet up for
//! silence: the owner probes on its own schedule, and acknowledgements that do come still count.

mod ack;
mod acked;
mod answer;
pub mod congestion;
mod delivery;
mod ledger;
mod loss;
mod numbers;
mod pacer;
mod reordering;
mod rtt;

use core::ops::RangeInclusive;
use core::time::Duration;

pub use self::ack::{AckTracker, MAX_ACK_DELAY, MAX_ACK_RANGES};
use self::acked::Credit;
pub use self::answer::{AckError, Outcome, SendBudget, SentPacket, Stats, Timeout};
use self::congestion::{Algorithm, Controller};
use self::delivery::Delivery;
use self::ledger::Ledger;
pub use self::ledger::MAX_PACKETS;
use self::numbers::Numbers;
use self::pacer::Pacer;
pub use self::reordering::PACKET_THRESHOLD;
use self::reordering::Reordering;
pub use self::rtt::{GRANULARITY, INITIAL_RTT, Rtt};
use crate::rng::Rng;
use crate::time::Instant;

/// The back-off of probe timeouts stops doubling here: about five minutes at a typical timeout. An
/// owner that declares paths suspect never gets near it.
const MAX_BACKOFF: u32 = 12;

/// The longest wait for a probe timeout. One sample taken across a peer's sleep makes a timeout of many seconds,
/// and three of them in a row would hide a cut for a minute; round trips beyond 2 s are not catered for
/// (SPEC 6.2).
const MAX_WAIT: Duration = Duration::from_secs(2);

/// After this many packets in a row that elicit nothing, one should (RFC 9000, 13.2.4).
const MAX_SILENT_PACKETS: u32 = 32;

/// The sending side of one path.
#[derive(Debug)]
pub struct Recovery<R> {
    numbers: Numbers,
    ledger: Ledger<R>,
    rtt: Rtt,
    measured_since: Option<Instant>,
    controller: Box<dyn Controller>,
    pacer: Pacer,
    largest_acked: Option<u64>,
    /// When the oldest overtaken packet will count as lost.
    loss_time: Option<Instant>,
    /// What the probe timeout counts from: the first ack-eliciting packet under way, the last acknowledgement
    /// of one, or the last timeout. RFC 9002 6.2.1 counts from the last packet sent; then a sender that keeps
    /// sending into a cut, slower than its window fills, would never notice.
    probe_from: Instant,
    probe_count: u32,
    reordering: Reordering,
    delivery: Delivery,
    silent_packets: u32,
    suspect: bool,
    /// Packets below this number were sent into a window that was full, or kept from being so by
    /// the pacer only: their acknowledgement is evidence for a larger one.
    window_tried_below: u64,
    /// Packets sent before the end of the last outage tell congestion control nothing.
    judged_since: Instant,
    /// And those sent before its beginning are no samples of the round trip.
    sampled_since: Instant,
    /// Packets that one acknowledgement settled, kept for its buffer.
    credits: Vec<Credit>,
    stats: Stats,
}

impl<R> Recovery<R> {
    /// The recovery of a path on which nothing was sent, for datagrams of at most `max_datagram`.
    pub fn new(algorithm: Algorithm, max_datagram: u16) -> Self {
        let max_datagram = max_datagram.into();
        let mut recovery = Self {
            numbers: Numbers::new(),
            ledger: Ledger::new(),
            rtt: Rtt::default(),
            measured_since: None,
            controller: algorithm.build(max_datagram),
            pacer: Pacer::new(max_datagram),
            largest_acked: None,
            loss_time: None,
            probe_from: Instant::ZERO,
            probe_count: 0,
            reordering: Reordering::default(),
            delivery: Delivery::default(),
            silent_packets: 0,
            suspect: false,
            window_tried_below: 0,
            judged_since: Instant::ZERO,
            sampled_since: Instant::ZERO,
            credits: Vec::new(),
            stats: Stats::default(),
        };
        recovery.set_pace();
        recovery
    }

    /// Starts from what another path found out about the same pair of addresses.
    pub fn inherit(&mut self, other: &Self) {
        self.rtt.inherit(&other.rtt);
        self.reordering = other.reordering.inherited();
        self.delivery = other.delivery;
        self.controller.inherit(other.window(), other.controller.slow_start_threshold());
        self.set_pace();
    }

    /// Whether a packet of `bytes` may go now. Probes and bare acknowledgements need not ask: a part of the
    /// ledger is kept for them, but see [`Self::is_full`].
    pub fn can_send(&mut self, now: Instant, bytes: u64) -> SendBudget {
        let room = self.window().saturating_sub(self.bytes_in_flight());
        if room < bytes || self.ledger.is_crowded() {
            self.window_tried_below = self.ledger.end();
            return SendBudget::Congestion;
        }
        if let Some(at) = self.pacer.delay(now, bytes) {
            if self.bytes_in_flight() >= self.window() / 2 {
                self.window_tried_below = self.ledger.end();
            }
            return SendBudget::Paced(at);
        }
        SendBudget::Ok(room.min(self.pacer.available()))
    }

    /// Draws the number of the next packet. Now and then one is passed over: a peer that
    /// acknowledges what it never received, to be sent more than the path bears, gives itself away
    /// (RFC 9000, 21.4). A number drawn and not used counts as passed over too.
    pub fn next_packet_number(&mut self, rng: &mut Rng) -> u64 {
        self.numbers.draw(rng)
    }

    /// Takes note of a packet that goes out. Numbers must be used in the order they were drawn.
    pub fn on_sent(&mut self, now: Instant, number: u64, packet: SentPacket<R>) {
        let bytes = packet.bytes_in_flight();
        if bytes > 0 {
            self.controller.on_sent(now, bytes, self.bytes_in_flight());
            self.pacer.on_sent(now, bytes);
        }
        if packet.ack_eliciting {
            if !self.ledger.is_eliciting() {
                self.probe_from = now;
            }
            self.silent_packets = 0;
        } else {
            self.silent_packets = self.silent_packets.saturating_add(1);
        }
        self.stats.sent += 1;
        self.ledger.record(now, self.delivery.total(), number, packet);
        if self.bytes_in_flight() + bytes > self.window() {
            self.window_tried_below = self.ledger.end();
        }
    }

    /// Takes an acknowledgement. `rtt_counts` says that it came back on this very path, so that the
    /// time it took is a sample. After an error nothing has changed.
    pub fn on_ack(
        &mut self,
        now: Instant,
        ranges: &[RangeInclusive<u64>],
        ack_delay: Duration,
        rtt_counts: bool,
        out: &mut Outcome<R>,
    ) -> Result<(), AckError> {
        self.ledger.check(ranges)?;
        let Some(largest) = ranges.iter().filter(|range| !range.is_empty()).map(|range| *range.end()).max()
        else {
            return Ok(());
        };
        let spurious = self.find_late(ranges);
        self.collect_acked(ranges, out);
        self.largest_acked = self.largest_acked.max(Some(largest));
        if rtt_counts {
            self.sample_rtt(now, largest, ack_delay);
        }
        if spurious > 0 || !self.credits.is_empty() {
            self.probe_from = now;
            self.probe_count = 0;
        }
        self.grow_window(now);
        self.detect_lost(now, out);
        Ok(())
    }

    /// The next time at which [`Self::handle_timeout`] has something to do.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.loss_time.or_else(|| self.probe_time())
    }

    /// Does what is due; `None` if nothing was.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut Outcome<R>) -> Option<Timeout> {
        if self.poll_timeout().is_none_or(|due| now < due) {
            return None;
        }
        if self.loss_time.is_some() {
            self.detect_lost(now, out);
            return Some(Timeout::LossDetected);
        }
        self.probe_from = now;
        self.probe_count = self.probe_count.saturating_add(1);
        self.stats.probes += 1;
        Some(Timeout::Probe)
    }

    /// Stops the probe timeout, since the owner doubts the path since then and probes on its own schedule; or starts
    /// it again. What was sent before is no sample: its answer tells how long the outage or the sleep was.
    pub const fn set_suspect(&mut self, since: Option<Instant>) {
        self.suspect = since.is_some();
        if let Some(since) = since {
            self.sampled_since = since;
        }
    }

    /// Hands back whatever is under way as lost, because the path or its connection is given up.
    /// It says nothing about congestion, nor does it about reordering if they turn up after all.
    pub fn declare_all_lost(&mut self, out: &mut Outcome<R>) {
        self.give_up(out, |_| true);
    }

    /// The same for what counts against the window, because the peer is elsewhere and has said so: whatever went
    /// there to ask stays under way, and that nothing else was answered tells nothing any more.
    pub fn declare_in_flight_lost(&mut self, now: Instant, out: &mut Outcome<R>) {
        self.give_up(out, |packet| packet.in_flight);
        self.probe_from = now;
        self.probe_count = 0;
    }

    /// Starts the window and the back-off over: after an outage, what the path can carry is unknown.
    /// What becomes of packets sent before `now` no longer matters to the window.
    pub fn reset_after_outage(&mut self, now: Instant) {
        self.controller.reset();
        self.judged_since = now;
        self.probe_count = 0;
        self.set_pace();
    }

    /// What the packets under way carried, oldest first, for an owner that has to withdraw some.
    pub fn records_mut(&mut self) -> impl Iterator<Item = &mut R> {
        self.ledger.records_mut()
    }

    /// Probe timeouts since the last sign of life.
    pub const fn probe_count(&self) -> u32 {
        self.probe_count
    }

    /// When the oldest packet that still lacks its acknowledgement was sent.
    pub fn oldest_unacked(&self) -> Option<Instant> {
        self.ledger.oldest_eliciting()
    }

    /// Whether the next packet should elicit an acknowledgement although what it carries does not:
    /// a side that only receives would otherwise never learn that its acknowledgements arrive.
    pub const fn wants_elicitation(&self) -> bool {
        self.silent_packets >= MAX_SILENT_PACKETS
    }

    /// Whether [`MAX_PACKETS`] are under way: then nothing more may be sent, not even a probe or an
    /// acknowledgement. An honest peer that is there never lets it come so far: one packet in 33 asks for an answer.
    pub fn is_full(&self) -> bool {
        self.ledger.is_full()
    }

    /// Whether anything is under way that the peer will acknowledge.
    pub const fn is_waiting(&self) -> bool {
        self.ledger.is_eliciting()
    }

    /// Bytes that count against the window.
    pub const fn bytes_in_flight(&self) -> u64 {
        self.ledger.bytes_in_flight()
    }

    /// How many bytes may be in flight.
    pub fn window(&self) -> u64 {
        self.controller.window()
    }

    /// The congestion controller, to be looked at.
    pub fn controller(&self) -> &dyn Controller {
        &*self.controller
    }

    /// The round-trip time.
    pub const fn rtt(&self) -> &Rtt {
        &self.rtt
    }

    /// The largest number the peer has acknowledged; packet numbers are shortened relative to it.
    pub const fn largest_acked(&self) -> Option<u64> {
        self.largest_acked
    }

    /// The probe timeout without back-off.
    pub fn pto(&self) -> Duration {
        self.rtt.pto_base(MAX_ACK_DELAY)
    }

    /// The counters.
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    fn probe_time(&self) -> Option<Instant> {
        let armed = self.ledger.is_eliciting() && !self.suspect;
        armed.then(|| self.probe_from + (self.pto() * (1 << self.probe_count.min(MAX_BACKOFF))).min(MAX_WAIT))
    }

    fn set_pace(&mut self) {
        let slow_start = self.controller.in_slow_start();
        self.pacer.set_rate(self.controller.window(), self.rtt.smoothed(), slow_start);
    }
}

#[cfg(test)]
mod tests;
