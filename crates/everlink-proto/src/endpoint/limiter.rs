//! How many handshakes are computed, for whom a cookie comes first, and who has had enough (SPEC 2.10).
//!
//! A sketch of fixed size counts by prefix, so that a crowd of addresses costs no memory. A collision with busy ones
//! asks an honest peer for a cookie, which it has one round trip later. It is refused only if both its counters are
//! shared with prefixes that have had all they may; there are eight such at most before nobody is answered.

use core::net::{IpAddr, SocketAddr};

use crate::{
    rng::Rng,
    time::{Duration, Instant},
};

/// Rows of the sketch; a prefix must collide in all to be miscounted (count-min sketch, Cormode and
/// Muthukrishnan 2005).
const ROWS: usize = 2;

/// Counters in a row. With 1,024, 100 busy prefixes push an idle one over the limit with a probability of 1 %.
const COLUMNS: usize = 1_024;

/// Handshakes a second from one /24 or /48 from which on it needs cookies.
const PER_PREFIX: u16 = 20;

/// And from which on it gets no more, with cookies or without: one host with a cookie must not take all that can be
/// computed. As much as a network of 100 processes needs that all start in one second behind one address.
const MAX_PER_PREFIX: u16 = 100;

const WINDOW: Duration = Duration::from_secs(1);

/// What to do with a message 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Compute the answer.
    Compute,
    /// Send a cookie.
    NeedsCookie,
    /// Nothing.
    Drop,
}

/// Counts handshakes of the running second.
pub(crate) struct Limiter {
    salts: [u64; ROWS],
    counts: [[u16; COLUMNS]; ROWS],
    began: Instant,
    computed: u32,
}

impl Limiter {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        Self {
            salts: core::array::from_fn(|_| rng.next_u64()),
            counts: [[0; COLUMNS]; ROWS],
            began: Instant::ZERO,
            computed: 0,
        }
    }

    /// What to do with a message 1 from `from`, which has `proved` to be there or not.
    pub(crate) fn admit(
        &mut self,
        now: Instant,
        from: SocketAddr,
        proved: bool,
        cookies_from: u32,
        max: u32,
    ) -> Admission {
        if now.saturating_since(self.began) >= WINDOW {
            self.began = now;
            self.computed = 0;
            self.counts = [[0; COLUMNS]; ROWS];
        }
        let of_prefix = self.count(from);
        if self.computed >= max || of_prefix >= MAX_PER_PREFIX {
            return Admission::Drop;
        }
        if !proved && (self.computed >= cookies_from || of_prefix >= PER_PREFIX) {
            return Admission::NeedsCookie;
        }
        Admission::Compute
    }

    /// An answer is being computed.
    pub(crate) fn on_computed(&mut self, from: SocketAddr) {
        self.computed = self.computed.saturating_add(1);
        let prefix = prefix(from);
        for (row, salt) in self.counts.iter_mut().zip(self.salts) {
            if let Some(count) = row.get_mut(column(prefix, salt)) {
                *count = count.saturating_add(1);
            }
        }
    }

    fn count(&self, from: SocketAddr) -> u16 {
        let prefix = prefix(from);
        self.counts
            .iter()
            .zip(self.salts)
            .filter_map(|(row, salt)| row.get(column(prefix, salt)).copied())
            .min()
            .unwrap_or(0)
    }
}

/// The /24 or /48.
fn prefix(from: SocketAddr) -> u64 {
    match from.ip() {
        IpAddr::V4(ip) => u64::from(u32::from(ip) >> 8),
        IpAddr::V6(ip) => u64::try_from(u128::from(ip) >> 80).unwrap_or(u64::MAX) | 1 << 63,
    }
}

/// Mixes with the finaliser of SplitMix64 (Steele, Lea and Flood 2014), under a salt no peer knows.
fn column(prefix: u64, salt: u64) -> usize {
    let mut mixed = prefix ^ salt;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    usize::try_from((mixed ^ (mixed >> 31)) % COLUMNS as u64).unwrap_or(0)
}
