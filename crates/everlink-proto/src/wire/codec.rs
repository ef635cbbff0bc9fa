//! Two cursors: one that reads bytes somebody else chose, one that writes into bounded space.
//!
//! All number handling that could go wrong on the wire happens here, checked, so that the frames
//! above are lists of fields. Numbers are big endian or RFC 9000 varints in their shortest form: a
//! value has one encoding, and two that compare equal are equal on the wire too.

use core::time::Duration;

/// The largest number a varint can hold (RFC 9000 section 16).
pub const MAX_VARINT: u64 = (1 << 62) - 1;

/// The longest duration taken from a peer (SPEC 8.7): no peer can put a timer out of reach.
pub const MAX_DURATION: Duration = Duration::from_secs(24 * 60 * 60);

/// Why bytes are not the value they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The value goes on beyond the end.
    #[error("it ends too early")]
    Truncated,
    /// A number is not in its shortest form.
    #[error("a number is not in its shortest form")]
    NotShortest,
    /// A field holds what it may not.
    #[error("a field holds a value it may not")]
    OutOfRange,
}

/// What was to be written does not fit: the space is used up, or a number is beyond [`MAX_VARINT`]
/// and fits nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no room")]
pub struct NoRoom;

/// How many bytes `value` takes as a varint; 8 for anything too large.
pub const fn varint_len(value: u64) -> usize {
    match value {
        0..=0x3f => 1,
        0x40..=0x3fff => 2,
        0x4000..=0x3fff_ffff => 4,
        _ => 8,
    }
}

/// A duration that the peer sent, in milliseconds, cut to what is taken from a peer.
pub fn clamp_millis(millis: u64) -> u64 {
    millis.min(u64::try_from(MAX_DURATION.as_millis()).unwrap_or(u64::MAX))
}

/// A duration that the peer sent, in microseconds, cut to what is taken from a peer.
pub fn clamp_micros(micros: u64) -> u64 {
    micros.min(u64::try_from(MAX_DURATION.as_micros()).unwrap_or(u64::MAX))
}

/// `len` as a number on the wire.
pub(crate) fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// Reads from the front of a slice. After an error its position means nothing.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A cursor at the start of `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether everything was read.
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// How many bytes are left.
    pub const fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// One byte.
    pub fn byte(&mut self) -> Result<u8, Malformed> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    /// A number of 4 bytes.
    pub fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    /// A number of 8 bytes.
    pub fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_be_bytes)
    }

    /// `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(*array)
    }

    /// As many bytes as the peer says there are.
    pub fn bytes(&mut self, len: u64) -> Result<&'a [u8], Malformed> {
        let len = usize::try_from(len).map_err(|_| Malformed::Truncated)?;
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// A varint, at most [`MAX_VARINT`].
    pub fn varint(&mut self) -> Result<u64, Malformed> {
        let first = *self.rest.first().ok_or(Malformed::Truncated)?;
        let (value, len) = match first >> 6 {
            0 => (u64::from(self.byte()?), 1),
            1 => (u64::from(u16::from_be_bytes(self.array()?) & 0x3fff), 2),
            2 => (u64::from(u32::from_be_bytes(self.array()?) & 0x3fff_ffff), 4),
            _ => (self.u64()? & MAX_VARINT, 8),
        };
        if varint_len(value) == len { Ok(value) } else { Err(Malformed::NotShortest) }
    }
}

/// Where an encoder puts bytes: real space, or a counter that only measures.
pub trait Sink {
    /// Puts all of `bytes`, or nothing.
    fn put(&mut self, bytes: &[u8]) -> Result<(), NoRoom>;

    /// A number as a varint.
    fn varint(&mut self, value: u64) -> Result<(), NoRoom> {
        let [a, b, c, d, e, f, g, h] = value.to_be_bytes();
        match varint_len(value) {
            1 => self.put(&[h]),
            2 => self.put(&[g | 0x40, h]),
            4 => self.put(&[e | 0x80, f, g, h]),
            _ if value <= MAX_VARINT => self.put(&[a | 0xc0, b, c, d, e, f, g, h]),
            _ => Err(NoRoom),
        }
    }
}

/// Writes to the end of a buffer, never beyond a limit.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
    limit: usize,
}

/// A place in a [`Writer`]'s buffer to go back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark(usize);

impl<'a> Writer<'a> {
    /// Appends to `out`, whose length will not exceed `limit`.
    pub const fn new(out: &'a mut Vec<u8>, limit: usize) -> Self {
        Self { out, limit }
    }

    /// How many bytes still fit.
    pub const fn remaining(&self) -> usize {
        self.limit.saturating_sub(self.out.len())
    }

    /// The place where the next byte goes.
    pub const fn mark(&self) -> Mark {
        Mark(self.out.len())
    }

    /// How many bytes were written since `mark`.
    pub const fn written_since(&self, mark: Mark) -> usize {
        self.out.len().saturating_sub(mark.0)
    }

    /// Takes back everything written since `mark`.
    pub fn truncate(&mut self, mark: Mark) {
        self.out.truncate(mark.0);
    }

    /// Lets `write` write, and takes it all back if that fails.
    pub fn all_or_nothing<T>(
        &mut self,
        write: impl FnOnce(&mut Self) -> Result<T, NoRoom>,
    ) -> Result<T, NoRoom> {
        let mark = self.mark();
        write(self).inspect_err(|_| self.truncate(mark))
    }

    /// Replaces the byte at `mark`, which was written before.
    pub(crate) fn patch(&mut self, mark: Mark, byte: u8) {
        if let Some(slot) = self.out.get_mut(mark.0) {
            *slot = byte;
        }
    }
}

impl Sink for Writer<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), NoRoom> {
        if bytes.len() > self.remaining() {
            return Err(NoRoom);
        }
        self.out.extend_from_slice(bytes);
        Ok(())
    }
}

/// Counts what an encoder would write.
#[derive(Debug, Default)]
pub(crate) struct Counter(usize);

impl Counter {
    /// How many bytes `write` writes; nothing counts from the first number that no varint holds.
    pub(crate) fn measure(write: impl FnOnce(&mut Self) -> Result<(), NoRoom>) -> usize {
        let mut counter = Self::default();
        let _ = write(&mut counter); // the one error says that there is nothing more to count
        counter.0
    }
}

impl Sink for Counter {
    fn put(&mut self, bytes: &[u8]) -> Result<(), NoRoom> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(())
    }
}

/// The most of `wanted` bytes that fit in `room` behind a varint made of their length and, below
/// it, `tag_bits` bits; and nothing if not even one does.
pub(crate) fn fitting(room: usize, wanted: usize, tag_bits: u32) -> usize {
    let behind = |width: usize, largest: u64| {
        let largest = usize::try_from(largest >> tag_bits).unwrap_or(usize::MAX);
        room.saturating_sub(width).min(largest).min(wanted)
    };
    behind(1, 0x3f).max(behind(2, 0x3fff)).max(behind(4, 0x3fff_ffff)).max(behind(8, MAX_VARINT))
}

#[cfg(test)]
mod tests;
