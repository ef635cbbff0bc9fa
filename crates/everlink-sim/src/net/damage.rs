//! What a bad cable, a broken middlebox or a hostile hand makes of a datagram.

use crate::dice::Dice;

/// The longest datagram the damage may produce; longer than any that is valid.
const LONGEST: u64 = 1_500;

/// A damaged copy of `datagram`, always different from it. `other` is another datagram, for splices.
pub(crate) fn damaged(datagram: &[u8], other: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = datagram.to_vec();
    match dice.below(8) {
        0 if bytes.len() > 1 => bytes.truncate(dice.below(bytes.len() as u64) as usize),
        1 => extend(&mut bytes, dice),
        2 if bytes.len() > 1 && !other.is_empty() => splice(&mut bytes, other, dice),
        _ => flip(&mut bytes, dice),
    }
    // A splice from the first byte on is the other datagram, and that one is genuine.
    if bytes == datagram || bytes == other {
        flip_one(&mut bytes, 0);
    }
    bytes
}

/// A datagram that nobody sealed: noise, or noise in the dress of some kind.
pub(crate) fn junk(dice: &mut Dice) -> Vec<u8> {
    let mut bytes: Vec<u8> = Vec::new();
    let len = match dice.below(4) {
        0 => 1_200,
        1 => dice.below(40),
        _ => dice.below(LONGEST),
    };
    bytes.extend((0..len).map(|_| dice.next() as u8));
    if let Some(first) = bytes.first_mut() {
        *first = match dice.below(8) {
            0..=2 => 0x80 | (*first & 0x1f),
            3..=4 => 1,
            5 => 2 + (*first & 3),
            _ => *first,
        };
    }
    if dice.coin() && bytes.len() > 3 {
        bytes[1..4].copy_from_slice(&[1, 0, 0]);
    }
    bytes
}

/// A first message full of noise.
pub(crate) fn first_message(dice: &mut Dice) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..1_200).map(|_| dice.next() as u8).collect();
    bytes[..4].copy_from_slice(&[1, 1, 0, 0]);
    bytes
}

fn extend(bytes: &mut Vec<u8>, dice: &mut Dice) {
    let more = dice.between(1, LONGEST.saturating_sub(bytes.len() as u64).clamp(1, 64));
    bytes.extend((0..more).map(|_| dice.next() as u8));
}

fn splice(bytes: &mut [u8], other: &[u8], dice: &mut Dice) {
    let from = dice.below(bytes.len() as u64) as usize;
    for (byte, theirs) in bytes.iter_mut().zip(other).skip(from) {
        *byte = *theirs;
    }
}

fn flip(bytes: &mut [u8], dice: &mut Dice) {
    for _ in 0..dice.between(1, 64) {
        let bit = dice.below(bytes.len() as u64 * 8) as usize;
        flip_one(bytes, bit);
    }
}

fn flip_one(bytes: &mut [u8], bit: usize) {
    if let Some(byte) = bytes.get_mut(bit / 8) {
        *byte ^= 1 << (bit % 8);
    }
}
