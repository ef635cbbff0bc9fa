//! Streams over a network that is not kind: what is read is a prefix of what was written, and an
//! end is only where the writer put one.

use std::collections::BTreeMap;

use super::*;
use crate::stream::{Read, StreamError, StreamId};
use crate::wire::frame::CreditScope;

/// The byte at an offset of a stream of a side.
fn byte(side: usize, stream: StreamId, offset: u64) -> u8 {
    let mixed = offset.wrapping_mul(31).wrapping_add(stream.number() * 7 + (offset >> 8));
    u8::try_from(mixed % 251).expect("small") ^ u8::try_from(side).expect("small")
}

#[derive(Default)]
struct Log {
    /// What each side wrote to, and read from, the stream.
    written: [u64; 2],
    finished: [bool; 2],
    reset: [bool; 2],
    stopped: [bool; 2],
    read: [u64; 2],
    ended: [bool; 2],
}

struct Streams {
    world: World,
    logs: BTreeMap<u64, Log>,
    ids: [Vec<StreamId>; 2],
}

impl Streams {
    fn new(seed: u8, loss: u64) -> Self {
        let mut world = World::new(seed, tight());
        world.loss = loss;
        Self { world, logs: BTreeMap::new(), ids: [Vec::new(), Vec::new()] }
    }

    fn log(&mut self, id: StreamId) -> &mut Log {
        self.logs.entry(id.number()).or_default()
    }

    fn open(&mut self, side: usize) -> Result<StreamId, StreamError> {
        let id = self.world.sides[side].open()?;
        self.ids[side].push(id);
        Ok(id)
    }

    fn accept(&mut self, side: usize) {
        while let Some(id) = self.world.sides[side].accept() {
            self.ids[side].push(id);
        }
    }

    fn write(&mut self, side: usize, id: StreamId, len: u64) {
        let from = self.log(id).written[side];
        let data: Vec<_> = (from..from + len).map(|offset| byte(side, id, offset)).collect();
        if let Ok(written) = self.world.sides[side].write(id, &data) {
            self.log(id).written[side] += u64::try_from(written).expect("small");
        }
    }

    fn finish(&mut self, side: usize, id: StreamId) {
        self.log(id).finished[side] |= self.world.sides[side].finish(id).is_ok();
    }

    fn read(&mut self, side: usize, id: StreamId, len: usize) {
        let mut data = vec![0; len];
        let read = self.world.sides[side].read(id, &mut data);
        let log = self.log(id);
        match read {
            Ok(Read::Bytes(len)) => {
                let from = log.read[side];
                for (offset, got) in (from..).zip(&data[..len]) {
                    assert_eq!(*got, byte(1 - side, id, offset), "a byte changed");
                }
                log.read[side] += u64::try_from(len).expect("small");
                assert!(log.read[side] <= log.written[1 - side], "more was read than written");
                assert!(!log.ended[side], "bytes after the end");
            }
            Ok(Read::End) => {
                assert!(log.finished[1 - side], "an end that nobody put");
                assert_eq!(log.read[side], log.written[1 - side], "an end before the last byte");
                log.ended[side] = true;
            }
            Ok(Read::Blocked) => {}
            Err(StreamError::Reset { .. }) => assert!(log.reset[1 - side] || log.stopped[side]),
            Err(StreamError::Finished) => assert!(log.stopped[side]),
            Err(error) => assert!(matches!(error, StreamError::SessionEnded { .. }), "{error}"),
        }
    }

    fn random_step(&mut self) {
        let side = usize::from(self.world.chance(50));
        self.accept(side);
        let count = u64::try_from(self.ids[side].len()).expect("small");
        let pick = usize::try_from(self.world.rng.below(count)).expect("small");
        let chosen = self.ids[side].get(pick).copied();
        match (self.world.rng.below(40), chosen) {
            (0, _) => drop(self.open(side)),
            (1, Some(id)) => self.finish(side, id),
            (2, Some(id)) if self.world.chance(20) => {
                self.log(id).reset[side] = true;
                let _ = self.world.sides[side].reset(id, 7);
            }
            (3, Some(id)) if self.world.chance(20) => {
                self.log(id).stopped[side] = true;
                let _ = self.world.sides[side].stop(id, 8);
            }
            (4..20, Some(id)) => {
                let len = self.world.rng.below(9_000);
                self.write(side, id, len);
            }
            (20..36, Some(id)) => self.read(side, id, 6_000),
            _ => {
                let _ = self.world.send(side, 0, OnRestart::Carry, 500, false);
                self.world.recv(side);
            }
        }
        self.world.tick();
    }

    /// Finishes and reads everything.
    fn settle(&mut self) {
        self.world.loss = 0;
        for _ in 0..3_000 {
            for side in 0..2 {
                self.accept(side);
                self.world.drain(side);
                for id in self.ids[side].clone() {
                    self.finish(side, id);
                    self.read(side, id, 50_000);
                }
            }
            self.world.tick();
            if !self.world.sides.iter().any(Session::owes) {
                break;
            }
        }
        for side in 0..2 {
            for id in self.ids[side].clone() {
                self.read(side, id, 50_000);
                self.read(side, id, 50_000);
            }
        }
    }
}

#[test]
fn bytes_and_ends_arrive_as_they_were_written_whatever_the_network_does() {
    for seed in 0..6 {
        let mut streams = Streams::new(seed, u64::from(seed) * 5);
        for _ in 0..4_000 {
            streams.random_step();
        }
        streams.settle();
        let mut ends = 0;
        for (number, log) in &streams.logs {
            for side in 0..2 {
                let disturbed = log.reset[1 - side] || log.stopped[side];
                assert!(log.ended[side] || disturbed, "stream {number} never ended for side {side}");
                ends += usize::from(log.ended[side] && log.read[side] > 0);
            }
        }
        assert!(ends > 5, "the run reached its subject");
    }
}

#[test]
fn the_end_of_a_session_never_looks_like_the_end_of_a_stream() {
    let mut streams = Streams::new(9, 0);
    let id = streams.open(0).expect("permitted");
    streams.write(0, id, 3_000);
    for _ in 0..100 {
        streams.world.tick();
    }
    streams.accept(1);
    let peer = streams.ids[1][0];
    streams.write(0, id, 500); // never sent
    for side in &mut streams.world.sides {
        side.end(EndReason::PeerForgot, None);
    }
    let reason = EndReason::PeerForgot;
    let mut out = [0; 5_000];
    assert_eq!(streams.world.sides[1].read(peer, &mut out), Ok(Read::Bytes(3_000)));
    let ended = StreamError::SessionEnded { reason, acked: 0 };
    assert_eq!(streams.world.sides[1].read(peer, &mut out), Err(ended));
    let ended = StreamError::SessionEnded { reason, acked: 3_000 };
    assert_eq!(streams.world.sides[0].write(id, b"x"), Err(ended));
    streams.world.begin();
    let next = streams.open(0).expect("permitted");
    assert_ne!(next, id, "an old name never means a new stream");
    streams.world.sides[1].release(peer);
    assert_eq!(streams.world.sides[1].read(peer, &mut out), Err(StreamError::NoSuchStream));
}

#[test]
fn a_writer_hears_that_the_reader_stopped() {
    let mut streams = Streams::new(10, 20);
    let id = streams.open(0).expect("permitted");
    streams.write(0, id, 20_000);
    for _ in 0..50 {
        streams.world.tick();
    }
    streams.accept(1);
    let peer = streams.ids[1][0];
    streams.world.sides[1].stop(peer, 42).expect("the stream exists");
    for _ in 0..1_000 {
        streams.world.tick();
    }
    let stopped = StreamError::StoppedByReader { code: 42 };
    assert_eq!(streams.world.sides[0].write(id, b"x"), Err(stopped));
    assert!(!streams.world.sides.iter().any(Session::owes));
}

#[test]
fn released_streams_make_room_for_others_and_leave_no_credit_behind() {
    let mut streams = Streams::new(11, 10);
    for round in 0..300 {
        let id = loop {
            match streams.world.sides[0].open() {
                Ok(id) => break id,
                Err(error) => assert_eq!(error, StreamError::TooMany),
            }
            streams.world.tick();
            assert!(streams.world.now < 100_000, "no room for stream {round}");
        };
        streams.write(0, id, 5_000);
        if round % 2 == 0 {
            streams.finish(0, id);
        }
        streams.world.sides[0].release(id);
        for _ in 0..10 {
            streams.world.tick();
        }
        while let Some(id) = streams.world.sides[1].accept() {
            streams.world.sides[1].release(id);
        }
    }
    streams.world.settle();
    while let Some(id) = streams.world.sides[1].accept() {
        streams.world.sides[1].release(id);
    }
    streams.world.settle();
    for side in &streams.world.sides {
        assert_eq!(side.snapshot().streams, 0);
        assert!(!side.blocked_by_credit());
    }
}

// A count was granted only when a quarter of the streams were over, so with most of them in use no more came.
#[test]
fn a_stream_that_is_over_makes_room_for_another_however_many_last() {
    let mut world = World::new(13, tight());
    let [last, one] = [60, 4].map(|count| (0..count).map(|_| world.sides[0].open()).collect::<Vec<_>>());
    assert!(last.iter().all(Result::is_ok));
    for id in last.iter().chain(&one).flatten() {
        assert_eq!(world.sides[0].write(*id, b"here"), Ok(4));
    }
    world.settle();
    let theirs: Vec<_> = core::iter::from_fn(|| world.sides[1].accept()).collect();
    assert_eq!((theirs.len(), world.sides[0].open()), (64, Err(StreamError::TooMany)));
    one.iter().flatten().for_each(|id| world.sides[0].release(*id));
    theirs[60..].iter().for_each(|id| world.sides[1].release(*id));
    world.settle();
    let more = (0..4).filter(|_| world.sides[0].open().is_ok());
    assert_eq!(more.count(), 4);
}

// What the peer has opened and not used yet was not counted, so it seemed to have room.
#[test]
fn a_stream_that_is_over_makes_room_for_another_though_the_last_have_said_nothing() {
    let mut world = World::new(13, tight());
    let opened: Vec<_> = (0..64).filter_map(|_| world.sides[0].open().ok()).collect();
    for id in &opened[..50] {
        assert_eq!(world.sides[0].write(*id, b"here"), Ok(4));
    }
    world.settle();
    assert_eq!((opened.len(), world.sides[0].open()), (64, Err(StreamError::TooMany)));
    let theirs = world.sides[1].accept().expect("it was named");
    world.sides[0].release(opened[0]);
    world.sides[1].release(theirs);
    world.settle();
    assert!(world.sides[0].open().is_ok());
}

// The end of the stream was acknowledged and the buffer given up, which looked like a stream that had arrived.
#[test]
fn a_stream_that_was_finished_and_then_reset_is_kept_until_its_reader_knows() {
    let [mut writer, mut reader] =
        [Side::SmallerKey, Side::LargerKey].map(|side| Session::new(tight(), side));
    writer.begin();
    let id = writer.open().expect("permitted");
    assert_eq!(writer.write(id, &[1; 1_500]), Ok(1_500));
    writer.finish(id).expect("it is open");
    let packet = |session: &mut Session| {
        let (mut buffer, mut records) = (Vec::new(), Vec::new());
        session.write_frames(&mut Writer::new(&mut buffer, 1_000), &mut records, true);
        (buffer, records)
    };
    let (_lost, (_, end)) = (packet(&mut writer), packet(&mut writer));
    end.into_iter().for_each(|record| writer.on_acked(record));
    let theirs = crate::wire::frame::Stream { id: 0, offset: 0, fin: true, bytes: &[] };
    writer.on_frame(&Frame::Stream(theirs)).expect("it is of this session");
    writer.reset(id, 7).expect("not all has arrived");
    writer.release(id);
    reader.begin();
    let (reset, _) = packet(&mut writer);
    for frame in crate::wire::frame::frames(&reset) {
        reader.on_frame(&frame.expect("it was just written")).expect("it is of this session");
    }
    let theirs = reader.accept().expect("it was named");
    assert_eq!(reader.read(theirs, &mut [0; 8]), Err(StreamError::Reset { code: 7 }));
}

#[test]
fn streams_and_messages_share_the_link_fairly() {
    let mut streams = Streams::new(12, 0);
    let id = streams.open(0).expect("permitted");
    for _ in 0..300 {
        streams.write(0, id, 8_000);
        let _ = streams.world.send(0, 0, OnRestart::Carry, 900, false);
        let _ = streams.world.send(0, 1, OnRestart::Carry, 900, false);
        streams.world.tick();
        streams.world.drain(1);
        streams.accept(1);
        for id in streams.ids[1].clone() {
            streams.read(1, id, 50_000);
        }
    }
    let read = streams.logs[&id.number()].read[1];
    let channels = [0, 1].map(|channel| {
        let entered =
            streams.world.messages.iter().filter(|it| it.channel == channel && !it.entered.is_empty());
        entered.count()
    });
    assert!(read > 100_000, "{read}");
    assert!(channels.iter().all(|count| *count > 100), "{channels:?}");
}

// What a slow application had not read of streams counted for nothing once their session was over, so that each session
// might leave another window full.
#[test]
fn what_ended_streams_hold_takes_room_until_it_is_read_stopped_or_released() {
    let mut world = World::new(8, tight());
    let window = tight().link_window;
    let (mut ended, mut left) = (Vec::new(), 0);
    for _ in 0..4 {
        for _ in 0..3 {
            let stream = world.sides[0].open().expect("few are open");
            while world.sides[0].write(stream, &[7; 8_000]).is_ok_and(|written| written > 0) {
                (0..50).for_each(|_| world.tick());
            }
        }
        ended.extend(core::iter::from_fn(|| world.sides[1].accept()));
        left += world.sides[1].snapshot().link_held;
        for side in &mut world.sides {
            side.end(EndReason::PeerForgot, None);
        }
        world.begin();
    }
    assert!((window / 2..=window).contains(&left), "{left} bytes are left of ended sessions");

    for (at, stream) in ended.into_iter().enumerate() {
        let side = &mut world.sides[1];
        match at % 3 {
            0 => while matches!(side.read(stream, &mut [0; 5_000]), Ok(Read::Bytes(_))) {},
            1 => side.stop(stream, 0).expect("it is held"),
            _ => side.release(stream),
        }
    }
    let grant = &world.sides[1].inbound.link.grant;
    assert!(grant.has_room(window + 1), "nothing is left, so the credit alone decides");
    assert_eq!(grant.wanted(), window);
}

#[test]
fn a_peer_cannot_permit_more_streams_than_this_side_has_room_for() {
    let mut session = close::begun();
    let permission = Frame::Credit { scope: CreditScope::Streams, maximum: 1 << 40 };
    assert_eq!(session.on_frame(&permission), Ok(Kept::Yes));
    let opened: Vec<_> = core::iter::from_fn(|| session.open().ok()).take(1000).collect();
    assert_eq!(opened.len(), 64);
    assert_eq!(session.open(), Err(StreamError::TooMany));
    // One that both sides are through with makes room for another.
    session.release(opened[0]);
    let (_, records) = close::packet(&mut session);
    records.into_iter().for_each(|record| session.on_acked(record));
    let end = Frame::StreamReset { id: opened[0].number(), code: 0, final_offset: 0 };
    assert_eq!(session.on_frame(&end), Ok(Kept::Yes));
    assert!(session.open().is_ok());
    assert_eq!(session.open(), Err(StreamError::TooMany));
}
