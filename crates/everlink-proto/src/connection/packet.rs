//! Packets in and out of one connection: open, or fill and seal.

use core::{net::SocketAddr, ops::Range};

use super::{Connection, Record};
use crate::{
    crypto::{TAG_LEN, keys::PacketKeys, replay::ReplayWindow},
    recovery::{SendBudget, SentPacket},
    rng::Rng,
    session::Session,
    stats::DropReason,
    time::Instant,
    wire::{
        MAX_DATAGRAM,
        codec::Writer,
        frame::{Ack, Close, Frame},
        header::{SHORT_FLAGS, SHORT_HEADER, ShortHeader, decode_packet_number},
    },
};

/// The shortest packet that is sent: shorter ones are padded. So the answer to a packet from an unproved
/// address (a challenge, or the response to one) is never longer than what it answers (SPEC 4.4).
const SHORTEST: usize = 48;

/// A packet that opened: the only way to its payload.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) number: u64,
    pub(crate) payload: Range<usize>,
}

/// What the session may put into packets of this connection.
pub(crate) struct Offer<'a> {
    pub(crate) session: &'a mut Session,
    /// Whether messages may be bound now (SPEC 7.1).
    pub(crate) may_bind: bool,
}

/// What the next datagram of a batch must be like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    /// Where the batch goes, once its first datagram is written.
    pub(crate) to: Option<SocketAddr>,
    /// The size of its datagrams.
    pub(crate) size: usize,
}

impl Connection {
    /// Opens a packet in place. If it does not open, nothing has changed but the count of failures.
    pub(crate) fn open(&mut self, datagram: &mut [u8]) -> Result<Opened, DropReason> {
        let largest = self.path.largest_received();
        open(&mut self.keys, self.path.number, largest, Some(&self.path.replay), datagram)
    }

    /// Appends one datagram to `buf`, if there is anything to say, and tells where it goes.
    pub(crate) fn write_packet(
        &mut self,
        now: Instant,
        rng: &mut Rng,
        offer: Option<Offer<'_>>,
        slot: Slot,
        buf: &mut Vec<u8>,
    ) -> Option<SocketAddr> {
        // HELLO rides on every packet until it is acknowledged: what is too small for it must not go.
        let too_small = self.hello.is_some() && slot.size < MAX_DATAGRAM;
        if self.path.recovery.is_full() || self.keys.is_spent() || too_small {
            return None;
        }
        if self.path.migration.has_errand(SHORTEST) {
            return self.write_errand(now, rng, slot, buf);
        }
        if !self.path.migration.is_proved() {
            return None;
        }
        let to = self.path.remote();
        if slot.to.is_some_and(|batch| batch != to) {
            return None;
        }
        let session_goes = self.plan(now, offer.as_ref())?;
        let mut packet = Packet::begin(buf, slot.size);
        self.write_own_frames(now, &mut packet);
        if session_goes && let Some(offer) = offer {
            let epoch = offer.session.epoch();
            let mut records = Vec::new();
            let may_bind = offer.may_bind && self.probes_due == 0;
            offer.session.write_frames(&mut packet.writer(), &mut records, may_bind);
            packet.eliciting |= !records.is_empty();
            if !records.is_empty() {
                self.used = true;
                self.questions = 0;
            }
            packet.records.extend(records.into_iter().map(|record| Record::Session(epoch, record)));
        }
        if packet.is_empty() && self.probes_due > 0 || self.path.recovery.wants_elicitation() {
            packet.push(&Frame::Ping);
        }
        self.probes_due = self.probes_due.saturating_sub(u32::from(packet.eliciting));
        self.seal(now, rng, packet).then_some(to)
    }

    /// Whether a packet should go now, and if so, whether the session may fill it.
    fn plan(&mut self, now: Instant, offer: Option<&Offer<'_>>) -> Option<bool> {
        let urgent = self.is_urgent(now);
        let wanted = !self.path.is_suspect()
            && self.ending.is_none()
            && offer.is_some_and(|offer| offer.session.has_pending(offer.may_bind));
        if !urgent && !wanted {
            return None;
        }
        let probing = self.probes_due > 0;
        let allowed = wanted && (probing || self.has_budget(now));
        (urgent || allowed).then_some(allowed)
    }

    fn is_urgent(&self, now: Instant) -> bool {
        self.path.acks.is_due(now)
            || self.ping_due
            || self.probes_due > 0
            || self.farewell.as_ref().is_some_and(|farewell| farewell.due)
    }

    fn has_budget(&mut self, now: Instant) -> bool {
        self.paced_until = None;
        match self.path.recovery.can_send(now, u64::try_from(MAX_DATAGRAM).unwrap_or(u64::MAX)) {
            SendBudget::Ok(_) => true,
            SendBudget::Congestion => false,
            SendBudget::Paced(at) => {
                self.paced_until = Some(at);
                false
            }
        }
    }

    /// HELLO before anything that needs it, then what the connection itself has to say.
    fn write_own_frames(&mut self, now: Instant, packet: &mut Packet<'_>) {
        if let Some(hello) = self.hello {
            packet.push_recorded(&Frame::Hello(hello), Record::Hello);
        }
        self.write_ack(now, packet);
        self.write_farewell(packet);
        if core::mem::take(&mut self.ping_due) {
            packet.push(&Frame::Ping);
        }
    }

    fn write_ack(&mut self, now: Instant, packet: &mut Packet<'_>) {
        if self.path.acks.deadline().is_none() {
            return;
        }
        let Some(largest) = self.path.acks.largest() else { return };
        let ranges: Vec<_> = self.path.acks.ranges().map(|range| (*range.start(), *range.end())).collect();
        let delay = self.path.acks.ack_delay(now).as_micros();
        let delay_micros = u64::try_from(delay).unwrap_or(u64::MAX);
        let ack = Frame::Ack(Ack { path: self.path.number, delay_micros, ranges });
        if packet.push(&ack) {
            packet.records.push(Record::Ack(largest));
            self.path.acks.on_ack_sent();
        }
    }

    fn write_farewell(&mut self, packet: &mut Packet<'_>) {
        let Some(farewell) = self.farewell.as_mut().filter(|farewell| farewell.due) else { return };
        while let Some(received) = farewell.received.get(farewell.written) {
            if !packet.push_recorded(&Frame::Received(received.clone()), Record::Farewell) {
                return;
            }
            farewell.written += 1;
        }
        let close = Frame::Close(Close {
            code: farewell.close.code,
            application: farewell.close.application,
            retry_after_ms: farewell.close.retry_after_ms,
            deadline_ms: 0,
            received: farewell.count,
            reason: &farewell.close.reason,
        });
        farewell.due = !packet.push_recorded(&close, Record::Farewell);
    }

    /// A packet for an address of its own: a challenge or the answer to one.
    fn write_errand(
        &mut self,
        now: Instant,
        rng: &mut Rng,
        slot: Slot,
        buf: &mut Vec<u8>,
    ) -> Option<SocketAddr> {
        if slot.to.is_some() {
            return None;
        }
        let errand = self.path.migration.take_errand(SHORTEST)?;
        let mut packet = Packet::begin(buf, SHORTEST);
        if let Some(response) = errand.response {
            packet.push(&Frame::PathResponse(response));
        }
        if let Some(challenge) = errand.challenge {
            packet.push_recorded(&Frame::PathChallenge(challenge), Record::Challenge(challenge));
        }
        // What becomes of it says nothing about the path in use (RFC 9000, 9.4).
        packet.in_flight = self.path.migration.is_proved() && errand.to == self.path.remote();
        self.seal(now, rng, packet).then_some(errand.to)
    }

    /// Numbers, seals and protects a packet and takes note of it.
    fn seal(&mut self, now: Instant, rng: &mut Rng, packet: Packet<'_>) -> bool {
        let Packet { buf, start, records, eliciting, in_flight, .. } = packet;
        if buf.len() == start + SHORT_HEADER {
            buf.truncate(start);
            return false;
        }
        let number = self.path.recovery.next_packet_number(rng);
        // PADDING is a zero byte (SPEC 5).
        buf.resize((buf.len() + TAG_LEN).max(start + SHORTEST), 0);
        let Some(datagram) = buf.get_mut(start..) else { return false };
        let header = ShortHeader::new(self.path.ids.remote, number).encode();
        let size = datagram.len();
        let (head, sealed) = datagram.split_at_mut(SHORT_HEADER);
        head.copy_from_slice(&header);
        if self.keys.seal(self.path.number, number, &header, sealed).is_err() {
            buf.truncate(start);
            return false;
        }
        self.keys.protect(datagram);
        let size = u16::try_from(size).unwrap_or(u16::MAX);
        self.under_way += records.iter().filter(|record| record.is_of_session()).count();
        let sent = SentPacket { size, ack_eliciting: eliciting, in_flight: in_flight && eliciting, records };
        self.path.on_sent(now, number, sent);
        true
    }
}

/// Opens the first packet that arrives under new keys: the confirmation of a handshake.
pub(crate) fn open_first(keys: &mut PacketKeys, datagram: &mut [u8]) -> Result<Opened, DropReason> {
    open(keys, 0, None, None, datagram)
}

fn open(
    keys: &mut PacketKeys,
    path: u32,
    largest: Option<u64>,
    replay: Option<&ReplayWindow>,
    datagram: &mut [u8],
) -> Result<Opened, DropReason> {
    let clear = keys.unprotect(datagram).ok_or(DropReason::Malformed)?;
    let number = decode_packet_number(largest, u32::from_be_bytes(clear.packet_number));
    if replay.is_some_and(|replay| !replay.check(number)) {
        return Err(DropReason::Replayed);
    }
    let (header, sealed) = datagram.split_at_mut_checked(SHORT_HEADER).ok_or(DropReason::Malformed)?;
    let len = keys.open(path, number, header, sealed).map_err(|_| DropReason::NotAuthentic)?;
    if len == 0 || clear.flags != SHORT_FLAGS {
        return Err(DropReason::Malformed);
    }
    Ok(Opened { number, payload: SHORT_HEADER..SHORT_HEADER + len })
}

/// A packet being filled at the end of a buffer.
struct Packet<'a> {
    buf: &'a mut Vec<u8>,
    start: usize,
    limit: usize,
    records: Vec<Record>,
    eliciting: bool,
    /// Whether it counts against the window, if it elicits an acknowledgement.
    in_flight: bool,
}

impl<'a> Packet<'a> {
    fn begin(buf: &'a mut Vec<u8>, size: usize) -> Self {
        let start = buf.len();
        buf.resize(start + SHORT_HEADER, 0);
        Self {
            buf,
            start,
            limit: start + size - TAG_LEN,
            records: Vec::new(),
            eliciting: false,
            in_flight: true,
        }
    }

    fn is_empty(&self) -> bool {
        self.buf.len() == self.start + SHORT_HEADER
    }

    fn writer(&mut self) -> Writer<'_> {
        Writer::new(self.buf, self.limit)
    }

    fn push(&mut self, frame: &Frame<'_>) -> bool {
        let written = frame.encode(&mut self.writer()).is_ok();
        self.eliciting |= written && frame.is_ack_eliciting();
        written
    }

    fn push_recorded(&mut self, frame: &Frame<'_>, record: Record) -> bool {
        let written = self.push(frame);
        if written {
            self.records.push(record);
        }
        written
    }
}
