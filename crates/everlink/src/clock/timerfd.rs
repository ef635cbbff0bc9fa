//! The timer of Linux on `CLOCK_BOOTTIME`: it fires right after waking if the machine slept through
//! the deadline, which a sleep on the monotonic clock does not.

use std::io;
use std::os::fd::OwnedFd;
use std::task::{Context, Poll, ready};

use everlink_proto::time::Instant;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::Timer;

pub(super) struct TimerFd {
    fd: AsyncFd<OwnedFd>,
    armed: Option<Instant>,
}

impl TimerFd {
    pub(super) fn new() -> io::Result<Self> {
        let fd = timerfd_create(TimerfdClockId::Boottime, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        #[allow(
            deprecated,
            reason = "its successor is unsafe; an `OwnedFd` that never leaves meets its terms"
        )]
        let fd = AsyncFd::with_interest(fd, Interest::READABLE)?;
        Ok(Self { fd, armed: None })
    }

    fn arm(&mut self, deadline: Instant) -> io::Result<()> {
        let spec = Itimerspec { it_interval: timespec(0), it_value: timespec(deadline.as_micros().max(1)) };
        timerfd_settime(self.fd.get_ref(), TimerfdTimerFlags::ABSTIME, &spec)?;
        self.armed = Some(deadline);
        Ok(())
    }
}

impl Timer for TimerFd {
    fn poll_until(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<io::Result<()>> {
        if self.armed != Some(deadline) {
            self.arm(deadline)?;
        }
        loop {
            let mut ready = ready!(self.fd.poll_read_ready(cx))?;
            let mut expirations = [0; 8];
            match ready.try_io(|fd| Ok(rustix::io::read(fd, &mut expirations)?)) {
                Ok(result) => {
                    result?;
                    self.armed = None;
                    return Poll::Ready(Ok(()));
                }
                // Arming again took back an expiry that readiness still told of.
                Err(_would_block) => continue,
            }
        }
    }
}

/// Zero would disarm the timer; deadlines beyond the kernel's range are never reached.
fn timespec(micros: u64) -> Timespec {
    let seconds = i64::try_from(micros / 1_000_000).unwrap_or(i64::MAX);
    let nanos = micros % 1_000_000 * 1_000;
    Timespec { tv_sec: seconds, tv_nsec: nanos as _ }
}
