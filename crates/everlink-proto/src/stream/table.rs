//! All streams of a link: which exist, whose turn it is, what is due to be said about them.

mod transmit;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::recv::{RecvHalf, Taken};
use super::send::SendHalf;
use super::{Read, StreamError, StreamEvent, StreamId};
use crate::session::credit::{LinkRoom, bytes};
use crate::session::{EndReason, Kept, NotKept, ProtocolError, Side};
use crate::wire::codec::MAX_VARINT;
use crate::wire::frame::Stream as StreamFrame;

/// How many streams each side may have open at the start of a session (SPEC 7.4), and how many of its own this side has
/// at once, whatever the peer permits later (SPEC 7.5).
const STREAMS_START: u64 = 64;

#[derive(Debug)]
struct Stream {
    send: SendHalf,
    recv: RecvHalf,
    /// Whether it stands in `turn`.
    in_turn: bool,
    /// The application dropped it.
    released: bool,
    ended: Option<EndReason>,
}

/// All streams of a link.
#[derive(Debug)]
pub(crate) struct Streams {
    side: Side,
    window: u64,
    buffer: usize,
    epoch: u64,
    table: BTreeMap<StreamId, Stream>,
    /// How many this side opened, and may open, and how many of them are over.
    opened: u64,
    permitted: u64,
    over: u64,
    /// How many the peer opened, may open, and how many of them are over.
    peer_opened: u64,
    peer_permitted: u64,
    peer_over: u64,
    count_due: bool,
    /// Opened by the peer and not accepted yet.
    incoming: VecDeque<StreamId>,
    /// Streams with something new to send, in turn.
    turn: VecDeque<u64>,
    resend: BTreeSet<u64>,
    resets: BTreeSet<u64>,
    stops: BTreeSet<u64>,
    credits: BTreeSet<u64>,
    /// At most one of each kind for each stream, since each is told only to who waits.
    events: VecDeque<StreamEvent>,
}

/// What the application does.
impl Streams {
    pub(crate) fn new(side: Side, window: u64, buffer: usize) -> Self {
        Self {
            side,
            window,
            buffer,
            epoch: 0,
            table: BTreeMap::new(),
            opened: 0,
            permitted: STREAMS_START,
            over: 0,
            peer_opened: 0,
            peer_permitted: STREAMS_START,
            peer_over: 0,
            count_due: false,
            incoming: VecDeque::new(),
            turn: VecDeque::new(),
            resend: BTreeSet::new(),
            resets: BTreeSet::new(),
            stops: BTreeSet::new(),
            credits: BTreeSet::new(),
            events: VecDeque::new(),
        }
    }

    pub(crate) fn open(&mut self) -> Result<StreamId, StreamError> {
        if self.opened >= self.permitted.min(self.over + STREAMS_START) {
            return Err(StreamError::TooMany);
        }
        let id = self.id(self.opened * 2 + self.side.parity());
        self.opened += 1;
        self.insert(id);
        Ok(id)
    }

    pub(crate) fn accept(&mut self) -> Option<StreamId> {
        self.incoming.pop_front()
    }

    pub(crate) fn write(&mut self, id: StreamId, data: &[u8]) -> Result<usize, StreamError> {
        let buffer = self.buffer;
        let written = self.writable(id)?.send.write(data, buffer)?;
        self.put_in_turn(id);
        Ok(written)
    }

    pub(crate) fn finish(&mut self, id: StreamId) -> Result<(), StreamError> {
        self.writable(id)?.send.finish()?;
        self.put_in_turn(id);
        Ok(())
    }

    pub(crate) fn reset(&mut self, id: StreamId, code: u64) -> Result<(), StreamError> {
        if self.writable(id)?.send.reset(code.min(MAX_VARINT)) {
            self.resets.insert(id.number);
        }
        Ok(())
    }

    pub(crate) fn read(
        &mut self,
        id: StreamId,
        out: &mut [u8],
        link: &mut LinkRoom,
    ) -> Result<Read, StreamError> {
        let stream = self.table.get_mut(&id).ok_or(StreamError::NoSuchStream)?;
        match (stream.recv.read(out)?, stream.ended) {
            (Some(read), None) => {
                if let Read::Bytes(len) = read {
                    link.grant.consume(bytes(len));
                    self.look_at_credit(id);
                }
                Ok(read)
            }
            (Some(read), Some(_)) => {
                if let Read::Bytes(len) = read {
                    link.grant.clear_backlog(bytes(len));
                }
                Ok(read)
            }
            (None, None) => Ok(Read::Blocked),
            (None, Some(reason)) => Err(StreamError::SessionEnded { reason, acked: stream.send.acked() }),
        }
    }

    pub(crate) fn stop(&mut self, id: StreamId, code: u64, link: &mut LinkRoom) -> Result<(), StreamError> {
        let stream = self.table.get_mut(&id).ok_or(StreamError::NoSuchStream)?;
        let left = stream.recv.readable();
        let Some(freed) = stream.recv.stop(code.min(MAX_VARINT), &mut link.pieces) else { return Ok(()) };
        if stream.ended.is_some() {
            link.grant.clear_backlog(left);
        } else {
            link.grant.consume(freed);
            if stream.recv.stop_due {
                self.stops.insert(id.number);
            }
        }
        Ok(())
    }

    /// The application has no use for the stream any more. What it did not finish is given up.
    pub(crate) fn release(&mut self, id: StreamId, link: &mut LinkRoom) {
        let Some(stream) = self.table.get(&id) else { return };
        if stream.ended.is_some() {
            link.grant.clear_backlog(stream.recv.readable());
            self.table.remove(&id);
            return;
        }
        let open = stream.send.is_open();
        // Neither can fail: the stream exists, and its session goes on.
        let _ = self.stop(id, 0, link);
        if open {
            let _ = self.reset(id, 0);
        }
        if let Some(stream) = self.table.get_mut(&id) {
            stream.released = true;
        }
        self.remove_if_over(id);
    }

    pub(crate) fn poll_event(&mut self) -> Option<StreamEvent> {
        self.events.pop_front()
    }

    /// How many streams the application or the peer still uses.
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether the application uses some stream: it has opened or accepted it, and not dropped it.
    pub(crate) fn is_used(&self) -> bool {
        self.table.values().filter(|stream| !stream.released).count() > self.incoming.len()
    }

    /// Whether something that was written is not acknowledged, or not sent.
    pub(crate) fn has_to_deliver(&self) -> bool {
        self.current().any(|(_, stream)| stream.send.has_to_deliver())
    }

    /// Whether anything is not acknowledged, or not sent.
    pub(crate) fn owes(&self) -> bool {
        self.current().any(|(_, stream)| stream.send.owes()) || self.has_control()
    }

    /// Whether some stream waits for its own credit.
    pub(crate) fn is_blocked(&self) -> bool {
        self.current().any(|(_, stream)| stream.send.is_blocked())
    }

    pub(crate) const fn start_at(&mut self, epoch: u64) {
        self.epoch = epoch;
    }

    /// The session ended. Unclaimed streams vanish; the others keep what can still be read.
    pub(crate) fn end(&mut self, reason: EndReason) {
        for id in core::mem::take(&mut self.incoming) {
            self.table.remove(&id);
        }
        let epoch = self.epoch;
        self.table.retain(|id, stream| id.epoch < epoch || !stream.released);
        for (id, stream) in self.table.range_mut(StreamId { epoch, number: 0 }..) {
            stream.ended = Some(reason);
            stream.send.end();
            stream.recv.end();
            self.events.extend([StreamEvent::Readable(*id), StreamEvent::Writable(*id)]);
        }
        let next = Self::new(self.side, self.window, self.buffer);
        let (table, events) = (core::mem::take(&mut self.table), core::mem::take(&mut self.events));
        *self = Self { epoch: epoch + 1, table, events, ..next };
    }

    /// What streams of sessions that are over hold until the application has read it, or wants it no more.
    pub(crate) fn held_after_end(&self) -> u64 {
        self.table.values().filter(|it| it.ended.is_some()).map(|it| it.recv.readable()).sum()
    }

    fn writable(&mut self, id: StreamId) -> Result<&mut Stream, StreamError> {
        let stream = self.table.get_mut(&id).ok_or(StreamError::NoSuchStream)?;
        match stream.ended {
            Some(reason) => Err(StreamError::SessionEnded { reason, acked: stream.send.acked() }),
            None => Ok(stream),
        }
    }
}

/// What the peer says.
impl Streams {
    pub(crate) fn on_stream(
        &mut self,
        frame: &StreamFrame<'_>,
        link: &mut LinkRoom,
    ) -> Result<Kept, ProtocolError> {
        let end = frame.offset.saturating_add(bytes(frame.bytes.len()));
        let Some((id, stream)) = self.named(frame.id)? else { return Ok(Kept::Yes) };
        if !link.grant.has_room(end.saturating_sub(stream.recv.grant.seen())) {
            return Ok(Kept::No(NotKept::NoRoom));
        }
        let taken = stream.recv.on_bytes(frame.offset, frame.bytes, frame.fin, &mut link.pieces)?;
        self.account(id, taken, link)
    }

    pub(crate) fn on_reset(
        &mut self,
        number: u64,
        code: u64,
        final_size: u64,
        link: &mut LinkRoom,
    ) -> Result<Kept, ProtocolError> {
        let Some((id, stream)) = self.named(number)? else { return Ok(Kept::Yes) };
        let taken = stream.recv.on_reset(code, final_size, &mut link.pieces)?;
        self.account(id, taken, link)
    }

    pub(crate) fn on_stop(&mut self, number: u64, code: u64) -> Result<Kept, ProtocolError> {
        let Some((id, stream)) = self.named(number)? else { return Ok(Kept::Yes) };
        if stream.send.on_stop(code) {
            self.resets.insert(number);
            self.events.push_back(StreamEvent::Writable(id));
        }
        Ok(Kept::Yes)
    }

    pub(crate) fn on_credit(&mut self, number: u64, maximum: u64) -> Result<(), ProtocolError> {
        let Some((id, stream)) = self.named(number)? else { return Ok(()) };
        if stream.send.allowance.raise(maximum) {
            self.put_in_turn(id);
        }
        Ok(())
    }

    /// The peer permits more streams.
    pub(crate) fn on_count(&mut self, maximum: u64) {
        self.permitted = self.permitted.max(maximum);
    }

    /// Whether a frame of a stream tells nothing new.
    pub(crate) fn knows(&self, frame: &StreamFrame<'_>) -> bool {
        let end = frame.offset.saturating_add(bytes(frame.bytes.len()));
        match self.table.get(&self.id(frame.id)) {
            Some(stream) => stream.recv.knows(end, frame.fin),
            None => self.was_opened(frame.id),
        }
    }

    /// The stream that the peer means; `None` if it is over. The peer opens one by using it, and all
    /// before it: frames of those may still be on their way.
    fn named(&mut self, number: u64) -> Result<Option<(StreamId, &mut Stream)>, ProtocolError> {
        let index = number / 2;
        if number % 2 == self.side.parity() {
            if index >= self.opened {
                return Err(ProtocolError::NoSuchStream);
            }
        } else if index >= self.peer_permitted {
            return Err(ProtocolError::TooManyStreams);
        }
        while !self.was_opened(number) {
            let id = self.id(self.peer_opened * 2 + self.side.other().parity());
            self.peer_opened += 1;
            self.insert(id);
            self.incoming.push_back(id);
            self.events.push_back(StreamEvent::Opened);
            self.look_at_count();
        }
        let id = self.id(number);
        Ok(self.table.get_mut(&id).map(|stream| (id, stream)))
    }

    fn was_opened(&self, number: u64) -> bool {
        let opened = if number % 2 == self.side.parity() { self.opened } else { self.peer_opened };
        number / 2 < opened
    }

    fn account(&mut self, id: StreamId, taken: Taken, link: &mut LinkRoom) -> Result<Kept, ProtocolError> {
        link.grant.see(taken.seen).map_err(|_| ProtocolError::CreditExceeded)?;
        link.grant.consume(taken.discarded);
        self.look_at_credit(id);
        if let Some(stream) = self.table.get_mut(&id)
            && stream.recv.is_readable()
            && core::mem::take(&mut stream.recv.blocked)
        {
            self.events.push_back(StreamEvent::Readable(id));
        }
        self.remove_if_over(id);
        Ok(taken.kept)
    }
}

/// What everything above rests on.
impl Streams {
    fn insert(&mut self, id: StreamId) {
        let (send, recv) = (SendHalf::new(), RecvHalf::new(self.window));
        self.table.insert(id, Stream { send, recv, in_turn: false, released: false, ended: None });
    }

    fn put_in_turn(&mut self, id: StreamId) {
        let Some(stream) = self.table.get_mut(&id) else { return };
        if !stream.in_turn && stream.send.has_new() && !stream.send.is_blocked() {
            stream.in_turn = true;
            self.turn.push_back(id.number);
        }
    }

    fn look_at_credit(&mut self, id: StreamId) {
        let due = self
            .table
            .get(&id)
            .is_some_and(|stream| stream.recv.wants_credit() && stream.recv.grant.is_due(0));
        if due {
            self.credits.insert(id.number);
        }
    }

    /// Forgets a stream that both sides and the application are through with.
    fn remove_if_over(&mut self, id: StreamId) {
        let over = self
            .table
            .get(&id)
            .is_some_and(|stream| stream.released && stream.send.is_settled() && stream.recv.is_settled());
        if !over {
            return;
        }
        self.table.remove(&id);
        if id.number % 2 == self.side.parity() {
            self.over += 1;
        } else {
            self.peer_over += 1;
            self.look_at_count();
        }
    }

    /// Permits more streams when a quarter of them is over, or one is and the peer may have used up what it may: what
    /// it has opened and not used yet is unknown here, and taken to be a quarter at most (SPEC 7.5).
    fn look_at_count(&mut self) {
        let raise = self.peer_over + STREAMS_START - self.peer_permitted;
        let may_wait = self.peer_permitted - self.peer_opened <= STREAMS_START / 4;
        self.count_due |= raise >= STREAMS_START / 4 || (raise > 0 && may_wait);
    }

    fn current(&self) -> impl Iterator<Item = (&StreamId, &Stream)> {
        self.table.range(StreamId { epoch: self.epoch, number: 0 }..)
    }

    const fn id(&self, number: u64) -> StreamId {
        StreamId { epoch: self.epoch, number }
    }
}
