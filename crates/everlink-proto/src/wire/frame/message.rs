//! Messages of channels: whole ones, parts of large ones, and what became of them.

use super::{FrameKind, ranges};
use crate::wire::codec::{
    Counter, MAX_VARINT, Malformed, Mark, NoRoom, Reader, Sink, Writer, count, fitting,
};

/// How a message wants to be treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct MessageFlags {
    /// The sender asks for a DONE.
    pub wants_done: bool,
    /// The message may have been delivered in an earlier session.
    pub possible_duplicate: bool,
}

/// The low bits of a length that carries flags.
const FLAG_BITS: u32 = 2;
const WANTS_DONE: u64 = 1;
const POSSIBLE_DUPLICATE: u64 = 2;

impl MessageFlags {
    /// `len x 4 + flags`.
    fn with_len(self, len: u64) -> Result<u64, NoRoom> {
        if len > MAX_VARINT >> FLAG_BITS {
            return Err(NoRoom);
        }
        let wants_done = if self.wants_done { WANTS_DONE } else { 0 };
        let possible_duplicate = if self.possible_duplicate { POSSIBLE_DUPLICATE } else { 0 };
        Ok(len << FLAG_BITS | wants_done | possible_duplicate)
    }

    fn split_len(value: u64) -> (Self, u64) {
        let flags =
            Self { wants_done: value & WANTS_DONE != 0, possible_duplicate: value & POSSIBLE_DUPLICATE != 0 };
        (flags, value >> FLAG_BITS)
    }
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

impl<'a> Msgs<'a> {
    pub(super) fn decode(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        let channel = reader.varint()?;
        let first = reader.varint()?;
        let n = reader.varint()?;
        if n == 0 || last_number(first, n).is_none() {
            return Err(Malformed::OutOfRange);
        }
        if n > count(reader.remaining()) {
            return Err(Malformed::Truncated); // every message takes a byte at least
        }
        let messages = (0..n).map(|_| decode_message(reader)).collect::<Result<_, _>>()?;
        Ok(Self { channel, first, messages })
    }

    pub(super) fn encode<S: Sink>(&self, out: &mut S) -> Result<(), NoRoom> {
        let n = count(self.messages.len());
        last_number(self.first, n).ok_or(NoRoom)?;
        out.varint(self.channel)?;
        out.varint(self.first)?;
        out.varint(n)?;
        self.messages.iter().try_for_each(|(flags, bytes)| encode_message(*flags, bytes, out))
    }
}

fn decode_message<'a>(reader: &mut Reader<'a>) -> Result<(MessageFlags, &'a [u8]), Malformed> {
    let (flags, len) = MessageFlags::split_len(reader.varint()?);
    Ok((flags, reader.bytes(len)?))
}

fn encode_message<S: Sink>(flags: MessageFlags, bytes: &[u8], out: &mut S) -> Result<(), NoRoom> {
    out.varint(flags.with_len(count(bytes.len()))?)?;
    out.put(bytes)
}

/// The number of the last of `n` messages; `None` if there is none or it is too large.
fn last_number(first: u64, n: u64) -> Option<u64> {
    first.checked_add(n.checked_sub(1)?).filter(|last| *last <= MAX_VARINT)
}

/// Writes a MSGS frame message by message, without a list of them.
///
/// What was pushed is a complete frame after every push; the frame begins with the first.
#[derive(Debug)]
pub struct MsgsWriter<'w, 'a> {
    writer: &'w mut Writer<'a>,
    channel: u64,
    first: u64,
    pushed: u8,
    /// Where the number of messages stands, once there is one.
    count: Option<Mark>,
}

impl<'w, 'a> MsgsWriter<'w, 'a> {
    /// The most messages in one frame: as many as a varint of one byte can count, so that the
    /// count can be corrected in place.
    pub const MAX_MESSAGES: u8 = 63;

    /// A frame for messages of `channel` from number `first` on. Writes nothing yet.
    pub const fn start(writer: &'w mut Writer<'a>, channel: u64, first: u64) -> Self {
        Self { writer, channel, first, pushed: 0, count: None }
    }

    /// Adds the next message, or nothing if it does not fit into this frame.
    pub fn push(&mut self, flags: MessageFlags, bytes: &[u8]) -> Result<(), NoRoom> {
        let pushed = self.pushed.saturating_add(1);
        if pushed > Self::MAX_MESSAGES {
            return Err(NoRoom);
        }
        last_number(self.first, u64::from(pushed)).ok_or(NoRoom)?;
        let (channel, first, count) = (self.channel, self.first, self.count);
        let count = self.writer.all_or_nothing(|out| {
            let count = match count {
                Some(count) => count,
                None => begin_msgs(channel, first, out)?,
            };
            encode_message(flags, bytes, out)?;
            Ok(count)
        })?;
        self.writer.patch(count, pushed);
        self.pushed = pushed;
        self.count = Some(count);
        Ok(())
    }

    /// Ends the frame and tells how many messages are in it; with none, nothing was written.
    pub const fn finish(self) -> u8 {
        self.pushed
    }
}

fn begin_msgs(channel: u64, first: u64, out: &mut Writer<'_>) -> Result<Mark, NoRoom> {
    out.put(&[FrameKind::Msgs.type_byte()])?;
    out.varint(channel)?;
    out.varint(first)?;
    let count = out.mark();
    out.put(&[0])?;
    Ok(count)
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

impl<'a> Frag<'a> {
    pub(super) fn decode(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        let channel = reader.varint()?;
        let number = reader.varint()?;
        let offset = reader.varint()?;
        let (flags, total) = MessageFlags::split_len(reader.varint()?);
        let len = reader.varint()?;
        if !is_part(offset, len, total) {
            return Err(Malformed::OutOfRange);
        }
        Ok(Self { channel, number, offset, total, flags, bytes: reader.bytes(len)? })
    }

    pub(super) fn encode<S: Sink>(&self, out: &mut S) -> Result<(), NoRoom> {
        let len = count(self.bytes.len());
        if !is_part(self.offset, len, self.total) {
            return Err(NoRoom);
        }
        self.encode_head(out)?;
        out.varint(len)?;
        out.put(self.bytes)
    }

    fn encode_head<S: Sink>(&self, out: &mut S) -> Result<(), NoRoom> {
        out.varint(self.channel)?;
        out.varint(self.number)?;
        out.varint(self.offset)?;
        out.varint(self.flags.with_len(self.total)?)
    }
}

/// Whether `len` bytes at `offset` are some of `total`.
const fn is_part(offset: u64, len: u64, total: u64) -> bool {
    len > 0 && offset.saturating_add(len) <= total
}

/// Writes a FRAG with as many of the bytes as fit, and tells how many; an error if not one does.
pub fn write_frag(writer: &mut Writer<'_>, frag: &Frag<'_>) -> Result<usize, NoRoom> {
    let head = Counter::measure(|counter| frag.encode_head(counter)).saturating_add(1);
    let taken = fitting(writer.remaining().saturating_sub(head), frag.bytes.len(), 0);
    let bytes = frag.bytes.get(..taken).filter(|bytes| !bytes.is_empty()).ok_or(NoRoom)?;
    writer.all_or_nothing(|out| {
        out.put(&[FrameKind::Frag.type_byte()])?;
        Frag { bytes, ..*frag }.encode(out)
    })?;
    Ok(taken)
}

/// The application is done with these messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// The channel.
    pub channel: u64,
    /// Half-open ranges of numbers, ascending, disjoint and not adjacent; one to 64.
    pub ranges: Vec<(u64, u64)>,
}

impl Done {
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let channel = reader.varint()?;
        let ranges = ranges::decode(reader, 0, 0)?;
        if ranges.is_empty() {
            return Err(Malformed::OutOfRange);
        }
        Ok(Self { channel, ranges })
    }

    pub(super) fn encode<S: Sink>(&self, out: &mut S) -> Result<(), NoRoom> {
        if self.ranges.is_empty() {
            return Err(NoRoom);
        }
        out.varint(self.channel)?;
        ranges::encode(&self.ranges, 0, 0, out)
    }
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

impl Received {
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let channel = reader.varint()?;
        let floor = reader.varint()?;
        // The message at the floor was not received, or the floor would be higher.
        Ok(Self { channel, floor, ranges: ranges::decode(reader, floor, 1)? })
    }

    pub(super) fn encode<S: Sink>(&self, out: &mut S) -> Result<(), NoRoom> {
        out.varint(self.channel)?;
        out.varint(self.floor)?;
        ranges::encode(&self.ranges, self.floor, 1, out)
    }
}
