//! The driver: the one task of an endpoint, which does what no caller is there for. It receives,
//! keeps the core's time, sends what callers left, and binds the sockets again when they die.

use std::future::Future;
use std::io::{self, IoSliceMut};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use everlink_proto::time::{Duration, Instant, soonest};

use crate::clock::Timer;
use crate::error::{EndpointFailed, FailureCause};
use crate::shared::{Life, Shared, panicked};
use crate::socket::{Rebind, Received};

/// Rounds before the runtime may run other tasks.
const ROUNDS: usize = 8;

/// Buffers filled in one system call. What is in them is handled under one lock: at most 1 MiB,
/// about a millisecond.
const BUFFERS: usize = 16;

/// With receive offload a buffer takes a whole batch; a UDP payload has at most 65,535 bytes.
const BUFFER_LEN: usize = 1 << 16;

/// Sockets are bound again at most this often: an interface that is down fails each new socket at
/// once, and a quarter second is the core's own rhythm at the beginning of an outage (SPEC 6.3).
const REBIND_INTERVAL: Duration = Duration::from_millis(250);

/// Errors in a row, with nothing received in between, after which a socket counts as dead whatever
/// the errors say.
const DEAF_AFTER: u32 = 16;

/// The future that drives one endpoint until it is stopped.
pub(crate) struct Driver {
    shared: Arc<Shared>,
    timer: Box<dyn Timer>,
    space: Box<[u8]>,
    receive_errors: u32,
    /// Not before then are the sockets bound again.
    rebind_at: Instant,
    /// The last try failed, and that was told.
    rebind_fails: bool,
}

impl Driver {
    pub(crate) fn new(shared: Arc<Shared>, timer: Box<dyn Timer>) -> Self {
        let space = vec![0; BUFFERS * BUFFER_LEN].into_boxed_slice();
        Self { shared, timer, space, receive_errors: 0, rebind_at: Instant::ZERO, rebind_fails: false }
    }

    /// Ready when the endpoint has ended. Rounds go on until one finds nothing to do and nobody
    /// rang meanwhile.
    fn work(&mut self, cx: &mut Context<'_>) -> Result<Poll<()>, EndpointFailed> {
        self.shared.bell.listen(cx);
        for _ in 0..ROUNDS {
            self.shared.bell.begin_round();
            let busy = self.round(cx)?;
            if self.is_over() {
                return Ok(Poll::Ready(()));
            }
            if !busy && self.shared.bell.rest() {
                return Ok(Poll::Pending);
            }
        }
        cx.waker().wake_by_ref();
        Ok(Poll::Pending)
    }

    /// Whether there may be more to do at once.
    fn round(&mut self, cx: &mut Context<'_>) -> Result<bool, EndpointFailed> {
        let received = self.receive(cx)?;
        if !received {
            self.shared.driver_turn(|_| ())?;
        }
        let errands = self.shared.with_state(|state| state.notice());
        let sent = match errands.backlog_to {
            Some(to) if self.shared.socket.poll_writable(cx, to).is_ready() => {
                self.shared.send_backlog()?;
                true
            }
            _ => false,
        };
        let rebound = errands.rebind && self.rebind()?;
        let wait_for_rebind = (errands.rebind && !rebound).then_some(self.rebind_at);
        Ok(self.keep_time(cx, wait_for_rebind)? || received || sent || rebound)
    }

    /// Takes what has arrived, up to one set of buffers, to the core under one lock.
    fn receive(&mut self, cx: &mut Context<'_>) -> Result<bool, EndpointFailed> {
        if self.receive_errors >= DEAF_AFTER {
            return Ok(false);
        }
        let mut received = [Received::EMPTY; BUFFERS];
        let mut chunks = self.space.chunks_exact_mut(BUFFER_LEN);
        let mut buffers: [IoSliceMut<'_>; BUFFERS] =
            std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
        match self.shared.socket.poll_recv(cx, &mut buffers, &mut received) {
            Poll::Pending => Ok(false),
            Poll::Ready(Ok(count)) => {
                self.receive_errors = 0;
                self.hand_over(received.get(..count).unwrap_or(&received))?;
                Ok(true)
            }
            Poll::Ready(Err(error)) => {
                self.on_receive_error(&error);
                Ok(true)
            }
        }
    }

    fn hand_over(&mut self, received: &[Received]) -> Result<(), EndpointFailed> {
        let space = &mut self.space;
        self.shared.driver_turn(|turn| {
            for (meta, buffer) in received.iter().zip(space.chunks_exact_mut(BUFFER_LEN)) {
                let filled = meta.len.min(buffer.len());
                for datagram in buffer[..filled].chunks_mut(meta.segment.max(1)) {
                    turn.core.handle_datagram(turn.now, meta.from, datagram);
                }
            }
        })
    }

    fn on_receive_error(&mut self, error: &io::Error) {
        tracing::debug!(target: "everlink", %error, "could not receive");
        self.receive_errors += 1;
        let which = if self.receive_errors >= DEAF_AFTER { Rebind::All } else { Rebind::Dead };
        self.shared.with_state(|state| state.request_rebind(which));
    }

    /// Binds again what has to be, if it is time; the wish stays if it is not, or fails.
    fn rebind(&mut self) -> Result<bool, EndpointFailed> {
        let now = self.shared.now();
        if now < self.rebind_at {
            return Ok(false);
        }
        let Some(which) = self.shared.with_state(|state| state.take_rebind()) else { return Ok(false) };
        match self.shared.socket.rebind(which) {
            Ok(false) => return Ok(true),
            Ok(true) => {
                let addresses = self.shared.socket.local_addrs();
                tracing::info!(target: "everlink", ?addresses, "bound the sockets again");
                (self.receive_errors, self.rebind_fails) = (0, false);
                // Half of it may have failed, and is tried again alone.
                self.shared.with_state(|state| state.request_rebind(Rebind::Dead));
                self.shared.driver_turn(|turn| turn.core.handle_network_change(turn.now))?;
            }
            Err(error) => {
                if !std::mem::replace(&mut self.rebind_fails, true) {
                    tracing::warn!(target: "everlink", %error, "could not bind the sockets again, will try on");
                }
                self.shared.with_state(|state| state.request_rebind(which));
            }
        }
        self.rebind_at = now + REBIND_INTERVAL;
        Ok(true)
    }

    /// Tells the core when its deadline has come, and sees to it that the driver is woken for the
    /// next. Whether anything came due.
    fn keep_time(
        &mut self,
        cx: &mut Context<'_>,
        own_deadline: Option<Instant>,
    ) -> Result<bool, EndpointFailed> {
        let core_deadline = self.shared.with_state(|state| state.arm());
        let Some(deadline) = soonest(core_deadline, own_deadline) else { return Ok(false) };
        let now = self.shared.now();
        if now < deadline {
            return match self.timer.poll_until(cx, deadline) {
                Poll::Pending => Ok(false),
                Poll::Ready(Ok(())) => Ok(true),
                Poll::Ready(Err(error)) => {
                    Err(self.shared.fail(FailureCause::Timer(error.to_string().into())))
                }
            };
        }
        if core_deadline.is_some_and(|core_deadline| core_deadline <= now) {
            self.shared.with_state(|state| state.disarm());
            self.shared.driver_turn(|turn| turn.core.handle_timeout(turn.now))?;
        }
        Ok(true)
    }

    fn is_over(&self) -> bool {
        self.shared.with_state(|state| match state.life() {
            Life::Running | Life::Stopping => false,
            Life::Said => state.is_done(),
            Life::Stopped | Life::Failed(_) => true,
        })
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        match catch_unwind(AssertUnwindSafe(|| this.work(cx))) {
            Ok(Ok(Poll::Pending)) => Poll::Pending,
            Ok(Ok(Poll::Ready(()))) => {
                this.shared.finish();
                Poll::Ready(())
            }
            Ok(Err(_told_everybody)) => Poll::Ready(()),
            Err(panic) => {
                this.shared.break_down(panicked(panic));
                Poll::Ready(())
            }
        }
    }
}

impl Drop for Driver {
    /// Dropped before its end: the runtime is being shut down.
    fn drop(&mut self) {
        self.shared.fail(FailureCause::RuntimeGone);
    }
}
