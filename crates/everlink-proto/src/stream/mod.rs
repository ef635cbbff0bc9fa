//! Streams: ordered bytes in both directions, many of them, each with its own credit (SPEC 7.5).
//!
//! A stream lives no longer than its session: what was read is a prefix of what was written, and an
//! end is only reported where the writer put one.

pub(crate) mod assembler;
mod recv;
mod send;
mod table;

pub(crate) use table::Streams;

use std::collections::VecDeque;

use crate::session::EndReason;

/// So much memory a buffer keeps though little is in it: what a stream may hold from its start.
const BUFFER_KEPT: usize = 64 * 1024;

/// Gives back what a buffer has grown to and does not need any more: three quarters of it are empty, so that each byte is
/// copied at most once more.
fn shrink(buffer: &mut VecDeque<u8>) {
    if buffer.capacity() > BUFFER_KEPT && buffer.len() < buffer.capacity() / 4 {
        buffer.shrink_to((2 * buffer.len()).max(BUFFER_KEPT));
    }
}

/// Names a stream on this side, for ever: a later session's stream has another name, even if it has
/// the same number on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    epoch: u64,
    number: u64,
}

impl StreamId {
    /// The number on the wire: the peer calls the stream the same while the session lasts.
    pub const fn number(self) -> u64 {
        self.number
    }
}

/// What a read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// So many bytes.
    Bytes(usize),
    /// Nothing yet.
    Blocked,
    /// The end that the writer put, after all its bytes.
    End,
}

/// Why a stream cannot be opened, read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// The peer does not permit more streams for now, or 64 that this side opened are not over.
    #[error("too many streams are open")]
    TooMany,
    /// The session is closing.
    #[error("the session is closing")]
    Closing,
    /// There is no such stream, or it was released.
    #[error("no such stream")]
    NoSuchStream,
    /// This side finished, gave up or stopped this direction before.
    #[error("this direction was finished before")]
    Finished,
    /// The writer gave the rest up.
    #[error("the writer reset the stream with code {code}")]
    Reset {
        /// The application's reason.
        code: u64,
    },
    /// The reader wants no more.
    #[error("the reader stopped the stream with code {code}")]
    StoppedByReader {
        /// The application's reason.
        code: u64,
    },
    /// The session ended, and the stream with it.
    #[error("the session ended: {reason}")]
    SessionEnded {
        /// Why.
        reason: EndReason,
        /// How many of the bytes written here the peer has for certain.
        acked: u64,
    },
}

/// What an application that waits for a stream should look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamEvent {
    Readable(StreamId),
    Writable(StreamId),
    Opened,
}
