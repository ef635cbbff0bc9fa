//! Streams: what is read is a prefix of what was written, and an end is never made up (D6).
//!
//! A stream begins with its own number; every byte after that follows from the number and its
//! position.

use super::Findings;
use crate::clock::Micros;
use crate::dice::mix;
use std::collections::BTreeMap;

/// How many bytes name a stream.
const HEAD: u64 = 8;

/// What the writer has done so far.
#[derive(Debug, Default)]
struct Written {
    bytes: u64,
    finished: bool,
    reset: bool,
}

/// What a reader has seen of a stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    head: Vec<u8>,
    /// How many bytes were read.
    pub(crate) bytes: u64,
}

/// The books on every stream of a run.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    written: BTreeMap<u64, Written>,
    /// Streams read to their end.
    pub(crate) ended: u64,
    /// Bytes read in all.
    pub(crate) read: u64,
}

/// Bytes `from..from + len` of the stream that is called `number`.
pub(crate) fn bytes_of(number: u64, from: u64, len: usize) -> Vec<u8> {
    (from..from + len as u64).map(|at| byte_of(number, at)).collect()
}

fn byte_of(number: u64, at: u64) -> u8 {
    if at < HEAD { number.to_le_bytes()[at as usize] } else { mix(number ^ (at << 20)) as u8 }
}

impl Streams {
    /// A name for a new stream.
    pub(crate) fn name(&mut self) -> u64 {
        let number = self.written.len() as u64 + 1;
        self.written.insert(number, Written::default());
        number
    }

    /// The writer wrote so many bytes more.
    pub(crate) fn on_written(&mut self, number: u64, bytes: u64) {
        self.written.entry(number).or_default().bytes += bytes;
    }

    /// The writer said that this was all.
    pub(crate) fn on_finished(&mut self, number: u64) {
        self.written.entry(number).or_default().finished = true;
    }

    /// The writer gave up.
    pub(crate) fn on_reset(&mut self, number: u64) {
        self.written.entry(number).or_default().reset = true;
    }

    /// A reader got `bytes`.
    pub(crate) fn on_read(
        &mut self,
        at: Micros,
        machines: (usize, usize),
        reading: &mut Reading,
        bytes: &[u8],
        findings: &mut Findings,
    ) {
        self.read += bytes.len() as u64;
        let mut wrong = false;
        for &byte in bytes {
            if reading.bytes < HEAD {
                reading.head.push(byte);
            } else {
                wrong |= byte != byte_of(name(&reading.head), reading.bytes);
            }
            reading.bytes += 1;
        }
        if reading.bytes < HEAD {
            return;
        }
        let number = name(&reading.head);
        let written = self.written.get(&number).map_or(0, |written| written.bytes);
        if wrong || reading.bytes > written {
            let text = format!("stream {number}: {} bytes read of {written}, wrong: {wrong}", reading.bytes);
            findings.complain("D6", at, machines, text);
        }
    }

    /// A reader was told that the stream is at its end.
    pub(crate) fn on_end(
        &mut self,
        at: Micros,
        machines: (usize, usize),
        reading: &Reading,
        findings: &mut Findings,
    ) {
        self.ended += 1;
        let number = name(&reading.head);
        let good = self
            .written
            .get(&number)
            .is_some_and(|written| written.finished && !written.reset && written.bytes == reading.bytes);
        if !good {
            let text =
                format!("stream {number} ended after {} of {:?}", reading.bytes, self.written.get(&number));
            findings.complain("D6", at, machines, text);
        }
    }
}

fn name(head: &[u8]) -> u64 {
    head.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}
