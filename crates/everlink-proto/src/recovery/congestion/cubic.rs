//! CUBIC (RFC 9438): the window is a cubic function of the time since the last reduction.
//!
//! It rises fast to near the window at which loss last struck, stays there, then probes beyond.
//! Everything is integer arithmetic in bytes and milliseconds, so that a run gives the same
//! windows on every machine; 2^-20 of a byte is carried over, or small steps would be lost.

use core::time::Duration;

use super::{
    Controller, Loss, Passage, RecoveryPeriod, initial_window, least_window, maximum_window, minimum_window,
};
use crate::recovery::rtt::Rtt;
use crate::time::Instant;

/// What a reduction leaves: beta = 0.7 (RFC 9438, 4.6).
const BETA: (u64, u64) = (7, 10);

/// What fast convergence remembers of a window that did not reach the last one: (1 + beta) / 2 =
/// 0.85, to leave room to newcomers (RFC 9438, 4.7).
const CONVERGENCE: (u64, u64) = (17, 20);

/// How the estimate of Reno's window grows per window: alpha = 3 (1 - beta) / (1 + beta) = 9/17
/// (RFC 9438, 4.3).
const ALPHA: (u64, u64) = (9, 17);

/// C = 0.4 packets per cubic second (RFC 9438, 5.1), here for cubic milliseconds.
const C: (u128, u128) = (4, 10 * 1_000_000_000);

/// Farther than this from the plateau the function no longer rises: 1,000 s is beyond the largest
/// window from any plateau, and the cube stays small.
const FARTHEST: u64 = 1_000_000;

/// Bits of the fraction of a byte.
const FRACTION: u32 = 20;

/// The state of RFC 9438, 4.1.2, in bytes.
#[derive(Debug)]
pub(super) struct Cubic {
    max_datagram: u64,
    window: u64,
    /// The fraction of a byte that belongs to `window`.
    carry: u64,
    threshold: Option<u64>,
    recovery: RecoveryPeriod,
    /// Where loss struck last (`W_max`); zero if the next plateau is where avoidance starts.
    plateau: u64,
    /// The window before the last reduction (`cwnd_prior`).
    prior: u64,
    epoch: Option<Epoch>,
    /// Since when the window has not been what limits the sender: time that does not count.
    paused: Option<Instant>,
    last_ack: Option<Instant>,
    /// What the last reduction found, to take it back.
    before: Option<Before>,
}

/// What RFC 9438, 4.9.2, restores.
#[derive(Debug)]
struct Before {
    window: u64,
    threshold: Option<u64>,
    plateau: u64,
    prior: u64,
    epoch: Option<Epoch>,
}

/// One stretch of congestion avoidance.
#[derive(Debug)]
struct Epoch {
    start: Instant,
    /// When the plateau is reached, in milliseconds after the start (`K`).
    rise: u64,
    /// What Reno's window would be (`W_est`), with fraction.
    reno: u64,
}

impl Cubic {
    pub(super) fn new(max_datagram: u64) -> Self {
        Self {
            max_datagram,
            window: initial_window(max_datagram),
            carry: 0,
            threshold: None,
            recovery: RecoveryPeriod::default(),
            plateau: 0,
            prior: 0,
            epoch: None,
            paused: None,
            last_ack: None,
            before: None,
        }
    }

    fn grow(&mut self, now: Instant, bytes: u64, rtt: &Rtt) {
        if self.in_slow_start() {
            self.window += bytes;
        } else {
            self.avoid_congestion(now, bytes, rtt.smoothed());
        }
        self.window = self.window.min(maximum_window(self.max_datagram));
    }

    /// RFC 9438, 4.2 to 4.5.
    fn avoid_congestion(&mut self, now: Instant, bytes: u64, rtt: Duration) {
        let mut epoch = self.epoch.take().unwrap_or_else(|| self.begin_epoch(now));
        if let Some(since) = self.paused.take() {
            epoch.start += now.saturating_since(since);
        }
        let elapsed = now.saturating_since(epoch.start);
        let (alpha, per) = if epoch.reno >> FRACTION < self.prior { ALPHA } else { (1, 1) };
        epoch.reno += share(self.max_datagram * alpha, bytes, self.window * per);
        if self.cubic(&epoch, elapsed) < epoch.reno >> FRACTION {
            self.window = self.window.max(epoch.reno >> FRACTION);
        } else {
            let target = self.cubic(&epoch, elapsed + rtt).clamp(self.window, self.window * 3 / 2);
            self.carry += share(target - self.window, bytes, self.window);
            self.window += self.carry >> FRACTION;
            self.carry &= (1 << FRACTION) - 1;
        }
        self.epoch = Some(epoch);
    }

    fn begin_epoch(&mut self, now: Instant) -> Epoch {
        self.paused = None;
        self.plateau = self.plateau.max(self.window);
        let climb = u128::from(self.plateau - self.window) * C.1 / (C.0 * u128::from(self.max_datagram));
        Epoch { start: now, rise: cube_root(climb), reno: self.window << FRACTION }
    }

    /// `W_cubic` of RFC 9438, 4.2.
    fn cubic(&self, epoch: &Epoch, elapsed: Duration) -> u64 {
        let elapsed = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let distance = u128::from(elapsed.abs_diff(epoch.rise).min(FARTHEST));
        let height = distance.pow(3) * C.0 * u128::from(self.max_datagram) / C.1;
        let height = u64::try_from(height).unwrap_or(u64::MAX);
        if elapsed < epoch.rise {
            self.plateau.saturating_sub(height)
        } else {
            self.plateau.saturating_add(height)
        }
    }

    fn reduce(&mut self, now: Instant, unqueued: Option<Passage>) {
        self.before = Some(Before {
            window: self.window,
            threshold: self.threshold,
            plateau: self.plateau,
            prior: self.prior,
            epoch: self.epoch.take(),
        });
        self.recovery = RecoveryPeriod(Some(now));
        self.prior = self.window;
        self.plateau = if self.window < self.plateau { part(self.window, CONVERGENCE) } else { self.window };
        let least = least_window(self.max_datagram, self.window, unqueued);
        self.window = part(self.window, BETA).max(least);
        self.threshold = Some(self.window);
        self.end_epoch();
    }

    fn end_epoch(&mut self) {
        self.epoch = None;
        self.carry = 0;
    }
}

impl Controller for Cubic {
    /// The first packet after silence: the silence is not time in which the window could have been
    /// tried out (RFC 9438, 5.8).
    fn on_sent(&mut self, now: Instant, _: u64, in_flight: u64) {
        let idle_since = self.last_ack.filter(|_| in_flight == 0 && self.paused.is_none());
        if let (Some(epoch), Some(since)) = (&mut self.epoch, idle_since) {
            epoch.start += now.saturating_since(since);
        }
    }

    fn on_ack(&mut self, now: Instant, sent_at: Instant, bytes: u64, rtt: &Rtt, app_limited: bool) {
        self.last_ack = Some(now);
        if app_limited {
            self.paused = self.paused.or(Some(now));
        } else if !self.recovery.covers(sent_at) {
            self.grow(now, bytes, rtt);
        }
    }

    fn on_loss(&mut self, now: Instant, loss: Loss) -> bool {
        let is_news = !self.recovery.covers(loss.sent_at);
        if is_news {
            self.reduce(now, loss.unqueued);
        }
        if loss.persistent {
            // RFC 9438, 4.8: after a timeout, the plateau is where avoidance starts again.
            self.recovery = RecoveryPeriod::default();
            self.window = minimum_window(self.max_datagram);
            self.plateau = 0;
            self.end_epoch();
        }
        is_news
    }

    fn undo(&mut self) {
        let Some(before) = self.before.take() else { return };
        self.recovery = RecoveryPeriod::default();
        self.window = self.window.max(before.window);
        self.threshold = before.threshold;
        self.plateau = before.plateau;
        self.prior = before.prior;
        self.epoch = before.epoch;
        self.carry = 0;
    }

    fn window(&self) -> u64 {
        self.window
    }

    fn slow_start_threshold(&self) -> Option<u64> {
        self.threshold
    }

    fn reset(&mut self) {
        *self = Self::new(self.max_datagram);
    }

    fn inherit(&mut self, window: u64, slow_start_threshold: Option<u64>) {
        self.reset();
        self.window = window.clamp(minimum_window(self.max_datagram), maximum_window(self.max_datagram));
        self.threshold = slow_start_threshold;
    }

    fn name(&self) -> &'static str {
        "CUBIC"
    }
}

fn part(whole: u64, (numerator, denominator): (u64, u64)) -> u64 {
    whole * numerator / denominator
}

/// `a * b / whole`, with fraction.
fn share(a: u64, b: u64, whole: u64) -> u64 {
    let share = ((u128::from(a) * u128::from(b)) << FRACTION) / u128::from(whole.max(1));
    u64::try_from(share).unwrap_or(u64::MAX >> 1)
}

/// The largest number whose cube is at most `number`, which must be below 2^126.
fn cube_root(number: u128) -> u64 {
    let root = (0..42).rev().fold(0_u128, |root, bit| {
        let tried = root | 1 << bit;
        if tried.pow(3) <= number { tried } else { root }
    });
    u64::try_from(root).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
