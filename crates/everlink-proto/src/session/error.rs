//! What goes wrong, and whose fault it is: refused to the application, not kept for the peer, broken
//! by the peer, or the end of a session.

use crate::wire::frame::CloseCode;

/// Why a message is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendRefused {
    /// The budget is used up. [`SessionEvent::SendRoom`](super::SessionEvent::SendRoom) follows.
    #[error("there is no room for the message now")]
    Full,
    /// It is longer than any receiver can hold.
    #[error("the message is longer than 16 MiB")]
    TooLarge,
    /// 256 channels are in use, or the channel's number is not below 2^62.
    #[error("there are too many channels")]
    TooManyChannels,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum EndReason {
    /// The peer's process ended, and another began.
    #[error("the peer restarted")]
    PeerRestarted,
    /// The peer's process goes on, but it lost or dropped the session.
    #[error("the peer forgot the session")]
    PeerForgot,
    /// This side closed it, and the peer said that it knows.
    #[error("closed on this side")]
    ClosedHere,
    /// This side closed it, and no word came that the peer knows. It finds out when it next speaks to this side.
    #[error("closed on this side, unconfirmed by the peer")]
    CloseUnconfirmed,
    /// The peer closed it.
    #[error("closed by the peer ({code:?}, {application})")]
    ClosedByPeer {
        /// Why.
        code: CloseCode,
        /// The application's own code, for [`CloseCode::Application`].
        application: u64,
    },
    /// Nothing was owed, and the place of its link was needed for another.
    #[error("forgotten to make room for another link")]
    Evicted,
    /// One side broke the rules.
    #[error("the protocol was violated")]
    ProtocolViolation,
    /// The endpoint on this side failed.
    #[error("the endpoint failed")]
    EndpointFailed,
}

/// Whether a frame was kept. A packet is acknowledged only if all its session frames were
/// (SPEC 4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is, or was before.
    Yes,
    /// It is not; the peer will send it again.
    No(NotKept),
}

impl Kept {
    /// Kept only if both are.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        match self {
            Self::Yes => other,
            Self::No(_) => self,
        }
    }
}

/// Why a frame was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotKept {
    /// There is no session.
    NoSession,
    /// The session is closing, and nothing enters the inbox any more.
    Closing,
    /// There is no memory for it now.
    NoRoom,
}

/// How the peer broke the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ProtocolError {
    /// It sent more than it was permitted.
    #[error("credit exceeded")]
    CreditExceeded,
    /// It used more than 256 channels.
    #[error("too many channels")]
    TooManyChannels,
    /// A message is longer than 16 MiB.
    #[error("message too large")]
    TooLarge,
    /// A message changed its length.
    #[error("a message changed its length")]
    LengthChanged,
    /// It speaks of a message that was never sent.
    #[error("a message was never sent")]
    NeverSent,
    /// It speaks of a stream that this side never opened.
    #[error("no such stream")]
    NoSuchStream,
    /// It opened more streams than it was permitted.
    #[error("too many streams")]
    TooManyStreams,
    /// A stream ends in two places, or before bytes that were sent.
    #[error("a stream changed its final size")]
    FinalSizeChanged,
}
