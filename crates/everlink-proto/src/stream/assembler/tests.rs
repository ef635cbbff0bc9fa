use super::*;
use crate::rng::Rng;

/// What a link holds unless it is told otherwise.
const WINDOW: u64 = 4 << 20;

fn drain(assembler: &mut Assembler) -> Vec<u8> {
    let mut bytes = vec![0; assembler.readable()];
    assert_eq!(assembler.read(&mut bytes), bytes.len());
    bytes
}

#[test]
fn bytes_in_order_are_readable_at_once() {
    let (mut assembler, mut pieces) = (Assembler::default(), Pieces::new(WINDOW));
    assert_eq!(assembler.insert(0, b"abc", &mut pieces), Ok(3));
    assert_eq!(assembler.insert(3, b"de", &mut pieces), Ok(2));
    assert_eq!(drain(&mut assembler), b"abcde");
    assert_eq!(assembler.taken(), 5);
}

#[test]
fn a_gap_holds_back_what_lies_beyond_it() {
    let (mut assembler, mut pieces) = (Assembler::default(), Pieces::new(WINDOW));
    assert_eq!(assembler.insert(3, b"de", &mut pieces), Ok(2));
    assert_eq!(assembler.readable(), 0);
    assert_eq!(assembler.insert(0, b"abc", &mut pieces), Ok(3));
    assert_eq!(drain(&mut assembler), b"abcde");
}

#[test]
fn overlaps_are_counted_once() {
    let (mut assembler, mut pieces) = (Assembler::default(), Pieces::new(WINDOW));
    assert_eq!(assembler.insert(4, b"ef", &mut pieces), Ok(2));
    assert_eq!(assembler.insert(2, b"cdefgh", &mut pieces), Ok(4));
    assert_eq!(assembler.insert(0, b"abcdefghi", &mut pieces), Ok(3));
    assert_eq!(assembler.insert(0, b"abc", &mut pieces), Ok(0));
    assert_eq!(drain(&mut assembler), b"abcdefghi");
}

#[test]
fn too_many_gaps_are_refused_and_change_nothing() {
    let (mut assembler, mut pieces) = (Assembler::default(), Pieces::new(WINDOW));
    for piece in 0..1024 {
        assert_eq!(assembler.insert(2 * piece + 1, b"x", &mut pieces), Ok(1));
    }
    assert_eq!(assembler.insert(5000, b"x", &mut pieces), Err(TooManyGaps));
    assert_eq!(assembler.insert(0, b"x", &mut pieces), Ok(1), "what closes a gap is always taken");
    assert_eq!(assembler.contiguous(), 2);
}

#[test]
fn a_piece_that_touches_the_end_of_another_becomes_part_of_it() {
    let (mut assembler, mut pieces) = (Assembler::default(), Pieces::new(WINDOW));
    for offset in 1..5000 {
        assert_eq!(assembler.insert(offset, b"x", &mut pieces), Ok(1));
    }
    assert_eq!(pieces.held(), 1);
    assert_eq!(assembler.insert(5001, b"xyz", &mut pieces), Ok(3));
    assert_eq!(assembler.insert(4998, b"xxyxyzz", &mut pieces), Ok(2), "the byte between and the one behind");
    assert_eq!((assembler.insert(0, b"x", &mut pieces), pieces.held()), (Ok(1), 0));
    assert_eq!(assembler.contiguous(), 5005);
}

#[test]
fn pieces_in_any_order_add_up_to_the_whole() {
    let mut rng = Rng::from_seed([7; 32]);
    for _ in 0..200 {
        let whole: Vec<u8> = (0..500).map(|_| rng.bytes::<1>()[0]).collect();
        let (mut assembler, mut pieces) = (Assembler::default(), Pieces::new(WINDOW));
        let (mut new, mut read) = (0, Vec::new());
        while new < 500 {
            let from = usize::try_from(rng.below(500)).expect("small");
            let to = (from + 1 + usize::try_from(rng.below(60)).expect("small")).min(500);
            new += assembler.insert(to_u64(from), &whole[from..to], &mut pieces).expect("few gaps");
            if rng.below(4) == 0 {
                read.extend(drain(&mut assembler));
            }
        }
        read.extend(drain(&mut assembler));
        assert_eq!((read, pieces.held()), (whole, 0));
    }
}

#[test]
fn what_was_read_holds_no_memory() {
    let (mut assembler, mut pieces) = (Assembler::default(), Pieces::new(WINDOW));
    let many = vec![7; 1 << 20];
    assert_eq!(assembler.insert(1, &many, &mut pieces), Ok(1 << 20));
    assert_eq!(assembler.insert(0, b"x", &mut pieces), Ok(1));
    let mut most = vec![0; 1 << 20];
    assert_eq!(assembler.read(&mut most), 1 << 20);
    assert_eq!(assembler.readable(), 1);
    assert!(assembler.ready.capacity() <= 64 << 10, "{} for one byte", assembler.ready.capacity());
}

#[test]
fn a_message_holds_little_more_than_its_bytes() {
    let (mut assembler, mut pieces) = (Assembler::default(), Pieces::new(WINDOW));
    for offset in 0..1025 {
        assert_eq!(assembler.insert(1024 * offset, &[7; 1024], &mut pieces), Ok(1024));
    }
    let bytes = assembler.into_bytes();
    assert_eq!(bytes.len(), 1025 * 1024);
    assert!(bytes.capacity() <= bytes.len() + bytes.len() / 8, "{}", bytes.capacity());
}
