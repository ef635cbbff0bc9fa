//! Streams: bytes in order both ways, within one session.
//!
//! A stream goes on through every change of address and connection. It ends with its session, and
//! then says so: the end of file is seen only if the peer finished its half.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use everlink_proto::id::PeerId;
use everlink_proto::{Read, StreamId};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::error::{EndpointFailed, StreamError};
use crate::line::Attempt;
use crate::shared::{Shared, Turn, Waits};
use crate::wait::WaitQueue;

/// The code of the STREAM_RESET or STREAM_STOP that stands for a dropped half.
const DROPPED: u64 = 0;

/// Both halves of a stream.
///
/// Its errors are [`io::Error`]s around a [`StreamError`], which `get_ref` and a downcast give.
#[derive(Debug)]
pub struct Stream {
    read: ReadHalf,
    write: WriteHalf,
}

impl Stream {
    fn new(shared: &Arc<Shared>, peer: PeerId, id: StreamId) -> Self {
        let held = Arc::new(Held { shared: Arc::clone(shared), peer, id });
        let read = ReadHalf { held: Arc::clone(&held), ended: false };
        Self { read, write: WriteHalf { held, finished: false } }
    }

    pub(crate) fn open(shared: &Arc<Shared>, peer: PeerId) -> Result<Self, StreamError> {
        let (opened, state) =
            shared.turn(|turn| (turn.core.open_stream(turn.now, peer), turn.core.state(&peer)))?;
        let id = opened.map_err(|error| StreamError::from_core(peer, error, state))?;
        Ok(Self::new(shared, peer, id))
    }

    /// With whom.
    pub fn peer(&self) -> PeerId {
        self.read.held.peer
    }

    /// The number of the stream in its session.
    pub fn id(&self) -> StreamId {
        self.read.held.id
    }

    /// Takes the halves apart, for different tasks.
    pub fn split(self) -> (ReadHalf, WriteHalf) {
        (self.read, self.write)
    }

    /// See [`WriteHalf::finish`].
    pub fn finish(&mut self) -> Result<(), StreamError> {
        self.write.finish()
    }

    /// See [`WriteHalf::reset`].
    pub fn reset(&mut self, code: u64) -> Result<(), StreamError> {
        self.write.reset(code)
    }
}

/// The half of a stream that reads. Dropped before its end, it tells the peer to stop writing.
#[derive(Debug)]
pub struct ReadHalf {
    held: Arc<Held>,
    ended: bool,
}

impl ReadHalf {
    /// Tells the peer to stop writing, for a reason of the application.
    pub fn stop(&mut self, code: u64) -> Result<(), StreamError> {
        self.ended = true;
        self.held.turn(|turn, peer, id| turn.core.stop_stream(turn.now, peer, id, code))?;
        Ok(())
    }

    fn try_read(
        &self,
        cx: &Context<'_>,
        turn: &mut Turn<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<usize, StreamError>> {
        let Held { peer, id, .. } = *self.held;
        match turn.core.read_stream(turn.now, peer, id, buf).map_err(|error| why(error, turn))? {
            Read::Bytes(count) => Poll::Ready(Ok(count)),
            Read::End => Poll::Ready(Ok(0)),
            Read::Blocked if turn.is_over() => Poll::Ready(Err(StreamError::Stopped)),
            Read::Blocked => {
                let waits = turn.waits.peer(peer).streams.entry(id).or_default();
                turn.wakes.park(&mut waits.reader, cx);
                Poll::Pending
            }
        }
    }
}

impl AsyncRead for ReadHalf {
    /// Cancel safe: bytes are taken from the stream only when this is ready.
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let room = buf.initialize_unfilled();
        let read = self.held.shared.turn(|turn| self.try_read(cx, turn, room));
        let count = std::task::ready!(read.unwrap_or_else(|failure| Poll::Ready(Err(failure.into()))))?;
        self.ended |= count == 0;
        buf.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl Drop for ReadHalf {
    fn drop(&mut self) {
        if !self.ended {
            // A stream that is over needs no stop.
            let _ = self.stop(DROPPED);
        }
    }
}

/// The half of a stream that writes. Dropped before it was finished, it resets the stream: the peer
/// sees an error, never a false end of file.
#[derive(Debug)]
pub struct WriteHalf {
    held: Arc<Held>,
    finished: bool,
}

impl WriteHalf {
    /// Nothing more will be written: once the peer has read everything, it sees the end of file.
    pub fn finish(&mut self) -> Result<(), StreamError> {
        self.finished = true;
        self.held.turn(|turn, peer, id| turn.core.finish_stream(turn.now, peer, id))?;
        Ok(())
    }

    /// Gives the stream up, for a reason of the application; what was not sent yet never will be.
    pub fn reset(&mut self, code: u64) -> Result<(), StreamError> {
        self.finished = true;
        self.held.turn(|turn, peer, id| turn.core.reset_stream(turn.now, peer, id, code))?;
        Ok(())
    }

    fn try_write(
        &self,
        cx: &Context<'_>,
        turn: &mut Turn<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize, StreamError>> {
        let Held { peer, id, .. } = *self.held;
        match turn.core.write_stream(turn.now, peer, id, bytes).map_err(|error| why(error, turn))? {
            0 if turn.is_over() => Poll::Ready(Err(StreamError::Stopped)),
            0 => {
                let waits = turn.waits.peer(peer).streams.entry(id).or_default();
                turn.wakes.park(&mut waits.writer, cx);
                Poll::Pending
            }
            count => Poll::Ready(Ok(count)),
        }
    }
}

impl AsyncWrite for WriteHalf {
    /// Cancel safe: bytes are taken only when this is ready.
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let written = self.held.shared.turn(|turn| self.try_write(cx, turn, bytes));
        written.unwrap_or_else(|failure| Poll::Ready(Err(failure.into()))).map_err(io::Error::from)
    }

    /// Written bytes are on their way at once; this waits for nothing.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// As [`WriteHalf::finish`]; once finished, it does nothing.
    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.finished {
            return Poll::Ready(Ok(()));
        }
        Poll::Ready(self.finish().map_err(io::Error::from))
    }
}

impl Drop for WriteHalf {
    fn drop(&mut self) {
        if !self.finished {
            // A stream that is over needs no reset.
            let _ = self.reset(DROPPED);
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.read).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.write).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.write).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.write).poll_shutdown(cx)
    }
}

/// What the two halves have in common; the core forgets the stream when both are gone.
#[derive(Debug)]
struct Held {
    shared: Arc<Shared>,
    peer: PeerId,
    id: StreamId,
}

impl Held {
    fn turn<R>(
        &self,
        f: impl FnOnce(&mut Turn<'_>, PeerId, StreamId) -> Result<R, everlink_proto::StreamError>,
    ) -> Result<R, StreamError> {
        self.shared.turn(|turn| f(turn, self.peer, self.id).map_err(|error| why(error, turn)))?
    }
}

/// What the core's answer means here: an endpoint that stops forgets its links, and their streams with them.
fn why(error: everlink_proto::StreamError, turn: &Turn<'_>) -> StreamError {
    match error {
        everlink_proto::StreamError::NoSuchStream if turn.is_ending() => StreamError::Stopped,
        error => error.into(),
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // An endpoint that failed has no streams.
        let _ = self.shared.turn(|turn| {
            turn.core.release_stream(turn.now, self.peer, self.id);
            if let Some(waits) = turn.waits.peer(self.peer).streams.remove(&self.id) {
                turn.wakes.discard(waits.reader);
                turn.wakes.discard(waits.writer);
            }
            turn.waits.tidy(self.peer);
        });
    }
}

pub(crate) struct AcceptStream {
    pub(crate) peer: PeerId,
}

impl Attempt for AcceptStream {
    type Output = Result<Stream, StreamError>;

    fn queue<'a>(&self, waits: &'a mut Waits) -> &'a mut WaitQueue {
        &mut waits.peer(self.peer).acceptors
    }

    fn attempt(&mut self, shared: &Arc<Shared>, turn: &mut Turn<'_>) -> Poll<Self::Output> {
        match turn.core.accept_stream(self.peer) {
            Some(id) => Poll::Ready(Ok(Stream::new(shared, self.peer, id))),
            None if turn.is_over() => Poll::Ready(Err(StreamError::Stopped)),
            None => Poll::Pending,
        }
    }

    fn failed(&mut self, failure: EndpointFailed) -> Self::Output {
        Err(failure.into())
    }

    fn left(&self, waits: &mut Waits) {
        waits.tidy(self.peer);
    }
}
