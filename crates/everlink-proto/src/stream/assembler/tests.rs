use super::*;
use crate::rng::Rng;

fn drain(assembler: &mut Assembler) -> Vec<u8> {
    let mut bytes = vec![0; assembler.readable()];
    assert_eq!(assembler.read(&mut bytes), bytes.len());
    bytes
}

#[test]
fn bytes_in_order_are_readable_at_once() {
    let mut assembler = Assembler::default();
    assert_eq!(assembler.insert(0, b"abc"), Ok(3));
    assert_eq!(assembler.insert(3, b"de"), Ok(2));
    assert_eq!(drain(&mut assembler), b"abcde");
    assert_eq!(assembler.taken(), 5);
}

#[test]
fn a_gap_holds_back_what_lies_beyond_it() {
    let mut assembler = Assembler::default();
    assert_eq!(assembler.insert(3, b"de"), Ok(2));
    assert_eq!(assembler.readable(), 0);
    assert_eq!(assembler.insert(0, b"abc"), Ok(3));
    assert_eq!(drain(&mut assembler), b"abcde");
}

#[test]
fn overlaps_are_counted_once() {
    let mut assembler = Assembler::default();
    assert_eq!(assembler.insert(4, b"ef"), Ok(2));
    assert_eq!(assembler.insert(2, b"cdefgh"), Ok(4));
    assert_eq!(assembler.insert(0, b"abcdefghi"), Ok(3));
    assert_eq!(assembler.insert(0, b"abc"), Ok(0));
    assert_eq!(drain(&mut assembler), b"abcdefghi");
}

#[test]
fn too_many_gaps_are_refused_and_change_nothing() {
    let mut assembler = Assembler::default();
    for piece in 0..1024 {
        assert_eq!(assembler.insert(2 * piece + 1, b"x"), Ok(1));
    }
    assert_eq!(assembler.insert(5000, b"x"), Err(TooManyGaps));
    assert_eq!(assembler.insert(0, b"x"), Ok(1), "what closes a gap is always taken");
    assert_eq!(assembler.contiguous(), 2);
}

#[test]
fn pieces_in_any_order_add_up_to_the_whole() {
    let mut rng = Rng::from_seed([7; 32]);
    for _ in 0..200 {
        let whole: Vec<u8> = (0..500).map(|_| rng.bytes::<1>()[0]).collect();
        let (mut assembler, mut new, mut read) = (Assembler::default(), 0, Vec::new());
        while new < 500 {
            let from = usize::try_from(rng.below(500)).expect("small");
            let to = (from + 1 + usize::try_from(rng.below(60)).expect("small")).min(500);
            new += assembler.insert(to_u64(from), &whole[from..to]).expect("few gaps");
            if rng.below(4) == 0 {
                read.extend(drain(&mut assembler));
            }
        }
        read.extend(drain(&mut assembler));
        assert_eq!(read, whole);
    }
}
