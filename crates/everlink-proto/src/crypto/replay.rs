//! Which packet numbers have been seen: a sliding window of bits (after RFC 6479).
//!
//! The bits are a ring of 64-bit words, addressed by packet number. Moving the window forward
//! clears whole words and shifts nothing. The ring is one word longer than the window, so that the
//! word being entered is never one that still matters.

/// The smallest window, in packets.
pub const MIN_SIZE: usize = 1024;

/// The largest window, in packets: 8 KiB.
pub const MAX_SIZE: usize = 65_536;

/// The window of a new path, in packets: twice what is in flight at 1 Gbit/s and 20 ms. It doubles when a packet comes
/// later than half of it.
pub const DEFAULT_SIZE: usize = 4096;

const WORD_BITS: u64 = 64;

/// The packet numbers seen on one path. Numbers that fell out of the window count as seen.
#[derive(Clone, Debug)]
pub struct ReplayWindow {
    words: Vec<u64>,
    size: u64,
    highest: u64,
    /// Numbers below were forgotten by a smaller window, and must not come back with a larger one.
    floor: u64,
}

impl Default for ReplayWindow {
    fn default() -> Self {
        Self::new(DEFAULT_SIZE)
    }
}

impl ReplayWindow {
    /// A window that has seen nothing. `size` is brought between [`MIN_SIZE`] and [`MAX_SIZE`] and
    /// up to a power of two.
    pub fn new(size: usize) -> Self {
        let size = size.clamp(MIN_SIZE, MAX_SIZE).next_power_of_two();
        let words = vec![0; size / WORD_BITS as usize + 1];
        Self { words, size: size as u64, highest: 0, floor: 0 }
    }

    /// How many packet numbers back the window reaches.
    pub fn size(&self) -> usize {
        self.size as usize
    }

    /// Whether `number` is certainly new. Changes nothing: the packet is not yet authentic.
    pub fn check(&self, number: u64) -> bool {
        number > self.highest || (self.holds(number) && self.words[self.slot(number)] & bit(number) == 0)
    }

    /// Remembers `number`, once its packet has proved authentic. If it is late, later ones are provided for.
    pub fn commit(&mut self, number: u64) {
        self.advance(number);
        if !self.holds(number) {
            return;
        }
        let slot = self.slot(number);
        self.words[slot] |= bit(number);
        if self.highest - number > self.size / 2 && self.size() < MAX_SIZE {
            self.grow();
        }
    }

    /// Doubles the window. What was seen stays seen; it never shrinks.
    fn grow(&mut self) {
        let mut larger = Self::new(2 * self.size());
        larger.highest = self.highest;
        larger.floor = self.floor.max(self.highest.saturating_sub(self.size - 1));
        let newest = self.highest / WORD_BITS;
        let oldest = newest.saturating_sub(self.words.len() as u64 - 1);
        for number in (oldest..=newest).map(|word| word * WORD_BITS) {
            let slot = larger.slot(number);
            larger.words[slot] = self.words[self.slot(number)];
        }
        *self = larger;
    }

    fn holds(&self, number: u64) -> bool {
        number >= self.floor && number <= self.highest && self.highest - number < self.size
    }

    /// Moves the window so that `number` is not beyond it, clearing the words that it enters.
    fn advance(&mut self, number: u64) {
        let entered = (number / WORD_BITS).saturating_sub(self.highest / WORD_BITS);
        for step in 1..=entered.min(self.words.len() as u64) {
            let slot = self.slot(number - (step - 1) * WORD_BITS);
            self.words[slot] = 0;
        }
        self.highest = self.highest.max(number);
    }

    fn slot(&self, number: u64) -> usize {
        (number / WORD_BITS % self.words.len() as u64) as usize
    }
}

const fn bit(number: u64) -> u64 {
    1 << (number % WORD_BITS)
}

#[cfg(test)]
mod tests;
