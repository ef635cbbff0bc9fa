//! What somebody on the path does to single datagrams, written down or drawn.

use crate::clock::Micros;
use crate::dice::{Dice, Ppm};

/// The kinds of datagram that can be told apart without keys (SPEC 1.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Kind {
    /// Sealed under the keys of a connection.
    Short,
    /// The initiator's handshake message.
    Message1,
    /// The responder's.
    Message2,
    /// A cookie instead of message 2.
    Cookie,
    /// The answer to a connection id nobody holds.
    Unknown,
    /// The answer to a wire version nobody speaks.
    Versions,
    /// None of these.
    Other,
}

impl Kind {
    /// The kind of `datagram`, by its first byte.
    pub(crate) fn of(datagram: &[u8]) -> Self {
        match datagram.first() {
            Some(first) if first & 0x80 != 0 => Self::Short,
            Some(1) => Self::Message1,
            Some(2) => Self::Message2,
            Some(3) => Self::Cookie,
            Some(4) => Self::Unknown,
            Some(5) => Self::Versions,
            _ => Self::Other,
        }
    }
}

/// What a rule does with a datagram that it fits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Action {
    /// A copy of it, with somebody else's address as its source, arrives first.
    CopyFromStranger,
    /// It is held up for so long.
    HoldBack(Micros),
}

/// A standing order for datagrams from one machine to another.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    /// The sender, or any.
    pub(crate) from: Option<usize>,
    /// The receiver, or any.
    pub(crate) to: Option<usize>,
    /// The kind, or any.
    pub(crate) kind: Option<Kind>,
    /// How often it is obeyed.
    pub(crate) odds: Ppm,
    /// How many more times.
    pub(crate) left: u32,
    /// What it does.
    pub(crate) action: Action,
}

impl Rule {
    /// What this rule orders for a datagram of `kind`, if it fits.
    pub(crate) fn order(&mut self, from: usize, to: usize, kind: Kind, dice: &mut Dice) -> Option<Action> {
        let fits = self.from.is_none_or(|wanted| wanted == from)
            && self.to.is_none_or(|wanted| wanted == to)
            && self.kind.is_none_or(|wanted| wanted == kind);
        if !fits || self.left == 0 || !dice.chance(self.odds) {
            return None;
        }
        self.left -= 1;
        Some(self.action)
    }
}
