//! Where a link is in its life: one table, the only place that knows.
//!
//! | | Idle | Connecting | Connected | Suspect |
//! |---|---|---|---|---|
//! | Need | Connecting | | | |
//! | NoNeed | | Idle | | |
//! | Usable | Connected | Connected | | Connected |
//! | Suspect | | | Suspect | |
//! | GoneInNeed | | | Connecting | Connecting |
//! | Gone | | | Idle | Idle |
//!
//! A row is a [`Fact`], a column the state in which it is told, a cell where the link goes. What is empty cannot occur:
//! [`LinkState::row`] says why.
//!
//! The machine holds no keys, no addresses and no times, so that every interleaving of its inputs can be
//! explored. It is told facts about the link and answers with the next state; what to do in a state
//! (dial, probe, send) follows from the state alone.

use core::fmt;

/// Where a link is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LinkState {
    /// No connection, and nothing asks for one.
    Idle,
    /// No connection; one is being made.
    Connecting,
    /// Data flows, or would.
    Connected,
    /// There is a connection, but its path no longer answers.
    Suspect,
}

/// A fact about the link that may move it to another state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fact {
    /// Something is owed to the peer or wanted from it, and there is no connection.
    Need,
    /// Nothing is owed or wanted any more.
    NoNeed,
    /// The connection to send on answers.
    Usable,
    /// The connection to send on no longer answers.
    Suspect,
    /// The last connection is gone and something is still owed.
    GoneInNeed,
    /// The last connection is gone and nothing is owed.
    Gone,
}

/// What the table says of a pair of state and fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Row {
    /// The link moves.
    Edge(LinkState),
    /// The pair cannot occur, and why.
    Impossible(&'static str),
}

impl LinkState {
    /// Every state, in the order of a link's life.
    pub const ALL: [Self; 4] = [Self::Idle, Self::Connecting, Self::Connected, Self::Suspect];

    /// Whether the path no longer answers.
    pub const fn is_suspect(self) -> bool {
        matches!(self, Self::Suspect)
    }

    /// The table: what `fact` does in this state.
    pub const fn row(self, fact: Fact) -> Row {
        use Fact as F;
        use LinkState as S;
        match (self, fact) {
            (S::Idle, F::Need) => Row::Edge(S::Connecting),
            (S::Idle | S::Connecting, F::Usable) => Row::Edge(S::Connected),
            (S::Connecting, F::NoNeed) => Row::Edge(S::Idle),
            (S::Connected, F::Suspect) => Row::Edge(S::Suspect),
            (S::Connected | S::Suspect, F::GoneInNeed) => Row::Edge(S::Connecting),
            (S::Connected | S::Suspect, F::Gone) => Row::Edge(S::Idle),
            (S::Suspect, F::Usable) => Row::Edge(S::Connected),
            (S::Idle, F::NoNeed) => Row::Impossible("an idle link asks for nothing"),
            (S::Idle | S::Connecting, F::Suspect) => Row::Impossible("there is no path to doubt"),
            (S::Idle | S::Connecting, F::Gone | F::GoneInNeed) => {
                Row::Impossible("there is no connection to lose")
            }
            (S::Connecting, F::Need) => Row::Impossible("the need is known already"),
            (S::Connected | S::Suspect, F::Need | F::NoNeed) => {
                Row::Impossible("with a connection, need starts probes and not a change of state")
            }
            (S::Connected, F::Usable) => Row::Impossible("it is usable already"),
            (S::Suspect, F::Suspect) => Row::Impossible("it is suspect already"),
        }
    }

    /// The fact, if any, that moves this state to where it ought to be.
    pub const fn fact(self, needed: bool, connection: Health) -> Option<Fact> {
        match (self, connection) {
            (Self::Idle, Health::None) => {
                if needed {
                    Some(Fact::Need)
                } else {
                    None
                }
            }
            (Self::Connecting, Health::None) => {
                if needed {
                    None
                } else {
                    Some(Fact::NoNeed)
                }
            }
            (Self::Connected | Self::Suspect, Health::None) => {
                Some(if needed { Fact::GoneInNeed } else { Fact::Gone })
            }
            (Self::Idle | Self::Connecting | Self::Suspect, Health::Usable) => Some(Fact::Usable),
            (Self::Connected, Health::Suspect) => Some(Fact::Suspect),
            // A connection whose path is already in doubt is first seen usable, then suspect.
            (Self::Idle | Self::Connecting, Health::Suspect) => Some(Fact::Usable),
            (Self::Connected, Health::Usable) | (Self::Suspect, Health::Suspect) => None,
        }
    }
}

/// How the connection to send on fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Health {
    /// There is none.
    None,
    /// It answers.
    Usable,
    /// It no longer answers.
    Suspect,
}

impl Fact {
    /// Every fact.
    pub const ALL: [Self; 6] =
        [Self::Need, Self::NoNeed, Self::Usable, Self::Suspect, Self::GoneInNeed, Self::Gone];
}

impl fmt::Display for LinkState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Idle => "idle",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Suspect => "suspect",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_at_the_top_is_the_one_that_rules() {
        let cell = |state: LinkState, fact| match state.row(fact) {
            Row::Edge(to) => format!(" {to:?} |"),
            Row::Impossible(_) => " |".to_owned(),
        };
        for fact in Fact::ALL {
            let cells: String = LinkState::ALL.into_iter().map(|state| cell(state, fact)).collect();
            let line = format!("//! | {fact:?} |{cells}\n");
            assert!(include_str!("lifecycle.rs").contains(&line), "{line}");
        }
    }
}
