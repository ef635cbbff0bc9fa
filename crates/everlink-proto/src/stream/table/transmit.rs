//! What goes out of the streams, and what became of it.

use super::{STREAMS_START, StreamEvent, Streams};
use crate::session::Record;
use crate::session::credit::Allowance;
use crate::wire::codec::Writer;
use crate::wire::frame::{CreditScope, Frame};

/// Less space than this is not worth asking a stream for bytes: the longest frame header, and a
/// piece that is worth it.
const ROOM_MIN: usize = 64;

/// What goes out, and what became of it.
impl Streams {
    /// Whether RESET, STOP or CREDIT is due.
    pub(crate) fn has_control(&self) -> bool {
        self.count_due || !(self.resets.is_empty() && self.stops.is_empty() && self.credits.is_empty())
    }

    pub(crate) fn has_lost(&self) -> bool {
        !self.resend.is_empty()
    }

    /// Whether new bytes could go out now.
    pub(crate) fn has_new(&self, link: &Allowance) -> bool {
        self.turn.iter().any(|number| {
            self.table.get(&self.id(*number)).is_some_and(|stream| stream.send.can_send_new(link.available()))
        })
    }

    /// Writes CREDIT, RESET and STOP. False if something found no room.
    pub(crate) fn write_control(&mut self, w: &mut Writer<'_>, records: &mut Vec<Record>) -> bool {
        self.write_credit(w, records) && self.write_resets(w, records) && self.write_stops(w, records)
    }

    pub(crate) fn write_lost(&mut self, w: &mut Writer<'_>, records: &mut Vec<Record>) {
        while let Some(number) = self.resend.first().copied() {
            let id = self.id(number);
            if let Some(stream) = self.table.get_mut(&id) {
                stream.send.write_lost(number, w, records);
                if stream.send.has_lost() {
                    return;
                }
            }
            self.resend.remove(&number);
        }
    }

    /// Writes new bytes, each packet beginning with another stream.
    pub(crate) fn write_new(&mut self, w: &mut Writer<'_>, records: &mut Vec<Record>, link: &mut Allowance) {
        for _ in 0..self.turn.len() {
            if w.remaining() < ROOM_MIN {
                return;
            }
            let Some(number) = self.turn.pop_front() else { return };
            let id = self.id(number);
            let Some(stream) = self.table.get_mut(&id) else { continue };
            stream.send.write_new(number, link, w, records);
            stream.in_turn = stream.send.has_new() && !stream.send.is_blocked();
            if stream.in_turn {
                self.turn.push_back(number);
            }
        }
    }

    pub(crate) fn on_acked(&mut self, number: u64, offset: u64, len: u64, fin: bool) {
        let id = self.id(number);
        let Some(stream) = self.table.get_mut(&id) else { return };
        if stream.send.on_acked(offset, len, fin) {
            self.events.push_back(StreamEvent::Writable(id));
        }
        self.remove_if_over(id);
    }

    pub(crate) fn on_lost(&mut self, number: u64, offset: u64, len: u64, fin: bool) {
        let id = self.id(number);
        let Some(stream) = self.table.get_mut(&id) else { return };
        stream.send.on_lost(offset, len, fin);
        if stream.send.has_lost() {
            self.resend.insert(number);
        }
    }

    pub(crate) fn on_reset_acked(&mut self, number: u64) {
        let id = self.id(number);
        let Some(stream) = self.table.get_mut(&id) else { return };
        stream.send.on_reset_acked();
        self.resets.remove(&number);
        self.remove_if_over(id);
    }

    pub(crate) fn on_reset_lost(&mut self, number: u64) {
        let id = self.id(number);
        if self.table.get_mut(&id).is_some_and(|stream| stream.send.on_reset_lost()) {
            self.resets.insert(number);
        }
    }

    pub(crate) fn on_stop_lost(&mut self, number: u64) {
        self.stops.insert(number);
    }

    pub(crate) fn on_credit_lost(&mut self, number: u64) {
        self.credits.insert(number);
    }

    pub(crate) fn on_count_lost(&mut self) {
        self.count_due = true;
    }

    fn write_credit(&mut self, w: &mut Writer<'_>, records: &mut Vec<Record>) -> bool {
        if self.count_due {
            let maximum = self.peer_over + STREAMS_START;
            if (Frame::Credit { scope: CreditScope::Streams, maximum }).encode(w).is_err() {
                return false;
            }
            self.peer_permitted = maximum;
            self.count_due = false;
            records.push(Record::Credit(CreditScope::Streams));
        }
        while let Some(number) = self.credits.first().copied() {
            let id = self.id(number);
            let stream = self.table.get_mut(&id).filter(|stream| stream.recv.wants_credit());
            if let Some(stream) = stream {
                let scope = CreditScope::Stream(number);
                let maximum = stream.recv.grant.wanted();
                if (Frame::Credit { scope, maximum }).encode(w).is_err() {
                    return false;
                }
                stream.recv.grant.announce();
                records.push(Record::Credit(scope));
            }
            self.credits.remove(&number);
        }
        true
    }

    fn write_resets(&mut self, w: &mut Writer<'_>, records: &mut Vec<Record>) -> bool {
        while let Some(number) = self.resets.first().copied() {
            let id = self.id(number);
            let stream = self.table.get_mut(&id).filter(|stream| stream.send.reset_is_due());
            if stream.is_some_and(|stream| !stream.send.write_reset(number, w, records)) {
                return false;
            }
            self.resets.remove(&number);
        }
        true
    }

    fn write_stops(&mut self, w: &mut Writer<'_>, records: &mut Vec<Record>) -> bool {
        while let Some(number) = self.stops.first().copied() {
            let code = self.table.get(&self.id(number)).and_then(|stream| stream.recv.stop_code());
            if let Some(code) = code {
                if (Frame::StreamStop { id: number, code }).encode(w).is_err() {
                    return false;
                }
                records.push(Record::Stop(number));
            }
            self.stops.remove(&number);
        }
        true
    }
}
