//! Receipts: what became of a message, said once (SPEC 7.3, 7.6), and the room that accepted
//! messages take until then.

use std::collections::VecDeque;

use super::{EndReason, SessionEvent};
use crate::wire::frame::CloseCode;

/// The caller's name for a message it handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub u64);

/// What became of a message. Each accepted message gets exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It entered the inbox of the peer's application.
    Delivered,
    /// The peer's application said that it is done with it.
    Processed,
    /// It certainly never entered the peer's inbox, and never will.
    NotDelivered(NotDelivered),
    /// Nobody can tell on this side.
    Unknown(Unknown),
}

/// Why a message was not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotDelivered {
    /// The peer's process ended before it was sent, and its channel drops messages then.
    PeerRestarted,
    /// The peer lost the session before it was sent, and its channel drops messages then.
    PeerForgot,
    /// The link was closed before it was sent.
    Closed,
    /// The peer broke the rules before it was sent, and its channel drops messages then.
    ProtocolViolation,
    /// The endpoint failed before it was sent.
    EndpointFailed,
}

/// Why nobody can tell what became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unknown {
    /// It was on its way when the peer's process ended.
    PeerRestarted,
    /// It was on its way when the peer lost the session.
    PeerForgot,
    /// It was on its way when the peer closed, and the peer's last word did not arrive.
    Closed,
    /// It was on its way when this side closed, and the peer did not answer.
    CloseUnconfirmed,
    /// It was delivered, but the session ended before the peer's application was done with it.
    DeliveredNotProcessed,
    /// It was on its way when the peer broke the rules.
    ProtocolViolation,
    /// It was on its way when the endpoint failed.
    EndpointFailed,
    /// It may have been delivered in an earlier session, and was not sent again in this one.
    NotResent,
}

/// No room for a message now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// Counts the bytes of accepted messages and collects what the application is to be told.
#[derive(Debug)]
pub(crate) struct Receipts {
    budget: u64,
    used: u64,
    open: usize,
    /// The cheapest message that found no room; its sender is woken when there is some.
    refused: Option<u64>,
    /// A verdict for each message that was accepted, at most, and one notice of each other kind for
    /// each call: drained after each.
    events: VecDeque<SessionEvent>,
}

impl Receipts {
    pub(crate) const fn new(budget: u64) -> Self {
        Self { budget, used: 0, open: 0, refused: None, events: VecDeque::new() }
    }

    /// Takes room for a message. One that is larger than the whole budget may pass alone, or it
    /// could never pass.
    pub(crate) fn accept(&mut self, cost: u64) -> Result<(), Full> {
        if !self.fits(cost) {
            self.refused = Some(self.refused.map_or(cost, |smallest| smallest.min(cost)));
            return Err(Full);
        }
        self.used += cost;
        self.open += 1;
        Ok(())
    }

    /// Ends the life of a message that [`Self::accept`] let in.
    pub(crate) fn settle(&mut self, id: MessageId, cost: u64, verdict: Verdict) {
        self.used -= cost;
        self.open -= 1;
        self.events.push_back(SessionEvent::Verdict { id, verdict });
        if self.refused.is_some_and(|cost| self.fits(cost)) {
            self.refused = None;
            self.events.push_back(SessionEvent::SendRoom);
        }
    }

    pub(crate) fn tell(&mut self, event: SessionEvent) {
        self.events.push_back(event);
    }

    pub(crate) fn poll_event(&mut self) -> Option<SessionEvent> {
        self.events.pop_front()
    }

    /// How many bytes of cost are free.
    pub(crate) const fn room(&self) -> u64 {
        self.budget.saturating_sub(self.used)
    }

    /// How many bytes of cost are taken.
    pub(crate) const fn used(&self) -> u64 {
        self.used
    }

    /// How many messages have no verdict yet.
    pub(crate) const fn open(&self) -> usize {
        self.open
    }

    fn fits(&self, cost: u64) -> bool {
        cost <= self.room() || self.used == 0
    }
}

/// What happens to the messages of a session that ends (SPEC 7.6, 8.6). One that is evicted has none.
impl EndReason {
    /// What messages that were never sent end with; `None` if they outlive this end.
    pub(crate) const fn verdict_of_unsent(self) -> Option<NotDelivered> {
        match self {
            Self::ClosedHere
            | Self::CloseUnconfirmed
            | Self::Evicted
            | Self::ClosedByPeer { code: CloseCode::Application | CloseCode::Refused, .. } => {
                Some(NotDelivered::Closed)
            }
            Self::EndpointFailed => Some(NotDelivered::EndpointFailed),
            Self::ClosedByPeer { .. } | Self::PeerRestarted | Self::PeerForgot | Self::ProtocolViolation => {
                None
            }
        }
    }

    /// What unsent messages of a channel end with that drops them.
    pub(crate) const fn verdict_of_dropped(self) -> NotDelivered {
        match self {
            Self::PeerRestarted => NotDelivered::PeerRestarted,
            Self::PeerForgot => NotDelivered::PeerForgot,
            Self::ClosedHere | Self::CloseUnconfirmed | Self::Evicted | Self::ClosedByPeer { .. } => {
                NotDelivered::Closed
            }
            Self::ProtocolViolation => NotDelivered::ProtocolViolation,
            Self::EndpointFailed => NotDelivered::EndpointFailed,
        }
    }

    /// What messages end with that may or may not have arrived.
    pub(crate) const fn verdict_of_doubtful(self) -> Unknown {
        match self {
            Self::PeerRestarted => Unknown::PeerRestarted,
            Self::PeerForgot => Unknown::PeerForgot,
            Self::ClosedHere | Self::CloseUnconfirmed | Self::Evicted => Unknown::CloseUnconfirmed,
            Self::ClosedByPeer { .. } => Unknown::Closed,
            Self::ProtocolViolation => Unknown::ProtocolViolation,
            Self::EndpointFailed => Unknown::EndpointFailed,
        }
    }
}
