//! What waits for the application: messages, and between them where sessions began and ended.
//!
//! It is one queue, so that nobody can mistake which session a message belongs to.

use std::collections::VecDeque;

use bytes::Bytes;

use super::EndReason;
use super::credit::cost;
use crate::wire::frame::MessageFlags;

/// With so many begins and ends unread, a session in which nothing arrived is not reported. A peer
/// that restarts for ever would otherwise fill the memory of an application that does not read.
const NOTICES_MAX: usize = 64;

/// For so many items an inbox keeps its memory when all are read.
const ITEMS_KEPT: usize = 1024;

/// What the application finds in its inbox, in the order in which it happened.
#[derive(Debug, PartialEq, Eq)]
pub enum InboxItem {
    /// A session began.
    SessionStarted,
    /// A message came.
    Message {
        /// Its channel.
        channel: u64,
        /// Its number on the channel, in its session.
        number: u64,
        /// Its bytes.
        body: Bytes,
        /// How its sender wants it treated.
        flags: MessageFlags,
        /// To be handed back when the application is done with it.
        token: DoneToken,
    },
    /// The session ended. Nothing of it follows.
    SessionEnded(EndReason),
}

/// Says which message the application is done with. It can be handed back once.
#[derive(Debug, PartialEq, Eq)]
pub struct DoneToken {
    pub(crate) epoch: u64,
    pub(crate) channel: u64,
    pub(crate) number: u64,
    /// Whether the sender asked.
    pub(crate) wanted: bool,
}

/// A message that left the inbox: whose credit becomes free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) epoch: u64,
    pub(crate) channel: u64,
    pub(crate) number: u64,
    pub(crate) cost: u64,
    /// Whether it asks for DONE.
    pub(crate) wanted: bool,
}

/// The queue. Its messages are bounded by credit, and its notices by [`NOTICES_MAX`] and two for
/// each message.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    items: VecDeque<InboxItem>,
    notices: usize,
    cost: u64,
}

impl Inbox {
    pub(crate) fn push_message(&mut self, token: DoneToken, body: Bytes, flags: MessageFlags) {
        self.cost += cost(body.len());
        let DoneToken { channel, number, .. } = token;
        self.items.push_back(InboxItem::Message { channel, number, body, flags, token });
    }

    pub(crate) fn push_started(&mut self) {
        self.notices += 1;
        self.items.push_back(InboxItem::SessionStarted);
    }

    pub(crate) fn push_ended(&mut self, reason: EndReason) {
        let nothing_came = self.items.back() == Some(&InboxItem::SessionStarted);
        if nothing_came && self.notices > NOTICES_MAX {
            self.items.pop_back();
            self.notices -= 1;
            return;
        }
        self.notices += 1;
        self.items.push_back(InboxItem::SessionEnded(reason));
    }

    pub(crate) fn pop(&mut self) -> Option<(InboxItem, Option<Taken>)> {
        let item = self.items.pop_front()?;
        if self.items.is_empty() && self.items.capacity() > ITEMS_KEPT {
            self.items = VecDeque::new();
        }
        let taken = match &item {
            InboxItem::Message { body, token, .. } => {
                let cost = cost(body.len());
                self.cost -= cost;
                Some(Taken {
                    epoch: token.epoch,
                    channel: token.channel,
                    number: token.number,
                    cost,
                    wanted: token.wanted,
                })
            }
            InboxItem::SessionStarted | InboxItem::SessionEnded(_) => {
                self.notices -= 1;
                None
            }
        };
        Some((item, taken))
    }

    /// How many items are unread.
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// What the unread messages cost.
    pub(crate) const fn cost(&self) -> u64 {
        self.cost
    }
}

#[cfg(test)]
mod tests;
