//! What became of sent messages: acknowledged, lost, delivered, done with, settled at the end.

use bytes::Bytes;

use super::{Ending, SendChannel};
use crate::session::ProtocolError;
use crate::session::channel::OnRestart;
use crate::session::channel::outgoing::{Fate, Outgoing, Progress};
use crate::session::credit::{bytes, length};
use crate::session::verdict::{Receipts, Verdict};

/// What became of what was sent.
impl SendChannel {
    pub(crate) fn on_messages_acked(&mut self, first: u64, count: u64, receipts: &mut Receipts) {
        for number in first..first.saturating_add(count) {
            if let Some(message) = self.index(number).and_then(|index| self.queue.get_mut(index)) {
                message.on_acked();
            }
        }
        self.settle(receipts);
    }

    pub(crate) fn on_messages_lost(&mut self, first: u64, count: u64) {
        for number in first..first.saturating_add(count) {
            let Some(message) = self.index(number).and_then(|index| self.queue.get_mut(index)) else {
                continue;
            };
            if matches!(message.progress, Progress::Flying) {
                message.progress = Progress::Lost;
                self.lost.insert(number);
            }
        }
    }

    pub(crate) fn on_part_acked(&mut self, number: u64, offset: u64, len: u64, receipts: &mut Receipts) {
        let Some(message) = self.index(number).and_then(|index| self.queue.get_mut(index)) else { return };
        let whole = message.len();
        let Progress::Parts(parts) = &mut message.progress else { return };
        let range = offset..offset.saturating_add(len);
        parts.lost.remove_range(range.clone());
        parts.acked.insert_range(range);
        if parts.acked.contains_range(0..whole) {
            message.on_acked();
            self.settle(receipts);
        }
    }

    pub(crate) fn on_part_lost(&mut self, number: u64, offset: u64, len: u64) {
        let Some(message) = self.index(number).and_then(|index| self.queue.get_mut(index)) else { return };
        let Progress::Parts(parts) = &mut message.progress else { return };
        let missing: Vec<_> = parts.acked.gaps(offset..offset.saturating_add(len)).collect();
        parts.lost.extend(missing);
        if !parts.lost.is_empty() {
            self.lost.insert(number);
        }
    }

    /// The peer's application is done with these messages.
    pub(crate) fn on_done(
        &mut self,
        first: u64,
        end: u64,
        receipts: &mut Receipts,
    ) -> Result<(), ProtocolError> {
        self.on_received_below(end, receipts)?;
        // Whoever says it twice finds nobody waiting any more.
        let waiting: Vec<_> = self.awaiting.held_within(first..end).collect();
        for numbers in waiting {
            self.awaiting.remove_range(numbers.clone());
            for number in numbers {
                if let Some(message) = self.index(number).and_then(|index| self.queue.get_mut(index)) {
                    message.settle(Verdict::Processed, receipts);
                }
            }
        }
        self.forget_settled();
        Ok(())
    }

    /// All messages below `floor` are in the peer's inbox: it said so.
    pub(crate) fn on_received_below(
        &mut self,
        floor: u64,
        receipts: &mut Receipts,
    ) -> Result<(), ProtocolError> {
        let sent = self.base + bytes(self.bound) - u64::from(self.unfinished().is_some());
        if floor > sent {
            return Err(ProtocolError::NeverSent);
        }
        let below = length(floor.saturating_sub(self.base)).min(self.bound);
        for message in self.queue.range_mut(self.delivered.min(below)..below) {
            message.on_acked();
        }
        self.settle(receipts);
        Ok(())
    }

    /// Gives verdicts to what is now in the peer's inbox: what was acknowledged, and all before it.
    fn settle(&mut self, receipts: &mut Receipts) {
        let keep_bodies = self.on_restart == OnRestart::Resend;
        for message in self.queue.range_mut(self.delivered..self.bound) {
            if !matches!(message.progress, Progress::Acked) {
                break;
            }
            let number = self.base + bytes(self.delivered);
            self.delivered += 1;
            if message.flags.wants_done {
                message.progress = Progress::AwaitingDone;
                self.awaiting.insert(number);
                if !keep_bodies {
                    message.body = Bytes::new();
                }
            } else {
                message.settle(Verdict::Delivered, receipts);
            }
        }
        self.forget_settled();
    }

    fn forget_settled(&mut self) {
        while let Some(Outgoing { progress: Progress::Settled, .. }) = self.queue.front() {
            self.queue.pop_front();
            self.base += 1;
            self.bound -= 1;
            self.delivered -= 1;
        }
    }
}

/// The end of a session.
impl SendChannel {
    /// Settles every bound message (SPEC 7.6), and leaves the queue as it goes into the next session.
    pub(crate) fn end(&mut self, ending: Ending<'_>, receipts: &mut Receipts) {
        let (base, bound, delivered) = (self.base, self.bound, self.delivered);
        let on_restart = self.on_restart;
        let mut next = Self::new(self.channel);
        next.on_restart = on_restart;
        for (index, message) in core::mem::take(&mut self.queue).into_iter().enumerate() {
            let fate = match () {
                () if index >= bound => Fate::Unsent,
                () if index < delivered => Fate::Delivered,
                () => message.fate(base + bytes(index), ending.position),
            };
            if let Some(message) = message.outlive(fate, on_restart, ending.reason, receipts) {
                next.queue.push_back(message);
            }
        }
        *self = next;
    }

    /// Whether nothing would be lost by forgetting the channel.
    pub(crate) fn is_forgettable(&self) -> bool {
        self.queue.is_empty() && self.on_restart == OnRestart::default()
    }
}
