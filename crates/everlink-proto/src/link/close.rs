//! How a side ends a session of its own will (SPEC 8.6): flush, settle the inbox, say goodbye.

use super::election::ConnectionKey;

/// Where our own close is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Closing {
    /// The session is open.
    #[default]
    Open,
    /// What was accepted before goes out; what arrives is taken.
    Flushing,
    /// Nothing more is taken; the application finishes what is in its inbox.
    Settling,
    /// CLOSE is out on this connection, and the peer's answer is awaited.
    Leaving(ConnectionKey),
}

/// What a close has to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Turn {
    /// The application asks for it.
    Asked,
    /// Everything accepted has its verdict.
    Flushed,
    /// The inbox is taken and every DONE acknowledged.
    Settled(ConnectionKey),
    /// The time is over.
    Late(Option<ConnectionKey>),
    /// The connection that carried CLOSE is gone; another may carry it.
    Moved(Option<ConnectionKey>),
}

/// Whether the close goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Progress {
    /// It is here now.
    Goes(Closing),
    /// There is nothing more to wait for.
    Over,
}

impl Closing {
    /// The table: what `turn` does here. A turn that does not belong to this phase changes nothing.
    pub const fn on(self, turn: Turn) -> Progress {
        match (self, turn) {
            (Self::Open, Turn::Asked) => Progress::Goes(Self::Flushing),
            (Self::Flushing, Turn::Flushed | Turn::Late(Some(_))) => Progress::Goes(Self::Settling),
            (Self::Settling, Turn::Settled(connection) | Turn::Late(Some(connection))) => {
                Progress::Goes(Self::Leaving(connection))
            }
            (Self::Leaving(_), Turn::Moved(Some(connection))) => Progress::Goes(Self::Leaving(connection)),
            (Self::Leaving(_), Turn::Late(_) | Turn::Moved(None)) => Progress::Over,
            (Self::Flushing | Self::Settling, Turn::Late(None)) => Progress::Over,
            (phase, _) => Progress::Goes(phase),
        }
    }

    /// Whether our side has asked for the end.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Open)
    }

    /// Whether session frames from the peer are still kept.
    pub const fn takes_frames(self) -> bool {
        matches!(self, Self::Open | Self::Flushing)
    }
}
