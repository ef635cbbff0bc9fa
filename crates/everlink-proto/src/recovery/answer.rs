//! The words between recovery and its owner: what is sent, what became of it, what may be sent.

use crate::time::Instant;

/// A packet about to be under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentPacket<R> {
    /// Bytes of the datagram.
    pub size: u16,
    /// Whether the peer will acknowledge it.
    pub ack_eliciting: bool,
    /// Whether it counts against the congestion window.
    pub in_flight: bool,
    /// What it carried.
    pub records: R,
}

impl<R> SentPacket<R> {
    pub(super) fn bytes_in_flight(&self) -> u64 {
        if self.in_flight { self.size.into() } else { 0 }
    }
}

/// Where settled packets go, each as its number and its records. Packets are appended; the caller
/// drains and reuses it.
#[derive(Debug)]
pub struct Outcome<R> {
    /// Acknowledged for the first time.
    pub acked: Vec<(u64, R)>,
    /// Declared lost.
    pub lost: Vec<(u64, R)>,
}

impl<R> Default for Outcome<R> {
    fn default() -> Self {
        Self { acked: Vec::new(), lost: Vec::new() }
    }
}

/// An acknowledgement that an honest peer cannot send. The connection ends (RFC 9000, 13.1, 21.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AckError {
    /// Of a packet that has not been sent.
    #[error("acknowledgement of packet {0}, which was not sent yet")]
    NeverSent(u64),
    /// Of a number that was passed over to catch such a peer.
    #[error("acknowledgement of packet number {0}, which was skipped")]
    Skipped(u64),
}

/// What a timeout was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeout {
    /// Packets were overtaken too long ago and are lost.
    LossDetected,
    /// Nothing was heard: one or two ack-eliciting packets should go, whatever the window says.
    Probe,
}

/// Whether a packet may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendBudget {
    /// Now, and in all this many bytes.
    Ok(u64),
    /// Not before something in flight is settled.
    Congestion,
    /// At this time.
    Paced(Instant),
}

/// Counters of a path since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Packets sent.
    pub sent: u64,
    /// Packets acknowledged, those already declared lost not counted.
    pub acked: u64,
    /// Packets declared lost.
    pub lost: u64,
    /// Packets handed back without a word on what became of them.
    pub given_up: u64,
    /// Packets acknowledged after they were declared lost.
    pub spurious: u64,
    /// Probe timeouts.
    pub probes: u64,
    /// Times that persistent congestion was established.
    pub persistent: u64,
}
