//! How callers wake the driver.
//!
//! A driver at work need not be woken, only told not to rest yet; that saves a wake-up for nearly
//! every call while it is busy.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Waker};

const RESTING: u8 = 0;
const WORKING: u8 = 1;
const RUNG: u8 = 2;

#[derive(Debug, Default)]
pub(crate) struct Bell {
    state: AtomicU8,
    driver: Mutex<Option<Waker>>,
}

impl Bell {
    /// Sees to it that the driver makes another round.
    pub(crate) fn ring(&self) {
        if self.state.swap(RUNG, Ordering::AcqRel) == RESTING {
            let driver = self.driver.lock().unwrap_or_else(PoisonError::into_inner).clone();
            driver.inspect(Waker::wake_by_ref);
        }
    }

    /// The driver is about to work and may be woken through `cx` once it rests.
    pub(crate) fn listen(&self, cx: &Context<'_>) {
        let fresh = cx.waker().clone();
        let stale = self.driver.lock().unwrap_or_else(PoisonError::into_inner).replace(fresh);
        drop(stale);
    }

    /// A round begins, and with it everything is done that the bell was rung for until now.
    pub(crate) fn begin_round(&self) {
        self.state.store(WORKING, Ordering::Release);
    }

    /// Whether the driver may rest: nobody rang since the round began.
    pub(crate) fn rest(&self) -> bool {
        self.state.compare_exchange(WORKING, RESTING, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

#[cfg(test)]
mod tests;
