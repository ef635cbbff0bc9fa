//! What happened to a link, kept short: the material of `explain()`.

use core::fmt;
use std::collections::VecDeque;

use super::lifecycle::LinkState;
use crate::time::Instant;

/// How many transitions are kept; the oldest gives way.
pub const KEPT: usize = 32;

/// Why a link moved to another state, in the words of its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// Something was sent or asked for.
    Wanted,
    /// Nothing is owed any more.
    NotWanted,
    /// We dialled and the peer answered.
    Dialled,
    /// The peer dialled us.
    Accepted,
    /// Probe after probe went unanswered.
    Silence,
    /// The process was asleep.
    Woke,
    /// The socket or an interface changed.
    NetworkChanged,
    /// The peer no longer knows the connection.
    Unknown,
    /// The path answers again.
    Answered,
    /// The peer's process is a new one.
    PeerRestarted,
    /// The peer dropped the session.
    PeerForgot,
    /// The peer closed the session.
    PeerClosed,
    /// This side closed the session.
    Closed,
    /// Nothing was owed, and another link needed the place.
    Evicted,
    /// This side showed a half of a session that ended.
    SessionGone,
    /// Two processes run with one key.
    DuplicateIdentity,
    /// The peer broke the rules of the protocol.
    ProtocolViolation,
    /// The keys were not used for an hour.
    KeysExpired,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wanted => "something is to be sent",
            Self::NotWanted => "nothing is owed any more",
            Self::Dialled => "the peer answered our handshake",
            Self::Accepted => "the peer dialled us",
            Self::Silence => "probe after probe went unanswered",
            Self::Woke => "this process was asleep",
            Self::NetworkChanged => "the socket or an interface changed",
            Self::Unknown => "the peer no longer knows the connection",
            Self::Answered => "the path answers again",
            Self::PeerRestarted => "the peer's process is a new one",
            Self::PeerForgot => "the peer forgot the session",
            Self::PeerClosed => "the peer closed the session",
            Self::Closed => "this side closed the session",
            Self::Evicted => "another link needed the place",
            Self::SessionGone => "the peer says that the session had ended",
            Self::DuplicateIdentity => "two processes run with one key",
            Self::ProtocolViolation => "the peer broke the rules of the protocol",
            Self::KeysExpired => "the keys were not used for an hour",
        })
    }
}

/// One move of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Transition {
    /// When.
    pub at: Instant,
    /// From which state.
    pub from: LinkState,
    /// To which.
    pub to: LinkState,
    /// Why.
    pub cause: Cause,
}

/// The last moves of a link.
#[derive(Clone, Debug, Default)]
pub(crate) struct History(VecDeque<Transition>);

impl History {
    pub(crate) fn push(&mut self, transition: Transition) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(transition);
    }

    /// Oldest first.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Transition> {
        self.0.iter()
    }
}
