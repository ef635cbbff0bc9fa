//! All observers of a world in one hand, and the trace they share.

use crate::check::abuse::{Abuse, Work};
use crate::check::bounds::{Gauge, Gauges};
use crate::check::close::Closes;
use crate::check::crypto::Ledger;
use crate::check::delivery::{Accepted, Deliveries, Name, Outcome, Taken};
use crate::check::drain::Drains;
use crate::check::link::{Links, pair};
use crate::check::liveness::Liveness;
use crate::check::mark::Marks;
use crate::check::room::Tables;
use crate::check::stream::{Reading, Streams};
use crate::check::{Findings, Process, Sight};
use crate::clock::Micros;
use crate::subject::{End, Event};
use crate::trace::{Lines, Trace};
use std::collections::BTreeMap;

/// What is written down about a world while it runs.
pub(crate) struct Observer {
    pub(crate) findings: Findings,
    pub(crate) deliveries: Deliveries,
    pub(crate) streams: Streams,
    pub(crate) links: Links,
    pub(crate) closes: Closes,
    drains: Drains,
    pub(crate) ledger: Ledger,
    pub(crate) abuse: Abuse,
    pub(crate) gauges: Gauges,
    pub(crate) liveness: Liveness,
    pub(crate) marks: Marks,
    pub(crate) tables: Tables,
    pub(crate) trace: Trace,
    /// Until when each process may keep silent towards a peer that refused it.
    pub(crate) refused: BTreeMap<(u32, usize), Micros>,
    /// How many packets met no connection any more, by the machines of receiver and sender. Copies do not count.
    pub(crate) strays: BTreeMap<(usize, usize), u64>,
    /// How many packets came a second time, by the same.
    pub(crate) copies: BTreeMap<(usize, usize), u64>,
}

impl Observer {
    /// Observers that have seen nothing yet, with an empty ledger of keys. `small` is the identity that has little room
    /// for links, if one has.
    pub(crate) fn new(ledger: Ledger, small: Option<usize>, lines: Option<Lines>) -> Self {
        Self {
            findings: Findings::default(),
            deliveries: Deliveries::default(),
            streams: Streams::default(),
            links: Links::default(),
            closes: Closes::default(),
            drains: Drains::default(),
            ledger,
            abuse: Abuse::default(),
            gauges: Gauges::default(),
            liveness: Liveness::default(),
            marks: Marks::default(),
            tables: Tables::of(small),
            trace: Trace::new(lines),
            refused: BTreeMap::new(),
            strays: BTreeMap::new(),
            copies: BTreeMap::new(),
        }
    }

    /// An endpoint told its driver something. `peer` is the identity it concerns.
    pub(crate) fn on_event(&mut self, at: Micros, process: Process, peer: Option<usize>, event: &Event) {
        let machines = (process.machine, peer.unwrap_or(process.machine));
        let text = format!("{event:?}");
        self.trace.note(at, machines, text.as_bytes(), || format!("[{}] {}", process.number, shorten(&text)));
        match (event, peer) {
            (Event::State { from, to, cause, .. }, Some(peer)) => {
                let step = (*from, *to);
                self.links.on_state(at, process, peer, step, &format!("{cause:?}"), &mut self.findings);
            }
            (Event::DuplicateIdentity { .. }, Some(peer)) => {
                self.marks.pass("duplicate identity told");
                self.links.on_duplicate(at, process, peer, &mut self.findings);
                self.refused.insert((process.number, peer), at + 60_000_000);
            }
            (Event::Refused { retry_after, .. }, Some(peer)) => {
                let until = at.saturating_add(retry_after.as_micros() as u64 + 30_000_000);
                self.refused.insert((process.number, peer), until);
            }
            _ => {}
        }
    }

    /// A process has handled a datagram, a message 1 with this mac1 if there is one and it is right.
    pub(crate) fn on_handled(
        &mut self,
        at: Micros,
        process: Process,
        message: Option<[u8; 16]>,
        work: [Work; 2],
    ) {
        if self.abuse.check_work(at, process, message, work, &mut self.findings) {
            self.marks.pass("message 1 repeated to a slot");
        }
    }

    /// A packet that its sender sent met no connection.
    pub(crate) fn on_stray(&mut self, receiver: usize, sender: usize) {
        *self.strays.entry((receiver, sender)).or_default() += 1;
    }

    /// A packet came that the network made a second one of.
    pub(crate) fn on_copy(&mut self, receiver: usize, sender: usize) {
        *self.copies.entry((receiver, sender)).or_default() += 1;
    }

    /// A process has computed so many handshakes as their responder.
    pub(crate) fn check_computed(&mut self, at: Micros, process: Process, computed: u64) {
        self.abuse.check_computed(at, process, computed, &mut self.findings);
    }

    /// An endpoint accepted a message.
    pub(crate) fn on_accepted(&mut self, accepted: Accepted, id: u64) {
        let (at, name, len) = (accepted.at, accepted.name, accepted.len);
        let machines = (accepted.sender.machine, name.to);
        self.trace.note(at, machines, &[name.place as u8, name.channel as u8, len as u8], || {
            format!(
                "[{}] accepts {}/{} for {} as {id}, {len} bytes",
                name.process, name.channel, name.place, name.to
            )
        });
        self.deliveries.on_accepted(accepted, id, &mut self.findings);
    }

    /// An endpoint told what became of a message, while `session` is the one of the link.
    pub(crate) fn on_verdict(
        &mut self,
        at: Micros,
        process: Process,
        to: usize,
        id: u64,
        (outcome, session): (Outcome, u64),
    ) {
        self.deliveries.on_verdict(at, process, to, id, (outcome, session), &mut self.findings);
    }

    /// An application read a message.
    pub(crate) fn on_taken(&mut self, at: Micros, taken: &Taken<'_>) -> Option<Name> {
        let machines = (taken.receiver.machine, taken.peer);
        let carried_on = self.deliveries.carried_on;
        let name = self.deliveries.on_taken(at, taken, &mut self.findings);
        if self.deliveries.carried_on > carried_on {
            self.marks.pass("read on over another connection");
        }
        let what = [taken.channel as u8, taken.body.len() as u8, u8::from(taken.flagged)];
        self.trace.note(at, machines, &what, || match name {
            Some(name) => format!(
                "[{}] reads {}/{} of process {}{}",
                taken.receiver.number,
                name.channel,
                name.place,
                name.process,
                if taken.flagged { ", possibly a duplicate" } else { "" }
            ),
            None => format!("[{}] reads something strange", taken.receiver.number),
        });
        if taken.flagged {
            self.marks.pass("possible duplicate read");
        }
        name
    }

    /// An application read that a session begins.
    pub(crate) fn on_started(&mut self, at: Micros, process: Process, peer: usize) {
        self.trace.note(at, (process.machine, peer), b"started", || {
            format!("[{}] reads that a session with {peer} begins", process.number)
        });
        self.marks.pass("session began");
        self.tables.on_started(process.identity, peer);
        self.deliveries.on_started(at, process, peer, &mut self.findings);
    }

    /// An application read that a session is over.
    pub(crate) fn on_ended(&mut self, at: Micros, process: Process, peer: usize, end: End) {
        self.trace.note(at, (process.machine, peer), end.name().as_bytes(), || {
            format!("[{}] reads that its session with {peer} is over: {end:?}", process.number)
        });
        self.marks.pass(&format!("session ended: {}", end.name()));
        self.deliveries.on_end_known(process, peer);
        self.deliveries.on_ended(at, process, peer, &mut self.findings);
        let crowded = self.tables.watches(peer);
        self.links.on_ended(at, process, peer, end, crowded, &mut self.findings);
        self.closes.on_ended(at, process, peer, end, &mut self.findings);
    }

    /// A process has forgotten its link with `peer` to make room for another.
    pub(crate) fn on_forgotten(&mut self, at: Micros, process: Process, peer: usize) {
        self.trace.note(at, (process.machine, peer), b"forgotten", || {
            format!("[{}] has forgotten {peer}", process.number)
        });
        let in_session = self.deliveries.on_forgotten(at, process, peer, &mut self.findings);
        if in_session {
            self.marks.pass("session forgotten to make room");
            self.tables.on_forgotten(process.identity, peer);
        }
        self.links.on_forgotten(process, peer, in_session);
        self.liveness.on_forgotten(at, pair(process.identity, peer));
        self.closes.on_forgotten(process, peer, in_session);
        self.drains.on_forgotten(process.number, peer);
        self.refused.remove(&(process.number, peer));
    }

    /// Looks at one end of a link with an identity that runs or ran twice; `others` are all its processes.
    pub(crate) fn on_partner(&mut self, sight: &Sight, others: &[Sight]) {
        if self.links.on_partner(sight, others, &mut self.findings) {
            self.marks.pass("changed to another process of the peer");
        }
    }

    /// Looks at what one end of a link holds.
    pub(crate) fn on_view(&mut self, sight: &Sight) {
        self.links.on_view(sight, &mut self.findings);
        self.gauges.on_look(sight.at, sight.machines(), &sight.view.gauges, &mut self.findings);
        self.deliveries.on_view(sight, &mut self.findings);
        if sight.view.connections.len() > 1 {
            self.marks.pass("more than one connection");
        }
    }

    /// Looks at what an endpoint holds besides its links.
    pub(crate) fn on_tables(&mut self, at: Micros, process: Process, gauges: &[Gauge]) {
        self.gauges.on_look(at, (process.machine, process.machine), gauges, &mut self.findings);
    }

    /// Looks for how long one end of a link has waited, whose clock goes.
    pub(crate) fn on_wait(&mut self, sight: &Sight) {
        self.links.on_wait(sight, &mut self.findings);
        self.drains.on_view(sight, &mut self.findings);
        self.closes.on_view(sight, &mut self.findings);
    }

    /// The machine of `process` was not itself for so long: what the process let slip then is no fault of the code.
    pub(crate) fn forgive(&mut self, at: Micros, process: u32, lasted: Micros) {
        self.links.forgive(at, process, lasted);
        self.drains.forgive(at, process, lasted);
        self.closes.forgive(at, process, lasted);
        self.abuse.forgive(process);
    }

    /// An application read bytes of a stream.
    pub(crate) fn on_stream_read(
        &mut self,
        at: Micros,
        machines: (usize, usize),
        reading: &mut Reading,
        bytes: &[u8],
    ) {
        self.trace.note(at, machines, bytes, || format!("reads {} bytes of a stream", bytes.len()));
        self.streams.on_read(at, machines, reading, bytes, &mut self.findings);
    }

    /// An application reached the end of a stream.
    pub(crate) fn on_stream_end(&mut self, at: Micros, machines: (usize, usize), reading: &Reading) {
        self.marks.pass("stream read to its end");
        self.streams.on_end(at, machines, reading, &mut self.findings);
    }
}

/// The first part of a long line.
fn shorten(text: &str) -> String {
    text.chars().take(160).collect()
}
