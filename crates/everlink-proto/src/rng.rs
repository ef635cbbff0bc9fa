//! The one source of randomness: a generator seeded by the driver.

use chacha20::ChaCha12Rng;
use rand_core::{Rng as _, SeedableRng as _};

/// A seeded, deterministic generator. The same seed gives the same bytes for ever.
///
/// The driver seeds it from the operating system; the simulator seeds it from the run's seed.
#[derive(Debug)]
pub struct Rng(ChaCha12Rng);

impl Rng {
    /// A generator that will produce the sequence that belongs to `seed`.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(ChaCha12Rng::from_seed(seed))
    }

    /// `N` fresh bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// Fills `bytes` with fresh bytes.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }

    /// A fresh 64-bit number.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `bound`, uniform up to a bias of at most `bound / 2^64` (Lemire's product
    /// method without rejection); zero if `bound` is zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        let product = u128::from(self.next_u64()) * u128::from(bound);
        u64::try_from(product >> 64).unwrap_or(0)
    }
}
