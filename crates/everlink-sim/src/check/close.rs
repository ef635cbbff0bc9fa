//! A close ends a session in time; the peer is told its code, or whoever closed is told that nobody knows (S9).

use super::{Findings, Process, Sight, later};
use crate::clock::{Micros, SECOND};
use crate::subject::End;
use std::collections::{BTreeMap, BTreeSet};

/// How long a session lasts after its close at most (SPEC 6.6): it flushes, lets the application finish, waits for
/// the answer; and a second for the look.
const LONGEST: Micros = (3 + 3 + 3 + 1) * SECOND;

/// A close under way.
#[derive(Clone, Copy, Debug)]
struct Leaving {
    session: u64,
    until: Micros,
}

/// The books on every close.
#[derive(Debug, Default)]
pub(crate) struct Closes {
    /// Who closed towards whom, with which code.
    codes: BTreeSet<(usize, usize, u64)>,
    leaving: BTreeMap<(u32, usize), Leaving>,
    /// Who forgot a link with whom to make room: that is told without a code.
    forgotten: BTreeMap<(usize, usize), u32>,
    /// How often a process was told that the peer knows of its close, and when last.
    confirmed: BTreeMap<(u32, usize), (Process, u32, Micros)>,
    /// How often anybody of an identity was told of a close, by the code, which names the process that gave it.
    heard: BTreeMap<(usize, u64), u32>,
    /// How often processes of an identity ended a session with a peer by closes of their own.
    own: BTreeMap<(usize, usize), u32>,
}

impl Closes {
    /// An application closes its session with `peer`, the one of this number.
    pub(crate) fn on_close(
        &mut self,
        at: Micros,
        process: Process,
        peer: usize,
        code: u64,
        session: Option<u64>,
    ) {
        self.codes.insert((process.identity, peer, code));
        if let Some(session) = session {
            self.leaving.insert((process.number, peer), Leaving { session, until: at + LONGEST });
        }
    }

    /// The application of `process` was told why its session with `peer` ended.
    pub(crate) fn on_ended(
        &mut self,
        at: Micros,
        process: Process,
        peer: usize,
        end: End,
        findings: &mut Findings,
    ) {
        if end == End::ClosedHere {
            let (_, times, last) = self.confirmed.entry((process.number, peer)).or_insert((process, 0, at));
            (*times, *last) = (*times + 1, at);
        }
        if end.is_own() {
            *self.own.entry((process.identity, peer)).or_default() += 1;
        }
        let End::ClosedByPeer(code) = end else { return };
        if let Some(code) = code {
            *self.heard.entry((process.identity, code)).or_default() += 1;
        }
        let forgotten = self.forgotten.get_mut(&(peer, process.identity)).filter(|times| **times > 0);
        if let Some(times) = forgotten.filter(|_| code.is_none()) {
            *times -= 1;
            return;
        }
        if !code.is_some_and(|code| self.codes.contains(&(peer, process.identity, code))) {
            let text = format!("closed by the peer with code {code:?}, which it did not give");
            findings.complain("S9", at, (process.machine, peer), text);
        }
    }

    /// `process` has forgotten its link with `peer` to make room.
    pub(crate) fn on_forgotten(&mut self, process: Process, peer: usize, in_session: bool) {
        *self.forgotten.entry((process.identity, peer)).or_default() += u32::from(in_session);
        self.leaving.remove(&(process.number, peer));
    }

    /// Looks at one end of a link.
    pub(crate) fn on_view(&mut self, sight: &Sight, findings: &mut Findings) {
        let Some(leaving) = self.leaving.get(&sight.key()) else { return };
        let over = sight.view.session != leaving.session;
        let late = sight.at > leaving.until;
        if !over && late {
            let text = format!("a session lasts {} us beyond its close", sight.at - leaving.until);
            findings.complain("S9", sight.at, sight.machines(), text);
        }
        if over || late {
            self.leaving.remove(&sight.key());
        }
    }

    /// Whether a close that `process` began is under way, for as long as that is allowed to take.
    pub(crate) fn is_under_way(&self, at: Micros, process: u32) -> bool {
        self.leaving.range((process, 0)..(process + 1, 0)).any(|(_, leaving)| at <= leaving.until)
    }

    /// All inboxes are read: whoever was told that the peer knows of its close was told the truth. A peer that closed
    /// at the same time has no other word for it than its own.
    pub(crate) fn finish(&self, findings: &mut Findings) {
        for ((number, peer), (process, confirmed, last)) in &self.confirmed {
            let heard = self.heard.get(&(*peer, u64::from(*number))).copied().unwrap_or_default();
            let crossed = self.own.get(&(*peer, process.identity)).copied().unwrap_or_default();
            if *confirmed > heard + crossed {
                let text = format!(
                    "{confirmed} closes confirmed, of which the peer was told of {heard}, and {crossed} of its own"
                );
                findings.complain("S9", *last, (process.machine, *peer), text);
            }
        }
    }

    /// The machine of `process` was not itself for so long.
    pub(crate) fn forgive(&mut self, at: Micros, process: u32, lasted: Micros) {
        for (_, leaving) in self.leaving.range_mut((process, 0)..(process + 1, 0)) {
            leaving.until = later(leaving.until, lasted, at + LONGEST);
        }
    }
}
