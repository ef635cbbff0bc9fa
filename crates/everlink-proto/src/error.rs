//! What can go wrong for a caller. Nothing here is about a connection: that a connection ended is not an
//! error.

use crate::id::PeerId;

/// Why a message was not accepted. Nothing was kept of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The link's send budget is used up, or the link is being closed.
    #[error("{peer}: the send queue is full; the message was not taken; send it again when there is room")]
    Full {
        /// For whom it was.
        peer: PeerId,
    },
    /// The message is longer than any message may be.
    #[error(
        "{peer}: a message of {len} bytes is longer than the {max} allowed; it was not taken; use a stream"
    )]
    TooLarge {
        /// For whom it was.
        peer: PeerId,
        /// Its length.
        len: usize,
        /// The longest possible.
        max: usize,
    },
    /// The table of links is full, and none can be forgotten.
    #[error("{peer}: no room for another link, all {max} are in use; the message was not taken")]
    TooManyLinks {
        /// For whom it was.
        peer: PeerId,
        /// The bound.
        max: usize,
    },
    /// The session has as many channels as it may.
    #[error("{peer}: no room for channel {channel}; the message was not taken; use fewer channels")]
    TooManyChannels {
        /// For whom it was.
        peer: PeerId,
        /// The channel asked for.
        channel: u64,
    },
    /// The identity is not a valid public key, or is this endpoint's own.
    #[error("{peer}: {cause}; the message was not taken; check the ticket")]
    InvalidPeer {
        /// For whom it was.
        peer: PeerId,
        /// What is wrong with it.
        cause: &'static str,
    },
    /// The endpoint is being stopped.
    #[error("{peer}: the endpoint is stopping; the message was not taken")]
    Stopped {
        /// For whom it was.
        peer: PeerId,
    },
}
