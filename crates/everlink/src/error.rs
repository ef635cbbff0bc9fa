//! What can go wrong, one type for each kind of call. Every text says what became of the data and
//! what to do.

use std::io;
use std::sync::Arc;

use everlink_proto::id::PeerId;
use everlink_proto::link::lifecycle::LinkState;

/// Why a message was not accepted. Nothing of it was kept, and nothing of it was sent.
///
/// None of these says that a connection ended: that is no reason to refuse a message.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The link holds as much unsent data as it may. Only of `try_send`; `send` waits.
    #[error("{peer:#} ({state:?}): the send queue is full; the message was not accepted; wait with send()")]
    Full {
        /// To whom.
        peer: PeerId,
        /// The state of the link.
        state: LinkState,
    },
    /// The message is longer than any message may be.
    #[error(
        "{peer:#}: a message of {len} bytes is longer than the {max} allowed; it was not accepted; use a stream"
    )]
    TooLarge {
        /// To whom.
        peer: PeerId,
        /// Its length.
        len: usize,
        /// The greatest length.
        max: usize,
    },
    /// All links that the endpoint may hold are in use.
    #[error(
        "{peer:#}: all {max} links are in use; the message was not accepted; close one, or raise max_links"
    )]
    TooManyLinks {
        /// To whom.
        peer: PeerId,
        /// How many there may be.
        max: usize,
    },
    /// The link has as many channels as it may have.
    #[error(
        "{peer:#}: channel {channel} would be one too many; the message was not accepted; use fewer channels"
    )]
    TooManyChannels {
        /// To whom.
        peer: PeerId,
        /// The channel that was asked for.
        channel: u64,
    },
    /// The peer's id is no public key, or it is this endpoint's own.
    #[error("{peer:#}: {cause}; the message was not accepted; check the ticket")]
    InvalidPeer {
        /// Who is not.
        peer: PeerId,
        /// What is wrong with it.
        cause: &'static str,
    },
    /// For a reason that came with a later version of the protocol.
    #[error("{peer:#}: {reason}; the message was not accepted")]
    Refused {
        /// To whom.
        peer: PeerId,
        /// Which.
        reason: Arc<str>,
    },
    /// The endpoint was stopped.
    #[error("{peer:#}: the endpoint was stopped; the message was not accepted; start another endpoint")]
    Stopped {
        /// To whom.
        peer: PeerId,
    },
    /// The endpoint broke.
    #[error("{peer:#}: the message was not accepted; {failure}")]
    EndpointFailed {
        /// To whom.
        peer: PeerId,
        /// How it broke.
        #[source]
        failure: EndpointFailed,
    },
}

/// The endpoint can do nothing more, and every call that waited on it has ended with this.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the endpoint failed: {cause}; what it had accepted may or may not arrive: start another endpoint")]
pub struct EndpointFailed {
    /// What happened.
    pub cause: FailureCause,
}

/// How an endpoint came to its end.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FailureCause {
    /// A bug: some code panicked while it held the endpoint.
    #[error("it panicked: {0}")]
    Panicked(Arc<str>),
    /// The runtime that drove it was shut down.
    #[error("the runtime that drove it is gone")]
    RuntimeGone,
    /// The system refused a timer.
    #[error("it has no timer: {0}")]
    Timer(Arc<str>),
    /// The application asked for it.
    #[error("it was aborted")]
    Aborted,
    /// It was stopped in an orderly way before this was answered.
    #[error("it was stopped")]
    Stopped,
}

/// Why there is nothing more to receive.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecvError {
    /// The endpoint was stopped and its inbox is empty.
    #[error("the endpoint was stopped and everything received was read")]
    Stopped,
    /// The endpoint broke.
    #[error("what was not read yet is lost: {0}")]
    EndpointFailed(#[from] EndpointFailed),
}

/// Why an endpoint did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// `start` was called outside a tokio runtime.
    #[error("an endpoint starts inside a tokio runtime with I/O enabled")]
    NoRuntime,
    /// No socket could be bound.
    #[error("could not bind {wanted}: {source}; is the port taken, or the address of another machine?")]
    Bind {
        /// What was asked for.
        wanted: String,
        /// Why not.
        source: io::Error,
    },
    /// The system refused a timer.
    #[error("could not make a timer: {0}")]
    Timer(io::Error),
    /// The system gave no random bytes.
    #[error("the system gave no random bytes, without which no key is safe")]
    NoRandomness,
}

/// Why a stream does not go on.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// The stream or its session is over.
    #[error(transparent)]
    Stream(#[from] everlink_proto::StreamError),
    /// There is no link to open it on.
    #[error(transparent)]
    Link(SendError),
    /// The endpoint was stopped.
    #[error("the endpoint was stopped; what the stream had not delivered is lost")]
    Stopped,
    /// The endpoint broke.
    #[error("the stream is over: {0}")]
    EndpointFailed(#[from] EndpointFailed),
}

impl StreamError {
    /// What the core refused; `state` is that of the link.
    pub(crate) fn from_core(peer: PeerId, error: everlink_proto::OpenError, state: LinkState) -> Self {
        match error {
            everlink_proto::OpenError::Link(error) => Self::Link(SendError::from_core(peer, error, state)),
            everlink_proto::OpenError::Stream(error) => Self::Stream(error),
            other => Self::Link(SendError::Refused { peer, reason: other.to_string().into() }),
        }
    }
}

impl From<StreamError> for io::Error {
    fn from(error: StreamError) -> Self {
        Self::new(io::ErrorKind::ConnectionAborted, error)
    }
}

impl SendError {
    /// What the core refused; `state` is that of the link.
    pub(crate) fn from_core(peer: PeerId, error: everlink_proto::SendError, state: LinkState) -> Self {
        use everlink_proto::SendError as Core;
        match error {
            Core::Full { peer } => Self::Full { peer, state },
            Core::TooLarge { peer, len, max } => Self::TooLarge { peer, len, max },
            Core::TooManyLinks { peer, max } => Self::TooManyLinks { peer, max },
            Core::TooManyChannels { peer, channel } => Self::TooManyChannels { peer, channel },
            Core::InvalidPeer { peer, cause } => Self::InvalidPeer { peer, cause },
            Core::Stopped { peer } => Self::Stopped { peer },
            other => Self::Refused { peer, reason: other.to_string().into() },
        }
    }
}
