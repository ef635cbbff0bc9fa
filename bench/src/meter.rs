//! Processor time of the calling thread, which runs one endpoint and nothing else.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Processor time from its making on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meter(Duration);

impl Meter {
    pub(crate) fn start() -> Self {
        Self(thread_time())
    }

    pub(crate) fn spent(self) -> Duration {
        thread_time().saturating_sub(self.0)
    }
}

fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
}
