//! The packet numbers of one path, with a few passed over.

use crate::rng::Rng;

/// One number is passed over after 64 to 512 packets: often enough to meet a peer that acknowledges
/// ahead within its first megabyte, seldom enough that the holes cost nothing.
const FEWEST_BETWEEN_SKIPS: u64 = 64;
const MOST_BETWEEN_SKIPS: u64 = 512;

/// Draws packet numbers.
#[derive(Debug)]
pub(super) struct Numbers {
    next: u64,
    /// Where the next number is passed over; drawn with the first packet.
    skip_at: Option<u64>,
}

impl Numbers {
    pub(super) const fn new() -> Self {
        Self { next: 0, skip_at: None }
    }

    pub(super) fn draw(&mut self, rng: &mut Rng) -> u64 {
        if self.skip_at == Some(self.next) {
            self.skip_at = None;
            self.next += 1;
        }
        let number = self.next;
        self.next += 1;
        self.skip_at.get_or_insert_with(|| number + distance(rng));
        number
    }
}

fn distance(rng: &mut Rng) -> u64 {
    FEWEST_BETWEEN_SKIPS + rng.below(MOST_BETWEEN_SKIPS - FEWEST_BETWEEN_SKIPS + 1)
}
