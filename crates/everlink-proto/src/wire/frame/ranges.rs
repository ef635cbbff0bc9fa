//! Ranges of message numbers, as DONE and RECEIVED carry them: the gap since the end of the one
//! before, then the length.

use super::MAX_RANGES;
use crate::wire::codec::{MAX_VARINT, Malformed, NoRoom, Reader, Sink, count};

/// The end of the range that holds the largest number.
const MAX_END: u64 = MAX_VARINT + 1;

/// Reads ranges that begin at `floor` or above, the first of them at least `gap` above it.
pub(super) fn decode(
    reader: &mut Reader<'_>,
    floor: u64,
    mut gap: u64,
) -> Result<Vec<(u64, u64)>, Malformed> {
    let n = reader.varint()?;
    if n > MAX_RANGES {
        return Err(Malformed::OutOfRange);
    }
    let mut ranges = Vec::new();
    let mut end = floor;
    for _ in 0..n {
        let start = above(end, reader.varint()?, gap)?;
        end = above(start, reader.varint()?, 1)?;
        ranges.push((start, end));
        gap = 1; // one that touches the range before would be part of it
    }
    Ok(ranges)
}

/// Writes what [`decode`] reads; ranges that it would refuse have no encoding.
pub(super) fn encode<S: Sink>(
    ranges: &[(u64, u64)],
    floor: u64,
    mut gap: u64,
    out: &mut S,
) -> Result<(), NoRoom> {
    let n = count(ranges.len());
    if n > MAX_RANGES || ranges.last().is_some_and(|(_, end)| *end > MAX_END) {
        return Err(NoRoom);
    }
    out.varint(n)?;
    let mut before = floor;
    for (start, end) in ranges {
        out.varint(distance(before, *start, gap)?)?;
        out.varint(distance(*start, *end, 1)?)?;
        before = *end;
        gap = 1;
    }
    Ok(())
}

fn distance(from: u64, to: u64, at_least: u64) -> Result<u64, NoRoom> {
    to.checked_sub(from).filter(|distance| *distance >= at_least).ok_or(NoRoom)
}

fn above(number: u64, by: u64, at_least: u64) -> Result<u64, Malformed> {
    let sum = number.saturating_add(by);
    if by >= at_least && sum <= MAX_END { Ok(sum) } else { Err(Malformed::OutOfRange) }
}
