//! The frames (SPEC 5): one table says of each its type and whether it asks for an acknowledgement
//! or belongs to the session.

use crate::id::{ConnectionId, Half, Incarnation, Token};

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

/// Acknowledges packets of one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack {
    /// Whose packet numbers these are.
    pub path: u32,
    /// Microseconds between the arrival of the largest and this frame.
    pub delay_micros: u64,
    /// Inclusive ranges, largest first, disjoint and not adjacent; one to 64.
    pub ranges: Vec<(u64, u64)>,
}

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

/// How a message wants to be treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct MessageFlags {
    /// The sender asks for a DONE.
    pub wants_done: bool,
    /// The message may have been delivered in an earlier session.
    pub possible_duplicate: bool,
}

/// Whole messages of one channel with consecutive numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Msgs<'a> {
    /// The channel.
    pub channel: u64,
    /// The number of the first message.
    pub first: u64,
    /// The messages in order; at least one.
    pub messages: Vec<(MessageFlags, &'a [u8])>,
}

/// A part of a message too large for one packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frag<'a> {
    /// The channel.
    pub channel: u64,
    /// The message's number.
    pub number: u64,
    /// Where the bytes belong.
    pub offset: u64,
    /// The length of the whole message; `offset + bytes.len()` is not beyond it.
    pub total: u64,
    /// How the message wants to be treated.
    pub flags: MessageFlags,
    /// The bytes; at least one.
    pub bytes: &'a [u8],
}

/// The application is done with these messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// The channel.
    pub channel: u64,
    /// Half-open ranges of numbers, ascending, disjoint and not adjacent; one to 64.
    pub ranges: Vec<(u64, u64)>,
}

/// Bytes of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream<'a> {
    /// The stream.
    pub id: u64,
    /// Where the bytes belong.
    pub offset: u64,
    /// Whether the stream ends after these bytes.
    pub fin: bool,
    /// The bytes; none only with `fin`.
    pub bytes: &'a [u8],
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

/// What the closing side has received on a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The channel.
    pub channel: u64,
    /// All messages below this number were received.
    pub floor: u64,
    /// Half-open ranges above the floor, ascending, disjoint and not adjacent; at most 64.
    pub ranges: Vec<(u64, u64)>,
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
