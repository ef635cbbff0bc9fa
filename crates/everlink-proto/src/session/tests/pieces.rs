//! What comes in with gaps: how many pieces of it are held, and that a bound on them stops nobody who is honest.

use super::close::{begun, packet};
use super::*;
use crate::rng::Rng;
use crate::stream::StreamId;
use crate::wire::frame::{Frag, MessageFlags, Stream};

/// How many pieces a link of 4 MiB holds.
const MOST: usize = 8_192;
/// What an honest sender puts into a packet.
const PART: usize = 1_150;
const NO_ROOM: Kept = Kept::No(NotKept::NoRoom);

fn part(session: &mut Session, channel: u64, offset: u64, total: u64, bytes: &[u8]) -> Kept {
    let flags = MessageFlags::default();
    let frame = Frame::Frag(Frag { channel, number: 0, offset, total, flags, bytes });
    session.on_frame(&frame).expect("within its credit")
}

fn stream(session: &mut Session, id: u64, offset: u64) -> Kept {
    let frame = Frame::Stream(Stream { id, offset, fin: false, bytes: b"x" });
    session.on_frame(&frame).expect("within its credit")
}

fn held(session: &Session) -> usize {
    session.inbound.link.pieces.held()
}

fn messages(session: &mut Session) -> usize {
    core::iter::from_fn(|| session.recv()).filter(|item| matches!(item, InboxItem::Message { .. })).count()
}

/// A session that holds all the pieces it may, of single bytes with gaps between them.
fn full() -> Session {
    let mut session = begun();
    for at in 0..20_000 {
        let (channel, offset) = (at / 1_000, at % 1_000 * 2 + 1);
        part(&mut session, channel, offset, 3_000, b"x");
    }
    assert_eq!(held(&session), MOST, "20,000 bytes that nobody would have missed");
    session
}

#[test]
fn single_bytes_with_gaps_fill_the_room_for_pieces_and_no_more() {
    let mut session = full();
    assert_eq!(part(&mut session, 30, 1, 3_000, b"x"), NO_ROOM);
    assert_eq!(stream(&mut session, 1, 7), NO_ROOM);
    assert_eq!(held(&session), MOST);
}

#[test]
fn with_no_room_for_pieces_everything_still_arrives_in_order() {
    let mut session = full();
    assert_eq!(part(&mut session, 30, PART as u64, 2_000, &[0; 850]), NO_ROOM);
    assert_eq!(part(&mut session, 30, 0, 2_000, &[0; PART]), Kept::Yes);
    assert_eq!(part(&mut session, 30, PART as u64, 2_000, &[0; 850]), Kept::Yes);
    assert_eq!(messages(&mut session), 1);
    for channel in 0..20 {
        for offset in 0..3 {
            assert_eq!(part(&mut session, channel, offset * 1_000, 3_000, &[0; 1_000]), Kept::Yes);
        }
    }
    assert_eq!((messages(&mut session), held(&session)), (20, 0));
}

#[test]
fn a_full_window_that_arrives_in_reverse_finds_room() {
    let mut session = begun();
    let total = 1_000_000;
    for channel in 0..4 {
        assert_eq!(part(&mut session, channel, 0, total, b"x"), Kept::Yes);
    }
    packet(&mut session); // grants what these need
    let whole = vec![0; PART];
    for offset in (1..total).step_by(PART).collect::<Vec<_>>().into_iter().rev() {
        for channel in 0..4 {
            let len = whole.len().min(usize::try_from(total - offset).expect("small"));
            assert_eq!(part(&mut session, channel, offset, total, &whole[..len]), Kept::Yes);
        }
    }
    assert_eq!((messages(&mut session), held(&session)), (4, 0));
}

#[test]
fn a_stream_that_is_given_up_gives_its_pieces_back() {
    let mut session = begun();
    for (id, offset) in [(1, 2), (1, 4), (3, 2), (5, 2)] {
        assert_eq!(stream(&mut session, id, offset), Kept::Yes);
    }
    assert_eq!(held(&session), 4);
    let reset = Frame::StreamReset { id: 1, code: 0, final_offset: 5 };
    assert_eq!(session.on_frame(&reset), Ok(Kept::Yes));
    assert_eq!(held(&session), 2);
    let ids: Vec<StreamId> = core::iter::from_fn(|| session.accept()).collect();
    session.stop(ids[1], 0).expect("it exists");
    assert_eq!(held(&session), 1);
    session.end(EndReason::PeerForgot, None);
    assert_eq!(held(&session), 0);
    session.stop(ids[2], 0).expect("it can still be read");
    assert_eq!(held(&session), 0);
}

#[test]
fn a_message_that_comes_whole_after_all_gives_its_pieces_back() {
    let mut session = begun();
    assert_eq!(part(&mut session, 0, 2, 4, b"x"), Kept::Yes);
    let messages = vec![(MessageFlags::default(), b"xxxx" as &[u8])];
    let whole = Frame::Msgs(crate::wire::frame::Msgs { channel: 0, first: 0, messages });
    assert_eq!((session.on_frame(&whole), held(&session)), (Ok(Kept::Yes), 0));
}

#[test]
fn nothing_leaks_whatever_the_order() {
    let mut rng = Rng::from_seed([5; 32]);
    for _ in 0..50 {
        let mut session = begun();
        while messages(&mut session) == 0 {
            let offset = rng.below(400);
            let len = usize::try_from(rng.below(30) + 1)
                .expect("small")
                .min(usize::try_from(400 - offset).expect("small"));
            assert_eq!(part(&mut session, 0, offset, 400, &[0; 30][..len]), Kept::Yes);
        }
        assert_eq!(held(&session), 0);
    }
}
