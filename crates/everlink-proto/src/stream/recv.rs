//! The reading half of a stream.

use super::assembler::{Assembler, Pieces};
use super::{Read, StreamError};
use crate::session::credit::{Grant, STREAM_START, bytes};
use crate::session::{Kept, NotKept, ProtocolError};

/// The reading half of a stream.
#[derive(Debug)]
pub(super) struct RecvHalf {
    assembler: Assembler,
    pub(super) grant: Grant,
    /// Where the stream ends, once the peer said so.
    final_size: Option<u64>,
    /// The peer gave the rest up.
    reset: Option<u64>,
    /// This side wants no more, for this reason.
    stopped: Option<u64>,
    pub(super) stop_due: bool,
    /// The application was told to wait, and waits for news.
    pub(super) blocked: bool,
}

/// What a frame did to the credit of the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) kept: Kept,
    /// Bytes of the link's credit that the peer spent.
    pub(super) seen: u64,
    /// Bytes of it that nobody will read.
    pub(super) discarded: u64,
}

impl RecvHalf {
    pub(super) fn new(window: u64) -> Self {
        Self {
            assembler: Assembler::default(),
            grant: Grant::new(STREAM_START, window),
            final_size: None,
            reset: None,
            stopped: None,
            stop_due: false,
            blocked: true,
        }
    }

    /// Takes bytes off the wire.
    pub(super) fn on_bytes(
        &mut self,
        offset: u64,
        data: &[u8],
        fin: bool,
        pieces: &mut Pieces,
    ) -> Result<Taken, ProtocolError> {
        let end = offset.saturating_add(bytes(data.len()));
        self.check_final_size(end, fin)?;
        if !self.is_discarding() && self.assembler.insert(offset, data, pieces).is_err() {
            return Ok(Taken { kept: Kept::No(NotKept::NoRoom), seen: 0, discarded: 0 });
        }
        if fin {
            self.final_size = Some(end);
        }
        self.see_up_to(end)
    }

    /// The peer gave the rest up.
    pub(super) fn on_reset(
        &mut self,
        code: u64,
        final_size: u64,
        pieces: &mut Pieces,
    ) -> Result<Taken, ProtocolError> {
        self.check_final_size(final_size, true)?;
        // Who has everything and the end as well is not told that there would have been less. Without
        // the end, a reset is a reset even behind the last byte, or it would look like one.
        let is_complete = self.final_size == Some(self.assembler.contiguous()) && self.stopped.is_none();
        self.final_size = Some(final_size);
        if !is_complete {
            self.reset = self.reset.or(Some(code));
            self.assembler.clear(pieces);
        }
        self.see_up_to(final_size)
    }

    /// Reads into `out`. `None` if nothing is there, and the end neither.
    pub(super) fn read(&mut self, out: &mut [u8]) -> Result<Option<Read>, StreamError> {
        if self.stopped.is_some() {
            return Err(StreamError::Finished);
        }
        if let Some(code) = self.reset {
            return Err(StreamError::Reset { code });
        }
        let len = self.assembler.read(out);
        if len > 0 {
            self.grant.consume(bytes(len));
            return Ok(Some(Read::Bytes(len)));
        }
        if self.final_size == Some(self.assembler.taken()) {
            return Ok(Some(Read::End));
        }
        if self.assembler.readable() > 0 {
            return Ok(Some(Read::Bytes(0))); // there is no room in `out`
        }
        self.blocked = true;
        Ok(None)
    }

    /// Wants no more; how much of the link's credit becomes free. `None` if there is nothing to stop.
    pub(super) fn stop(&mut self, code: u64, pieces: &mut Pieces) -> Option<u64> {
        if self.stopped.is_some() || self.is_read_out() {
            return None;
        }
        self.stopped = Some(code);
        self.stop_due = !self.is_settled();
        self.assembler.clear(pieces);
        Some(self.discard())
    }

    /// The session ended: nothing more comes.
    pub(super) fn end(&mut self) {
        self.assembler.end();
    }

    /// The code of a stop that still has to reach the peer.
    pub(super) fn stop_code(&self) -> Option<u64> {
        self.stopped.filter(|_| !self.is_settled())
    }

    /// Whether the peer has nothing more to say that matters.
    pub(super) fn is_settled(&self) -> bool {
        match self.final_size {
            None => false,
            Some(size) => self.is_discarding() || self.assembler.contiguous() == size,
        }
    }

    /// Whether more credit would be of any use.
    pub(super) const fn wants_credit(&self) -> bool {
        self.final_size.is_none() && !self.is_discarding()
    }

    /// How many bytes can be read.
    pub(super) fn readable(&self) -> u64 {
        bytes(self.assembler.readable())
    }

    /// Whether news came for somebody who waits.
    pub(super) fn is_readable(&self) -> bool {
        self.assembler.readable() > 0
            || self.reset.is_some()
            || self.final_size == Some(self.assembler.taken())
    }

    /// Whether a frame that ends at `end` tells nothing new.
    pub(super) fn knows(&self, end: u64, fin: bool) -> bool {
        self.is_settled() || (end <= self.assembler.contiguous() && (!fin || self.final_size.is_some()))
    }

    const fn is_discarding(&self) -> bool {
        self.stopped.is_some() || self.reset.is_some()
    }

    fn is_read_out(&self) -> bool {
        self.final_size == Some(self.assembler.taken()) && self.reset.is_none()
    }

    /// A stream ends in one place, at or behind everything that was sent of it.
    fn check_final_size(&self, end: u64, is_final: bool) -> Result<(), ProtocolError> {
        let beyond = self.final_size.is_some_and(|size| end > size || (is_final && end != size));
        if beyond || (is_final && end < self.grant.seen()) {
            return Err(ProtocolError::FinalSizeChanged);
        }
        Ok(())
    }

    fn see_up_to(&mut self, end: u64) -> Result<Taken, ProtocolError> {
        let seen = end.saturating_sub(self.grant.seen());
        self.grant.see(seen).map_err(|_| ProtocolError::CreditExceeded)?;
        let discarded = if self.is_discarding() { self.discard() } else { 0 };
        Ok(Taken { kept: Kept::Yes, seen, discarded })
    }

    /// Counts what nobody will read as read.
    fn discard(&mut self) -> u64 {
        let held = self.grant.held();
        self.grant.consume(held);
        held
    }
}
