//! The halves shown to strangers: one for each, the same in all their slots, until it has a link (SPEC 8.1).

use std::collections::{BTreeMap, BTreeSet};

use super::places::MAX_SLOTS;
use crate::{
    id::{Half, PeerId},
    time::{Duration, Instant},
};

/// How long a half is kept (SPEC 6.6).
const LIFETIME: Duration = Duration::from_secs(60);

/// Halves kept; the oldest gives way. One for each slot: more strangers are not waited for.
const MAX_HALVES: usize = MAX_SLOTS;

/// The halves shown to strangers.
#[derive(Default)]
pub(super) struct Halves {
    kept: BTreeMap<PeerId, (Half, Instant)>,
    by_end: BTreeSet<(Instant, PeerId)>,
}

impl Halves {
    /// The half shown to `peer`.
    pub(super) fn of(&self, peer: &PeerId) -> Option<Half> {
        self.kept.get(peer).map(|(half, _)| *half)
    }

    /// Keeps the half shown to `peer`; its time starts anew.
    pub(super) fn keep(&mut self, now: Instant, peer: PeerId, half: Half) {
        self.take(&peer);
        if self.kept.len() >= MAX_HALVES {
            self.drop_first();
        }
        let until = now + LIFETIME;
        self.kept.insert(peer, (half, until));
        self.by_end.insert((until, peer));
    }

    /// Hands the half shown to `peer` over.
    pub(super) fn take(&mut self, peer: &PeerId) -> Option<Half> {
        let (half, until) = self.kept.remove(peer)?;
        self.by_end.remove(&(until, *peer));
        Some(half)
    }

    /// When the first of them is over.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.by_end.first().map(|(until, _)| *until)
    }

    /// Drops what is over.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        while self.deadline().is_some_and(|until| until <= now) {
            self.drop_first();
        }
    }

    /// How many are kept.
    pub(super) fn len(&self) -> usize {
        self.kept.len()
    }

    fn drop_first(&mut self) {
        if let Some((_, peer)) = self.by_end.pop_first() {
            self.kept.remove(&peer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(number: u64) -> PeerId {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        PeerId::from_bytes(bytes)
    }

    #[test]
    fn a_half_is_kept_for_its_time_from_when_it_was_last_shown() {
        let (mut halves, start) = (Halves::default(), Instant::from_micros(0));
        halves.keep(start, peer(1), Half([1; 16]));
        halves.keep(start, peer(2), Half([2; 16]));
        halves.keep(start + Duration::from_secs(30), peer(1), Half([1; 16]));
        assert_eq!(halves.deadline(), Some(start + LIFETIME));
        halves.handle_timeout(start + LIFETIME);
        assert_eq!((halves.of(&peer(1)), halves.of(&peer(2))), (Some(Half([1; 16])), None));
        assert_eq!(halves.take(&peer(1)), Some(Half([1; 16])));
        assert_eq!((halves.of(&peer(1)), halves.deadline()), (None, None));
    }

    #[test]
    fn the_oldest_half_gives_way() {
        let (mut halves, start) = (Halves::default(), Instant::from_micros(0));
        for number in 0..=MAX_HALVES as u64 {
            halves.keep(start + Duration::from_micros(number), peer(number), Half([0; 16]));
        }
        assert_eq!((halves.of(&peer(0)), halves.kept.len()), (None, MAX_HALVES));
        assert!(halves.of(&peer(1)).is_some());
    }
}
