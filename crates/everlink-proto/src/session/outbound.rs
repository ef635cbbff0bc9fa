//! Everything that goes out on channels: whose turn it is, and who may use the credit of the link.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::channel::outgoing::Outgoing;
use super::channel::send::{Ending, SendChannel, Turn};
use super::channel::{CHANNELS_MAX, ChannelOptions, Packet};
use super::close::Positions;
use super::credit::{Allowance, LINK_START, cost};
use super::verdict::Receipts;
use super::{EndReason, ProtocolError, SendRefused};
use crate::wire::codec::MAX_VARINT;
use crate::wire::frame::{Done, Received};

/// Less space than this is not worth asking a channel for messages.
const ROOM_MIN: usize = 16;

/// Everything that goes out on channels.
#[derive(Debug)]
pub(crate) struct Outbound {
    pub(crate) receipts: Receipts,
    pub(crate) link: Allowance,
    channels: BTreeMap<u64, SendChannel>,
    /// Channels with something new to send, in turn.
    turn: VecDeque<u64>,
    /// Channels with something to send again.
    resend: BTreeSet<u64>,
    /// Channels with an opened message that waits for credit, in order of opening.
    openers: VecDeque<u64>,
    /// The first of the openers lacks nothing but credit of the link: all of it is kept for that
    /// one, or small messages would take it for ever.
    claimed: bool,
}

impl Outbound {
    pub(crate) fn new(budget: u64) -> Self {
        Self {
            receipts: Receipts::new(budget),
            link: Allowance::new(LINK_START),
            channels: BTreeMap::new(),
            turn: VecDeque::new(),
            resend: BTreeSet::new(),
            openers: VecDeque::new(),
            claimed: false,
        }
    }

    pub(crate) fn send(&mut self, id: u64, message: Outgoing) -> Result<(), SendRefused> {
        self.check_channel(id)?;
        self.receipts.accept(cost(message.body.len())).map_err(|_| SendRefused::Full)?;
        self.channels.entry(id).or_insert_with(|| SendChannel::new(id)).push(message);
        self.put_in_turn(id);
        Ok(())
    }

    /// The channels whose options are not the default ones.
    pub(crate) fn options(&self) -> Vec<(u64, ChannelOptions)> {
        let options =
            self.channels.iter().map(|(id, it)| (*id, ChannelOptions { on_restart: it.on_restart }));
        options.filter(|(_, options)| *options != ChannelOptions::default()).collect()
    }

    pub(crate) fn set_options(&mut self, id: u64, options: ChannelOptions) -> Result<(), SendRefused> {
        self.check_channel(id)?;
        let channel = self.channels.entry(id).or_insert_with(|| SendChannel::new(id));
        channel.on_restart = options.on_restart;
        Ok(())
    }

    /// The peer permits more on the whole link.
    pub(crate) fn on_link_credit(&mut self, maximum: u64) {
        if self.link.raise(maximum) {
            self.pay_openers();
        }
    }

    /// The peer permits more on a channel.
    pub(crate) fn on_channel_credit(&mut self, id: u64, maximum: u64) {
        if self.channels.get_mut(&id).is_some_and(|channel| channel.on_credit(maximum)) {
            self.pay_openers();
            self.put_in_turn(id);
        }
    }

    pub(crate) fn has_lost(&self) -> bool {
        !self.resend.is_empty()
    }

    /// Whether something new could go out now.
    pub(crate) fn has_new(&self) -> bool {
        let link = self.link_for_new();
        let mut in_turn = self.turn.iter().filter_map(|id| self.channels.get(id));
        in_turn.any(|channel| channel.can_send_new(link))
    }

    /// Whether credit for the link is what new messages or bytes wait for.
    pub(crate) fn is_link_claimed(&self) -> bool {
        self.claimed
    }

    /// Whether some channel has messages and lacks credit for them.
    pub(crate) fn is_blocked(&self) -> bool {
        let link = self.link_for_new();
        self.channels.values().any(|channel| {
            channel.is_blocked_by_credit() || (channel.has_new() && !channel.can_send_new(link))
        })
    }

    /// Whether some message has not reached the peer's inbox for certain.
    pub(crate) fn owes(&self) -> bool {
        self.channels.values().any(SendChannel::owes)
    }

    /// Whether some message waits for nothing but DONE.
    pub(crate) fn awaits_done(&self) -> bool {
        self.channels.values().any(SendChannel::awaits_done)
    }

    pub(crate) fn write_lost(&mut self, packet: &mut Packet<'_, '_>) {
        while let Some(id) = self.resend.first().copied() {
            let channel = self.channels.get_mut(&id);
            if channel.is_some_and(|channel| !channel.write_lost(packet)) {
                return;
            }
            self.resend.remove(&id);
        }
    }

    /// Writes new messages, each packet beginning with another channel.
    pub(crate) fn write_new(&mut self, packet: &mut Packet<'_, '_>) {
        for _ in 0..self.turn.len() {
            let room = packet.w.remaining();
            if room < ROOM_MIN {
                return;
            }
            let Some(id) = self.turn.pop_front() else { return };
            let Some(channel) = self.channels.get_mut(&id) else { continue };
            let turn = channel.write_new(packet, &mut self.link, !self.claimed);
            channel.in_turn = matches!(turn, Turn::NoRoom | Turn::LinkBlocked);
            let wrote = packet.w.remaining() < room;
            match turn {
                Turn::NoRoom if !wrote => {
                    self.turn.push_front(id);
                    return;
                }
                Turn::NoRoom | Turn::LinkBlocked => self.turn.push_back(id),
                Turn::Blocked if channel.has_opened() => self.wait_for_credit(id),
                Turn::Blocked | Turn::Idle => {}
            }
        }
    }

    pub(crate) fn on_messages_acked(&mut self, id: u64, first: u64, count: u64) {
        if let Some(channel) = self.channels.get_mut(&id) {
            channel.on_messages_acked(first, count, &mut self.receipts);
            self.put_in_turn(id);
        }
    }

    pub(crate) fn on_messages_lost(&mut self, id: u64, first: u64, count: u64) {
        if let Some(channel) = self.channels.get_mut(&id) {
            channel.on_messages_lost(first, count);
            self.look_at_lost(id);
        }
    }

    pub(crate) fn on_part_acked(&mut self, id: u64, number: u64, offset: u64, len: u64) {
        if let Some(channel) = self.channels.get_mut(&id) {
            channel.on_part_acked(number, offset, len, &mut self.receipts);
            self.put_in_turn(id);
        }
    }

    pub(crate) fn on_part_lost(&mut self, id: u64, number: u64, offset: u64, len: u64) {
        if let Some(channel) = self.channels.get_mut(&id) {
            channel.on_part_lost(number, offset, len);
            self.look_at_lost(id);
        }
    }

    pub(crate) fn on_done(&mut self, done: &Done) -> Result<(), ProtocolError> {
        let channel = self.channels.get_mut(&done.channel).ok_or(ProtocolError::NeverSent)?;
        for (first, end) in &done.ranges {
            channel.on_done(*first, *end, &mut self.receipts)?;
        }
        self.put_in_turn(done.channel);
        Ok(())
    }

    pub(crate) fn on_received(&mut self, received: &Received) -> Result<(), ProtocolError> {
        match self.channels.get_mut(&received.channel) {
            Some(channel) => channel.on_received_below(received.floor, &mut self.receipts),
            None if received.floor == 0 => Ok(()),
            None => Err(ProtocolError::NeverSent),
        }
    }

    /// The session ended: every bound message is settled, and what outlives it is unbound.
    pub(crate) fn end(&mut self, reason: EndReason, positions: Option<&Positions>) {
        for (id, channel) in &mut self.channels {
            let position = positions.map(|positions| positions.of(*id));
            channel.end(Ending { reason, position }, &mut self.receipts);
        }
        self.channels.retain(|_, channel| !channel.is_forgettable());
        self.link = Allowance::new(LINK_START);
        self.turn.clear();
        self.resend.clear();
        self.openers.clear();
        self.claimed = false;
        let ids: Vec<_> = self.channels.keys().copied().collect();
        for id in ids {
            self.put_in_turn(id);
        }
    }

    /// The channels in use.
    pub(crate) fn channels(&self) -> impl Iterator<Item = (u64, &SendChannel)> {
        self.channels.iter().map(|(id, channel)| (*id, channel))
    }

    fn check_channel(&self, id: u64) -> Result<(), SendRefused> {
        let is_new = self.channels.len() >= CHANNELS_MAX && !self.channels.contains_key(&id);
        if is_new || id > MAX_VARINT { Err(SendRefused::TooManyChannels) } else { Ok(()) }
    }

    fn put_in_turn(&mut self, id: u64) {
        let Some(channel) = self.channels.get_mut(&id) else { return };
        if !channel.in_turn && channel.can_send_new(u64::MAX) {
            channel.in_turn = true;
            self.turn.push_back(id);
        }
    }

    fn look_at_lost(&mut self, id: u64) {
        if self.channels.get(&id).is_some_and(SendChannel::has_lost) {
            self.resend.insert(id);
        }
    }

    fn wait_for_credit(&mut self, id: u64) {
        if !self.openers.contains(&id) {
            self.openers.push_back(id);
            self.pay_openers();
        }
    }

    /// Pays for opened messages in order of opening, as far as credit goes.
    fn pay_openers(&mut self) {
        self.claimed = false;
        let mut waiting = core::mem::take(&mut self.openers);
        waiting.retain(|id| {
            let Some(channel) = self.channels.get_mut(id).filter(|channel| channel.has_opened()) else {
                return false;
            };
            let Some(rest) = channel.claim().filter(|_| !self.claimed) else { return true };
            self.claimed = !self.link.covers(rest);
            if self.claimed {
                return true;
            }
            channel.pay(rest, &mut self.link);
            if !channel.in_turn {
                channel.in_turn = true;
                self.turn.push_back(*id);
            }
            false
        });
        self.openers = waiting;
    }

    /// How much credit of the link newly bound messages may use.
    fn link_for_new(&self) -> u64 {
        if self.claimed { 0 } else { self.link.available() }
    }
}
