//! Chance: a small generator whose streams do not disturb one another.
//!
//! Every part of a world that needs chance holds dice of its own, forked from the seed by a label.
//! So a change in how often one part throws does not change what the others see, and a failing seed
//! stays recognisable while the code around it is being repaired.

/// Parts in a million, the unit of every probability here.
pub(crate) type Ppm = u32;

/// One part in one hundred.
pub(crate) const PERCENT: Ppm = 10_000;

/// A deterministic stream of numbers (SplitMix64: short, seedable by anything, and far better than
/// the questions asked of it here).
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// The stream that belongs to `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self(mix(seed ^ 0x6576_6572_6c69_6e6b))
    }

    /// An independent stream, named by `label` and `index`; this one is not advanced.
    pub(crate) fn fork(&self, label: &str, index: usize) -> Self {
        let named = label.bytes().fold(self.0, |state, byte| mix(state ^ u64::from(byte)));
        Self(mix(named ^ index as u64))
    }

    /// The next 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number below `bound`; zero if `bound` is zero.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        let product = u128::from(self.next()) * u128::from(bound);
        (product >> 64) as u64
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// True `ppm` times in a million.
    pub(crate) fn chance(&mut self, ppm: Ppm) -> bool {
        ppm > 0 && self.below(1_000_000) < u64::from(ppm)
    }

    /// Heads or tails.
    pub(crate) fn coin(&mut self) -> bool {
        self.next() & 1 == 1
    }

    /// One of `choices`, which is not empty.
    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }

    /// Thirty-two bytes, as the seed of a process.
    pub(crate) fn bytes32(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes());
        }
        bytes
    }
}

/// A bijection of 64 bits in which every input bit moves every output bit (the finaliser of
/// SplitMix64).
pub(crate) const fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// Folds `bytes` into `state`, eight at a time.
pub(crate) fn mix_bytes(mut state: u64, bytes: &[u8]) -> u64 {
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        state = (state.rotate_left(23) ^ u64::from_le_bytes(word)).wrapping_mul(0x9fb2_1c65_1e98_df25);
    }
    let mut word = [0; 8];
    let rest = chunks.remainder();
    word[..rest.len()].copy_from_slice(rest);
    mix(state ^ u64::from_le_bytes(word) ^ ((bytes.len() as u64) << 56))
}
