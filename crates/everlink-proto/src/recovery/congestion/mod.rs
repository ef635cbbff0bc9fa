//! How much may be under way on a path: congestion control behind a small trait.
//!
//! A controller counts bytes. It is told of what was sent, acknowledged and lost, and answers with a
//! window; bytes in flight, pacing and loss detection are none of its business.

mod cubic;
mod new_reno;

use core::fmt;
use core::time::Duration;

use self::cubic::Cubic;
use self::new_reno::NewReno;
use super::ledger::MAX_PACKETS;
use super::rtt::{INITIAL_RTT, Rtt};
use crate::time::Instant;

/// The congestion controller of one path.
pub trait Controller: Send + fmt::Debug {
    /// `bytes` were sent while `in_flight` were under way.
    fn on_sent(&mut self, now: Instant, bytes: u64, in_flight: u64);

    /// A packet of `bytes`, sent at `sent_at`, was acknowledged. `app_limited` says that the window
    /// was not what held the sender back: then its size proved nothing and must not grow.
    fn on_ack(&mut self, now: Instant, sent_at: Instant, bytes: u64, rtt: &Rtt, app_limited: bool);

    /// Packets were lost. Says whether the window was reduced for it: losses of one round trip are one event.
    fn on_loss(&mut self, now: Instant, loss: Loss) -> bool;

    /// Every packet of the last reduction turned out to be merely late: takes it back (RFC 9438, 4.9).
    fn undo(&mut self);

    /// How many bytes may be in flight.
    fn window(&self) -> u64;

    /// The window at which slow start ends; `None` while no loss has set it.
    fn slow_start_threshold(&self) -> Option<u64>;

    /// Starts over from the initial window.
    fn reset(&mut self);

    /// Starts over from what another controller found out about the same way to the peer.
    fn inherit(&mut self, window: u64, slow_start_threshold: Option<u64>);

    /// The name to show.
    fn name(&self) -> &'static str;

    /// Whether the window doubles each round trip.
    fn in_slow_start(&self) -> bool {
        self.slow_start_threshold().is_none_or(|threshold| self.window() < threshold)
    }
}

/// What congestion control is told of packets lost together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// When the last of them was sent.
    pub sent_at: Instant,
    /// Nothing came through for several probe timeouts (RFC 9002, 7.6).
    pub persistent: bool,
    /// What passes nevertheless, if round trips are as short as they can be: then no queue is the reason for the loss,
    /// and fewer packets would only be fewer.
    pub unqueued: Option<Passage>,
}

/// What a path without a queue lets pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passage {
    /// How many bytes arrive in a round trip.
    pub bytes: u64,
    /// How long that takes.
    pub round_trip: Duration,
}

/// The controllers there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// CUBIC (RFC 9438): fills long fast paths, fair to the CUBIC of everybody else.
    #[default]
    Cubic,
    /// `NewReno` (RFC 9002, 7): the yardstick.
    NewReno,
}

impl Algorithm {
    /// A controller for datagrams of at most `max_datagram` bytes.
    pub fn build(self, max_datagram: u64) -> Box<dyn Controller> {
        match self {
            Self::Cubic => Box::new(Cubic::new(max_datagram)),
            Self::NewReno => Box::new(NewReno::new(max_datagram)),
        }
    }
}

/// What a path starts with: about ten packets (RFC 9002, 7.2).
const fn initial_window(max_datagram: u64) -> u64 {
    let floor = if 2 * max_datagram > 14_720 { 2 * max_datagram } else { 14_720 };
    if 10 * max_datagram < floor { 10 * max_datagram } else { floor }
}

/// What a window never goes below: two packets, so that one loss still leaves an acknowledgement
/// (RFC 9002, 7.2).
const fn minimum_window(max_datagram: u64) -> u64 {
    2 * max_datagram
}

/// Where a reduction stops. Without a sign of a queue that is a quarter above what arrives in a round trip, as in TCP
/// Westwood (Mascolo 2001), but at most what any path may be tried with. So a path that loses a fifth at random keeps its
/// ten packets instead of two, and takes seconds for a megabyte instead of minutes; one that is policed is not sent more
/// than a quarter above its rate (SPEC 6.1).
fn least_window(max_datagram: u64, window: u64, unqueued: Option<Passage>) -> u64 {
    let kept = unqueued.map_or(0, |passage| {
        let passes = passage.bytes.saturating_mul(5) / 4;
        passes.min(tried_window(max_datagram, passage.round_trip))
    });
    kept.min(window).max(minimum_window(max_datagram))
}

/// What any path may be tried with: the initial window, in the time that is assumed of a round trip before one was
/// measured (RFC 9002, 7.2 and 6.2.2). One that takes longer is not sent less for it in a second.
fn tried_window(max_datagram: u64, round_trip: Duration) -> u64 {
    let (longer, usual) = (round_trip.max(INITIAL_RTT).as_millis(), INITIAL_RTT.as_millis());
    let window = u128::from(initial_window(max_datagram)) * longer / usual;
    u64::try_from(window).unwrap_or(u64::MAX)
}

/// What a window never goes above: as many packets as the ledger holds.
const fn maximum_window(max_datagram: u64) -> u64 {
    MAX_PACKETS as u64 * max_datagram
}

/// The round trip after a reduction, in which further losses belong to the same event and
/// acknowledgements do not grow the window (RFC 9002, 7.3.2).
#[derive(Clone, Copy, Debug, Default)]
struct RecoveryPeriod(Option<Instant>);

impl RecoveryPeriod {
    /// Whether a packet sent at `sent_at` went out before the last reduction.
    fn covers(self, sent_at: Instant) -> bool {
        self.0.is_some_and(|start| sent_at <= start)
    }
}

#[cfg(test)]
mod tests;
