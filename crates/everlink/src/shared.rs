//! What the handles and the driver share: the core behind one lock, and whoever waits for it.
//!
//! There is no channel between a caller and the network. A call takes the lock, tells the core,
//! takes what the core wants to send, gives the lock back, and makes the system call itself; the
//! driver does what no caller is there for. So nothing can be closed under a caller's feet but the
//! endpoint as a whole, and that is one state, which every call looks at first.
//!
//! One thread at a time sends. A call that finds another at it leaves its data in the core: whoever
//! is sending looks again before it stops, and so fills longer batches the busier it gets. A call
//! right behind another leaves its data to the driver, for the same reason.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use everlink_proto::id::PeerId;

use crate::bell::Bell;
use crate::clock::Clock;
use crate::error::{EndpointFailed, FailureCause};
use crate::receipt::Receipts;
use crate::socket::{Closable, Rebind, Socket};
use crate::wait::Wakes;

mod outbox;
mod state;
mod waits;
mod watch;

use outbox::Outgoing;
use state::Sent;
pub(crate) use state::{Life, State, Turn};
pub(crate) use waits::{Receiver, Waits};
pub use watch::{Notice, StateChange};
pub(crate) use watch::{Seen, Watch};

/// Who visits the state.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Visitor {
    Caller,
    Driver,
}

impl Visitor {
    /// Batches it sends before it leaves the rest to the driver's next round. A caller: its own
    /// message, and what others gave in the meantime. The driver: 1 MiB, then it looks at what
    /// came in.
    const fn batches(self) -> usize {
        match self {
            Self::Caller => 2,
            Self::Driver => 16,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) peer_id: PeerId,
    pub(crate) socket: Closable,
    pub(crate) receipts: Receipts,
    pub(crate) bell: Bell,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

impl Shared {
    pub(crate) fn new(
        core: everlink_proto::Endpoint,
        socket: Box<dyn Socket>,
        clock: Arc<dyn Clock>,
    ) -> Arc<Self> {
        Arc::new(Self {
            peer_id: core.peer_id(),
            socket: Closable::new(socket),
            receipts: Receipts::default(),
            bell: Bell::default(),
            clock,
            state: Mutex::new(State::new(core)),
        })
    }

    /// A call of the application: `f` under the lock, and then whatever follows from it.
    pub(crate) fn turn<R>(&self, f: impl FnOnce(&mut Turn<'_>) -> R) -> Result<R, EndpointFailed> {
        self.guarded(|wakes| self.take_turn(f, Visitor::Caller, wakes))
    }

    /// The same for the driver.
    pub(crate) fn driver_turn<R>(&self, f: impl FnOnce(&mut Turn<'_>) -> R) -> Result<R, EndpointFailed> {
        self.guarded(|wakes| self.take_turn(f, Visitor::Driver, wakes))
    }

    /// Looks at, or changes, what needs neither the core's attention nor the network's.
    pub(crate) fn with_state<R>(&self, f: impl FnOnce(&mut State) -> R) -> R {
        f(&mut self.lock())
    }

    /// Goes on with a batch that did not fit into the socket before.
    pub(crate) fn send_backlog(&self) -> Result<(), EndpointFailed> {
        self.guarded(|wakes| {
            let backlog = self.living()?.take_backlog();
            if let Some(batch) = backlog {
                self.send_out(batch, Visitor::Driver, wakes);
            }
            Ok(())
        })
    }

    /// Ends everything and everybody's wait, unless it has ended before. What was accepted gets its verdict first.
    /// Whoever hears of the end finds the socket closed.
    pub(crate) fn fail(&self, cause: FailureCause) -> EndpointFailed {
        self.socket.close();
        let failed = self.guarded(|wakes| {
            let mut state = self.living()?;
            state.settle_everything(&self.receipts, wakes);
            Ok(self.end(&mut state, cause, wakes))
        });
        self.bell.ring();
        failed.unwrap_or_else(|failed_before| failed_before)
    }

    /// The same after a panic: the core may be in any state, and is not asked for verdicts.
    pub(crate) fn break_down(&self, cause: FailureCause) -> EndpointFailed {
        self.socket.close();
        let mut wakes = Wakes::default();
        let failure = self.end(&mut self.lock(), cause, &mut wakes);
        wakes.deliver();
        self.bell.ring();
        failure
    }

    /// The driver ends in order: nobody will be woken again.
    pub(crate) fn finish(&self) {
        self.socket.close();
        let mut wakes = Wakes::default();
        self.with_state(|state| {
            state.finish(&mut wakes);
            self.receipts.fail(&EndpointFailed { cause: FailureCause::Stopped }, &mut wakes);
        });
        wakes.deliver();
    }

    /// Asks the driver to bind the sockets again.
    pub(crate) fn request_rebind(&self, which: Rebind) {
        self.with_state(|state| state.request_rebind(which));
        self.bell.ring();
    }

    pub(crate) fn now(&self) -> everlink_proto::time::Instant {
        self.clock.now()
    }

    /// A panic of the core, of the socket, or of the clock breaks the endpoint, not its caller. Whoever was to be woken
    /// is woken all the same: what it waited for has happened, and nobody else would tell it.
    fn guarded<R>(
        &self,
        f: impl FnOnce(&mut Wakes) -> Result<R, EndpointFailed>,
    ) -> Result<R, EndpointFailed> {
        let mut wakes = Wakes::default();
        let result = catch_unwind(AssertUnwindSafe(|| f(&mut wakes)));
        let result = result.unwrap_or_else(|panic| Err(self.break_down(panicked(panic))));
        wakes.deliver();
        result
    }

    fn take_turn<R>(
        &self,
        f: impl FnOnce(&mut Turn<'_>) -> R,
        visitor: Visitor,
        wakes: &mut Wakes,
    ) -> Result<R, EndpointFailed> {
        let (result, batch, ring) = {
            let mut state = self.living()?;
            let now = self.clock.now();
            let result = state.turn(now, &self.receipts, wakes, f);
            let batch = state.first_batch(now, visitor, self.socket.max_segments(), &self.receipts, wakes);
            (result, batch, visitor == Visitor::Caller && state.needs_driver())
        };
        wakes.deliver();
        match batch {
            Some(batch) => self.send_out(batch, visitor, wakes),
            None if ring => self.bell.ring(),
            None => {}
        }
        Ok(result)
    }

    /// Sends `batch` and what follows it, as much as the visitor may.
    fn send_out(&self, batch: Outgoing, visitor: Visitor, wakes: &mut Wakes) {
        let mut batches = visitor.batches();
        let mut next = Some(batch);
        while let Some(mut batch) = next.take() {
            batches -= 1;
            let error = self.send_batch(&mut batch).err();
            let mut state = self.lock();
            let more = (batches > 0).then(|| self.socket.max_segments());
            let sent = Sent { visitor, batch, error };
            next = state.after_send(self.clock.now(), sent, more, &self.receipts, wakes);
            let ring = more.is_none() || (visitor == Visitor::Caller && state.needs_driver());
            drop(state);
            wakes.deliver();
            if next.is_none() && ring {
                self.bell.ring();
            }
        }
    }

    fn send_batch(&self, batch: &mut Outgoing) -> io::Result<()> {
        while let Some(transmit) = batch.transmit() {
            let taken = self.socket.try_send(&transmit)?;
            batch.advance(taken.max(1));
        }
        Ok(())
    }

    fn end(&self, state: &mut State, cause: FailureCause, wakes: &mut Wakes) -> EndpointFailed {
        let failure = state.fail(EndpointFailed { cause }, wakes);
        self.receipts.fail(&failure, wakes);
        failure
    }

    /// The state, if the endpoint has not failed and nobody panicked while holding it.
    fn living(&self) -> Result<MutexGuard<'_, State>, EndpointFailed> {
        let state = self.state.lock().map_err(|poisoned| {
            drop(poisoned);
            self.break_down(FailureCause::Panicked("in another thread".into()))
        })?;
        state.alive()?;
        Ok(state)
    }

    /// The state, even if somebody panicked while holding it: only to end everything, or to read.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a panic said.
pub(crate) fn panicked(panic: Box<dyn Any + Send>) -> FailureCause {
    let text = match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text.as_str(),
        (None, None) => "without a message",
    };
    FailureCause::Panicked(text.into())
}
