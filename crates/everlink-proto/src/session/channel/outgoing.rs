//! A message on its way: what it is, how far it got, what becomes of it when its session ends.

use bytes::Bytes;

use super::{OnRestart, Packet};
use crate::range_set::RangeSet;
use crate::session::EndReason;
use crate::session::credit::{MESSAGE_OVERHEAD, bytes, cost, length};
use crate::session::record::Record;
use crate::session::verdict::{MessageId, NotDelivered, Receipts, Unknown, Verdict};
use crate::wire::frame::{Frag, MessageFlags, Received, write_frag};

/// Messages up to this length travel whole. A packet of 1,200 bytes has 1,171 for frames (SPEC 4.1);
/// the longest HELLO takes 41 of them, the longest MSGS header 21, and an ordinary ACK the rest.
pub(super) const WHOLE_MAX: usize = 1080;

/// The least worth a FRAG of its own, unless it is the last.
pub(super) const PART_MIN: u64 = 64;

/// A message on its way.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) id: MessageId,
    /// Dropped when nobody needs it any more.
    pub(crate) body: Bytes,
    pub(crate) flags: MessageFlags,
    /// Handed over while the session was closing: meant for the next one.
    pub(crate) for_next: bool,
    pub(super) cost: u64,
    pub(super) progress: Progress,
}

impl Outgoing {
    pub(crate) fn new(id: MessageId, body: Bytes, wants_done: bool, for_next: bool) -> Self {
        let cost = cost(body.len());
        let flags = MessageFlags { wants_done, possible_duplicate: false };
        Self { id, body, flags, for_next, cost, progress: Progress::Waiting }
    }

    pub(super) fn len(&self) -> u64 {
        self.cost - MESSAGE_OVERHEAD
    }

    /// Whether the body was dropped.
    fn is_hollow(&self) -> bool {
        bytes(self.body.len()) != self.len()
    }
}

/// How far a message is.
#[derive(Debug)]
pub(super) enum Progress {
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
pub(super) struct Parts {
    /// How far its bytes were ever in a packet.
    pub(super) sent: u64,
    /// Whether credit for all of it is spent.
    pub(super) paid: bool,
    pub(super) acked: RangeSet,
    pub(super) lost: RangeSet,
}

/// What is known of a message when its session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Delivered,
    /// Certainly not received.
    Unsent,
    Doubtful,
}

impl Outgoing {
    pub(super) fn on_acked(&mut self) {
        if !matches!(self.progress, Progress::AwaitingDone | Progress::Settled) {
            self.progress = Progress::Acked;
        }
    }

    /// Gives its verdict. Its place remains until those before it are settled, its bytes do not: nothing pays for them
    /// any more.
    pub(super) fn settle(&mut self, verdict: Verdict, receipts: &mut Receipts) {
        self.progress = Progress::Settled;
        self.body = Bytes::new();
        receipts.settle(self.id, self.cost, verdict);
    }

    /// Whether a packet with so much room can carry a part that is worth it.
    pub(super) fn split_is_worth_it(&self, room: usize) -> bool {
        self.len() > PART_MIN && room > 2 * length(PART_MIN)
    }

    /// What is known of this bound message, which no acknowledgement proves delivered.
    pub(super) fn fate(&self, number: u64, position: Option<&Received>) -> Fate {
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
    pub(super) fn outlive(
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
    pub(super) fn new(paid: bool) -> Self {
        Self { sent: 0, paid, acked: RangeSet::new(), lost: RangeSet::new() }
    }
}

pub(super) fn is_whole(message: &Outgoing) -> bool {
    message.body.len() <= WHOLE_MAX
}

/// Writes what fits of a range of a message; how many bytes that was.
pub(super) fn write_part(
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
