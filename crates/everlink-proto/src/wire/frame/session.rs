//! How a session begins, what it permits, how it ends.

use crate::id::{Half, Incarnation};
use crate::wire::codec::{Malformed, NoRoom, Reader, Sink, clamp_millis, count};

/// Names the sender's half of the session (SPEC 8.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Hello {
    /// The sender's half.
    pub half: Half,
    /// The sender's process life.
    pub incarnation: Incarnation,
    /// The sender's persisted incarnation counter, or 0 if it has none.
    pub counter: u64,
}

impl Hello {
    pub(in crate::wire) fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            half: Half(reader.array()?),
            incarnation: Incarnation(reader.array()?),
            counter: reader.varint()?,
        })
    }

    pub(in crate::wire) fn encode<S: Sink>(&self, out: &mut S) -> Result<(), NoRoom> {
        out.put(&self.half.0)?;
        out.put(&self.incarnation.0)?;
        out.varint(self.counter)
    }
}

/// What credit is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CreditScope {
    /// Everything on the link, in bytes of cost.
    Link,
    /// One channel, in bytes of cost.
    Channel(u64),
    /// One stream, in bytes.
    Stream(u64),
    /// How many streams the peer may open.
    Streams,
}

impl CreditScope {
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        match reader.varint()? {
            0 => Ok(Self::Link),
            1 => reader.varint().map(Self::Channel),
            2 => reader.varint().map(Self::Stream),
            3 => Ok(Self::Streams),
            _ => Err(Malformed::OutOfRange),
        }
    }

    pub(super) fn encode<S: Sink>(self, out: &mut S) -> Result<(), NoRoom> {
        match self {
            Self::Link => out.varint(0),
            Self::Channel(id) => out.varint(1).and_then(|()| out.varint(id)),
            Self::Stream(id) => out.varint(2).and_then(|()| out.varint(id)),
            Self::Streams => out.varint(3),
        }
    }
}

/// Ends a session or a connection (SPEC 8.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close<'a> {
    /// Why.
    pub code: CloseCode,
    /// The application's own code, for [`CloseCode::Application`].
    pub application: u64,
    /// When to try again, in milliseconds.
    pub retry_after_ms: u64,
    /// For how long DONE goes on, in milliseconds.
    pub deadline_ms: u64,
    /// How many RECEIVED frames belong to this.
    pub received: u64,
    /// For people; at most 128 bytes.
    pub reason: &'a str,
}

impl<'a> Close<'a> {
    /// The most bytes of a reason.
    pub const MAX_REASON: usize = 128;

    pub(super) fn decode(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        let code = CloseCode::from_number(reader.varint()?).ok_or(Malformed::OutOfRange)?;
        Ok(Self {
            code,
            application: reader.varint()?,
            retry_after_ms: clamp_millis(reader.varint()?),
            deadline_ms: clamp_millis(reader.varint()?),
            received: reader.varint()?,
            reason: decode_reason(reader)?,
        })
    }

    /// A reason that is too long is cut: no close may fail for its words.
    pub(super) fn encode<S: Sink>(&self, out: &mut S) -> Result<(), NoRoom> {
        let len = self.reason.floor_char_boundary(Self::MAX_REASON);
        let reason = self.reason.get(..len).unwrap_or_default();
        out.varint(self.code.number())?;
        out.varint(self.application)?;
        out.varint(self.retry_after_ms)?;
        out.varint(self.deadline_ms)?;
        out.varint(self.received)?;
        out.varint(count(reason.len()))?;
        out.put(reason.as_bytes())
    }
}

fn decode_reason<'a>(reader: &mut Reader<'a>) -> Result<&'a str, Malformed> {
    let len = reader.varint()?;
    if len > count(Close::MAX_REASON) {
        return Err(Malformed::OutOfRange);
    }
    core::str::from_utf8(reader.bytes(len)?).map_err(|_| Malformed::OutOfRange)
}

/// Why a session or a connection is closed (SPEC 8.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CloseCode {
    /// The answer to the peer's close.
    Closed,
    /// The link was idle and its place is needed.
    Idle,
    /// The endpoint stops.
    Stopped,
    /// The application closed the link.
    Application,
    /// The peer is not wanted.
    Refused,
    /// The half shown belongs to a session that ended.
    SessionGone,
    /// Two processes run with one key.
    DuplicateIdentity,
    /// The peer broke the rules.
    ProtocolViolation,
}

impl CloseCode {
    /// Whether it ends the session for both sides in agreement; the others are about a connection (SPEC 8.6).
    pub const fn is_of_session(self) -> bool {
        match self {
            Self::Closed | Self::Idle | Self::Stopped | Self::Application | Self::Refused => true,
            Self::SessionGone | Self::DuplicateIdentity | Self::ProtocolViolation => false,
        }
    }

    /// Every code.
    pub const ALL: [Self; 8] = [
        Self::Closed,
        Self::Idle,
        Self::Stopped,
        Self::Application,
        Self::Refused,
        Self::SessionGone,
        Self::DuplicateIdentity,
        Self::ProtocolViolation,
    ];

    /// The number on the wire: up to 15 of the session, from 16 on of the connection.
    pub const fn number(self) -> u64 {
        match self {
            Self::Closed => 0,
            Self::Idle => 1,
            Self::Stopped => 2,
            Self::Application => 3,
            Self::Refused => 4,
            Self::SessionGone => 16,
            Self::DuplicateIdentity => 17,
            Self::ProtocolViolation => 18,
        }
    }

    /// The code with this number.
    pub fn from_number(number: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.number() == number)
    }
}
