//! A set of numbers kept as ranges: what was received, what is held, what is missing.
//!
//! Packet numbers, stream offsets and message numbers arrive nearly in order, so a set of millions
//! of them is a handful of ranges. The ranges are half-open, sorted, disjoint and never touch each
//! other; the ones at both ends are the cheap ones to change. The number `u64::MAX` cannot be held:
//! no half-open range reaches it, and no counter of the protocol gets near it.
//!
//! The set has no bound of its own. A peer decides how many holes there are, so each owner bounds
//! the number of ranges, by [`RangeSet::len`] and [`RangeSet::pop_min`] or by its own window.

use core::ops::Range;
use std::collections::VecDeque;

/// A set of numbers, held as sorted ranges that neither overlap nor touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RangeSet(VecDeque<Range<u64>>);

impl RangeSet {
    /// The empty set.
    pub const fn new() -> Self {
        Self(VecDeque::new())
    }

    /// Whether the set holds no number.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many ranges the set consists of. This, not [`Self::covered`], is what it costs to hold.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// How many numbers the set holds.
    pub fn covered(&self) -> u64 {
        self.0.iter().map(length).sum()
    }

    /// The smallest number held.
    pub fn min(&self) -> Option<u64> {
        self.0.front().map(|range| range.start)
    }

    /// The largest number held.
    pub fn max(&self) -> Option<u64> {
        self.0.back().map(|range| range.end - 1)
    }

    /// Whether `number` is held.
    pub fn contains(&self, number: u64) -> bool {
        self.range_ending_after(number).is_some_and(|range| range.start <= number)
    }

    /// Whether every number of `range` is held; true of an empty range.
    pub fn contains_range(&self, range: Range<u64>) -> bool {
        range.is_empty()
            || self
                .range_ending_after(range.start)
                .is_some_and(|held| held.start <= range.start && range.end <= held.end)
    }

    /// The ranges, smallest first; reverse it for largest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Range<u64>> + ExactSizeIterator + '_ {
        self.0.iter().cloned()
    }

    /// The stretches below `end` that are not held, smallest first.
    pub fn missing_below(&self, end: u64) -> impl Iterator<Item = Range<u64>> + '_ {
        self.gaps(0..end)
    }

    /// The stretches of `within` that are not held, smallest first.
    pub fn gaps(&self, within: Range<u64>) -> impl Iterator<Item = Range<u64>> + '_ {
        let first = self.0.partition_point(|range| range.end <= within.start);
        let past = Range { start: within.end, end: within.end };
        let held = self.0.range(first..).cloned().take_while(move |range| range.start < within.end);
        held.chain([past])
            .scan(within.start, |from, range| {
                let gap = *from..range.start;
                *from = range.end;
                Some(gap)
            })
            .filter(|gap| !gap.is_empty())
    }

    /// The stretches of `within` that are held, smallest first.
    pub fn held_within(&self, within: Range<u64>) -> impl Iterator<Item = Range<u64>> + '_ {
        let first = self.0.partition_point(|range| range.end <= within.start);
        let held = self.0.range(first..).take_while(move |range| range.start < within.end);
        held.map(move |range| range.start.max(within.start)..range.end.min(within.end))
            .filter(|range| !range.is_empty())
    }

    /// Adds `number`; true if it was not held. `u64::MAX` cannot be held and is left out.
    pub fn insert(&mut self, number: u64) -> bool {
        self.insert_range(number..number.saturating_add(1)) > 0
    }

    /// Adds every number of `range` and says how many of them were not held.
    pub fn insert_range(&mut self, range: Range<u64>) -> u64 {
        if range.is_empty() {
            return 0;
        }
        let first = self.0.partition_point(|held| held.end < range.start);
        let mut merged = range;
        let mut known = 0;
        let mut last = first;
        while let Some(held) = self.0.get(last).filter(|held| held.start <= merged.end) {
            known += length(held);
            merged = merged.start.min(held.start)..merged.end.max(held.end);
            last += 1;
        }
        let added = length(&merged) - known;
        match self.0.get_mut(first) {
            Some(held) if first < last => *held = merged,
            _ => self.0.insert(first, merged),
        }
        self.0.drain((first + 1)..last.max(first + 1));
        added
    }

    /// Takes every number of `range` out and says how many of them were held.
    pub fn remove_range(&mut self, range: Range<u64>) -> u64 {
        if range.is_empty() {
            return 0;
        }
        let first = self.0.partition_point(|held| held.end <= range.start);
        let last = self.0.partition_point(|held| held.start < range.end).max(first);
        let (mut removed, mut before, mut after) = (0, None, None);
        for held in self.0.drain(first..last) {
            removed += held.end.min(range.end) - held.start.max(range.start);
            before = before.or((held.start < range.start).then_some(held.start..range.start));
            after = (range.end < held.end).then_some(range.end..held.end);
        }
        for rest in [after, before].into_iter().flatten() {
            self.0.insert(first, rest);
        }
        removed
    }

    /// Takes the range of the smallest numbers out.
    pub fn pop_min(&mut self) -> Option<Range<u64>> {
        self.0.pop_front()
    }

    /// Takes everything out.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The first range that reaches past `number`: the only one that can contain it.
    fn range_ending_after(&self, number: u64) -> Option<&Range<u64>> {
        // Most questions are about the newest numbers.
        match self.0.back() {
            Some(newest) if newest.start <= number => Some(newest).filter(|range| number < range.end),
            _ => self.0.get(self.0.partition_point(|range| range.end <= number)),
        }
    }
}

impl Extend<Range<u64>> for RangeSet {
    fn extend<I: IntoIterator<Item = Range<u64>>>(&mut self, ranges: I) {
        for range in ranges {
            self.insert_range(range);
        }
    }
}

impl FromIterator<Range<u64>> for RangeSet {
    fn from_iter<I: IntoIterator<Item = Range<u64>>>(ranges: I) -> Self {
        let mut set = Self::new();
        set.extend(ranges);
        set
    }
}

fn length(range: &Range<u64>) -> u64 {
    range.end - range.start
}

#[cfg(test)]
mod tests;
