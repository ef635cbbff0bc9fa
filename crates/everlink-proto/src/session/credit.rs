//! Credit: how much one side may send and how much the other has promised to hold (SPEC 7.4).
//!
//! Credit is a running total, like a prepaid card that is only ever topped up: both sides count what
//! was spent since the session began, and a CREDIT frame names the new total. A lost, repeated or
//! late one can therefore do no harm.

use crate::stream::assembler::Pieces;

/// What a message costs beyond its bytes: about what it costs to remember an empty one.
pub(crate) const MESSAGE_OVERHEAD: u64 = 32;

/// Credit for the whole link at the start of a session (SPEC 7.4).
pub(crate) const LINK_START: u64 = 256 * 1024;
/// Credit for each channel at the start of a session (SPEC 7.4).
pub(crate) const CHANNEL_START: u64 = 64 * 1024;
/// Credit for each stream when it opens (SPEC 7.4).
pub(crate) const STREAM_START: u64 = 64 * 1024;

/// What a message of `len` bytes costs.
pub(crate) fn cost(len: usize) -> u64 {
    bytes(len).saturating_add(MESSAGE_OVERHEAD)
}

/// A length in memory as a number on the wire.
pub(crate) fn bytes(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// A number on the wire as a length in memory.
pub(crate) fn length(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// The sender's side: what it may still spend.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Allowance {
    limit: u64,
    spent: u64,
}

impl Allowance {
    pub(crate) const fn new(start: u64) -> Self {
        Self { limit: start, spent: 0 }
    }

    pub(crate) const fn available(&self) -> u64 {
        self.limit.saturating_sub(self.spent)
    }

    pub(crate) const fn covers(&self, amount: u64) -> bool {
        amount <= self.available()
    }

    pub(crate) fn spend(&mut self, amount: u64) {
        debug_assert!(self.covers(amount), "spending is preceded by a look at what is there");
        self.spent = self.spent.saturating_add(amount);
    }

    /// Takes the peer's word for a new total; true if it is news.
    pub(crate) fn raise(&mut self, limit: u64) -> bool {
        let news = limit > self.limit;
        self.limit = self.limit.max(limit);
        news
    }
}

/// The peer sent more than it was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exceeded;

/// The receiver's side: what it promised to hold.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Grant {
    start: u64,
    window: u64,
    /// The newest total that the peer may know of.
    granted: u64,
    /// What the peer has spent, as far as it arrived.
    seen: u64,
    /// What the application has taken.
    consumed: u64,
    /// Room set aside for one message that is larger than the window.
    reserved: u64,
    /// Memory that still holds what an earlier session left unread.
    backlog: u64,
}

impl Grant {
    /// A window below the start would only take back what the specification already gave.
    pub(crate) fn new(start: u64, window: u64) -> Self {
        let window = window.max(start);
        Self { start, window, granted: start, seen: 0, consumed: 0, reserved: 0, backlog: 0 }
    }

    pub(crate) const fn window(&self) -> u64 {
        self.window
    }

    pub(crate) const fn granted(&self) -> u64 {
        self.granted
    }

    pub(crate) const fn seen(&self) -> u64 {
        self.seen
    }

    /// Counts what arrived for the first time.
    pub(crate) fn see(&mut self, amount: u64) -> Result<(), Exceeded> {
        self.seen = self.seen.saturating_add(amount);
        if self.seen > self.granted { Err(Exceeded) } else { Ok(()) }
    }

    /// Counts what the application took.
    pub(crate) fn consume(&mut self, amount: u64) {
        self.consumed = self.consumed.saturating_add(amount);
        debug_assert!(self.consumed <= self.seen, "nothing is taken that did not arrive");
    }

    /// What arrived and was not taken yet.
    pub(crate) const fn held(&self) -> u64 {
        self.seen.saturating_sub(self.consumed)
    }

    pub(crate) fn reserve(&mut self, amount: u64) {
        self.reserved = amount;
    }

    pub(crate) const fn set_backlog(&mut self, backlog: u64) {
        self.backlog = backlog;
    }

    /// So much of the backlog is gone.
    pub(crate) fn clear_backlog(&mut self, amount: u64) {
        debug_assert!(amount <= self.backlog, "nothing is taken that was not left");
        self.backlog = self.backlog.saturating_sub(amount);
    }

    /// Whether `amount` more can be held beside what an earlier session left. Without a backlog the
    /// credit alone decides.
    pub(crate) fn has_room(&self, amount: u64) -> bool {
        let held = self.backlog.saturating_add(self.held()).saturating_add(amount);
        self.backlog == 0 || held <= self.window.saturating_add(self.reserved)
    }

    /// The total that could be granted now.
    pub(crate) fn wanted(&self) -> u64 {
        let room = self.window.saturating_add(self.reserved).saturating_sub(self.backlog);
        self.consumed.saturating_add(room).max(self.granted)
    }

    /// Whether a CREDIT is worth its bytes. `coming` is what the peer has announced and not sent.
    ///
    /// A quarter of a window at a time keeps CREDIT rare; who reads what arrives keeps nobody waiting for the
    /// other three. A peer that announced more than it may send waits for certain. The first top-up comes when a quarter
    /// of the start is used, so that a short exchange costs none. A backlog leaves less than a window: of that
    /// a quarter counts, since there may be no more.
    pub(crate) fn is_due(&self, coming: u64) -> bool {
        let raise = self.wanted() - self.granted;
        let waits = self.seen.saturating_add(coming) > self.granted;
        let flows = raise >= self.window.saturating_sub(self.backlog) / 4 && self.seen >= self.start / 4;
        raise > 0 && (waits || flows)
    }

    /// Grants what can be granted; the total for the CREDIT frame.
    pub(crate) fn announce(&mut self) -> u64 {
        self.granted = self.wanted();
        self.granted
    }
}

/// What the receiver promised to hold for a whole link, and how broken up that may be.
#[derive(Debug)]
pub(crate) struct LinkRoom {
    pub(crate) grant: Grant,
    pub(crate) pieces: Pieces,
}

impl LinkRoom {
    pub(crate) fn new(window: u64) -> Self {
        let grant = Grant::new(LINK_START, window);
        Self { pieces: Pieces::new(grant.window()), grant }
    }
}

#[cfg(test)]
mod tests;
