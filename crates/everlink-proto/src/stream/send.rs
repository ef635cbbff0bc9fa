//! The writing half of a stream: bytes that wait, fly, were lost, were acknowledged.

use std::collections::VecDeque;

use super::StreamError;
use crate::range_set::RangeSet;
use crate::session::Record;
use crate::session::credit::{Allowance, STREAM_START, bytes, length};
use crate::wire::codec::Writer;
use crate::wire::frame::{Frame, Stream, write_stream};

/// The least worth a frame of its own, unless it is the last.
const PIECE_MIN: u64 = 32;

/// How the last word of a stream stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Last {
    /// It was not said.
    #[default]
    Unsaid,
    /// It waits to be sent for the first time.
    Due,
    Flying,
    /// It is to be sent again.
    Lost,
    Acked,
}

impl Last {
    /// Whether it was said and is not acknowledged.
    const fn is_open(self) -> bool {
        matches!(self, Self::Due | Self::Flying | Self::Lost)
    }
}

/// Why nothing more is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum GivenUp {
    Here,
    StoppedByReader { code: u64 },
}

/// The writing half of a stream.
#[derive(Debug)]
pub(super) struct SendHalf {
    /// The written bytes from `base` on.
    buffer: VecDeque<u8>,
    /// Everything before was acknowledged.
    base: u64,
    /// How far bytes were ever in a packet.
    sent: u64,
    acked: RangeSet,
    lost: RangeSet,
    pub(super) allowance: Allowance,
    finished: bool,
    fin: Last,
    given_up: Option<GivenUp>,
    reset_code: u64,
    reset: Last,
    /// The application was told to wait, and waits for news.
    pub(super) blocked: bool,
}

impl SendHalf {
    pub(super) fn new() -> Self {
        Self {
            buffer: VecDeque::new(),
            base: 0,
            sent: 0,
            acked: RangeSet::new(),
            lost: RangeSet::new(),
            allowance: Allowance::new(STREAM_START),
            finished: false,
            fin: Last::Unsaid,
            given_up: None,
            reset_code: 0,
            reset: Last::Unsaid,
            blocked: false,
        }
    }

    /// Takes as many bytes as there is room for below `bound`.
    pub(super) fn write(&mut self, data: &[u8], bound: usize) -> Result<usize, StreamError> {
        self.check_open()?;
        let len = data.len().min(bound.saturating_sub(self.buffer.len()));
        self.buffer.extend(data.get(..len).unwrap_or_default());
        self.blocked = len < data.len();
        Ok(len)
    }

    pub(super) fn finish(&mut self) -> Result<(), StreamError> {
        self.check_open()?;
        self.finished = true;
        self.fin = Last::Due;
        Ok(())
    }

    /// Gives the rest up. Without effect once everything is acknowledged or given up.
    pub(super) fn reset(&mut self, code: u64) -> bool {
        self.give_up(GivenUp::Here, code)
    }

    /// The reader wants no more: the rest is given up on its behalf.
    pub(super) fn on_stop(&mut self, code: u64) -> bool {
        self.give_up(GivenUp::StoppedByReader { code }, code)
    }

    /// Whether the application neither finished it nor gave it up.
    pub(super) const fn is_open(&self) -> bool {
        !self.finished && self.given_up.is_none()
    }

    /// The session ended: what was not acknowledged will not go out any more.
    pub(super) fn end(&mut self) {
        self.buffer = VecDeque::new();
        self.lost.clear();
        self.acked.clear();
    }

    /// How many bytes the peer has for certain.
    pub(super) const fn acked(&self) -> u64 {
        self.base
    }

    /// Whether nothing is left to say.
    pub(super) fn is_settled(&self) -> bool {
        match self.reset {
            Last::Unsaid => self.fin == Last::Acked && self.buffer.is_empty(),
            // The buffer is empty because it was given up: until the peer has the RESET it waits for the rest.
            reset => reset == Last::Acked,
        }
    }

    /// Whether something was lost that is still wanted.
    pub(super) fn has_lost(&self) -> bool {
        !self.lost.is_empty() || (self.given_up.is_none() && self.fin == Last::Lost)
    }

    /// Whether something was never sent.
    pub(super) fn has_new(&self) -> bool {
        self.given_up.is_none() && (!self.all_sent() || self.fin == Last::Due)
    }

    /// Whether something new could go out with so much credit for the link.
    pub(super) fn can_send_new(&self, link: u64) -> bool {
        self.has_new() && (self.all_sent() || (link > 0 && self.allowance.available() > 0))
    }

    /// Whether credit for the stream is all that new bytes wait for.
    pub(super) fn is_blocked(&self) -> bool {
        self.has_new() && !self.all_sent() && self.allowance.available() == 0
    }

    /// Whether bytes, or their end, are not acknowledged yet.
    pub(super) fn has_to_deliver(&self) -> bool {
        self.reset == Last::Unsaid && (!self.buffer.is_empty() || self.fin.is_open())
    }

    /// Whether something is not acknowledged yet, be it a RESET.
    pub(super) fn owes(&self) -> bool {
        self.has_to_deliver() || self.reset.is_open()
    }

    pub(super) fn reset_is_due(&self) -> bool {
        self.reset == Last::Due
    }

    /// Writes the RESET if it fits.
    pub(super) fn write_reset(&mut self, id: u64, w: &mut Writer<'_>, records: &mut Vec<Record>) -> bool {
        let frame = Frame::StreamReset { id, code: self.reset_code, final_offset: self.sent };
        let written = frame.encode(w).is_ok();
        if written {
            self.reset = Last::Flying;
            records.push(Record::Reset(id));
        }
        written
    }

    /// Writes lost bytes again, as many as fit; true if any.
    pub(super) fn write_lost(&mut self, id: u64, w: &mut Writer<'_>, records: &mut Vec<Record>) -> bool {
        let mut wrote = false;
        while let Some(range) = self.lost.pop_min() {
            let len = self.write_piece(id, range.start, range.end, w, records);
            wrote |= len > 0;
            self.lost.insert_range(range.start + len..range.end);
            if len == 0 {
                return wrote;
            }
        }
        if self.has_lost() {
            wrote |= self.write_fin(id, w, records);
        }
        wrote
    }

    /// Writes bytes that were never sent, as far as space and credit go; true if any.
    pub(super) fn write_new(
        &mut self,
        id: u64,
        link: &mut Allowance,
        w: &mut Writer<'_>,
        records: &mut Vec<Record>,
    ) -> bool {
        let mut wrote = false;
        while !self.all_sent() {
            let credit = self.allowance.available().min(link.available());
            let end = self.written().min(self.sent.saturating_add(credit));
            let len = self.write_piece(id, self.sent, end, w, records);
            if len == 0 {
                return wrote;
            }
            self.sent += len;
            self.allowance.spend(len);
            link.spend(len);
            wrote = true;
        }
        wrote | (self.has_new() && self.write_fin(id, w, records))
    }

    /// True if there is room to write again for somebody who waits.
    pub(super) fn on_acked(&mut self, offset: u64, len: u64, fin: bool) -> bool {
        if fin {
            self.fin = Last::Acked;
        }
        let end = offset.saturating_add(len).min(self.sent);
        self.lost.remove_range(offset..end);
        self.acked.insert_range(offset.max(self.base)..end);
        let Some(first) = self.acked.iter().next().filter(|first| first.start <= self.base) else {
            return false;
        };
        self.acked.pop_min();
        let freed = length(first.end - self.base).min(self.buffer.len());
        self.buffer.drain(..freed);
        super::shrink(&mut self.buffer);
        self.base = first.end;
        core::mem::take(&mut self.blocked)
    }

    pub(super) fn on_lost(&mut self, offset: u64, len: u64, fin: bool) {
        if self.given_up.is_some() {
            return;
        }
        if fin && self.fin == Last::Flying {
            self.fin = Last::Lost;
        }
        let range = offset.max(self.base)..offset.saturating_add(len).min(self.sent);
        let missing: Vec<_> = self.acked.gaps(range).collect();
        self.lost.extend(missing);
    }

    pub(super) fn on_reset_acked(&mut self) {
        self.reset = Last::Acked;
    }

    pub(super) fn on_reset_lost(&mut self) -> bool {
        let again = self.reset == Last::Flying;
        if again {
            self.reset = Last::Due;
        }
        again
    }

    fn check_open(&self) -> Result<(), StreamError> {
        match self.given_up {
            Some(GivenUp::StoppedByReader { code }) => Err(StreamError::StoppedByReader { code }),
            Some(GivenUp::Here) => Err(StreamError::Finished),
            None if self.finished => Err(StreamError::Finished),
            None => Ok(()),
        }
    }

    fn give_up(&mut self, why: GivenUp, code: u64) -> bool {
        if self.given_up.is_some() || self.is_settled() {
            return false;
        }
        self.given_up = Some(why);
        self.buffer = VecDeque::new();
        self.lost.clear();
        self.acked.clear();
        self.reset_code = code;
        self.reset = Last::Due;
        true
    }

    /// Writes what fits of `from..to`, which is in the buffer; how much that was.
    fn write_piece(
        &mut self,
        id: u64,
        from: u64,
        to: u64,
        w: &mut Writer<'_>,
        records: &mut Vec<Record>,
    ) -> u64 {
        let piece = self.contiguous(from, to);
        let fin = matches!(self.fin, Last::Due | Last::Lost) && from + bytes(piece.len()) == self.written();
        let mark = w.mark();
        let whole = bytes(piece.len());
        if whole == 0 {
            return 0;
        }
        let Ok(len) = write_stream(w, &Stream { id, offset: from, fin, bytes: piece }).map(bytes) else {
            return 0;
        };
        if len < whole.min(PIECE_MIN) {
            w.truncate(mark);
            return 0;
        }
        let fin = fin && len == whole;
        if fin {
            self.fin = Last::Flying;
        }
        records.push(Record::Stream { id, offset: from, len, fin });
        len
    }

    fn write_fin(&mut self, id: u64, w: &mut Writer<'_>, records: &mut Vec<Record>) -> bool {
        let offset = self.sent;
        let written = write_stream(w, &Stream { id, offset, fin: true, bytes: &[] }).is_ok();
        if written {
            self.fin = Last::Flying;
            records.push(Record::Stream { id, offset, len: 0, fin: true });
        }
        written
    }

    /// The bytes of `from..to`, up to where the ring buffer wraps.
    fn contiguous(&self, from: u64, to: u64) -> &[u8] {
        let (front, back) = self.buffer.as_slices();
        let (from, to) = (length(from.saturating_sub(self.base)), length(to.saturating_sub(self.base)));
        match from.checked_sub(front.len()) {
            None => front.get(from..to.min(front.len())).unwrap_or_default(),
            Some(from) => back.get(from..to - front.len()).unwrap_or_default(),
        }
    }

    fn written(&self) -> u64 {
        self.base + bytes(self.buffer.len())
    }

    fn all_sent(&self) -> bool {
        self.given_up.is_some() || self.sent == self.written()
    }
}
