//! The receiving side of a channel: puts messages in order and remembers what the application is
//! done with.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::WINDOW;
use crate::range_set::RangeSet;
use crate::session::credit::{CHANNEL_START, Grant, LinkRoom, MESSAGE_OVERHEAD, bytes, cost};
use crate::session::inbox::{DoneToken, Inbox};
use crate::session::{Kept, NotKept, ProtocolError, Record};
use crate::stream::assembler::Assembler;
use crate::wire::codec::Writer;
use crate::wire::frame::{Done, Frag, Frame, MAX_RANGES, MessageFlags};

/// A message that cannot be delivered yet.
#[derive(Debug)]
enum Early {
    /// It waits for messages before it.
    Whole { flags: MessageFlags, body: Bytes },
    /// It waits for its other parts. `held` is what was charged for it.
    Parts { total: u64, held: u64, assembler: Assembler },
}

/// What a message off the wire goes through: the room of the link and the inbox.
#[derive(Debug)]
pub(crate) struct Gate<'a> {
    pub(crate) epoch: u64,
    pub(crate) link: &'a mut LinkRoom,
    pub(crate) inbox: &'a mut Inbox,
}

/// The receiving side of a channel.
#[derive(Debug)]
pub(crate) struct RecvChannel {
    channel: u64,
    /// The number of the next message for the inbox.
    next: u64,
    /// Messages from `next` on. Each has cost credit, which bounds them.
    early: BTreeMap<u64, Early>,
    pub(crate) grant: Grant,
    /// What opened messages will cost beyond what came of them.
    pub(crate) coming: u64,
    /// Messages that entered the inbox and ask for a DONE which is not acknowledged. Each still costs what it costs to
    /// remember it, which bounds them (SPEC 7.4).
    asked: RangeSet,
    /// How many messages the application was asked to say done for, and did not.
    undone: u64,
    done_due: RangeSet,
    done_flying: RangeSet,
}

/// Messages off the wire.
impl RecvChannel {
    pub(crate) fn new(channel: u64, window: u64) -> Self {
        Self {
            channel,
            next: 0,
            early: BTreeMap::new(),
            grant: Grant::new(CHANNEL_START, window),
            coming: 0,
            asked: RangeSet::new(),
            undone: 0,
            done_due: RangeSet::new(),
            done_flying: RangeSet::new(),
        }
    }

    /// The number of the first message that is not in the inbox.
    pub(crate) const fn next(&self) -> u64 {
        self.next
    }

    /// How many messages wait for others or for their own parts.
    pub(crate) fn early(&self) -> usize {
        self.early.len()
    }

    /// Whether all of a message was kept before.
    pub(crate) fn knows(&self, number: u64) -> bool {
        number < self.next || matches!(self.early.get(&number), Some(Early::Whole { .. }))
    }

    /// A whole message.
    pub(crate) fn on_whole(
        &mut self,
        number: u64,
        flags: MessageFlags,
        body: &[u8],
        gate: &mut Gate<'_>,
    ) -> Result<Kept, ProtocolError> {
        if let Some(kept) = self.known(number, bytes(body.len()))? {
            return Ok(kept);
        }
        let (price, held) = (cost(body.len()), self.held(number));
        if !gate.link.grant.has_room(price - held) {
            return Ok(Kept::No(NotKept::NoRoom));
        }
        if held > 0 {
            self.coming -= price - held;
        }
        self.charge(price - held, gate)?;
        let body = Bytes::copy_from_slice(body);
        self.keep(number, flags, body, gate);
        Ok(Kept::Yes)
    }

    /// A part of a message. True beside `Kept` if it is the first that came of it.
    pub(crate) fn on_part(
        &mut self,
        frag: &Frag<'_>,
        gate: &mut Gate<'_>,
    ) -> Result<(Kept, bool), ProtocolError> {
        if let Some(kept) = self.known(frag.number, frag.total)? {
            return Ok((kept, false));
        }
        if !gate.link.grant.has_room(bytes(frag.bytes.len()).saturating_add(MESSAGE_OVERHEAD)) {
            return Ok((Kept::No(NotKept::NoRoom), false));
        }
        let opens = !self.early.contains_key(&frag.number);
        let (flags, total) = (frag.flags, frag.total);
        let fresh = || Early::Parts { total, held: 0, assembler: Assembler::default() };
        let message = self.early.entry(frag.number).or_insert_with(fresh);
        let Early::Parts { held, assembler, .. } = message else { return Ok((Kept::Yes, false)) };
        let Ok(new) = assembler.insert(frag.offset, frag.bytes, &mut gate.link.pieces) else {
            if opens {
                self.early.remove(&frag.number);
            }
            return Ok((Kept::No(NotKept::NoRoom), false));
        };
        let price = if opens { new + MESSAGE_OVERHEAD } else { new };
        *held += price;
        let whole = (assembler.contiguous() == total).then(|| core::mem::take(assembler));
        if opens {
            self.coming += total + MESSAGE_OVERHEAD;
        }
        self.coming -= price;
        self.charge(price, gate)?;
        if let Some(assembler) = whole {
            self.keep(frag.number, flags, assembler.into_bytes().into(), gate);
        }
        Ok((Kept::Yes, opens))
    }

    /// What was there before already decides about a message: `None` if something of it is new.
    fn known(&self, number: u64, total: u64) -> Result<Option<Kept>, ProtocolError> {
        let Some(ahead) = number.checked_sub(self.next) else { return Ok(Some(Kept::Yes)) };
        if ahead >= WINDOW {
            return Ok(Some(Kept::No(NotKept::NoRoom)));
        }
        let (known, whole) = match self.early.get(&number) {
            None => return Ok(None),
            Some(Early::Whole { body, .. }) => (bytes(body.len()), true),
            Some(Early::Parts { total, .. }) => (*total, false),
        };
        if known != total {
            return Err(ProtocolError::LengthChanged);
        }
        Ok(whole.then_some(Kept::Yes))
    }

    fn held(&self, number: u64) -> u64 {
        match self.early.get(&number) {
            Some(Early::Parts { held, .. }) => *held,
            Some(Early::Whole { .. }) | None => 0,
        }
    }

    fn charge(&mut self, price: u64, gate: &mut Gate<'_>) -> Result<(), ProtocolError> {
        let seen = self.grant.see(price).and(gate.link.grant.see(price));
        seen.map_err(|_| ProtocolError::CreditExceeded)
    }

    fn keep(&mut self, number: u64, flags: MessageFlags, body: Bytes, gate: &mut Gate<'_>) {
        if let Some(Early::Parts { mut assembler, .. }) = self.early.remove(&number) {
            assembler.clear(&mut gate.link.pieces);
        }
        if number > self.next {
            self.early.insert(number, Early::Whole { flags, body });
            return;
        }
        self.deliver(flags, body, gate);
        while let Some(first) = self.early.first_entry() {
            if *first.key() > self.next || matches!(first.get(), Early::Parts { .. }) {
                return;
            }
            if let Early::Whole { flags, body } = first.remove() {
                self.deliver(flags, body, gate);
            }
        }
    }

    fn deliver(&mut self, flags: MessageFlags, body: Bytes, gate: &mut Gate<'_>) {
        let wanted = flags.wants_done;
        let token = DoneToken { epoch: gate.epoch, channel: self.channel, number: self.next, wanted };
        gate.inbox.push_message(token, body, flags);
        if wanted {
            self.undone += 1;
            self.asked.insert(self.next);
        }
        self.next += 1;
    }
}

/// What the application is done with.
impl RecvChannel {
    pub(crate) fn done(&mut self, number: u64) {
        // Tokens exist once; this one may still come from another link.
        if self.asked.contains(number) && self.undone > 0 {
            self.undone -= 1;
            self.done_due.insert(number);
        }
    }

    /// Whether a DONE is to be sent.
    pub(crate) fn has_done(&self) -> bool {
        !self.done_due.is_empty()
    }

    /// Whether the application is not done with some message that it has been given.
    pub(crate) const fn is_in_hand(&self) -> bool {
        self.undone > 0
    }

    /// Whether the peer still waits for some DONE that may come.
    pub(crate) fn owes_done(&self) -> bool {
        self.is_in_hand() || self.has_done() || !self.done_flying.is_empty()
    }

    /// Writes DONE as far as space goes; false if something is left.
    pub(crate) fn write_done(&mut self, w: &mut Writer<'_>, records: &mut Vec<Record>) -> bool {
        let mut most = usize::try_from(MAX_RANGES).unwrap_or(1);
        while self.has_done() && most > 0 {
            let ranges: Vec<_> =
                self.done_due.iter().take(most).map(|range| (range.start, range.end)).collect();
            let frame = Frame::Done(Done { channel: self.channel, ranges: ranges.clone() });
            if frame.encode(w).is_err() {
                most /= 2;
                continue;
            }
            for (first, end) in ranges {
                self.done_due.remove_range(first..end);
                self.done_flying.insert_range(first..end);
                records.push(Record::Done { channel: self.channel, first, end });
            }
        }
        !self.has_done()
    }

    /// Nothing has to be remembered of these any more.
    pub(crate) fn on_done_acked(&mut self, first: u64, end: u64, link: &mut LinkRoom) {
        self.done_flying.remove_range(first..end);
        self.done_due.remove_range(first..end);
        let freed = MESSAGE_OVERHEAD * self.asked.remove_range(first..end);
        self.grant.consume(freed);
        link.grant.consume(freed);
    }

    pub(crate) fn on_done_lost(&mut self, first: u64, end: u64) {
        if self.done_flying.remove_range(first..end) > 0 {
            self.done_due.insert_range(first..end);
        }
    }
}
