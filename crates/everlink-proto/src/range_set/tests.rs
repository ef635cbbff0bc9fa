use super::*;
use crate::rng::Rng;

fn set(ranges: &[Range<u64>]) -> RangeSet {
    ranges.iter().cloned().collect()
}

fn ranges(set: &RangeSet) -> Vec<Range<u64>> {
    set.iter().collect()
}

#[test]
fn neighbours_merge_and_strangers_do_not() {
    assert_eq!(ranges(&set(&[0..2, 2..4, 6..7])), [0..4, 6..7]);
    assert_eq!(ranges(&set(&[6..7, 0..1, 3..4, 1..6])), [Range { start: 0, end: 7 }]);
}

#[test]
fn insertion_counts_only_what_is_new() {
    let mut set = set(&[2..4, 6..8]);
    assert_eq!(set.insert_range(0..10), 6);
    assert_eq!(set.insert_range(3..5), 0);
    assert_eq!(set.insert_range(5..5), 0);
    assert_eq!(set.covered(), 10);
}

#[test]
fn removal_splits_a_range() {
    let mut set = set(&[0..10, 20..30]);
    assert_eq!(set.remove_range(3..5), 2);
    assert_eq!(set.remove_range(8..25), 7);
    assert_eq!(ranges(&set), [0..3, 5..8, 25..30]);
}

#[test]
fn the_end_of_the_number_line_is_harmless() {
    let mut set = RangeSet::new();
    assert!(!set.insert(u64::MAX));
    assert!(set.insert(u64::MAX - 1));
    assert_eq!(set.insert_range(0..u64::MAX), u64::MAX - 1);
    assert_eq!((set.len(), set.max(), set.covered()), (1, Some(u64::MAX - 1), u64::MAX));
    assert!(!set.contains(u64::MAX));
    assert_eq!(set.missing_below(u64::MAX).next(), None);
    assert_eq!(set.remove_range(5..u64::MAX), u64::MAX - 5);
    assert_eq!(set.missing_below(u64::MAX).collect::<Vec<_>>(), [Range { start: 5, end: u64::MAX }]);
}

#[test]
fn backward_ranges_are_empty() {
    let mut set = set(&[0..5, 5..10]);
    let backward = Range { start: 7, end: 3 };
    assert_eq!((set.insert_range(backward.clone()), set.remove_range(backward.clone())), (0, 0));
    assert!(set.contains_range(backward.clone()));
    assert_eq!(set.gaps(backward.clone()).next(), None);
    assert_eq!(set.held_within(backward).next(), None);
}

#[test]
fn gaps_are_cut_to_the_question() {
    let set = set(&[2..4, 6..8]);
    assert_eq!(set.missing_below(10).collect::<Vec<_>>(), [0..2, 4..6, 8..10]);
    assert_eq!(set.held_within(3..10).collect::<Vec<_>>(), [3..4, 6..8]);
    assert_eq!(set.held_within(0..7).collect::<Vec<_>>(), [2..4, 6..7]);
    assert_eq!(set.held_within(4..6).next(), None);
    assert_eq!(set.gaps(3..7).collect::<Vec<_>>(), [Range { start: 4, end: 6 }]);
    assert_eq!(set.gaps(2..4).next(), None);
    assert_eq!(set.gaps(9..12).collect::<Vec<_>>(), [Range { start: 9, end: 12 }]);
}

#[test]
fn the_set_agrees_with_a_table_of_flags() {
    const END: u64 = 96;
    let mut rng = Rng::from_seed([7; 32]);
    let mut set = RangeSet::new();
    let mut flags = [false; END as usize];
    for _ in 0..20_000 {
        let start = rng.below(END);
        let range = start..(start + rng.below(12)).min(END);
        let span = range.start as usize..range.end as usize;
        let held = flags[span.clone()].iter().filter(|flag| **flag).count() as u64;
        let size = range.end - range.start;
        assert_eq!(set.contains_range(range.clone()), held == size);
        let missing: u64 = set.gaps(range.clone()).map(|gap| gap.end - gap.start).sum();
        assert_eq!(missing, size - held);
        match rng.below(5) {
            0..2 => {
                assert_eq!(set.insert_range(range), size - held);
                flags[span].fill(true);
            }
            2..4 => {
                assert_eq!(set.remove_range(range), held);
                flags[span].fill(false);
            }
            _ => {
                let first = set.pop_min();
                for number in first.into_iter().flatten() {
                    assert!(core::mem::take(&mut flags[number as usize]));
                }
            }
        }
        assert_agrees(&set, &flags);
    }
}

fn assert_agrees(set: &RangeSet, flags: &[bool]) {
    let numbers: Vec<u64> = set.iter().flatten().collect();
    let flagged: Vec<u64> = (0..flags.len() as u64).filter(|n| flags[*n as usize]).collect();
    assert_eq!(numbers, flagged);
    assert!((0..flags.len() as u64).all(|n| set.contains(n) == flags[n as usize]));
    assert_eq!((set.min(), set.max()), (flagged.first().copied(), flagged.last().copied()));
    assert_eq!(set.covered(), flagged.len() as u64);
    let list = ranges(set);
    assert!(list.windows(2).all(|pair| pair[0].end < pair[1].start));
    assert!(list.iter().all(|range| !range.is_empty()));
}
