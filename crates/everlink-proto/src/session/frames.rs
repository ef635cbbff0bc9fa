//! The session's frames: into packets, out of packets, and what became of them.

use super::channel::Packet;
use super::{Kept, NotKept, Phase, ProtocolError, Record, Session, SessionEvent};
use crate::wire::codec::Writer;
use crate::wire::frame::{CreditScope, Frame, Received};

/// The connection's side.
impl Session {
    /// Whether it is worth offering an empty packet to [`Self::write_frames`]. It finds nothing to
    /// write in rare cases, once: if what was to be sent again became void in the meantime.
    pub fn has_pending(&self, may_bind: bool) -> bool {
        match self.phase {
            Phase::Absent => false,
            Phase::Closing => self.inbound.has_control(),
            Phase::Open => {
                let control = self.inbound.has_control() || self.streams.has_control();
                let lost = self.outbound.has_lost() || self.streams.has_lost();
                control || lost || (may_bind && self.has_new())
            }
        }
    }

    /// Fills the space of a packet: first what lets the peer go on, then what was lost, then what is
    /// new, which is left out unless `may_bind`. Says whether anything was written.
    pub fn write_frames(&mut self, w: &mut Writer<'_>, records: &mut Vec<Record>, may_bind: bool) -> bool {
        let mut packet = Packet::new(w, records);
        if self.phase == Phase::Absent || !self.inbound.write_control(packet.w, packet.records) {
            return !packet.is_untouched();
        }
        if self.phase == Phase::Open && self.streams.write_control(packet.w, packet.records) {
            self.outbound.write_lost(&mut packet);
            self.streams.write_lost(packet.w, packet.records);
            if may_bind && !self.outbound.has_lost() && !self.streams.has_lost() {
                self.write_new(&mut packet);
            }
        }
        !packet.is_untouched()
    }

    /// Takes a frame of this session. Frames that are not the session's are kept by others.
    pub fn on_frame(&mut self, frame: &Frame<'_>) -> Result<Kept, ProtocolError> {
        if self.phase == Phase::Absent && frame.is_session() {
            return Ok(Kept::No(NotKept::NoSession));
        }
        let was_empty = self.inbound.inbox.len() == 0;
        let kept = match frame {
            Frame::Msgs(msgs) => self.inbound.on_messages(msgs),
            Frame::Frag(frag) => self.inbound.on_part(frag),
            Frame::Done(done) => self.outbound.on_done(done).map(|()| Kept::Yes),
            Frame::Received(received) => self.on_received(received),
            Frame::Credit { scope, maximum } => self.on_credit(*scope, *maximum).map(|()| Kept::Yes),
            Frame::Stream(_) | Frame::StreamReset { .. } | Frame::StreamStop { .. } => self.on_stream(frame),
            Frame::Padding
            | Frame::Ping
            | Frame::Ack(_)
            | Frame::Hello(_)
            | Frame::Close(_)
            | Frame::PathChallenge(_)
            | Frame::PathResponse(_)
            | Frame::Ids { .. } => Ok(Kept::Yes),
        };
        if was_empty && self.inbound.inbox.len() > 0 {
            self.outbound.receipts.tell(SessionEvent::InboxReady);
        }
        kept
    }

    /// The packet with this entry was acknowledged. Only for entries of this epoch.
    pub fn on_acked(&mut self, record: Record) {
        match record {
            Record::Messages { channel, first, count } => {
                self.outbound.on_messages_acked(channel, first, count);
            }
            Record::Fragment { channel, number, offset, len } => {
                self.outbound.on_part_acked(channel, number, offset, len);
            }
            Record::Done { channel, first, end } => self.inbound.on_acked_done(channel, first, end),
            Record::Stream { id, offset, len, fin } => self.streams.on_acked(id, offset, len, fin),
            Record::Reset(id) => self.streams.on_reset_acked(id),
            Record::Received(channel) => self.inbound.on_acked_received(channel),
            Record::Stop(_) | Record::Credit(_) => {}
        }
    }

    /// The packet with this entry was lost. Only for entries of this epoch. It does no harm if it is
    /// acknowledged later all the same.
    pub fn on_lost(&mut self, record: Record) {
        match record {
            Record::Messages { channel, first, count } => {
                self.outbound.on_messages_lost(channel, first, count);
            }
            Record::Fragment { channel, number, offset, len } => {
                self.outbound.on_part_lost(channel, number, offset, len);
            }
            Record::Done { channel, first, end } => self.inbound.on_lost_done(channel, first, end),
            Record::Stream { id, offset, len, fin } => self.streams.on_lost(id, offset, len, fin),
            Record::Reset(id) => self.streams.on_reset_lost(id),
            Record::Stop(id) => self.streams.on_stop_lost(id),
            Record::Credit(CreditScope::Link) => self.inbound.on_lost_credit(None),
            Record::Credit(CreditScope::Channel(id)) => self.inbound.on_lost_credit(Some(id)),
            Record::Credit(CreditScope::Stream(id)) => self.streams.on_credit_lost(id),
            Record::Credit(CreditScope::Streams) => self.streams.on_count_lost(),
            Record::Received(channel) => self.inbound.on_lost_received(channel),
        }
    }

    fn has_new(&self) -> bool {
        let streams = !self.outbound.is_link_claimed() && self.streams.has_new(&self.outbound.link);
        streams || self.outbound.has_new()
    }

    /// Messages and stream bytes begin packets in turn.
    fn write_new(&mut self, packet: &mut Packet<'_, '_>) {
        let before = packet.w.remaining();
        for streams in [self.streams_first, !self.streams_first] {
            if !streams {
                self.outbound.write_new(packet);
            } else if !self.outbound.is_link_claimed() {
                self.streams.write_new(packet.w, packet.records, &mut self.outbound.link);
            }
        }
        self.streams_first ^= packet.w.remaining() < before;
    }

    fn on_credit(&mut self, scope: CreditScope, maximum: u64) -> Result<(), ProtocolError> {
        match scope {
            CreditScope::Link => self.outbound.on_link_credit(maximum),
            CreditScope::Channel(id) => self.outbound.on_channel_credit(id, maximum),
            CreditScope::Stream(id) => self.streams.on_credit(id, maximum)?,
            CreditScope::Streams => self.streams.on_count(maximum),
        }
        Ok(())
    }

    fn on_received(&mut self, received: &Received) -> Result<Kept, ProtocolError> {
        self.outbound.on_received(received)?;
        self.gathering.add(received)?;
        Ok(Kept::Yes)
    }

    fn on_stream(&mut self, frame: &Frame<'_>) -> Result<Kept, ProtocolError> {
        let link = &mut self.inbound.link;
        let kept = match frame {
            Frame::Stream(stream) if self.phase == Phase::Closing && !self.streams.knows(stream) => {
                Ok(Kept::No(NotKept::Closing))
            }
            Frame::Stream(stream) => self.streams.on_stream(stream, link),
            Frame::StreamReset { id, code, final_offset } => {
                self.streams.on_reset(*id, *code, *final_offset, link)
            }
            Frame::StreamStop { id, code } => self.streams.on_stop(*id, *code),
            _ => Ok(Kept::Yes),
        };
        self.inbound.look_at_link();
        kept
    }
}
