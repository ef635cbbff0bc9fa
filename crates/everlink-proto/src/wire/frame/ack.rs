//! ACK: which packets of a path arrived (RFC 9000 section 19.3, with the path's number in front).

use super::MAX_RANGES;
use crate::wire::codec::{Malformed, NoRoom, Reader, Sink, clamp_micros, count};

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

impl Ack {
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let path = path_number(reader)?;
        let largest = reader.varint()?;
        let delay_micros = clamp_micros(reader.varint()?);
        let more = reader.varint()?;
        if more >= MAX_RANGES {
            return Err(Malformed::OutOfRange);
        }
        let mut smallest = below(largest, reader.varint()?)?;
        let mut ranges = vec![(smallest, largest)];
        for _ in 0..more {
            // A gap of one number is written as 0, and the next range ends below it.
            let largest = below(below(smallest, reader.varint()?)?, 2)?;
            smallest = below(largest, reader.varint()?)?;
            ranges.push((smallest, largest));
        }
        Ok(Self { path, delay_micros, ranges })
    }

    /// Reads over the three counts that follow an ACK of type 3.
    pub(super) fn decode_with_ecn(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let ack = Self::decode(reader)?;
        for _ in 0..3 {
            reader.varint()?;
        }
        Ok(ack)
    }

    pub(super) fn encode<S: Sink>(&self, out: &mut S) -> Result<(), NoRoom> {
        let ((smallest, largest), rest) = self.ranges.split_first().ok_or(NoRoom)?;
        if count(rest.len()) >= MAX_RANGES {
            return Err(NoRoom);
        }
        out.varint(u64::from(self.path))?;
        out.varint(*largest)?;
        out.varint(self.delay_micros)?;
        out.varint(count(rest.len()))?;
        out.varint(distance(*smallest, *largest)?)?;
        let mut before = *smallest;
        for (smallest, largest) in rest {
            out.varint(distance(2, distance(*largest, before)?)?)?;
            out.varint(distance(*smallest, *largest)?)?;
            before = *smallest;
        }
        Ok(())
    }
}

/// A path's number, which has 32 bits (SPEC 3.2).
pub(super) fn path_number(reader: &mut Reader<'_>) -> Result<u32, Malformed> {
    u32::try_from(reader.varint()?).map_err(|_| Malformed::OutOfRange)
}

fn below(number: u64, by: u64) -> Result<u64, Malformed> {
    number.checked_sub(by).ok_or(Malformed::OutOfRange)
}

/// Ranges that are out of order have no encoding.
fn distance(from: u64, to: u64) -> Result<u64, NoRoom> {
    to.checked_sub(from).ok_or(NoRoom)
}
