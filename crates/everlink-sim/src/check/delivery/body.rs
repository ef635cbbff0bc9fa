//! Bodies of messages: each begins with the name of its message, and the rest follows from it.

use super::{Name, SHORTEST};
use crate::dice::mix;

/// The body of a message of `len` bytes, which is at least [`SHORTEST`].
pub(crate) fn body_of(name: Name, len: usize) -> Vec<u8> {
    let mut body = Vec::with_capacity(len + 8);
    body.extend(name.process.to_le_bytes());
    body.extend((name.to as u16).to_le_bytes());
    body.extend((name.channel as u16).to_le_bytes());
    body.extend(name.place.to_le_bytes());
    body.extend((len as u32).to_le_bytes());
    let mut word = seed_of(name);
    while body.len() < len {
        word = word.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        body.extend(word.to_le_bytes());
    }
    body.truncate(len);
    body
}

fn seed_of(name: Name) -> u64 {
    mix(mix(u64::from(name.process) << 32 | u64::from(name.place)) ^ name.channel << 16 ^ name.to as u64)
}

pub(super) fn read_name(body: &[u8]) -> Option<Name> {
    let number = |at: usize, len: usize| {
        body.get(at..at + len)
            .map(|bytes| bytes.iter().rev().fold(0_u64, |n, byte| n << 8 | u64::from(*byte)))
    };
    Some(Name {
        process: number(0, 4)? as u32,
        to: number(4, 2)? as usize,
        channel: number(6, 2)?,
        place: number(8, 4)? as u32,
    })
}

pub(super) fn is_body_of(name: Name, body: &[u8]) -> bool {
    body == body_of(name, body.len().max(SHORTEST))
}
