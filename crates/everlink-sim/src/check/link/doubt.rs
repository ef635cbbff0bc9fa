//! How long a link may stay connected while nobody answers what it sends (SPEC 6.1, 6.2).
//!
//! A path is in doubt when the third probe timeout in a row passes, but not within 200 ms of the oldest packet without
//! acknowledgement. The timeout counts from the first packet under way or the last acknowledgement, whichever is later,
//! and doubles each time, up to 2 s. How long it is at first no observer can derive from the network: an acknowledgement
//! that is lost and goes out anew with the next packet makes a sample as long as the wait for that packet, and each such
//! sample makes the next timeout longer. So it is taken as the endpoint shows it, which only news of the peer change.
//! It matters below 2 s alone: whatever the round trip is, three waits take 6 s at most.
//!
//! What else puts it off:
//!
//! - An overtaken packet is waited for before any probe, at most 4 s since it was sent, and what is sent again in its
//!   place may be the first packet under way. It was overtaken when an acknowledgement came, so that this is over 4 s
//!   after that, and shows in the number of packets lost.
//! - Datagrams of the peer count as heard, but only those of a connection that arrive as they were sent. A copy of one
//!   that was damaged, or a lost one that an eavesdropper repeats, brings its acknowledgement as well. As a rule that
//!   shows at the next look: the probe timeout has changed, or less is under way though nothing was lost. Message 2 is
//!   heard as well: the link sends on another connection then.
//! - The third timeout may come before the 200 ms are over. Then a later one counts. Each comes at twice the time of the
//!   one before and one timeout, so that this one comes before twice 200 ms and one timeout have passed.
//! - Links are looked at every 500 ms, and right before a clock stands still, as nobody looks while it does: the first
//!   packet went out, or the loss was noticed, up to that much after the look that saw nothing under way, or after the
//!   loss.
//! - A machine whose clock stands still or that does not run counts no time; neither does this (`forgive`). Otherwise a
//!   clock loses at most 200 parts in a million, 2 ms in all of this.

use crate::clock::{MILLI, Micros, SECOND};
use crate::subject::ConnectionView;

/// The longest wait for one probe timeout (SPEC 6.2).
const LONGEST_WAIT: Micros = 2 * SECOND;

/// How many of them in a row (SPEC 6.2).
const TIMEOUTS: u32 = 3;

/// The least time since the oldest packet without acknowledgement (SPEC 6.2).
const LEAST: Micros = 200 * MILLI;

/// How long an overtaken packet is waited for at most (SPEC 6.1).
const OVERTAKEN: Micros = 4 * SECOND;

/// The time between two looks, and what the clock of a machine may lose meanwhile.
const SLACK: Micros = 500 * MILLI + 2 * MILLI;

/// What a look sees of the path on which a link sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Path {
    /// Its connection: the generation, and whether this side dialled.
    name: (u64, bool),
    pub(super) lost: u64,
    in_flight: u64,
    timeout: Micros,
}

impl From<&ConnectionView> for Path {
    fn from(one: &ConnectionView) -> Self {
        Self { name: (one.generation, one.by_us), lost: one.lost, in_flight: one.in_flight, timeout: one.pto }
    }
}

impl Path {
    /// Whether it is one of the same connection.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.name == other.name
    }

    /// Whether the peer dialled.
    pub(super) const fn is_accepted(&self) -> bool {
        !self.name.1
    }

    /// Whether the peer must have been heard since the look that saw `before`.
    pub(super) fn tells_news(&self, before: &Self) -> bool {
        self.name != before.name
            || self.timeout != before.timeout
            || (self.in_flight < before.in_flight && self.lost == before.lost)
    }
}

/// When waiting began at the latest, on a path that is connected, with something under way, `since` a moment that was
/// seen, whose peer was last heard at `heard`, and on which packets were seen to be lost at `lost`.
pub(super) fn began(since: Micros, heard: Micros, lost: Micros) -> Micros {
    since.max(heard).max(lost.min(heard.saturating_add(OVERTAKEN)))
}

/// How long after that the path is in doubt at the latest, if `timeout` is its probe timeout.
pub(super) fn patience(timeout: Micros) -> Micros {
    let waits = (0..TIMEOUTS).map(|doubled| timeout.saturating_mul(1 << doubled).min(LONGEST_WAIT)).sum();
    (2 * LEAST + timeout.min(LONGEST_WAIT)).max(waits) + SLACK
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_is_three_waits_which_double_up_to_two_seconds() {
        assert_eq!(patience(100 * MILLI), 700 * MILLI + SLACK);
        assert_eq!(patience(600 * MILLI), 3_800 * MILLI + SLACK);
        for long in [2 * SECOND, 60 * SECOND, Micros::MAX] {
            assert_eq!(patience(long), 6 * SECOND + SLACK);
        }
    }

    #[test]
    fn short_timeouts_still_leave_the_least_time() {
        assert_eq!(patience(21 * MILLI), 421 * MILLI + SLACK);
    }

    #[test]
    fn an_acknowledgement_shows_and_neither_sending_nor_a_loss_is_taken_for_one() {
        let before = Path { name: (1, true), lost: 1, in_flight: 2_400, timeout: 300 * MILLI };
        assert!(Path { name: (2, true), ..before }.tells_news(&before));
        assert!(Path { timeout: 299 * MILLI, ..before }.tells_news(&before));
        assert!(Path { in_flight: 1_200, ..before }.tells_news(&before));
        assert!(!Path { in_flight: 3_600, ..before }.tells_news(&before));
        assert!(!Path { in_flight: 1_200, lost: 2, ..before }.tells_news(&before));
    }

    #[test]
    fn a_loss_puts_it_off_only_as_long_as_overtaken_packets_are_waited_for() {
        assert_eq!(began(SECOND, 3 * SECOND, 0), 3 * SECOND);
        assert_eq!(began(5 * SECOND, 3 * SECOND, 4 * SECOND), 5 * SECOND);
        assert_eq!(began(SECOND, 3 * SECOND, 6 * SECOND), 6 * SECOND);
        assert_eq!(began(SECOND, 3 * SECOND, 60 * SECOND), 7 * SECOND);
    }
}
