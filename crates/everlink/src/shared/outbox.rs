//! Datagrams between the core and the socket: one batch at a time, by one thread at a time.

use everlink_proto::time::{Duration, Instant};

use crate::socket::{MAX_BATCH, Transmit};

use std::net::SocketAddr;

/// Spare buffers kept. At most three batches exist: one being sent, one waiting, one being filled.
const SPARE_BUFFERS: usize = 3;

/// A socket error is told to the core at most this often, so that an error that every try runs into
/// cannot make tries follow each other at once: the first interval of its ladder (SPEC 6.3).
const ERROR_INTERVAL: Duration = Duration::from_millis(250);

/// A call that follows the last caller's system call this soon is one of many: the driver sends them
/// together. Shorter than any round trip, longer than what lies between two calls in a loop.
const CLOSE_BEHIND: Duration = Duration::from_micros(10);

/// Sealed datagrams to one destination on their way out.
#[derive(Debug)]
pub(crate) struct Outgoing {
    to: SocketAddr,
    segment: usize,
    sent: usize,
    bytes: Vec<u8>,
}

impl Outgoing {
    pub(crate) fn to(&self) -> SocketAddr {
        self.to
    }

    /// What is still to be sent.
    pub(crate) fn transmit(&self) -> Option<Transmit<'_>> {
        let contents = self.bytes.get(self.sent..).filter(|rest| !rest.is_empty())?;
        Some(Transmit { to: self.to, contents, segment: self.segment })
    }

    pub(crate) fn advance(&mut self, taken: usize) {
        self.sent = self.sent.saturating_add(taken);
    }
}

/// The way out of one endpoint.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// A thread is between taking a batch and coming back for the next.
    sending: bool,
    /// What the socket had no room for; nothing else is taken from the core until it is gone.
    backlog: Option<Outgoing>,
    spare: Vec<Vec<u8>>,
    told: Option<Instant>,
    caller_sent: Option<Instant>,
    left_to_driver: bool,
}

impl Outbox {
    /// Whether a batch may be taken from the core now.
    pub(super) fn is_free(&self) -> bool {
        !self.sending && self.backlog.is_none()
    }

    /// Whether a caller should leave its data to the driver, since others came right before it.
    pub(super) fn leave_to_driver(&mut self, now: Instant) -> bool {
        let close_behind = self.caller_sent.is_some_and(|sent| now.saturating_since(sent) < CLOSE_BEHIND);
        self.left_to_driver |= close_behind;
        self.left_to_driver
    }

    pub(super) fn caller_sent(&mut self, now: Instant) {
        self.caller_sent = Some(now);
    }

    /// The driver has come for what was left to it.
    pub(super) fn driver_came(&mut self) {
        self.left_to_driver = false;
    }

    pub(super) fn is_left_to_driver(&self) -> bool {
        self.left_to_driver
    }

    /// Takes a batch from the core for the calling thread to send; `None` if there is nothing.
    pub(super) fn fill(
        &mut self,
        now: Instant,
        max_segments: usize,
        core: &mut everlink_proto::Endpoint,
    ) -> Option<Outgoing> {
        let mut bytes = self.spare.pop().unwrap_or_default();
        let max_datagrams = max_segments.clamp(1, MAX_BATCH / everlink_proto::wire::MAX_DATAGRAM);
        match core.poll_transmit(now, max_datagrams, &mut bytes) {
            Some(transmit) => {
                self.sending = true;
                Some(Outgoing { to: transmit.to, segment: transmit.segment, sent: 0, bytes })
            }
            None => {
                self.sending = false;
                self.recycle(bytes);
                None
            }
        }
    }

    /// The batch is gone, on the wire or lost.
    pub(super) fn done(&mut self, batch: Outgoing) {
        self.sending = false;
        self.recycle(batch.bytes);
    }

    /// The socket is full: the driver goes on when it has room.
    pub(super) fn hold(&mut self, batch: Outgoing) {
        self.sending = false;
        self.backlog = Some(batch);
    }

    pub(super) fn held(&self) -> Option<SocketAddr> {
        self.backlog.as_ref().map(Outgoing::to)
    }

    pub(super) fn resume(&mut self) -> Option<Outgoing> {
        let batch = self.backlog.take()?;
        self.sending = true;
        Some(batch)
    }

    /// Whether to tell the core of a socket error now.
    pub(super) fn may_tell(&mut self, now: Instant) -> bool {
        let due = self.told.is_none_or(|told| now.saturating_since(told) >= ERROR_INTERVAL);
        if due {
            self.told = Some(now);
        }
        due
    }

    fn recycle(&mut self, mut buffer: Vec<u8>) {
        if self.spare.len() < SPARE_BUFFERS {
            buffer.clear();
            self.spare.push(buffer);
        }
    }
}
