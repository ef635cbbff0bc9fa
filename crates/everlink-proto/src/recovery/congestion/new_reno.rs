//! `NewReno` (RFC 9002, section 7): one packet more each round trip, half after a loss.

use super::{Controller, Loss, RecoveryPeriod, initial_window, least_window, maximum_window, minimum_window};
use crate::recovery::rtt::Rtt;
use crate::time::Instant;

/// The state of RFC 9002, B.2.
#[derive(Debug)]
pub(super) struct NewReno {
    max_datagram: u64,
    window: u64,
    threshold: Option<u64>,
    recovery: RecoveryPeriod,
    /// Acknowledged in congestion avoidance since the window last grew.
    acked: u64,
    /// Window and threshold before the last reduction, to take it back.
    before: Option<(u64, Option<u64>)>,
}

impl NewReno {
    pub(super) fn new(max_datagram: u64) -> Self {
        Self {
            max_datagram,
            window: initial_window(max_datagram),
            threshold: None,
            recovery: RecoveryPeriod::default(),
            acked: 0,
            before: None,
        }
    }

    fn grow(&mut self, bytes: u64) {
        if self.in_slow_start() {
            self.window += bytes;
        } else {
            self.acked += bytes;
            if self.acked >= self.window {
                self.acked -= self.window;
                self.window += self.max_datagram;
            }
        }
        self.window = self.window.min(maximum_window(self.max_datagram));
    }
}

impl Controller for NewReno {
    fn on_sent(&mut self, _: Instant, _: u64, _: u64) {}

    fn on_ack(&mut self, _: Instant, sent_at: Instant, bytes: u64, _: &Rtt, app_limited: bool) {
        if !app_limited && !self.recovery.covers(sent_at) {
            self.grow(bytes);
        }
    }

    fn on_loss(&mut self, now: Instant, loss: Loss) -> bool {
        let is_news = !self.recovery.covers(loss.sent_at);
        if is_news {
            self.before = Some((self.window, self.threshold));
            self.recovery = RecoveryPeriod(Some(now));
            let least = least_window(self.max_datagram, self.window, loss.unqueued);
            self.window = (self.window / 2).max(least);
            self.threshold = Some(self.window);
            self.acked = 0;
        }
        if loss.persistent {
            self.recovery = RecoveryPeriod::default();
            self.window = minimum_window(self.max_datagram);
        }
        is_news
    }

    fn undo(&mut self) {
        let Some((window, threshold)) = self.before.take() else { return };
        self.recovery = RecoveryPeriod::default();
        self.window = self.window.max(window);
        self.threshold = threshold;
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
        "NewReno"
    }
}
