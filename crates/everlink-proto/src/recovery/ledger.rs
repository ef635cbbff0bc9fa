//! What is under way: every packet sent and not yet settled, by number.
//!
//! Packet numbers are dense apart from the few passed over on purpose, so a queue indexed by number
//! is the whole data structure: no search and, in the steady state, no allocation.

use core::ops::RangeInclusive;
use std::collections::VecDeque;

use super::{AckError, SentPacket};
use crate::time::Instant;

/// How many packets, settled or not, may lie between the oldest one under way and the newest: half
/// of the widest replay window of a receiver. A path that fills it is over: it cannot even acknowledge.
pub const MAX_PACKETS: usize = 32_768;

/// With so many nothing goes that has to ask: the rest is for acknowledgements and probes.
const MAX_ASKED: usize = MAX_PACKETS / 4 * 3;

/// How many numbers of lost packets are remembered, to notice when a loss was none: a round trip
/// at a window of 1.2 MB. When it is too few, a reduction without reason is not taken back.
const MAX_LOST: usize = 1_024;

/// How many passed-over numbers are remembered: the most that a full ledger can hold, twice over.
const MAX_SKIPPED: usize = 1_024;

/// A packet under way.
#[derive(Debug)]
pub(super) struct Sent<R> {
    pub(super) at: Instant,
    /// What had been delivered by then.
    pub(super) delivered: u64,
    pub(super) packet: SentPacket<R>,
}

#[derive(Debug)]
pub(super) enum Slot<R> {
    /// Acknowledged, lost or given up.
    Settled,
    /// Never sent.
    Skipped,
    Sent(Sent<R>),
}

/// The packets of one path.
#[derive(Debug)]
pub(super) struct Ledger<R> {
    /// The number of the first slot. The first slot is always of a packet under way.
    base: u64,
    slots: VecDeque<Slot<R>>,
    /// Passed-over numbers that no acknowledgement has gone past, ascending.
    skipped: VecDeque<u64>,
    /// The last numbers declared lost, ascending.
    lost: VecDeque<u64>,
    bytes_in_flight: u64,
    /// Packets under way that elicit an acknowledgement.
    eliciting: usize,
}

impl<R> Ledger<R> {
    pub(super) const fn new() -> Self {
        Self {
            base: 0,
            slots: VecDeque::new(),
            skipped: VecDeque::new(),
            lost: VecDeque::new(),
            bytes_in_flight: 0,
            eliciting: 0,
        }
    }

    /// The number of the oldest packet under way, or [`Self::end`].
    pub(super) const fn base(&self) -> u64 {
        self.base
    }

    /// The number after the last one sent.
    pub(super) fn end(&self) -> u64 {
        self.base + self.slots.len() as u64
    }

    pub(super) const fn bytes_in_flight(&self) -> u64 {
        self.bytes_in_flight
    }

    pub(super) const fn is_eliciting(&self) -> bool {
        self.eliciting > 0
    }

    pub(super) fn is_full(&self) -> bool {
        self.slots.len() >= MAX_PACKETS
    }

    /// Whether what is left is kept for packets that need not ask.
    pub(super) fn is_crowded(&self) -> bool {
        self.slots.len() >= MAX_ASKED
    }

    /// When the oldest packet under way that elicits an acknowledgement was sent.
    pub(super) fn oldest_eliciting(&self) -> Option<Instant> {
        self.sent().find(|sent| sent.packet.ack_eliciting).map(|sent| sent.at)
    }

    /// What the packets under way carried.
    pub(super) fn records_mut(&mut self) -> impl Iterator<Item = &mut R> {
        self.slots.iter_mut().filter_map(|slot| match slot {
            Slot::Sent(sent) => Some(&mut sent.packet.records),
            Slot::Settled | Slot::Skipped => None,
        })
    }

    /// Enters a packet. Numbers between the last one and `number` count as passed over.
    pub(super) fn record(&mut self, now: Instant, delivered: u64, number: u64, packet: SentPacket<R>) {
        debug_assert!(number >= self.end(), "packet numbers go up");
        for skipped in self.end()..number {
            remember(&mut self.skipped, skipped, MAX_SKIPPED);
            self.slots.push_back(Slot::Skipped);
        }
        self.bytes_in_flight += packet.bytes_in_flight();
        self.eliciting += usize::from(packet.ack_eliciting);
        self.slots.push_back(Slot::Sent(Sent { at: now, delivered, packet }));
    }

    /// Refuses ranges that hold a number that was never sent.
    pub(super) fn check(&self, ranges: &[RangeInclusive<u64>]) -> Result<(), AckError> {
        for range in ranges.iter().filter(|range| !range.is_empty()) {
            if *range.end() >= self.end() {
                return Err(AckError::NeverSent(*range.end()));
            }
            let next = self.skipped.partition_point(|number| number < range.start());
            if let Some(number) = self.skipped.get(next).filter(|number| range.contains(number)) {
                return Err(AckError::Skipped(*number));
            }
        }
        Ok(())
    }

    /// The numbers of `range` that may be under way.
    pub(super) fn clip(&self, range: &RangeInclusive<u64>) -> core::ops::Range<u64> {
        (*range.start()).max(self.base)..range.end().saturating_add(1).min(self.end())
    }

    pub(super) fn slot(&self, number: u64) -> Option<&Slot<R>> {
        self.slots.get(self.index(number)?)
    }

    /// Takes a packet out, if it is under way.
    pub(super) fn take(&mut self, number: u64) -> Option<Sent<R>> {
        let index = self.index(number)?;
        let slot = self.slots.get_mut(index).filter(|slot| matches!(slot, Slot::Sent(_)))?;
        let Slot::Sent(sent) = core::mem::replace(slot, Slot::Settled) else { return None };
        self.bytes_in_flight -= sent.packet.bytes_in_flight();
        self.eliciting -= usize::from(sent.packet.ack_eliciting);
        Some(sent)
    }

    /// Takes a packet out as lost. To be called in the order of numbers.
    pub(super) fn lose(&mut self, number: u64) -> Option<Sent<R>> {
        let sent = self.take(number)?;
        if sent.packet.in_flight {
            remember(&mut self.lost, number, MAX_LOST);
        }
        Some(sent)
    }

    /// Whether any packet was lost of which one might still hear.
    pub(super) fn has_lost(&self) -> bool {
        !self.lost.is_empty()
    }

    /// Forgets that numbers of `range` were lost and says which.
    pub(super) fn find_lost(&mut self, range: &RangeInclusive<u64>) -> impl Iterator<Item = u64> {
        let first = self.lost.partition_point(|number| number < range.start());
        let last = self.lost.partition_point(|number| number <= range.end()).max(first);
        self.lost.drain(first..last)
    }

    /// Drops the slots before the oldest packet under way, and the passed-over numbers below
    /// `acked`: no acknowledgement that is new can claim them.
    pub(super) fn trim(&mut self, acked: u64) {
        while self.slots.front().is_some_and(|slot| !matches!(slot, Slot::Sent(_))) {
            self.slots.pop_front();
            self.base += 1;
        }
        while self.skipped.front().is_some_and(|number| *number < acked) {
            self.skipped.pop_front();
        }
    }

    fn sent(&self) -> impl Iterator<Item = &Sent<R>> {
        self.slots.iter().filter_map(|slot| match slot {
            Slot::Sent(sent) => Some(sent),
            Slot::Settled | Slot::Skipped => None,
        })
    }

    fn index(&self, number: u64) -> Option<usize> {
        usize::try_from(number.checked_sub(self.base)?).ok()
    }
}

/// Appends `number` to at most `bound` others, of which the oldest gives way.
fn remember(numbers: &mut VecDeque<u64>, number: u64, bound: usize) {
    if numbers.len() >= bound {
        numbers.pop_front();
    }
    numbers.push_back(number);
}
