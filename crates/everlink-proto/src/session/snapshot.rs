//! What a session looks like from outside, for people and for digests.

use super::{Phase, Session};

/// What a session holds and waits for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Snapshot {
    /// Where the session is in its life.
    pub phase: Phase,
    /// Which session this is, or will be.
    pub epoch: u64,
    /// Messages without a verdict.
    pub open_messages: usize,
    /// What they cost.
    pub open_cost: u64,
    /// Credit of the link that is left for sending.
    pub link_credit: u64,
    /// Total credit of the link granted to the peer.
    pub link_granted: u64,
    /// How much of it the peer has used.
    pub link_used: u64,
    /// How much of that the application has not taken.
    pub link_held: u64,
    /// Whether something waits for the peer's credit.
    pub blocked_by_credit: bool,
    /// Items that the application has not taken.
    pub inbox_items: usize,
    /// What the messages among them cost.
    pub inbox_cost: u64,
    /// Streams that are in use.
    pub streams: usize,
    /// The channels in the order of their numbers, those that send before those that receive.
    pub channels: Vec<ChannelSnapshot>,
}

/// What a channel holds in one direction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ChannelSnapshot {
    /// The sending direction.
    Sending {
        /// The channel.
        channel: u64,
        /// Messages in this session without a verdict.
        bound: usize,
        /// Messages that were never sent.
        unbound: usize,
        /// The number that the next message will get.
        next: u64,
        /// Credit that is left.
        credit: u64,
    },
    /// The receiving direction.
    Receiving {
        /// The channel.
        channel: u64,
        /// The number of the next message for the inbox.
        next: u64,
        /// Messages that wait for others or for their own parts.
        early: usize,
        /// Total credit granted to the peer.
        granted: u64,
    },
}

impl Session {
    /// What the session holds and waits for.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            phase: self.phase(),
            epoch: self.epoch(),
            open_messages: self.outbound.receipts.open(),
            open_cost: self.outbound.receipts.used(),
            link_credit: self.outbound.link.available(),
            link_granted: self.inbound.link.grant.granted(),
            link_used: self.inbound.link.grant.seen(),
            link_held: self.inbound.link.grant.held(),
            blocked_by_credit: self.blocked_by_credit(),
            inbox_items: self.inbound.inbox.len(),
            inbox_cost: self.inbound.inbox.cost(),
            streams: self.streams.len(),
            channels: self.channels(),
        }
    }

    fn channels(&self) -> Vec<ChannelSnapshot> {
        let sending = self.outbound.channels().map(|(channel, it)| {
            let (bound, unbound) = it.counts();
            ChannelSnapshot::Sending { channel, bound, unbound, next: it.next_number(), credit: it.credit() }
        });
        let receiving = self.inbound.channels().map(|(channel, it)| ChannelSnapshot::Receiving {
            channel,
            next: it.next(),
            early: it.early(),
            granted: it.grant.granted(),
        });
        sending.chain(receiving).collect()
    }
}
