//! Time for the core: a clock that goes on while the machine sleeps, and a timer on that clock.
//!
//! The core finds out that the machine slept by deadlines that are handled late (SPEC 6.5), so both
//! must count suspended time. Linux has a timer on such a clock; elsewhere the timer is an ordinary
//! one that looks at the clock at least every two seconds.

use std::fmt;
use std::io;
use std::task::{Context, Poll};

pub use everlink_proto::time::Instant;

#[cfg(any(target_os = "linux", target_os = "android"))]
mod timerfd;
#[cfg(any(target_os = "linux", target_os = "android"))]
use timerfd::TimerFd as SystemTimer;

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod sleep;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
use sleep::Sleep as SystemTimer;

/// A source of time for one endpoint.
///
/// Both methods are called with no lock held but the endpoint's own, from any thread.
pub trait Clock: Send + Sync + fmt::Debug + 'static {
    /// The time, which never runs backwards.
    fn now(&self) -> Instant;

    /// A timer on this clock. Called once, inside the runtime that drives the endpoint.
    fn timer(&self) -> io::Result<Box<dyn Timer>>;
}

/// What wakes the driver at a deadline.
pub trait Timer: Send {
    /// Ready once the clock has reached `deadline`; until then wakes the task of `cx` at that time.
    /// A call with another deadline replaces the one before. It may be ready too early, never too
    /// late: the caller looks at the clock.
    fn poll_until(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<io::Result<()>>;
}

/// The clock of the operating system that counts suspended time: `CLOCK_BOOTTIME` on Linux.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::from_micros(system_micros())
    }

    fn timer(&self) -> io::Result<Box<dyn Timer>> {
        Ok(Box::new(SystemTimer::new()?))
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn system_micros() -> u64 {
    use rustix::time::{DynamicClockId, clock_gettime_dynamic};
    // Kernels before 2.6.39 lack this clock, and tokio does not run on those.
    clock_gettime_dynamic(DynamicClockId::Boottime).map_or(0, |time| micros(time.tv_sec, time.tv_nsec))
}

/// POSIX leaves open whether this clock counts suspended time; on macOS it does.
#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
fn system_micros() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    micros(time.tv_sec, time.tv_nsec)
}

#[cfg(unix)]
fn micros(seconds: i64, nanos: impl TryInto<u64>) -> u64 {
    let seconds = u64::try_from(seconds).unwrap_or(0);
    let nanos = nanos.try_into().unwrap_or(0);
    seconds.saturating_mul(1_000_000).saturating_add(nanos / 1_000)
}

/// The performance counter of Windows counts suspended time.
#[cfg(not(unix))]
fn system_micros() -> u64 {
    use std::sync::OnceLock;
    static EPOCH: OnceLock<std::time::Instant> = OnceLock::new();
    let epoch = EPOCH.get_or_init(std::time::Instant::now);
    u64::try_from(epoch.elapsed().as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
