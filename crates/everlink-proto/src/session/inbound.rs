//! Everything that comes in: the receiving channels, the room of the link, the inbox.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::channel::recv::{Gate, RecvChannel};
use super::channel::{CHANNELS_MAX, MESSAGE_MAX};
use super::credit::{CHANNEL_START, Grant, LinkRoom, MESSAGE_OVERHEAD, bytes};
use super::inbox::{DoneToken, Inbox, InboxItem, Taken};
use super::{Kept, NotKept, ProtocolError, Record};
use crate::wire::MAX_DATAGRAM;
use crate::wire::codec::Writer;
use crate::wire::frame::{CreditScope, Frag, Frame, Msgs, Received};

/// The smallest window of a link (SPEC 7.4): the first parts of opened messages, and room for one that is not reserved.
const LINK_WINDOW_MIN: u64 = 512 * 1024;

/// What the first parts of messages that were opened may take of the link's window: one of each channel.
const FIRST_PARTS: u64 = (CHANNELS_MAX * MAX_DATAGRAM) as u64;

const _: () = assert!(LINK_WINDOW_MIN - FIRST_PARTS >= CHANNEL_START, "a channel may have its start");

/// A message that is larger than the window, and for which room is made in its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Opening {
    channel: u64,
    number: u64,
    cost: u64,
}

/// Everything that comes in.
#[derive(Debug)]
pub(crate) struct Inbound {
    pub(crate) inbox: Inbox,
    pub(crate) link: LinkRoom,
    channel_window: u64,
    link_window: u64,
    epoch: u64,
    /// Nothing enters the inbox any more.
    frozen: bool,
    channels: BTreeMap<u64, RecvChannel>,
    /// What opened messages will cost beyond what came of them.
    coming: u64,
    /// Messages larger than the window, in order of opening.
    openings: VecDeque<Opening>,
    /// The one that room was made for.
    reserved: Option<Opening>,
    link_due: bool,
    credit_due: BTreeSet<u64>,
    done_due: BTreeSet<u64>,
    received_due: BTreeSet<u64>,
    /// Channels whose RECEIVED is not acknowledged.
    received_open: BTreeSet<u64>,
}

impl Inbound {
    pub(crate) fn new(channel_window: u64, link_window: u64) -> Self {
        let link_window = link_window.max(LINK_WINDOW_MIN);
        Self {
            inbox: Inbox::default(),
            link: LinkRoom::new(link_window),
            // A message for which no room is reserved fits beside the first parts of all others, which nobody can take
            // before they are whole: else some of them could wait for each other.
            channel_window: channel_window.min(link_window - FIRST_PARTS),
            link_window,
            epoch: 0,
            frozen: false,
            channels: BTreeMap::new(),
            coming: 0,
            openings: VecDeque::new(),
            reserved: None,
            link_due: false,
            credit_due: BTreeSet::new(),
            done_due: BTreeSet::new(),
            received_due: BTreeSet::new(),
            received_open: BTreeSet::new(),
        }
    }

    pub(crate) fn on_messages(&mut self, msgs: &Msgs<'_>) -> Result<Kept, ProtocolError> {
        if self.frozen {
            let numbers = msgs.first..msgs.first.saturating_add(bytes(msgs.messages.len()));
            return Ok(self.kept_before(msgs.channel, numbers));
        }
        let channel = channel(&mut self.channels, msgs.channel, self.channel_window)?;
        let mut gate = Gate { epoch: self.epoch, link: &mut self.link, inbox: &mut self.inbox };
        let coming = channel.coming;
        let mut kept = Kept::Yes;
        for (number, (flags, body)) in (msgs.first..).zip(&msgs.messages) {
            kept = kept.and(channel.on_whole(number, *flags, body, &mut gate)?);
        }
        self.coming = self.coming + channel.coming - coming;
        self.look_at_credit(msgs.channel);
        Ok(kept)
    }

    pub(crate) fn on_part(&mut self, frag: &Frag<'_>) -> Result<Kept, ProtocolError> {
        if frag.total > bytes(MESSAGE_MAX) {
            return Err(ProtocolError::TooLarge);
        }
        if self.frozen {
            return Ok(self.kept_before(frag.channel, frag.number..frag.number.saturating_add(1)));
        }
        let channel = channel(&mut self.channels, frag.channel, self.channel_window)?;
        let mut gate = Gate { epoch: self.epoch, link: &mut self.link, inbox: &mut self.inbox };
        let coming = channel.coming;
        let (kept, opens) = channel.on_part(frag, &mut gate)?;
        self.coming = self.coming + channel.coming - coming;
        let cost = frag.total + MESSAGE_OVERHEAD;
        if opens && cost > channel.grant.window() {
            self.openings.push_back(Opening { channel: frag.channel, number: frag.number, cost });
            self.reserve();
        }
        self.look_at_credit(frag.channel);
        Ok(kept)
    }

    /// Takes the next item out of the inbox, and frees its credit.
    pub(crate) fn take(&mut self) -> Option<InboxItem> {
        let (item, taken) = self.inbox.pop()?;
        match taken {
            Some(taken) if taken.epoch == self.epoch => self.release(taken),
            Some(taken) => {
                self.link.grant.clear_backlog(taken.cost);
                self.look_at_link();
            }
            None => {}
        }
        Some(item)
    }

    pub(crate) fn done(&mut self, token: &DoneToken) {
        if !token.wanted || token.epoch != self.epoch {
            return;
        }
        if let Some(channel) = self.channels.get_mut(&token.channel) {
            channel.done(token.number);
            self.done_due.insert(token.channel);
        }
    }

    /// From now on nothing enters the inbox, and what it holds is reported to the peer.
    pub(crate) fn freeze(&mut self) {
        self.frozen = true;
        self.received_open = self.positions().map(|received| received.channel).collect();
        self.repeat_received();
    }

    /// What the peer has not acknowledged of that report goes out again, once all of it is out.
    pub(crate) fn repeat_received(&mut self) {
        if self.received_due.is_empty() {
            self.received_due.clone_from(&self.received_open);
        }
    }

    /// What the inbox got of each channel. Messages that wait for others never enter it.
    pub(crate) fn positions(&self) -> impl Iterator<Item = Received> {
        self.channels.iter().filter(|(_, channel)| channel.next() > 0).map(|(id, channel)| Received {
            channel: *id,
            floor: channel.next(),
            ranges: Vec::new(),
        })
    }

    /// Whether the peer still waits for some DONE that may come.
    pub(crate) fn owes_done(&self) -> bool {
        self.channels.values().any(RecvChannel::owes_done)
    }

    pub(crate) const fn start_at(&mut self, epoch: u64) {
        self.epoch = epoch;
    }

    /// The session ended: what is unread stays, and everything else begins anew. It takes room from what is to come,
    /// like the bytes that streams still hold.
    pub(crate) fn end(&mut self, held_by_streams: u64) {
        let next = Self::new(self.channel_window, self.link_window);
        let inbox = core::mem::take(&mut self.inbox);
        *self = Self { inbox, epoch: self.epoch + 1, ..next };
        self.link.grant.set_backlog(self.inbox.cost().saturating_add(held_by_streams));
    }

    /// The channels in use: number, next message, messages that wait for others.
    pub(crate) fn channels(&self) -> impl Iterator<Item = (u64, &RecvChannel)> {
        self.channels.iter().map(|(id, channel)| (*id, channel))
    }

    /// Frees the credit of a message. What asks for DONE is remembered until that is acknowledged.
    fn release(&mut self, taken: Taken) {
        let freed = taken.cost - if taken.wanted { MESSAGE_OVERHEAD } else { 0 };
        self.link.grant.consume(freed);
        if let Some(channel) = self.channels.get_mut(&taken.channel) {
            channel.grant.consume(freed);
        }
        let reserved = self.reserved.take_if(|it| it.channel == taken.channel && it.number == taken.number);
        if reserved.is_some() {
            self.set_reservation(taken.channel, 0);
            self.reserve();
        }
        self.look_at_credit(taken.channel);
    }

    /// Makes room for the next message that is larger than the window. One at a time: so two of them
    /// never wait for each other, and memory is bounded by the window and one message.
    fn reserve(&mut self) {
        if self.reserved.is_none()
            && let Some(next) = self.openings.pop_front()
        {
            self.reserved = Some(next);
            self.set_reservation(next.channel, next.cost);
            self.look_at_credit(next.channel);
        }
    }

    fn set_reservation(&mut self, channel: u64, amount: u64) {
        self.link.grant.reserve(amount);
        if let Some(channel) = self.channels.get_mut(&channel) {
            channel.grant.reserve(amount);
        }
    }

    fn look_at_credit(&mut self, id: u64) {
        if self.channels.get(&id).is_some_and(|channel| channel.grant.is_due(channel.coming)) {
            self.credit_due.insert(id);
        }
        self.look_at_link();
    }

    /// To be called after anything used or freed credit of the link.
    pub(crate) fn look_at_link(&mut self) {
        self.link_due |= self.link.grant.is_due(self.coming);
    }

    fn kept_before(&self, channel: u64, mut numbers: core::ops::Range<u64>) -> Kept {
        let known =
            self.channels.get(&channel).is_some_and(|channel| numbers.all(|number| channel.knows(number)));
        if known { Kept::Yes } else { Kept::No(NotKept::Closing) }
    }
}

/// What goes out about what came in.
impl Inbound {
    pub(crate) fn has_control(&self) -> bool {
        let credit = !self.frozen && (self.link_due || !self.credit_due.is_empty());
        credit || !self.done_due.is_empty() || !self.received_due.is_empty()
    }

    /// Writes CREDIT, DONE and RECEIVED; false if something found no room.
    pub(crate) fn write_control(&mut self, w: &mut Writer<'_>, records: &mut Vec<Record>) -> bool {
        (self.frozen || self.write_credit(w, records))
            && self.write_done(w, records)
            && self.write_received(w, records)
    }

    pub(crate) fn on_acked_done(&mut self, channel: u64, first: u64, end: u64) {
        if let Some(channel) = self.channels.get_mut(&channel) {
            channel.on_done_acked(first, end, &mut self.link);
        }
        self.look_at_credit(channel);
    }

    pub(crate) fn on_lost_done(&mut self, id: u64, first: u64, end: u64) {
        if let Some(channel) = self.channels.get_mut(&id) {
            channel.on_done_lost(first, end);
            self.done_due.insert(id);
        }
    }

    pub(crate) fn on_acked_received(&mut self, channel: u64) {
        self.received_open.remove(&channel);
        self.received_due.remove(&channel);
    }

    pub(crate) fn on_lost_received(&mut self, channel: u64) {
        self.received_due.extend(self.received_open.get(&channel));
    }

    pub(crate) fn on_lost_credit(&mut self, channel: Option<u64>) {
        match channel {
            Some(channel) => drop(self.credit_due.insert(channel)),
            None => self.link_due = true,
        }
    }

    fn write_credit(&mut self, w: &mut Writer<'_>, records: &mut Vec<Record>) -> bool {
        if self.link_due {
            if !write_grant(CreditScope::Link, &mut self.link.grant, w, records) {
                return false;
            }
            self.link_due = false;
        }
        while let Some(id) = self.credit_due.first().copied() {
            if let Some(channel) = self.channels.get_mut(&id)
                && !write_grant(CreditScope::Channel(id), &mut channel.grant, w, records)
            {
                return false;
            }
            self.credit_due.remove(&id);
        }
        true
    }

    fn write_done(&mut self, w: &mut Writer<'_>, records: &mut Vec<Record>) -> bool {
        while let Some(id) = self.done_due.first().copied() {
            if let Some(channel) = self.channels.get_mut(&id)
                && !channel.write_done(w, records)
            {
                return false;
            }
            self.done_due.remove(&id);
        }
        true
    }

    fn write_received(&mut self, w: &mut Writer<'_>, records: &mut Vec<Record>) -> bool {
        while let Some(id) = self.received_due.first().copied() {
            if let Some(channel) = self.channels.get(&id) {
                let received = Received { channel: id, floor: channel.next(), ranges: Vec::new() };
                if Frame::Received(received).encode(w).is_err() {
                    return false;
                }
                records.push(Record::Received(id));
            }
            self.received_due.remove(&id);
        }
        true
    }
}

fn channel(
    channels: &mut BTreeMap<u64, RecvChannel>,
    id: u64,
    window: u64,
) -> Result<&mut RecvChannel, ProtocolError> {
    if channels.len() >= CHANNELS_MAX && !channels.contains_key(&id) {
        return Err(ProtocolError::TooManyChannels);
    }
    Ok(channels.entry(id).or_insert_with(|| RecvChannel::new(id, window)))
}

fn write_grant(scope: CreditScope, grant: &mut Grant, w: &mut Writer<'_>, records: &mut Vec<Record>) -> bool {
    let written = Frame::Credit { scope, maximum: grant.wanted() }.encode(w).is_ok();
    if written {
        grant.announce();
        records.push(Record::Credit(scope));
    }
    written
}
