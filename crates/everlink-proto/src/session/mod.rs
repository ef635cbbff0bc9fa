//! The session: what two sides share while both remember it. Reliability lives here, and outlives
//! connections (SPEC 7 and 8).
//!
//! A frame that was in flight when a connection died is lost like one in a lost packet, and goes out
//! again on the next through the same code. A connection offers space ([`Session::write_frames`]),
//! hands in frames ([`Session::on_frame`]), and brings ledger entries back when their packet is
//! acknowledged or lost ([`Session::on_acked`], [`Session::on_lost`]).
//!
//! ```text
//!             begin                   closing
//!   absent  --------->  open  -------------------->  closing
//!      ^                  |                             |
//!      +------ end -------+------------- end -----------+
//! ```
//!
//! Messages may be handed over in each state. They are bound in `open` only.

mod channel;
mod close;
pub(crate) mod credit;
mod error;
mod frames;
mod hello;
mod inbound;
mod inbox;
mod outbound;
mod questions;
mod record;
mod snapshot;
mod verdict;

pub use channel::{ChannelOptions, MESSAGE_MAX, OnRestart};
pub use close::Positions;
pub use error::{EndReason, Kept, NotKept, ProtocolError, SendRefused};
pub use hello::{CheckOutcome, Continuity, HelloOutcome, Known, Order, SWITCH_SETTLES};
pub use inbox::{DoneToken, InboxItem};
pub use record::Record;
pub use snapshot::{ChannelSnapshot, Snapshot};
pub use verdict::{MessageId, NotDelivered, Unknown, Verdict};

use bytes::Bytes;

use self::channel::outgoing::Outgoing;
use self::close::Gathering;
use self::inbound::Inbound;
use self::outbound::Outbound;
use crate::stream::{Read, StreamError, StreamEvent, StreamId, Streams};
use crate::wire::frame::Received;

/// Which of the two sides this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The one with the smaller `PeerId`, which opens even streams.
    SmallerKey,
    /// The one with the larger `PeerId`, which opens odd streams.
    LargerKey,
}

impl Side {
    pub(crate) const fn parity(self) -> u64 {
        match self {
            Self::SmallerKey => 0,
            Self::LargerKey => 1,
        }
    }

    pub(crate) const fn other(self) -> Self {
        match self {
            Self::SmallerKey => Self::LargerKey,
            Self::LargerKey => Self::SmallerKey,
        }
    }
}

/// The bounds of a session's memory, in bytes. They count contents and 32 for each message. Many empty messages take up
/// to four times that in an inbox nobody reads, and bytes in pieces up to twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionConfig {
    /// What accepted messages may cost until they have their verdicts. A message costs its length
    /// and 32. Should hold what is sent in a round trip. Default 4 MiB.
    pub send_budget: u64,
    /// What may arrive on all channels and streams and not be taken yet. At least 512 KiB, whatever is
    /// asked for. Default 4 MiB.
    pub link_window: u64,
    /// The same for one channel; at least 64 KiB, and 300 KiB below `link_window`. Default 1 MiB.
    pub channel_window: u64,
    /// The same for one stream; at least 64 KiB. Default 1 MiB.
    pub stream_window: u64,
    /// What may be written to a stream and not be acknowledged yet. Default 256 KiB.
    pub stream_buffer: usize,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            send_budget: 4 << 20,
            link_window: 4 << 20,
            channel_window: 1 << 20,
            stream_window: 1 << 20,
            stream_buffer: 256 << 10,
        }
    }
}

/// What a sender wants for one message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SendOptions {
    /// The receipt stays open until the peer's application is done with the message.
    pub wants_done: bool,
}

/// What the application should hear about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionEvent {
    /// What became of a message.
    Verdict {
        /// The caller's name for it.
        id: MessageId,
        /// What became of it.
        verdict: Verdict,
    },
    /// A read of this stream would bring something.
    Readable(StreamId),
    /// A write to this stream would bring something.
    Writable(StreamId),
    /// The peer opened a stream.
    StreamOpened,
    /// The inbox is not empty any more.
    InboxReady,
    /// A message that was refused for lack of room would be accepted now.
    SendRoom,
}

/// Where a session is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The peer's half is not known.
    Absent,
    /// Both sides remember the session.
    Open,
    /// One side closed it; receipts and DONE are being settled.
    Closing,
}

/// What a link shares with its peer: one session after another, and between them the messages that
/// wait for the next.
#[derive(Debug)]
pub struct Session {
    phase: Phase,
    epoch: u64,
    outbound: Outbound,
    inbound: Inbound,
    streams: Streams,
    gathering: Gathering,
    /// Whose turn it is to begin a packet.
    streams_first: bool,
}

/// The application's side.
impl Session {
    /// No session yet, and nothing to send.
    pub fn new(config: SessionConfig, side: Side) -> Self {
        Self {
            phase: Phase::Absent,
            epoch: 0,
            outbound: Outbound::new(config.send_budget),
            inbound: Inbound::new(config.channel_window, config.link_window),
            streams: Streams::new(side, config.stream_window, config.stream_buffer),
            gathering: Gathering::default(),
            streams_first: false,
        }
    }

    /// Accepts a message. From now on it gets exactly one verdict.
    pub fn send(
        &mut self,
        channel: u64,
        body: Bytes,
        options: SendOptions,
        id: MessageId,
    ) -> Result<(), SendRefused> {
        if body.len() > MESSAGE_MAX {
            return Err(SendRefused::TooLarge);
        }
        let for_next = self.phase == Phase::Closing;
        self.outbound.send(channel, Outgoing::new(id, body, options.wants_done, for_next))
    }

    /// Says how a channel treats its messages.
    pub fn set_channel(&mut self, channel: u64, options: ChannelOptions) -> Result<(), SendRefused> {
        self.outbound.set_options(channel, options)
    }

    /// The channels whose options are not the default ones.
    pub fn channel_options(&self) -> Vec<(u64, ChannelOptions)> {
        self.outbound.options()
    }

    /// Begins to count sessions at `epoch`: whatever names an earlier one names none of these.
    pub(crate) fn start_at(&mut self, epoch: u64) {
        self.epoch = epoch;
        self.inbound.start_at(epoch);
        self.streams.start_at(epoch);
    }

    /// How many bytes of cost are free for messages.
    pub fn send_room(&self) -> u64 {
        self.outbound.receipts.room()
    }

    /// Takes the next item out of the inbox.
    pub fn recv(&mut self) -> Option<InboxItem> {
        self.inbound.take()
    }

    /// The application is done with a message. Without effect once its session ended.
    pub fn done(&mut self, token: DoneToken) {
        self.inbound.done(&token);
    }

    /// Opens a stream, in this session or, if there is none, in the next.
    pub fn open(&mut self) -> Result<StreamId, StreamError> {
        match self.phase {
            Phase::Closing => Err(StreamError::Closing),
            Phase::Absent | Phase::Open => self.streams.open(),
        }
    }

    /// A stream that the peer opened.
    pub fn accept(&mut self) -> Option<StreamId> {
        self.streams.accept()
    }

    /// Writes as much as there is room for, and says how much. After less than all,
    /// [`SessionEvent::Writable`] follows.
    pub fn write(&mut self, stream: StreamId, data: &[u8]) -> Result<usize, StreamError> {
        self.streams.write(stream, data)
    }

    /// Ends the writing direction behind what was written.
    pub fn finish(&mut self, stream: StreamId) -> Result<(), StreamError> {
        self.streams.finish(stream)
    }

    /// Gives the writing direction up. What is not acknowledged may never arrive.
    pub fn reset(&mut self, stream: StreamId, code: u64) -> Result<(), StreamError> {
        self.streams.reset(stream, code)
    }

    /// Reads what is there. After [`Read::Blocked`], [`SessionEvent::Readable`] follows.
    pub fn read(&mut self, stream: StreamId, out: &mut [u8]) -> Result<Read, StreamError> {
        let read = self.streams.read(stream, out, &mut self.inbound.link);
        self.inbound.look_at_link();
        read
    }

    /// Wants no more of the reading direction, and tells the writer.
    pub fn stop(&mut self, stream: StreamId, code: u64) -> Result<(), StreamError> {
        let stopped = self.streams.stop(stream, code, &mut self.inbound.link);
        self.inbound.look_at_link();
        stopped
    }

    /// Forgets a stream as soon as the peer permits. What was not finished is given up, and what was
    /// not read is stopped.
    pub fn release(&mut self, stream: StreamId) {
        self.streams.release(stream, &mut self.inbound.link);
        self.inbound.look_at_link();
    }

    /// What the application should hear about, oldest first.
    pub fn poll_event(&mut self) -> Option<SessionEvent> {
        self.outbound.receipts.poll_event().or_else(|| {
            self.streams.poll_event().map(|event| match event {
                StreamEvent::Readable(id) => SessionEvent::Readable(id),
                StreamEvent::Writable(id) => SessionEvent::Writable(id),
                StreamEvent::Opened => SessionEvent::StreamOpened,
            })
        })
    }
}

/// The life of a session, as the link leads it.
impl Session {
    /// Where the session is in its life.
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// Which session this is, or will be. Ledger entries of another are worth nothing.
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The peer's half is known: the session begins.
    pub fn begin(&mut self) {
        debug_assert_eq!(self.phase, Phase::Absent, "a session ends before the next begins");
        self.phase = Phase::Open;
        self.notify(|session| session.inbound.inbox.push_started());
    }

    /// One side closes. From now on nothing is bound and nothing enters the inbox; RECEIVED and DONE
    /// still go out. Says how many RECEIVED there are, for the CLOSE.
    pub fn closing(&mut self) -> u64 {
        if self.phase == Phase::Open {
            self.phase = Phase::Closing;
            self.inbound.freeze();
        }
        credit::bytes(self.inbound.positions().count())
    }

    /// CLOSE goes out again: so does what it counts, unless the peer has it.
    pub(crate) fn repeat_positions(&mut self) {
        self.inbound.repeat_received();
    }

    /// What this side's inbox got of each channel.
    pub fn positions(&self) -> impl Iterator<Item = Received> {
        self.inbound.positions()
    }

    /// What the peer's inbox got, once as many RECEIVED came as its CLOSE counts.
    pub fn peer_positions(&self, count: u64) -> Option<Positions> {
        self.gathering.complete(count)
    }

    /// Whether DONE is still to come or to go, or on its way: a close waits for it, up to a deadline.
    pub fn awaits_done(&self) -> bool {
        self.outbound.awaits_done() || self.inbound.owes_done()
    }

    /// The session ends, or the endpoint does before it began. Every bound message is settled
    /// (SPEC 7.6), by the peer's last word if there is one; what goes into the next session is
    /// unbound; credit, numbers and streams begin anew. Unread items stay in the inbox.
    pub fn end(&mut self, reason: EndReason, peer: Option<&Positions>) {
        self.outbound.end(reason, peer);
        self.streams.end(reason);
        self.inbound.end(self.streams.held_after_end());
        self.gathering = Gathering::default();
        self.epoch += 1;
        let began = self.phase != Phase::Absent;
        self.phase = Phase::Absent;
        if began {
            self.notify(|session| session.inbound.inbox.push_ended(reason));
        }
    }

    /// Whether the peer is still to get something: messages not delivered for certain, stream bytes
    /// not acknowledged, DONE and the like not sent. Other frames in flight are in the connection's
    /// ledger.
    pub fn owes(&self) -> bool {
        self.outbound.owes() || self.streams.owes() || self.inbound.has_control()
    }

    /// Whether new messages or bytes wait for the peer's credit.
    pub fn blocked_by_credit(&self) -> bool {
        self.phase == Phase::Open && (self.outbound.is_blocked() || self.streams.is_blocked())
    }

    fn notify(&mut self, change: impl FnOnce(&mut Self)) {
        let was_empty = self.inbound.inbox.len() == 0;
        change(self);
        if was_empty && self.inbound.inbox.len() > 0 {
            self.outbound.receipts.tell(SessionEvent::InboxReady);
        }
    }
}

#[cfg(test)]
mod tests;
