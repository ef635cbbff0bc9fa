//! What the core tells its driver.

use core::time::Duration;

use crate::{
    id::PeerId,
    link::{history::Cause, lifecycle::LinkState},
    session::{MessageId, Verdict},
    stream::StreamId,
    time::Instant,
    wire::frame::CloseCode,
};

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// What became of a message: exactly one for each that was accepted.
    Verdict {
        /// For whom it was.
        peer: PeerId,
        /// Which message.
        id: MessageId,
        /// What became of it.
        verdict: Verdict,
    },
    /// There is something to receive.
    InboxReady {
        /// From whom.
        peer: PeerId,
    },
    /// A sender that was refused may try again.
    SendRoom {
        /// To whom.
        peer: PeerId,
    },
    /// The peer opened a stream.
    StreamOpened {
        /// Which peer.
        peer: PeerId,
    },
    /// A stream has bytes, or its end, to read.
    Readable {
        /// Which peer.
        peer: PeerId,
        /// Which stream.
        stream: StreamId,
    },
    /// A stream takes bytes again, or its writer has to hear something.
    Writable {
        /// Which peer.
        peer: PeerId,
        /// Which stream.
        stream: StreamId,
    },
    /// A link moved to another state.
    State {
        /// Whose link.
        peer: PeerId,
        /// From which state.
        from: LinkState,
        /// To which.
        to: LinkState,
        /// Why.
        cause: Cause,
    },
    /// Two living processes use one key.
    DuplicateIdentity {
        /// Which peer showed it.
        peer: PeerId,
        /// Whether the key is ours, as the peer says; else it is the peer's.
        ours: bool,
    },
    /// The peer does not want us for now.
    Refused {
        /// Which peer.
        peer: PeerId,
        /// Its reason.
        code: CloseCode,
        /// When to try again.
        retry_after: Duration,
    },
    /// Every link is closed after [`crate::Endpoint::stop`].
    Stopped,
}

/// Why the driver is to wake the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Loss detection or a probe timeout.
    Recovery,
    /// An acknowledgement has waited long enough.
    Ack,
    /// The pacer lets the next packet go.
    Pace,
    /// A side that waits for DONE or credit asks whether the peer is still there.
    Question,
    /// The next try of the ladder.
    Ladder,
    /// An attempt is over.
    Attempt,
    /// A connection has drained, or cannot send any more.
    Drain,
    /// A duplicate check is over.
    Check,
    /// A close has waited long enough.
    Close,
    /// Keys were idle for too long.
    Idle,
    /// A peer that refused us may be tried again.
    Refusal,
    /// Slots, retired ids and pending halves.
    Housekeeping,
}

/// When the driver is to call [`crate::Endpoint::handle_timeout`], and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Deadline {
    /// When.
    pub at: Instant,
    /// Why.
    pub reason: Reason,
}
