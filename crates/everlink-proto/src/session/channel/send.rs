//! The sending side of a channel: one queue, whose front part is bound to the session.
//!
//! ```text
//!            base                delivered            bound             
//!             | settled or        | bound: flying,     | not bound:      |
//!             | waiting for DONE  | lost, acknowledged | no number yet   |
//! ```
//!
//! A number is an index into the queue plus `base`, so nothing here looks anything up.

mod settle;

use std::collections::VecDeque;

use super::outgoing::{Outgoing, PART_MIN, Parts, Progress, is_whole, write_part};
use super::{OnRestart, Packet, WINDOW};
use crate::range_set::RangeSet;
use crate::session::EndReason;
use crate::session::credit::{Allowance, CHANNEL_START, MESSAGE_OVERHEAD, bytes, length};
use crate::session::record::Record;
use crate::wire::frame::{MsgsWriter, Received};

/// How an attempt to send something new ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// There is nothing more.
    Idle,
    /// There is no space for more.
    NoRoom,
    /// More waits for the peer: for credit of this channel, or for older messages to settle.
    Blocked,
    /// More waits for credit of the link.
    LinkBlocked,
}

/// The end of a session, as a channel needs to know it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ending<'a> {
    pub(crate) reason: EndReason,
    /// What the peer had received of this channel: its last word, if it gave one.
    pub(crate) position: Option<&'a Received>,
}

/// The sending side of a channel.
#[derive(Debug)]
pub(crate) struct SendChannel {
    channel: u64,
    pub(crate) on_restart: OnRestart,
    /// Whether it stands in the session's turn.
    pub(crate) in_turn: bool,
    allowance: Allowance,
    base: u64,
    queue: VecDeque<Outgoing>,
    /// How many at the front of the queue have numbers.
    bound: usize,
    /// How many at the front of the queue are in the peer's inbox.
    delivered: usize,
    /// Numbers with something to send again.
    lost: RangeSet,
    /// Numbers that wait for nothing but DONE.
    awaiting: RangeSet,
}

/// Binding and sending.
impl SendChannel {
    pub(crate) fn new(channel: u64) -> Self {
        Self {
            channel,
            on_restart: OnRestart::default(),
            in_turn: false,
            allowance: Allowance::new(CHANNEL_START),
            base: 0,
            queue: VecDeque::new(),
            bound: 0,
            delivered: 0,
            lost: RangeSet::new(),
            awaiting: RangeSet::new(),
        }
    }

    pub(crate) fn push(&mut self, message: Outgoing) {
        self.queue.push_back(message);
    }

    pub(crate) fn has_lost(&self) -> bool {
        !self.lost.is_empty()
    }

    /// Whether something new waits, for whatever.
    pub(crate) fn has_new(&self) -> bool {
        self.bound < self.queue.len() || self.unfinished().is_some()
    }

    /// Whether something new could go out with so much credit for the link.
    pub(crate) fn can_send_new(&self, link: u64) -> bool {
        match (self.unfinished(), self.queue.get(self.bound)) {
            (Some(parts), _) => parts.paid,
            (None, Some(next)) => {
                let least = if is_whole(next) { next.cost } else { MESSAGE_OVERHEAD + PART_MIN };
                !self.is_window_full() && least <= link && self.allowance.covers(least)
            }
            (None, None) => false,
        }
    }

    /// Whether only the channel's own credit keeps it from sending.
    pub(crate) fn is_blocked_by_credit(&self) -> bool {
        self.has_new() && !self.is_window_full() && !self.can_send_new(u64::MAX)
    }

    /// Whether some message has not reached the peer's inbox for certain.
    pub(crate) fn owes(&self) -> bool {
        self.delivered < self.queue.len()
    }

    /// Whether some message waits for nothing but DONE.
    pub(crate) fn awaits_done(&self) -> bool {
        !self.awaiting.is_empty()
    }

    /// How many messages are bound and not settled, and how many are not bound.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.bound, self.queue.len() - self.bound)
    }

    /// The number that the next message will get.
    pub(crate) fn next_number(&self) -> u64 {
        self.base + bytes(self.bound)
    }

    /// How much credit is left.
    pub(crate) const fn credit(&self) -> u64 {
        self.allowance.available()
    }

    /// Takes the peer's word for more credit.
    pub(crate) fn on_credit(&mut self, maximum: u64) -> bool {
        self.allowance.raise(maximum)
    }

    /// What an opened message still needs, if the channel's own credit covers it.
    pub(crate) fn claim(&self) -> Option<u64> {
        let last = self.queue.get(self.bound.checked_sub(1)?)?;
        let rest = last.len() - self.unfinished().filter(|parts| !parts.paid)?.sent;
        self.allowance.covers(rest).then_some(rest)
    }

    /// Pays for the rest of an opened message.
    pub(crate) fn pay(&mut self, rest: u64, link: &mut Allowance) {
        self.allowance.spend(rest);
        link.spend(rest);
        if let Some(parts) = self.unfinished_mut() {
            parts.paid = true;
        }
    }

    /// Whether a message was opened that waits for credit.
    pub(crate) fn has_opened(&self) -> bool {
        self.unfinished().is_some_and(|parts| !parts.paid)
    }

    /// Sends what was never sent, as far as space and credit go. New messages are only bound while
    /// `may_open`: the link's credit is not claimed by a message that was opened before.
    pub(crate) fn write_new(
        &mut self,
        packet: &mut Packet<'_, '_>,
        link: &mut Allowance,
        may_open: bool,
    ) -> Turn {
        loop {
            match self.unfinished().map(|parts| parts.paid) {
                Some(false) => return Turn::Blocked,
                Some(true) if !self.write_rest(packet) => return Turn::NoRoom,
                Some(true) => {}
                None => {
                    if let Some(end) = self.bind(packet, link, may_open) {
                        return end;
                    }
                }
            }
        }
    }

    /// Sends again what was lost, as far as space goes. False if there was not enough.
    pub(crate) fn write_lost(&mut self, packet: &mut Packet<'_, '_>) -> bool {
        while let Some(number) = self.lost.min() {
            let complete = match self.index(number).and_then(|index| self.queue.get(index)) {
                Some(Outgoing { progress: Progress::Lost, .. }) => self.write_lost_run(number, packet),
                Some(Outgoing { progress: Progress::Parts(_), .. }) => self.write_lost_parts(number, packet),
                _ => true,
            };
            if !complete {
                return false;
            }
            self.lost.remove_range(number..number + 1);
        }
        true
    }

    /// Binds the next messages; `None` if there may be more to do.
    fn bind(&mut self, packet: &mut Packet<'_, '_>, link: &mut Allowance, may_open: bool) -> Option<Turn> {
        let Some(next) = self.queue.get(self.bound) else { return Some(Turn::Idle) };
        if self.is_window_full() {
            return Some(Turn::Blocked);
        }
        if !self.can_send_new(u64::MAX) {
            return Some(Turn::Blocked);
        }
        if !may_open || !self.can_send_new(link.available()) {
            return Some(Turn::LinkBlocked);
        }
        if !is_whole(next) {
            return self.open(packet, link);
        }
        if self.bind_run(packet, link) {
            return None;
        }
        let Some(next) = self.queue.get_mut(self.bound) else { return Some(Turn::Idle) };
        // The next packet has more space, unless this one is new: then other frames take it, and may
        // go on doing so.
        if !packet.is_untouched() || !next.split_is_worth_it(packet.w.remaining()) {
            return Some(Turn::NoRoom);
        }
        self.allowance.spend(next.cost);
        link.spend(next.cost);
        next.progress = Progress::Parts(Box::new(Parts::new(true)));
        self.bound += 1;
        None
    }

    /// Binds whole messages into one MSGS, as many as space and credit allow; true if any.
    fn bind_run(&mut self, packet: &mut Packet<'_, '_>, link: &mut Allowance) -> bool {
        let (first, start) = (self.base + bytes(self.bound), self.bound);
        let mut run = MsgsWriter::start(packet.w, self.channel, first);
        while let Some(next) = self.queue.get_mut(self.bound) {
            let affordable = self.allowance.covers(next.cost) && link.covers(next.cost);
            let fits = is_whole(next) && bytes(self.bound) < WINDOW && affordable;
            if !fits || run.push(next.flags, &next.body).is_err() {
                break;
            }
            self.allowance.spend(next.cost);
            link.spend(next.cost);
            next.progress = Progress::Flying;
            self.bound += 1;
        }
        run.finish();
        let count = bytes(self.bound - start);
        if count > 0 {
            packet.records.push(Record::Messages { channel: self.channel, first, count });
        }
        count > 0
    }

    /// Binds a large message. If credit does not cover all of it, its first part goes out alone, and
    /// tells the receiver what to make room for (SPEC 7.4).
    fn open(&mut self, packet: &mut Packet<'_, '_>, link: &mut Allowance) -> Option<Turn> {
        let available = self.allowance.available().min(link.available());
        let next = self.queue.get_mut(self.bound)?;
        let paid = next.cost <= available;
        let end = if paid { next.len() } else { available - MESSAGE_OVERHEAD };
        let mut parts = Parts::new(paid);
        parts.sent = write_part(self.channel, self.base + bytes(self.bound), next, 0..end, packet);
        if parts.sent == 0 {
            return Some(Turn::NoRoom);
        }
        let price = if paid { next.cost } else { MESSAGE_OVERHEAD + parts.sent };
        self.allowance.spend(price);
        link.spend(price);
        next.progress = Progress::Parts(Box::new(parts));
        self.bound += 1;
        None
    }

    /// Sends more parts of the last bound message; true if all of it is sent.
    fn write_rest(&mut self, packet: &mut Packet<'_, '_>) -> bool {
        let number = self.base + bytes(self.bound) - 1;
        let Some(last) = self.bound.checked_sub(1).and_then(|last| self.queue.get_mut(last)) else {
            return true;
        };
        let len = last.len();
        loop {
            let Progress::Parts(parts) = &last.progress else { return true };
            let sent = parts.sent;
            if sent == len {
                return true;
            }
            let more = write_part(self.channel, number, last, sent..len, packet);
            if more == 0 {
                return false;
            }
            if let Progress::Parts(parts) = &mut last.progress {
                parts.sent += more;
            }
        }
    }

    /// Sends lost messages from `number` on again in one MSGS; true if `number` is among them.
    fn write_lost_run(&mut self, number: u64, packet: &mut Packet<'_, '_>) -> bool {
        let Some(start) = self.index(number) else { return true };
        let mut run = MsgsWriter::start(packet.w, self.channel, number);
        let mut count = 0;
        for next in self.queue.range_mut(start..self.bound) {
            if !matches!(next.progress, Progress::Lost) || run.push(next.flags, &next.body).is_err() {
                break;
            }
            next.progress = Progress::Flying;
            count += 1;
        }
        run.finish();
        if count > 0 {
            packet.records.push(Record::Messages { channel: self.channel, first: number, count });
            self.lost.remove_range(number..number + count);
            return true;
        }
        let room = packet.w.remaining();
        let split = self.queue.get_mut(start).filter(|next| next.split_is_worth_it(room));
        let Some(next) = split.filter(|_| packet.is_untouched()) else { return false };
        let mut parts = Parts::new(true);
        parts.sent = next.len();
        parts.lost.insert_range(0..parts.sent);
        next.progress = Progress::Parts(Box::new(parts));
        self.write_lost_parts(number, packet)
    }

    /// Sends lost parts of a message again; true if all of them.
    fn write_lost_parts(&mut self, number: u64, packet: &mut Packet<'_, '_>) -> bool {
        let Some(message) = self.index(number).and_then(|index| self.queue.get_mut(index)) else {
            return true;
        };
        loop {
            let Progress::Parts(parts) = &mut message.progress else { return true };
            let Some(range) = parts.lost.pop_min() else { return true };
            let again = write_part(self.channel, number, message, range.clone(), packet);
            if let Progress::Parts(parts) = &mut message.progress {
                parts.lost.insert_range(range.start + again..range.end);
            }
            if again == 0 {
                return false;
            }
        }
    }

    fn is_window_full(&self) -> bool {
        bytes(self.bound) >= WINDOW
    }

    /// The last bound message, if some of it was never sent.
    fn unfinished(&self) -> Option<&Parts> {
        let last = self.queue.get(self.bound.checked_sub(1)?)?;
        match &last.progress {
            Progress::Parts(parts) if parts.sent < last.len() => Some(parts),
            _ => None,
        }
    }

    fn unfinished_mut(&mut self) -> Option<&mut Parts> {
        match &mut self.queue.get_mut(self.bound.checked_sub(1)?)?.progress {
            Progress::Parts(parts) => Some(parts),
            _ => None,
        }
    }

    /// Where the message with this number stands, if it is bound and of interest.
    fn index(&self, number: u64) -> Option<usize> {
        let index = length(number.checked_sub(self.base)?);
        (index < self.bound).then_some(index)
    }
}
