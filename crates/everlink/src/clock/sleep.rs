//! The timer of systems without one that counts suspended time: a sleep that never lasts long
//! enough for a waking to go unnoticed.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use everlink_proto::time::Instant;

use super::{Clock, SystemClock, Timer};

/// A waking is noticed at most this late; also what the core calls late (SPEC 6.5).
const LONGEST_NAP: Duration = Duration::from_secs(2);

pub(super) struct Sleep {
    nap: Option<Pin<Box<tokio::time::Sleep>>>,
    deadline: Instant,
}

impl Sleep {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { nap: None, deadline: Instant::ZERO })
    }
}

impl Timer for Sleep {
    fn poll_until(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<io::Result<()>> {
        if self.deadline != deadline {
            self.deadline = deadline;
            self.nap = None;
        }
        loop {
            let left = deadline.saturating_since(SystemClock.now());
            if left.is_zero() {
                self.nap = None;
                return Poll::Ready(Ok(()));
            }
            let nap = self.nap.get_or_insert_with(|| Box::pin(tokio::time::sleep(left.min(LONGEST_NAP))));
            ready!(nap.as_mut().poll(cx));
            self.nap = None;
        }
    }
}
