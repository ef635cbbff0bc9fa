//! What was accepted, what came of it, and what the receivers really got: D1 to D5, D8 to D10.
//!
//! Every message names its process, receiver, channel and place, and the rest of its body follows from
//! these, so a body can be checked without being kept. *Place* counts the messages a process
//! accepted for one channel; it has nothing to do with the numbers of the protocol.

use super::{Findings, Process};
use crate::clock::Micros;
use std::collections::BTreeMap;

mod body;
mod look;
mod record;
mod taken;
#[cfg(test)]
mod tests;

pub(crate) use body::body_of;
use record::{Delivery, Record};
pub(crate) use taken::Taken;

/// The shortest body: the name of the message.
pub(crate) const SHORTEST: usize = 16;

/// What a sender's application was told in the end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// It is in the inbox.
    Delivered,
    /// The receiver's application said it is done with it.
    Processed,
    /// It certainly did not arrive.
    NotDelivered(String),
    /// Nobody can know.
    Unknown(String),
}

/// The name of a message.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Name {
    pub(crate) process: u32,
    pub(crate) to: usize,
    pub(crate) channel: u64,
    pub(crate) place: u32,
}

/// One acceptance.
#[derive(Clone, Debug)]
pub(crate) struct Accepted {
    pub(crate) name: Name,
    pub(crate) sender: Process,
    pub(crate) at: Micros,
    pub(crate) len: usize,
    pub(crate) wants_done: bool,
    pub(crate) may_resend: bool,
    /// The session of the link at that moment, counted from 0; the next one, if there was none.
    pub(crate) session: u64,
}

/// What a receiver's application was told of its sessions with one peer.
#[derive(Debug, Default)]
struct Told {
    open: bool,
    session: u32,
    partner: Option<u32>,
    /// The last message of each channel, and how many changes of connection came before it.
    last: BTreeMap<u64, (u32, u32)>,
    ended: u32,
    /// The connection on which the peer's endpoint of the session sends, and how often that was another.
    connection: Option<(u64, u64, bool)>,
    changes: u32,
}

/// A message that was passed over, and which invariant that breaks unless its verdict says why.
#[derive(Clone, Copy, Debug)]
struct Gap {
    at: Micros,
    record: usize,
    receiver: usize,
    invariant: &'static str,
}

/// The books on every message of a run.
#[derive(Debug, Default)]
pub(crate) struct Deliveries {
    records: Vec<Record>,
    by_name: BTreeMap<Name, usize>,
    by_id: BTreeMap<(u32, usize, u64), usize>,
    told: BTreeMap<(u32, usize), Told>,
    gaps: Vec<Gap>,
    /// Sessions that a process was told have ended, by (process, peer).
    ended: BTreeMap<(u32, usize), u32>,
    /// Bytes of packets that a process has sent to a peer, by (process, receiver).
    wired: BTreeMap<(u32, usize), u64>,
    /// Messages without a verdict, by (process, receiver).
    open: BTreeMap<(u32, usize), u64>,
    /// Messages that reached an application.
    pub(crate) delivered: u64,
    /// Messages that followed one of their session and channel which was read before another connection took over.
    pub(crate) carried_on: u64,
}

impl Deliveries {
    /// An endpoint took a message and named it `id`.
    pub(crate) fn on_accepted(&mut self, accepted: Accepted, id: u64, findings: &mut Findings) {
        let index = self.records.len();
        let (name, sender) = (accepted.name, accepted.sender);
        if self.by_id.insert((name.process, name.to, id), index).is_some() {
            let text = format!("the name {id} was given to a second message, {name:?}");
            findings.complain("D2", accepted.at, (sender.machine, name.to), text);
        }
        self.by_name.insert(name, index);
        *self.open.entry((name.process, name.to)).or_default() += 1;
        let wired = self.wired.get(&(name.process, name.to)).copied().unwrap_or_default();
        self.records.push(Record {
            accepted,
            wired,
            verdict: None,
            deliveries: Vec::new(),
            done: None,
            gone: false,
        });
    }

    /// A process sent a packet of `len` bytes to `peer`.
    pub(crate) fn on_packet(&mut self, process: u32, peer: usize, len: usize) {
        *self.wired.entry((process, peer)).or_default() += len as u64;
    }

    /// An endpoint said what became of the message it had named `id`, while `session` is the one of the link.
    pub(crate) fn on_verdict(
        &mut self,
        at: Micros,
        sender: Process,
        to: usize,
        id: u64,
        (outcome, session): (Outcome, u64),
        findings: &mut Findings,
    ) {
        let machines = (sender.machine, to);
        let wired = self.wired.get(&(sender.number, to)).copied().unwrap_or_default();
        let Some(&index) = self.by_id.get(&(sender.number, to, id)) else {
            let text = format!("{outcome:?} about {id}, which was never accepted");
            return findings.complain("D2", at, machines, text);
        };
        let record = &mut self.records[index];
        if let Some((when, first)) = &record.verdict {
            let text = format!("{:?}: {outcome:?} after {first:?} at {when}", record.accepted.name);
            return findings.complain("D2", at, machines, text);
        }
        record.check_verdict(at, machines, &outcome, findings);
        record.check_doubt(at, &outcome, session, wired, findings);
        record.verdict = Some((at, outcome));
        if let Some(open) = self.open.get_mut(&(sender.number, to)) {
            *open = open.saturating_sub(1);
        }
    }

    /// An application was told that a session has begun.
    pub(crate) fn on_started(&mut self, at: Micros, who: Process, peer: usize, findings: &mut Findings) {
        let told = self.told.entry((who.number, peer)).or_default();
        if told.open {
            let text = "a session began before the end of the one before was told".to_owned();
            findings.complain("D9", at, (who.machine, peer), text);
        }
        told.open = true;
        told.session += 1;
        told.partner = None;
        told.last.clear();
        told.connection = None;
        told.changes = 0;
    }

    /// An application was told that a session has ended.
    pub(crate) fn on_ended(&mut self, at: Micros, who: Process, peer: usize, findings: &mut Findings) {
        let told = self.told.entry((who.number, peer)).or_default();
        if !told.open {
            let text = "a session ended whose beginning was never told".to_owned();
            findings.complain("D9", at, (who.machine, peer), text);
        }
        told.open = false;
        told.ended += 1;
    }

    /// An endpoint is known to have ended a session with `peer`, whether or not its application has
    /// read so yet.
    pub(crate) fn on_end_known(&mut self, who: Process, peer: usize) {
        *self.ended.entry((who.number, peer)).or_default() += 1;
    }

    /// An application said that it is done with a message.
    pub(crate) fn on_done(&mut self, at: Micros, name: Name) {
        if let Some(&index) = self.by_name.get(&name) {
            self.records[index].done.get_or_insert(at);
        }
    }

    /// A process is no more; nobody is left to be told its verdicts.
    pub(crate) fn on_death(&mut self, process: u32) {
        self.open.retain(|(owner, _), _| *owner != process);
        for record in self.records.iter_mut().filter(|record| record.accepted.name.process == process) {
            record.gone = true;
        }
    }

    /// How many messages of `process` to `peer` still wait for their verdict.
    pub(crate) fn waiting(&self, process: u32, peer: usize) -> u64 {
        self.open.get(&(process, peer)).copied().unwrap_or_default()
    }

    /// How many messages were accepted.
    pub(crate) fn accepted(&self) -> u64 {
        self.records.len() as u64
    }

    /// The bytes that still wait for a verdict from `process` to `peer`.
    pub(crate) fn backlog(&self, process: u32, peer: usize) -> u64 {
        let mine = self.records.iter().filter(|record| {
            record.verdict.is_none()
                && record.accepted.name.process == process
                && record.accepted.name.to == peer
        });
        mine.map(|record| record.accepted.len as u64 + 64).sum()
    }

    /// What still waits for a verdict from `process` to `peer`, for people.
    pub(crate) fn show_waiting(&self, process: u32, peer: usize) -> String {
        let mut names = self.records.iter().filter(|record| {
            record.verdict.is_none()
                && record.accepted.name.process == process
                && record.accepted.name.to == peer
        });
        let shown: Vec<String> = names.by_ref().take(4).map(Record::show).collect();
        format!("{}{}", shown.join("; "), if names.next().is_some() { "; ..." } else { "" })
    }

    /// How often each outcome was told.
    pub(crate) fn outcomes(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for record in &self.records {
            let name = match &record.verdict {
                None => "none (sender gone)".to_owned(),
                Some((_, outcome)) => format!("{outcome:?}"),
            };
            *counts.entry(name).or_default() += 1;
        }
        counts
    }

    /// The run is over: every verdict is there, and every one is true.
    pub(crate) fn finish(&mut self, at: Micros, findings: &mut Findings) {
        for record in &self.records {
            let pair = (record.accepted.name.process, record.accepted.name.to);
            let ended = self.ended.get(&pair).copied().unwrap_or_default();
            record.check_end(at, ended, findings);
        }
        for &Gap { at: when, record, receiver, invariant } in &self.gaps {
            let record = &self.records[record];
            let excused = match &record.verdict {
                Some((_, Outcome::NotDelivered(_))) => true,
                Some((told, _)) => *told <= when,
                None => false,
            };
            if !excused {
                let text = format!("{} was passed over on its channel", record.show());
                findings.complain(invariant, when, (record.accepted.sender.machine, receiver), text);
            }
        }
    }
}
