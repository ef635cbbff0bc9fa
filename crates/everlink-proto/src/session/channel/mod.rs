//! Channels: messages in order, whole or in parts (SPEC 7.1 to 7.4).

pub(crate) mod outgoing;
pub(crate) mod recv;
pub(crate) mod send;

use super::record::Record;
use crate::wire::codec::Writer;

/// How far the numbers in use on a channel may reach beyond the oldest that is still of interest.
pub(crate) const WINDOW: u64 = 65_536;

/// The most channels in one direction (SPEC 7.4).
pub(crate) const CHANNELS_MAX: usize = 256;

/// The longest message (SPEC 7.2).
pub const MESSAGE_MAX: usize = 16 * 1024 * 1024;

/// What happens on a channel to the messages that a session leaves behind when it ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnRestart {
    /// Those that were certainly not received go out in the next session.
    #[default]
    Carry,
    /// Those that were certainly not received end with NotDelivered.
    Drop,
    /// Those that were certainly not received go out in the next session, and those in doubt too,
    /// marked as possible duplicates.
    Resend,
}

/// How a channel treats its messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ChannelOptions {
    /// What happens when a session ends.
    pub on_restart: OnRestart,
}

/// The packet that is being filled: its space, and the ledger entries for what went in.
#[derive(Debug)]
pub(crate) struct Packet<'w, 'b> {
    pub(crate) w: &'w mut Writer<'b>,
    pub(crate) records: &'w mut Vec<Record>,
    /// How much space there was before the session wrote anything.
    room: usize,
}

impl<'w, 'b> Packet<'w, 'b> {
    pub(crate) fn new(w: &'w mut Writer<'b>, records: &'w mut Vec<Record>) -> Self {
        let room = w.remaining();
        Self { w, records, room }
    }

    /// Whether the session wrote anything.
    pub(crate) fn is_untouched(&self) -> bool {
        self.w.remaining() == self.room
    }
}
