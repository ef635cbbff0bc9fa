use super::*;
use crate::rng::Rng;

fn encoded(value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    Writer::new(&mut out, 8).varint(value).unwrap();
    out
}

#[test]
fn varints_are_those_of_the_examples_in_rfc_9000() {
    // RFC 9000 A.1
    let examples: [(u64, &[u8]); 4] = [
        (151_288_809_941_952_652, &[0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c]),
        (494_878_333, &[0x9d, 0x7f, 0x3e, 0x7d]),
        (15_293, &[0x7b, 0xbd]),
        (37, &[0x25]),
    ];
    for (value, bytes) in examples {
        assert_eq!(encoded(value), bytes);
        assert_eq!(Reader::new(bytes).varint(), Ok(value));
    }
    assert_eq!(Reader::new(&[0x40, 0x25]).varint(), Err(Malformed::NotShortest));
}

#[test]
fn varints_round_trip_at_every_edge_and_have_the_length_they_say() {
    for value in (0..62).flat_map(|bit| [(1 << bit) - 1, 1 << bit, (1 << bit) + 1]).chain([MAX_VARINT]) {
        let bytes = encoded(value);
        assert_eq!(bytes.len(), varint_len(value));
        let mut reader = Reader::new(&bytes);
        assert_eq!(reader.varint(), Ok(value));
        assert!(reader.is_empty());
    }
}

#[test]
fn longer_forms_of_a_varint_are_refused() {
    for bytes in [&[0x40, 0x3f][..], &[0x80, 0, 0x3f, 0xff], &[0xc0, 0, 0, 0, 0x3f, 0xff, 0xff, 0xff]] {
        assert_eq!(Reader::new(bytes).varint(), Err(Malformed::NotShortest));
    }
}

#[test]
fn a_cut_varint_is_truncated() {
    for value in [0x40, 0x4000, 0x4000_0000] {
        let bytes = encoded(value);
        for len in 0..bytes.len() {
            assert_eq!(Reader::new(&bytes[..len]).varint(), Err(Malformed::Truncated));
        }
    }
}

#[test]
fn a_number_that_no_varint_holds_does_not_fit() {
    let mut out = Vec::new();
    assert_eq!(Writer::new(&mut out, 100).varint(MAX_VARINT + 1), Err(NoRoom));
    assert_eq!(Writer::new(&mut out, 100).varint(u64::MAX), Err(NoRoom));
    assert!(out.is_empty());
}

#[test]
fn a_length_beyond_the_end_is_truncated_however_large() {
    for len in [4, MAX_VARINT, u64::MAX] {
        assert_eq!(Reader::new(&[1, 2, 3]).bytes(len), Err(Malformed::Truncated));
    }
}

#[test]
fn a_writer_never_exceeds_its_limit_and_goes_back_to_its_mark() {
    let mut out = vec![9];
    let mut writer = Writer::new(&mut out, 4);
    assert_eq!(writer.remaining(), 3);
    let mark = writer.mark();
    writer.put(&[1, 2]).unwrap();
    assert_eq!(writer.put(&[3, 4]), Err(NoRoom));
    assert_eq!(writer.written_since(mark), 2);
    writer.truncate(mark);
    let failed = writer.all_or_nothing(|out| out.put(&[1, 2]).and_then(|()| out.put(&[3, 4])));
    assert_eq!(failed, Err(NoRoom));
    assert_eq!(out, [9]);
}

#[test]
fn a_buffer_already_beyond_the_limit_has_no_room() {
    let mut out = vec![0; 10];
    let mut writer = Writer::new(&mut out, 4);
    assert_eq!(writer.remaining(), 0);
    assert_eq!(writer.put(&[1]), Err(NoRoom));
}

#[test]
fn fitting_takes_the_most_that_fits() {
    for room in (0..200).chain(16_300..16_500) {
        for tag_bits in [0, 1, 2] {
            let fits = |len: usize| varint_len((count(len) << tag_bits) | 1) + len <= room;
            let most = (0..=room).rev().find(|len| fits(*len)).unwrap_or(0);
            assert_eq!(fitting(room, usize::MAX, tag_bits), most, "room {room}, bits {tag_bits}");
            assert_eq!(fitting(room, 5, tag_bits), most.min(5));
        }
    }
}

#[test]
fn durations_from_the_wire_are_at_most_a_day() {
    assert_eq!(clamp_millis(MAX_VARINT), 86_400_000);
    assert_eq!(clamp_micros(u64::MAX), 86_400_000_000);
    assert_eq!(clamp_millis(5), 5);
    assert_eq!(clamp_micros(5), 5);
}

#[test]
fn a_reader_accepts_any_bytes() {
    let mut rng = Rng::from_seed([1; 32]);
    for _ in 0..10_000 {
        let bytes = rng.bytes::<24>();
        let mut reader = Reader::new(&bytes[..usize::try_from(rng.below(25)).unwrap()]);
        while !reader.is_empty() {
            let before = reader.remaining();
            match rng.below(5) {
                0 => drop(reader.varint()),
                1 => drop(reader.u32()),
                2 => drop(reader.u64()),
                3 => drop(reader.bytes(rng.below(30))),
                _ => drop(reader.byte()),
            }
            assert!(reader.remaining() <= before);
        }
    }
}
