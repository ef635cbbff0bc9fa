//! The frames (SPEC 5): one table says of each its type and whether it asks for an acknowledgement
//! or belongs to the session; one file an owner says what is in it.

mod ack;
mod message;
mod ranges;
mod session;
mod stream;
mod table;

pub use ack::Ack;
pub use message::{Done, Frag, MessageFlags, Msgs, MsgsWriter, Received, write_frag};
pub use session::{Close, CloseCode, CreditScope, Hello};
pub use stream::{Stream, write_stream};
pub use table::FrameKind;

use self::table::FIRST_SKIPPABLE;
use super::codec::{Counter, Malformed, NoRoom, Reader, Sink, Writer};
use crate::id::{ConnectionId, Token};

/// The most ranges in one ACK, DONE or RECEIVED (SPEC 5): even at 16 bytes each they fit in a
/// datagram.
pub const MAX_RANGES: u64 = 64;

/// One frame, borrowed from the packet it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// Fills space.
    Padding,
    /// Asks for an acknowledgement.
    Ping,
    /// Acknowledges packets of one path.
    Ack(Ack),
    /// Names the sender's half of the session.
    Hello(Hello),
    /// Whole messages of one channel with consecutive numbers.
    Msgs(Msgs<'a>),
    /// A part of a message too large for one packet.
    Frag(Frag<'a>),
    /// The application is done with these messages.
    Done(Done),
    /// Bytes of a stream.
    Stream(Stream<'a>),
    /// The writer gave a stream up.
    StreamReset {
        /// The stream.
        id: u64,
        /// The application's reason.
        code: u64,
        /// How many bytes were written before.
        final_offset: u64,
    },
    /// The reader wants no more of a stream.
    StreamStop {
        /// The stream.
        id: u64,
        /// The application's reason.
        code: u64,
    },
    /// Permission to send.
    Credit {
        /// What it is for.
        scope: CreditScope,
        /// The total since the session began.
        maximum: u64,
    },
    /// What the closing side has received on a channel.
    Received(Received),
    /// Ends a session or a connection.
    Close(Close<'a>),
    /// Asks the holder of an address to prove that it is there.
    PathChallenge([u8; 8]),
    /// The proof.
    PathResponse([u8; 8]),
    /// Issues a connection id for a path ahead of its use.
    Ids {
        /// The path number.
        path: u32,
        /// What to put on packets of that path.
        id: ConnectionId,
        /// Its token (SPEC 4.6).
        token: Token,
    },
}

/// Why a payload is not frames. Each ends the connection with ProtocolViolation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// There is not one frame in it (SPEC 4.1).
    #[error("a packet without a frame")]
    Empty,
    /// A frame that nobody may skip is of a type that this version does not implement.
    #[error("unknown frame type {0}")]
    Unknown(u64),
    /// A type is not a varint, or a frame that may be skipped has no sound length.
    #[error("cannot tell frames apart: {0}")]
    Framing(Malformed),
    /// A frame does not hold what it should.
    #[error("{0} frame: {1}")]
    Malformed(FrameKind, Malformed),
}

/// The frames of a packet's payload, without those that may be skipped. Ends after an error.
pub fn frames(payload: &[u8]) -> Frames<'_> {
    Frames { reader: Reader::new(payload), state: State::Fresh }
}

/// An iterator over the frames of a payload; see [`frames`].
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    reader: Reader<'a>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing was read; an end here means a packet without frames.
    Fresh,
    Reading,
    Failed,
}

impl<'a> Frames<'a> {
    fn advance(&mut self) -> Result<Option<Frame<'a>>, FrameError> {
        while !self.reader.is_empty() {
            let frame_type = self.reader.varint().map_err(FrameError::Framing)?;
            if frame_type < FIRST_SKIPPABLE {
                let kind = FrameKind::from_type(frame_type).ok_or(FrameError::Unknown(frame_type))?;
                let frame = Frame::decode(kind, &mut self.reader);
                return frame.map(Some).map_err(|error| FrameError::Malformed(kind, error));
            }
            self.skip().map_err(FrameError::Framing)?;
        }
        Ok(None)
    }

    fn skip(&mut self) -> Result<(), Malformed> {
        let len = self.reader.varint()?;
        self.reader.bytes(len).map(drop)
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<Frame<'a>, FrameError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = match self.state {
            State::Failed => return None,
            State::Fresh if self.reader.is_empty() => Err(FrameError::Empty),
            State::Fresh | State::Reading => self.advance(),
        };
        self.state = if next.is_ok() { State::Reading } else { State::Failed };
        next.transpose()
    }
}

impl core::iter::FusedIterator for Frames<'_> {}

impl<'a> Frame<'a> {
    /// What the frame is.
    pub const fn kind(&self) -> FrameKind {
        match self {
            Self::Padding => FrameKind::Padding,
            Self::Ping => FrameKind::Ping,
            Self::Ack(_) => FrameKind::Ack,
            Self::Hello(_) => FrameKind::Hello,
            Self::Msgs(_) => FrameKind::Msgs,
            Self::Frag(_) => FrameKind::Frag,
            Self::Done(_) => FrameKind::Done,
            Self::Stream(_) => FrameKind::Stream,
            Self::StreamReset { .. } => FrameKind::StreamReset,
            Self::StreamStop { .. } => FrameKind::StreamStop,
            Self::Credit { .. } => FrameKind::Credit,
            Self::Received(_) => FrameKind::Received,
            Self::Close(_) => FrameKind::Close,
            Self::PathChallenge(_) => FrameKind::PathChallenge,
            Self::PathResponse(_) => FrameKind::PathResponse,
            Self::Ids { .. } => FrameKind::Ids,
        }
    }

    /// Whether a packet with it is to be acknowledged.
    pub const fn is_ack_eliciting(&self) -> bool {
        self.kind().is_ack_eliciting()
    }

    /// Whether a packet with it is only acknowledged if it was kept (SPEC 4.5).
    pub const fn is_session(&self) -> bool {
        self.kind().is_session()
    }

    /// How many bytes it takes on the wire.
    pub fn encoded_len(&self) -> usize {
        Counter::measure(|counter| self.encode_into(counter))
    }

    /// Writes the whole frame, or nothing if it does not fit or could not be decoded again.
    pub fn encode(&self, writer: &mut Writer<'_>) -> Result<(), NoRoom> {
        writer.all_or_nothing(|out| self.encode_into(out))
    }

    fn encode_into<S: Sink>(&self, out: &mut S) -> Result<(), NoRoom> {
        out.put(&[self.kind().type_byte()])?;
        match self {
            Self::Padding | Self::Ping => Ok(()),
            Self::Ack(ack) => ack.encode(out),
            Self::Hello(hello) => hello.encode(out),
            Self::Msgs(msgs) => msgs.encode(out),
            Self::Frag(frag) => frag.encode(out),
            Self::Done(done) => done.encode(out),
            Self::Stream(stream) => stream.encode(out),
            Self::StreamReset { id, code, final_offset } => varints([*id, *code, *final_offset], out),
            Self::StreamStop { id, code } => varints([*id, *code], out),
            Self::Credit { scope, maximum } => scope.encode(out).and_then(|()| out.varint(*maximum)),
            Self::Received(received) => received.encode(out),
            Self::Close(close) => close.encode(out),
            Self::PathChallenge(bytes) | Self::PathResponse(bytes) => out.put(bytes),
            Self::Ids { path, id, token } => {
                out.varint(u64::from(*path))?;
                out.put(&id.0)?;
                out.put(&token.0)
            }
        }
    }

    fn decode(kind: FrameKind, reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(match kind {
            FrameKind::Padding => Self::Padding,
            FrameKind::Ping => Self::Ping,
            FrameKind::Ack => Self::Ack(Ack::decode(reader)?),
            FrameKind::AckEcn => Self::Ack(Ack::decode_with_ecn(reader)?),
            FrameKind::Hello => Self::Hello(Hello::decode(reader)?),
            FrameKind::Msgs => Self::Msgs(Msgs::decode(reader)?),
            FrameKind::Frag => Self::Frag(Frag::decode(reader)?),
            FrameKind::Done => Self::Done(Done::decode(reader)?),
            FrameKind::Stream => Self::Stream(Stream::decode(reader)?),
            FrameKind::StreamReset => Self::StreamReset {
                id: reader.varint()?,
                code: reader.varint()?,
                final_offset: reader.varint()?,
            },
            FrameKind::StreamStop => Self::StreamStop { id: reader.varint()?, code: reader.varint()? },
            FrameKind::Credit => {
                Self::Credit { scope: CreditScope::decode(reader)?, maximum: reader.varint()? }
            }
            FrameKind::Received => Self::Received(Received::decode(reader)?),
            FrameKind::Close => Self::Close(Close::decode(reader)?),
            FrameKind::PathChallenge => Self::PathChallenge(reader.array()?),
            FrameKind::PathResponse => Self::PathResponse(reader.array()?),
            FrameKind::Ids => Self::Ids {
                path: ack::path_number(reader)?,
                id: ConnectionId(reader.array()?),
                token: Token(reader.array()?),
            },
        })
    }
}

fn varints<S: Sink, const N: usize>(values: [u64; N], out: &mut S) -> Result<(), NoRoom> {
    values.into_iter().try_for_each(|value| out.varint(value))
}

#[cfg(test)]
mod tests;
