//! What a packet carried for the session: its ledger entry, brought back when the packet is
//! acknowledged or lost.

use crate::wire::frame::CreditScope;

/// One frame of a packet, as small as it can be remembered. It belongs to the epoch of the session
/// in which it was written, and is worth nothing in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// Whole messages.
    Messages {
        /// Their channel.
        channel: u64,
        /// The number of the first.
        first: u64,
        /// How many.
        count: u64,
    },
    /// A part of a message.
    Fragment {
        /// Its channel.
        channel: u64,
        /// Its number.
        number: u64,
        /// Where the part begins.
        offset: u64,
        /// Its length.
        len: u64,
    },
    /// The application was done with these messages.
    Done {
        /// Their channel.
        channel: u64,
        /// The number of the first.
        first: u64,
        /// The number behind the last.
        end: u64,
    },
    /// Bytes of a stream.
    Stream {
        /// The stream.
        id: u64,
        /// Where they begin.
        offset: u64,
        /// How many.
        len: u64,
        /// Whether the stream's end went with them.
        fin: bool,
    },
    /// A stream was given up.
    Reset(u64),
    /// A writer was asked to stop.
    Stop(u64),
    /// Permission to send.
    Credit(CreditScope),
    /// What was received on a channel, before a close.
    Received(u64),
}
