//! What an endpoint counts: drops by reason, edges of the tables, and marks that show which corners of the
//! protocol a run has visited.

use std::collections::BTreeMap;

use crate::link::lifecycle::{Fact, LinkState};

/// Why a datagram or a packet was discarded. A drop is counted and never an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DropReason {
    /// Not a datagram of this protocol, or fields that cannot be.
    Malformed,
    /// A message 1 or 2 whose mac1 is wrong: not meant for this identity.
    BadMac,
    /// A wire version that this implementation does not know.
    OtherVersion,
    /// A message 1 that does not open.
    BadHandshake,
    /// A message 1 while too many are being computed.
    Overload,
    /// A confirmation of a slot whose half has been drawn anew since.
    NoSlot,
    /// An answer to an attempt that is over, or of a stranger.
    NoAttempt,
    /// A packet whose connection id nobody holds.
    UnknownId,
    /// A packet whose number was seen, or is too old to tell.
    Replayed,
    /// A packet that does not open.
    NotAuthentic,
    /// An UNKNOWN or COOKIE that proves nothing.
    BadToken,
    /// No room for another link.
    NoLink,
    /// A message 1 of a peer whose answer to our CLOSE is awaited.
    Leaving,
}

impl DropReason {
    /// Every reason.
    pub const ALL: [Self; 13] = [
        Self::Malformed,
        Self::BadMac,
        Self::OtherVersion,
        Self::BadHandshake,
        Self::Overload,
        Self::NoSlot,
        Self::NoAttempt,
        Self::UnknownId,
        Self::Replayed,
        Self::NotAuthentic,
        Self::BadToken,
        Self::NoLink,
        Self::Leaving,
    ];
}

/// A corner of the protocol, counted when it is visited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mark {
    /// A packet was left unacknowledged because its session frames were not kept.
    NotKept,
    /// New messages waited because the path was suspect.
    HeldWhileSuspect,
    /// New messages waited because a probe timeout had passed unanswered.
    HeldWhileUnanswered,
    /// New messages waited for an answered PING after 30 s of silence.
    HeldWhileStale,
    /// Unbound messages went over into the next session.
    CarriedOver,
    /// Payload 2 settled a generation above the one proposed.
    GenerationSettled,
    /// A stored message 2 was sent again.
    ReplyRepeated,
    /// A message 1 was answered with a cookie.
    CookieSent,
    /// A cookie was used.
    CookieUsed,
    /// A slot gave way to another.
    SlotReplaced,
    /// UNKNOWN was sent.
    UnknownSent,
    /// UNKNOWN was believed.
    UnknownBelieved,
    /// A path followed its peer to another port.
    MovedPort,
    /// A path followed its peer to another host.
    MovedHost,
    /// A duplicate check began.
    CheckBegan,
    /// It ended with the peer's restart.
    CheckRestart,
    /// It ended with two processes of one key.
    CheckDuplicate,
    /// A half of an ended session was refused.
    GoneSent,
    /// This side was told that its half belongs to an ended session.
    GoneReceived,
    /// A HELLO on an older connection was ignored.
    StaleHello,
    /// A connection drained.
    Drained,
    /// A connection took over for worn keys.
    Rekeyed,
    /// The process woke from sleep.
    Woke,
    /// A message 2 opened after its attempt had stopped sending.
    LateAnswer,
    /// The path became suspect through silence.
    Silence,
    /// A link was forgotten to make room.
    Evicted,
    /// A close went unanswered.
    CloseUnconfirmed,
    /// Both sides closed at once.
    CrossingClose,
}

impl Mark {
    /// Every mark.
    pub const ALL: [Self; 28] = [
        Self::NotKept,
        Self::HeldWhileSuspect,
        Self::HeldWhileUnanswered,
        Self::HeldWhileStale,
        Self::CarriedOver,
        Self::GenerationSettled,
        Self::ReplyRepeated,
        Self::CookieSent,
        Self::CookieUsed,
        Self::SlotReplaced,
        Self::UnknownSent,
        Self::UnknownBelieved,
        Self::MovedPort,
        Self::MovedHost,
        Self::CheckBegan,
        Self::CheckRestart,
        Self::CheckDuplicate,
        Self::GoneSent,
        Self::GoneReceived,
        Self::StaleHello,
        Self::Drained,
        Self::Rekeyed,
        Self::Woke,
        Self::LateAnswer,
        Self::Silence,
        Self::Evicted,
        Self::CloseUnconfirmed,
        Self::CrossingClose,
    ];
}

/// Counters of an endpoint since its start.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Datagrams received.
    pub received: u64,
    /// Datagrams sent.
    pub sent: u64,
    /// Handshakes begun: fresh message 1s.
    pub attempts: u64,
    /// Message 1s sent, repeats included.
    pub first_messages: u64,
    /// Handshakes computed as responder.
    pub responses: u64,
    /// Handshakes that became connections.
    pub handshakes: u64,
    /// Discarded datagrams by reason.
    pub drops: BTreeMap<DropReason, u64>,
    /// Edges of the lifecycle table taken.
    pub edges: BTreeMap<(LinkState, Fact), u64>,
    /// Corners visited.
    pub marks: BTreeMap<Mark, u64>,
}

impl Stats {
    pub(crate) fn drop(&mut self, reason: DropReason) {
        *self.drops.entry(reason).or_default() += 1;
    }

    pub(crate) fn mark(&mut self, mark: Mark) {
        *self.marks.entry(mark).or_default() += 1;
    }
}
