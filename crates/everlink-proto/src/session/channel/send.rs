//! The sending side of a channel: one queue, whose front part is bound to the session.
//!
//! ```text
//!            base                delivered            bound             
//!             | settled or        | bound: flying,     | not bound:      |
//!             | waiting for DONE  | lost, acknowledged | no number yet   |
//! ```
//!
//! A number is an index into the queue plus `base`, so nothing here looks anything up.

use std::collections::VecDeque;

use bytes::Bytes;

use super::{OnRestart, Packet, WINDOW};
use crate::range_set::RangeSet;
use crate::session::credit::{Allowance, CHANNEL_START, MESSAGE_OVERHEAD, bytes, cost, length};
use crate::session::record::Record;
use crate::session::verdict::{MessageId, NotDelivered, Receipts, Unknown, Verdict};
use crate::session::{EndReason, ProtocolError};
use crate::wire::frame::{Frag, MessageFlags, MsgsWriter, Received, write_frag};

/// Messages up to this length travel whole. A packet of 1,200 bytes has 1,171 for frames (SPEC 4.1);
/// the longest HELLO takes 41 of them, the longest MSGS header 21, and an ordinary ACK the rest.
const WHOLE_MAX: usize = 1080;

/// The least worth a FRAG of its own, unless it is the last.
const PART_MIN: u64 = 64;

/// A message on its way.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) id: MessageId,
    /// Dropped when nobody needs it any more.
    pub(crate) body: Bytes,
    pub(crate) flags: MessageFlags,
    /// Handed over while the session was closing: meant for the next one.
    pub(crate) for_next: bool,
    cost: u64,
    progress: Progress,
}

impl Outgoing {
    pub(crate) fn new(id: MessageId, body: Bytes, wants_done: bool, for_next: bool) -> Self {
        let cost = cost(body.len());
        let flags = MessageFlags { wants_done, possible_duplicate: false };
        Self { id, body, flags, for_next, cost, progress: Progress::Waiting }
    }

    fn len(&self) -> u64 {
        self.cost - MESSAGE_OVERHEAD
    }

    /// Whether the body was dropped.
    fn is_hollow(&self) -> bool {
        bytes(self.body.len()) != self.len()
    }
}

/// How far a message is.
#[derive(Debug)]
enum Progress {
    /// Not bound.
    Waiting,
    /// In a packet as a whole.
    Flying,
    /// To be sent again as a whole.
    Lost,
    /// In packets in parts.
    Parts(Box<Parts>),
    /// The peer has it.
    Acked,
    /// In the peer's inbox, and its application has yet to say DONE.
    AwaitingDone,
    /// Its verdict is given.
    Settled,
}

/// A message in parts.
#[derive(Debug)]
struct Parts {
    /// How far its bytes were ever in a packet.
    sent: u64,
    /// Whether credit for all of it is spent.
    paid: bool,
    acked: RangeSet,
    lost: RangeSet,
}

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
        let mut delivered = self.queue.range(..self.delivered);
        delivered.any(|message| matches!(message.progress, Progress::AwaitingDone))
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
        for number in first.max(self.base)..end {
            let Some(message) = self.index(number).and_then(|index| self.queue.get_mut(index)) else {
                continue;
            };
            if matches!(message.progress, Progress::AwaitingDone) {
                message.progress = Progress::Settled;
                receipts.settle(message.id, message.cost, Verdict::Processed);
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
            self.delivered += 1;
            if message.flags.wants_done {
                message.progress = Progress::AwaitingDone;
                if !keep_bodies {
                    message.body = Bytes::new();
                }
            } else {
                message.progress = Progress::Settled;
                receipts.settle(message.id, message.cost, Verdict::Delivered);
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

/// What is known of a message when its session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Delivered,
    /// Certainly not received.
    Unsent,
    Doubtful,
}

impl Outgoing {
    fn on_acked(&mut self) {
        if !matches!(self.progress, Progress::AwaitingDone | Progress::Settled) {
            self.progress = Progress::Acked;
        }
    }

    /// Whether a packet with so much room can carry a part that is worth it.
    fn split_is_worth_it(&self, room: usize) -> bool {
        self.len() > PART_MIN && room > 2 * length(PART_MIN)
    }

    /// What is known of this bound message, which no acknowledgement proves delivered.
    fn fate(&self, number: u64, position: Option<&Received>) -> Fate {
        let was_sent = match &self.progress {
            Progress::Parts(parts) => parts.sent == self.len(),
            _ => true,
        };
        match position {
            Some(peer) if number < peer.floor => Fate::Delivered,
            Some(peer) if peer.ranges.iter().any(|(from, to)| (*from..*to).contains(&number)) => {
                Fate::Delivered
            }
            None if was_sent => Fate::Doubtful,
            Some(_) | None => Fate::Unsent,
        }
    }

    /// The message, if it goes into the next session; else its verdict is given.
    fn outlive(
        self,
        fate: Fate,
        on_restart: OnRestart,
        reason: EndReason,
        receipts: &mut Receipts,
    ) -> Option<Self> {
        let verdict = match fate {
            _ if matches!(self.progress, Progress::Settled) => return None,
            Fate::Delivered if !self.flags.wants_done => Verdict::Delivered,
            Fate::Delivered => {
                return self.resend(Unknown::DeliveredNotProcessed, on_restart, reason, receipts);
            }
            Fate::Doubtful => return self.resend(reason.verdict_of_doubtful(), on_restart, reason, receipts),
            Fate::Unsent => match self.verdict_of_unsent(on_restart, reason) {
                Some(verdict) => verdict,
                None => return Some(self.unbound()),
            },
        };
        receipts.settle(self.id, self.cost, verdict);
        None
    }

    /// What a message ends with that was certainly not received in this session; `None` if it does
    /// not end. One that may have been received in an earlier session remains in doubt.
    fn verdict_of_unsent(&self, on_restart: OnRestart, reason: EndReason) -> Option<Verdict> {
        if self.for_next && reason != EndReason::EndpointFailed {
            return None;
        }
        let dropped = (on_restart == OnRestart::Drop).then(|| reason.verdict_of_dropped());
        let end: NotDelivered = reason.verdict_of_unsent().or(dropped)?;
        Some(match self.flags.possible_duplicate {
            true => Verdict::Unknown(Unknown::NotResent),
            false => Verdict::NotDelivered(end),
        })
    }

    /// Sends a message in doubt again if its channel wants that, or gives its verdict.
    fn resend(
        mut self,
        unknown: Unknown,
        on_restart: OnRestart,
        reason: EndReason,
        receipts: &mut Receipts,
    ) -> Option<Self> {
        let goes_on = reason.verdict_of_unsent().is_none() && !self.is_hollow();
        if on_restart == OnRestart::Resend && goes_on {
            self.flags.possible_duplicate = true;
            return Some(self.unbound());
        }
        receipts.settle(self.id, self.cost, Verdict::Unknown(unknown));
        None
    }

    fn unbound(self) -> Self {
        Self { progress: Progress::Waiting, for_next: false, ..self }
    }
}

impl Parts {
    fn new(paid: bool) -> Self {
        Self { sent: 0, paid, acked: RangeSet::new(), lost: RangeSet::new() }
    }
}

fn is_whole(message: &Outgoing) -> bool {
    message.body.len() <= WHOLE_MAX
}

/// Writes what fits of a range of a message; how many bytes that was.
fn write_part(
    channel: u64,
    number: u64,
    message: &Outgoing,
    range: core::ops::Range<u64>,
    packet: &mut Packet<'_, '_>,
) -> u64 {
    let Some(part) = message.body.get(length(range.start)..length(range.end)) else { return 0 };
    let mark = packet.w.mark();
    let frag = Frag {
        channel,
        number,
        offset: range.start,
        total: message.len(),
        flags: message.flags,
        bytes: part,
    };
    let Ok(len) = write_frag(packet.w, &frag).map(bytes) else { return 0 };
    if len < bytes(part.len()).min(PART_MIN) {
        packet.w.truncate(mark);
        return 0;
    }
    packet.records.push(Record::Fragment { channel, number, offset: range.start, len });
    len
}
