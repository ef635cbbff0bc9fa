//! What happened, in order: always as one hash, on request as lines to read.
//!
//! A run is made without lines, since most runs end well. A run that does not is made again with
//! them: the same seed gives the same trace, so nothing is lost by not having looked.

use crate::clock::{Micros, SECOND};
use crate::dice::{mix, mix_bytes};
use std::cell::RefCell;
use std::rc::Rc;

/// One thing that happened, and to which machines.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) at: Micros,
    pub(crate) machines: (usize, usize),
    pub(crate) text: String,
}

/// Lines shared with whoever started the run, so that they survive a panic inside it.
pub(crate) type Lines = Rc<RefCell<Vec<Line>>>;

/// The record of one run.
#[derive(Debug)]
pub(crate) struct Trace {
    hash: u64,
    lines: Option<Lines>,
}

impl Trace {
    /// An empty trace, which keeps lines only if there is somewhere to keep them.
    pub(crate) fn new(lines: Option<Lines>) -> Self {
        Self { hash: 0, lines }
    }

    /// The hash of everything noted so far.
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    /// Notes that something happened between two machines (or to one, named twice). `what` must
    /// tell apart whatever the line tells apart.
    pub(crate) fn note(
        &mut self,
        at: Micros,
        machines: (usize, usize),
        what: &[u8],
        text: impl FnOnce() -> String,
    ) {
        let head = mix(self.hash ^ at) ^ ((machines.0 as u64) << 32 | machines.1 as u64);
        self.hash = mix_bytes(head, what);
        if let Some(lines) = &self.lines {
            lines.borrow_mut().push(Line { at, machines, text: text() });
        }
    }

    /// Notes what needs no hash of its own, since it follows from what was noted.
    pub(crate) fn remark(&self, at: Micros, machines: (usize, usize), text: impl FnOnce() -> String) {
        if let Some(lines) = &self.lines {
            lines.borrow_mut().push(Line { at, machines, text: text() });
        }
    }
}

/// World time as people read it.
pub(crate) fn show_time(at: Micros) -> String {
    format!("{:>6}.{:06}", at / SECOND, at % SECOND)
}

impl Line {
    /// The line as `replay` prints it.
    pub(crate) fn show(&self) -> String {
        format!("{} {}", show_time(self.at), self.text)
    }
}
