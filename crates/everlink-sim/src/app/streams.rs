//! What an application does with streams: opens, writes, reads, and gives some of them up.

use super::{App, MOST_STREAMS, Outgoing};
use crate::check::stream::bytes_of;
use crate::clock::SECOND;
use crate::dice::PERCENT;
use crate::subject::{Read, StreamId};
use crate::world::Turn;

impl App {
    pub(super) fn open_due_stream(&mut self, turn: &mut Turn<'_>) {
        if self.next_stream > turn.at || self.flows.is_empty() {
            return;
        }
        let gap = self.plan.streams.unwrap_or(SECOND);
        self.next_stream = turn.at + self.dice.between(gap / 2, 2 * gap);
        let peer = self.flows[self.dice.below(self.flows.len() as u64) as usize].plan.to;
        if self.outgoing.keys().filter(|(to, _)| *to == peer).count() >= MOST_STREAMS {
            return;
        }
        if !self.acquaint(turn, peer) {
            return;
        }
        let opened = turn.endpoint.open_stream(turn.now, turn.directory.id(peer));
        turn.note_forgotten();
        let Ok(stream) = opened else { return };
        let outgoing = Outgoing {
            number: turn.observer.streams.name(),
            total: 8 + self.dice.below(self.plan.longest_stream),
            written: 0,
            ends_with_reset: self.dice.chance(15 * PERCENT),
            blocked: false,
            over: false,
        };
        turn.observer.marks.pass("stream opened");
        let number = outgoing.number;
        turn.remark(peer, || {
            format!("opens stream {number} to {peer} as {stream:?}, {} bytes", outgoing.total)
        });
        self.outgoing.insert((peer, stream), outgoing);
        self.write_stream(turn, (peer, stream));
    }

    pub(super) fn write_stream(&mut self, turn: &mut Turn<'_>, key: (usize, StreamId)) {
        let Some(out) = self.outgoing.get_mut(&key) else { return };
        let peer = turn.directory.id(key.0);
        while !out.over {
            let left = out.total - out.written;
            if left == 0 {
                out.over = true;
                turn.remark(key.0, || format!("ends stream {}, reset: {}", out.number, out.ends_with_reset));
                if out.ends_with_reset {
                    turn.observer.streams.on_reset(out.number);
                    let _ = turn.endpoint.reset_stream(turn.now, peer, key.1, 7);
                } else {
                    turn.observer.streams.on_finished(out.number);
                    let _ = turn.endpoint.finish_stream(turn.now, peer, key.1);
                }
                break;
            }
            let bytes = bytes_of(out.number, out.written, left.min(4_096) as usize);
            match turn.endpoint.write_stream(turn.now, peer, key.1, &bytes) {
                Ok(0) => {
                    out.blocked = true;
                    return;
                }
                Ok(taken) => {
                    turn.remark(key.0, || format!("writes {taken} bytes to stream {}", out.number));
                    out.written += taken as u64;
                    turn.observer.streams.on_written(out.number, taken as u64);
                }
                Err(_) => {
                    turn.observer.marks.pass("stream write refused");
                    out.over = true;
                }
            }
        }
        self.outgoing.remove(&key);
        turn.endpoint.release_stream(turn.now, peer, key.1);
    }

    pub(super) fn read_stream(&mut self, turn: &mut Turn<'_>, peer: usize, stream: StreamId) {
        if turn.at < self.slow_until {
            self.unread_streams.insert((peer, stream));
            return;
        }
        let id = turn.directory.id(peer);
        let machines = (turn.process.machine, peer);
        let Some(incoming) = self.incoming.get_mut(&(peer, stream)) else { return };
        let mut buffer = [0; 2_048];
        while !incoming.over {
            let read = turn.endpoint.read_stream(turn.now, id, stream, &mut buffer);
            turn.remark(peer, || format!("reads {stream:?} of {peer}: {read:?}"));
            match read {
                Ok(Read::Blocked) => return,
                Ok(Read::Bytes(len)) => {
                    let bytes = &buffer[..len];
                    turn.observer.on_stream_read(turn.at, machines, &mut incoming.reading, bytes);
                    if incoming.stop_after.is_some_and(|most| incoming.reading.bytes > most) {
                        turn.observer.marks.pass("stream stopped by its reader");
                        let _ = turn.endpoint.stop_stream(turn.now, id, stream, 9);
                        incoming.over = true;
                    }
                }
                Ok(Read::End) => {
                    turn.observer.on_stream_end(turn.at, machines, &incoming.reading);
                    incoming.over = true;
                }
                Err(_) => {
                    turn.observer.marks.pass("stream read ended by an error");
                    incoming.over = true;
                }
            }
        }
        self.incoming.remove(&(peer, stream));
        turn.endpoint.release_stream(turn.now, id, stream);
    }
}
