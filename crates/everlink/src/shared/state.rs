//! What the lock protects.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;

use everlink_proto::id::PeerId;
use everlink_proto::session::Verdict;
use everlink_proto::time::Instant;
use everlink_proto::{Endpoint as Core, Event};

use super::Visitor;
use super::outbox::{Outbox, Outgoing};
use super::waits::Waits;
use crate::error::EndpointFailed;
use crate::receipt::Receipts;
use crate::socket::{Rebind, hints_at_path};
use crate::wait::Wakes;

/// The core of an endpoint, those who wait for it, and what is on its way out.
pub(crate) struct State {
    core: Core,
    waits: Waits,
    outbox: Outbox,
    life: Life,
    undelivered: BTreeMap<PeerId, u64>,
    rebind: Option<Rebind>,
    /// The driver knows of the backlog and of the wish to bind again.
    noticed: bool,
    /// When the core wants to be woken, as far as is known.
    deadline: Option<Instant>,
    /// When the driver's timer will fire.
    armed: Option<Instant>,
}

/// How far an endpoint is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Life {
    Running,
    /// Flushing and closing; verdicts are counted for the report.
    Stopping,
    /// The core has said all; the driver sends what is left.
    Said,
    Stopped,
    Failed(EndpointFailed),
}

/// Work for the driver.
pub(crate) struct Errands {
    /// Where the batch goes that the socket had no room for.
    pub(crate) backlog_to: Option<SocketAddr>,
    /// The sockets have to be bound again, or looked at.
    pub(crate) rebind: bool,
}

/// What became of a batch.
pub(super) struct Sent {
    pub(super) visitor: Visitor,
    pub(super) batch: Outgoing,
    /// Why the rest of it was not sent.
    pub(super) error: Option<io::Error>,
}

/// One visit to the state.
pub(crate) struct Turn<'a> {
    pub(crate) core: &'a mut Core,
    pub(crate) waits: &'a mut Waits,
    pub(crate) receipts: &'a Receipts,
    pub(crate) wakes: &'a mut Wakes,
    pub(crate) now: Instant,
    life: &'a mut Life,
}

impl Turn<'_> {
    /// Nothing more will happen: whoever waits may go home.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.life, Life::Said | Life::Stopped | Life::Failed(_))
    }

    /// It was asked to stop, or is over.
    pub(crate) fn is_ending(&self) -> bool {
        *self.life != Life::Running
    }

    /// All is said and sent, and the socket is closed.
    pub(crate) fn has_stopped(&self) -> bool {
        *self.life == Life::Stopped
    }

    pub(crate) fn stop(&mut self) {
        if *self.life == Life::Running {
            *self.life = Life::Stopping;
            self.core.stop(self.now);
        }
    }
}

impl State {
    pub(super) fn new(core: Core) -> Self {
        Self {
            core,
            waits: Waits::default(),
            outbox: Outbox::default(),
            life: Life::Running,
            undelivered: BTreeMap::new(),
            rebind: None,
            noticed: true,
            deadline: None,
            armed: None,
        }
    }

    pub(super) fn alive(&self) -> Result<(), EndpointFailed> {
        match &self.life {
            Life::Failed(failure) => Err(failure.clone()),
            Life::Running | Life::Stopping | Life::Said | Life::Stopped => Ok(()),
        }
    }

    pub(super) fn turn<R>(
        &mut self,
        now: Instant,
        receipts: &Receipts,
        wakes: &mut Wakes,
        f: impl FnOnce(&mut Turn<'_>) -> R,
    ) -> R {
        let Self { core, waits, life, .. } = self;
        let result = f(&mut Turn { core, waits, receipts, wakes, now, life });
        self.take_events(receipts, wakes);
        result
    }

    fn take_events(&mut self, receipts: &Receipts, wakes: &mut Wakes) {
        while let Some(event) = self.core.poll_event() {
            self.on_event(event, receipts, wakes);
        }
    }

    fn on_event(&mut self, event: Event, receipts: &Receipts, wakes: &mut Wakes) {
        match &event {
            Event::Stopped => {
                self.life = Life::Said;
                self.waits.wake_all(wakes);
            }
            Event::Verdict { peer, verdict: Verdict::NotDelivered(_) | Verdict::Unknown(_), .. }
                if self.life == Life::Stopping =>
            {
                *self.undelivered.entry(*peer).or_default() += 1;
            }
            _ => {}
        }
        self.waits.on_event(event, receipts, wakes);
    }

    /// A batch for the calling thread to send, if no other thread is sending. The first of many
    /// calls in a row sends at once; what follows closely is left to the driver, which fills whole
    /// packets with it.
    pub(super) fn first_batch(
        &mut self,
        now: Instant,
        visitor: Visitor,
        max_segments: usize,
        receipts: &Receipts,
        wakes: &mut Wakes,
    ) -> Option<Outgoing> {
        let leave = match visitor {
            Visitor::Caller => self.outbox.leave_to_driver(now),
            Visitor::Driver => {
                self.outbox.driver_came();
                false
            }
        };
        if leave || !self.outbox.is_free() {
            return None;
        }
        self.next_batch(now, max_segments, receipts, wakes)
    }

    /// What follows a batch for the thread that sent it. What the core has to tell once it has said all, the end of a
    /// stop among it, is told here. Once there is nothing more, it is asked when it wants to be woken.
    fn next_batch(
        &mut self,
        now: Instant,
        max_segments: usize,
        receipts: &Receipts,
        wakes: &mut Wakes,
    ) -> Option<Outgoing> {
        let batch = self.outbox.fill(now, max_segments, &mut self.core);
        self.take_events(receipts, wakes);
        if batch.is_none() {
            self.deadline = self.core.poll_timeout().map(|deadline| deadline.at);
        }
        batch
    }

    /// The thread that sent `batch` comes back, with an error if there was one. Gives it another
    /// batch if it has any left to send. After a failure there is none, and no core to ask.
    pub(super) fn after_send(
        &mut self,
        now: Instant,
        sent: Sent,
        more: Option<usize>,
        receipts: &Receipts,
        wakes: &mut Wakes,
    ) -> Option<Outgoing> {
        self.alive().ok()?;
        let Sent { visitor, batch, error } = sent;
        if visitor == Visitor::Caller {
            self.outbox.caller_sent(now);
        }
        match error {
            Some(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.outbox.hold(batch);
                self.noticed = false;
                return None;
            }
            Some(error) => self.on_send_error(now, batch.to(), &error),
            None => {}
        }
        self.outbox.done(batch);
        self.next_batch(now, more?, receipts, wakes)
    }

    fn on_send_error(&mut self, now: Instant, to: SocketAddr, error: &io::Error) {
        tracing::debug!(target: "everlink", %to, %error, "datagrams were not sent");
        self.request_rebind(Rebind::Dead);
        if hints_at_path(error) && self.outbox.may_tell(now) {
            self.core.handle_socket_error(now, to);
        }
    }

    /// Whether the driver has to look after the timer, the backlog, the sockets, or the end.
    pub(super) fn needs_driver(&self) -> bool {
        let sooner = match (self.deadline, self.armed) {
            (Some(deadline), Some(armed)) => deadline < armed,
            (Some(_), None) => true,
            (None, _) => false,
        };
        sooner || !self.noticed || self.outbox.is_left_to_driver() || self.life == Life::Said
    }

    /// The deadline of the core, which the driver's timer is now set to.
    pub(crate) fn arm(&mut self) -> Option<Instant> {
        self.armed = self.deadline;
        self.deadline
    }

    /// The deadline has come: it is not known when the next one is.
    pub(crate) fn disarm(&mut self) {
        self.deadline = None;
        self.armed = None;
    }

    pub(super) fn take_backlog(&mut self) -> Option<Outgoing> {
        self.outbox.resume()
    }

    pub(crate) fn request_rebind(&mut self, which: Rebind) {
        self.noticed = false;
        if self.rebind != Some(Rebind::All) {
            self.rebind = Some(which);
        }
    }

    /// What the driver has to look after besides the core.
    pub(crate) fn notice(&mut self) -> Errands {
        self.noticed = true;
        Errands { backlog_to: self.outbox.held(), rebind: self.rebind.is_some() }
    }

    pub(crate) fn take_rebind(&mut self) -> Option<Rebind> {
        self.rebind.take()
    }

    pub(crate) fn life(&self) -> &Life {
        &self.life
    }

    /// Whether all is said and nothing is left to send.
    pub(crate) fn is_done(&self) -> bool {
        self.life == Life::Said && self.outbox.is_free()
    }

    /// Messages by peer that the stop left undelivered.
    pub(crate) fn undelivered(&self) -> BTreeMap<PeerId, u64> {
        self.undelivered.clone()
    }

    /// Gives every message its verdict that has none, and sends nothing any more.
    pub(super) fn settle_everything(&mut self, receipts: &Receipts, wakes: &mut Wakes) {
        self.core.fail();
        self.take_events(receipts, wakes);
    }

    pub(super) fn fail(&mut self, failure: EndpointFailed, wakes: &mut Wakes) -> EndpointFailed {
        match &self.life {
            Life::Failed(earlier) => return earlier.clone(),
            Life::Stopped => return failure,
            Life::Running | Life::Stopping | Life::Said => {}
        }
        tracing::debug!(target: "everlink", %failure);
        self.life = Life::Failed(failure.clone());
        self.waits.wake_all(wakes);
        failure
    }

    pub(super) fn finish(&mut self, wakes: &mut Wakes) {
        if matches!(self.life, Life::Said) {
            self.life = Life::Stopped;
        }
        self.waits.wake_all(wakes);
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("life", &self.life).finish_non_exhaustive()
    }
}
