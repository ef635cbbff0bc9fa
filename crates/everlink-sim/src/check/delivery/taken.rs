//! What an application reads: that it was sent so, to it, once, in its order and its session (D1, D4, D5, D10).

use super::body::{is_body_of, read_name};
use super::{Deliveries, Delivery, Gap, Name, Outcome};
use crate::check::{Findings, Process};
use crate::clock::Micros;

/// What a receiver took from its inbox.
pub(crate) struct Taken<'a> {
    pub(crate) receiver: Process,
    pub(crate) peer: usize,
    pub(crate) channel: u64,
    pub(crate) body: &'a [u8],
    pub(crate) flagged: bool,
    pub(crate) wants_done: bool,
    /// Whether the application read it as soon as it could be read.
    pub(crate) prompt: bool,
    /// Whether another process had its key once.
    pub(crate) doubled: bool,
}

impl Deliveries {
    /// An application took a message from its inbox. Tells its name if it is a good one.
    pub(crate) fn on_taken(
        &mut self,
        at: Micros,
        taken: &Taken<'_>,
        findings: &mut Findings,
    ) -> Option<Name> {
        let machines = (taken.receiver.machine, taken.peer);
        let Some(name) = read_name(taken.body) else {
            findings.complain("D1", at, machines, format!("{} bytes that nobody sent", taken.body.len()));
            return None;
        };
        let Some(&index) = self.by_name.get(&name) else {
            findings.complain("D1", at, machines, format!("{name:?} was never accepted"));
            return None;
        };
        self.check_content(at, index, taken, findings);
        self.check_session(at, index, taken, findings);
        self.check_repeats(at, index, taken, findings);
        let told = self.told.entry((taken.receiver.number, taken.peer)).or_default();
        let delivery =
            Delivery { process: taken.receiver.number, session: told.session, at, flagged: taken.flagged };
        let last = told.last.entry(name.channel).or_insert((name.place, told.changes));
        self.carried_on += u64::from(last.1 != told.changes);
        *last = (last.0.max(name.place), told.changes);
        self.records[index].deliveries.push(delivery);
        self.delivered += 1;
        Some(name)
    }

    fn check_content(&self, at: Micros, index: usize, taken: &Taken<'_>, findings: &mut Findings) {
        let record = &self.records[index];
        let (name, machines) = (record.accepted.name, (taken.receiver.machine, taken.peer));
        let right = name.to == taken.receiver.identity
            && record.accepted.sender.identity == taken.peer
            && name.channel == taken.channel
            && record.accepted.len == taken.body.len()
            && record.accepted.wants_done == taken.wants_done
            && is_body_of(name, taken.body);
        if !right {
            let text = format!(
                "{} came as {} bytes on channel {} from {}",
                record.show(),
                taken.body.len(),
                taken.channel,
                taken.peer
            );
            findings.complain("D1", at, machines, text);
        }
    }

    fn check_session(&mut self, at: Micros, index: usize, taken: &Taken<'_>, findings: &mut Findings) {
        let name = self.records[index].accepted.name;
        let machines = (taken.receiver.machine, taken.peer);
        let told = self.told.entry((taken.receiver.number, taken.peer)).or_default();
        if !told.open {
            let when = if told.session == 0 { "before its session began" } else { "after its session ended" };
            findings.complain("D5", at, machines, format!("{name:?} came {when}"));
        }
        let partner = *told.partner.get_or_insert(name.process);
        if partner != name.process {
            let text = format!("{name:?} came in a session with process {partner}");
            findings.complain("D1", at, machines, text);
        }
        let last = told.last.get(&name.channel).copied();
        // Order is D1; that another connection took over in between must not show in it, which is D10.
        let invariant = if last.is_some_and(|(_, changes)| changes != told.changes) { "D10" } else { "D1" };
        if let Some((last, _)) = last
            && name.place <= last
        {
            findings.complain(invariant, at, machines, format!("{name:?} came after place {last}"));
        }
        let first = last.map_or(0, |(last, _)| last + 1);
        self.note_gaps(at, first, name, taken.receiver.machine, invariant);
    }

    /// Whatever precedes `name` on its channel and is nowhere must be accounted for by its verdict.
    fn note_gaps(&mut self, at: Micros, first: u32, name: Name, receiver: usize, invariant: &'static str) {
        for place in (first..name.place).rev() {
            let Some(&index) = self.by_name.get(&Name { place, ..name }) else { break };
            let record = &self.records[index];
            if !record.deliveries.is_empty() {
                break; // and everything before it was looked at when it came
            }
            if record.verdict.is_none() || matches!(record.verdict, Some((_, Outcome::Unknown(_)))) {
                self.gaps.push(Gap { at, record: index, receiver, invariant });
            }
        }
    }

    fn check_repeats(&self, at: Micros, index: usize, taken: &Taken<'_>, findings: &mut Findings) {
        let record = &self.records[index];
        let machines = (taken.receiver.machine, taken.peer);
        if taken.flagged && !record.accepted.may_resend {
            let text = format!("{} is called a possible duplicate but may not be sent twice", record.show());
            findings.complain("D4", at, machines, text);
        }
        if let Some((told, Outcome::Delivered)) = record.verdict
            && taken.prompt
            && told < at
            && record.deliveries.is_empty()
        {
            let text = format!("{}: Delivered was told at {told}, before it came", record.show());
            findings.complain("D3", at, machines, text);
        }
        let Some(before) = record.deliveries.last() else { return };
        let unflagged =
            record.deliveries.iter().filter(|one| !one.flagged).count() + usize::from(!taken.flagged);
        // The one without the flag was sent first. It may be read last only where another process has it: one that
        // did not look into its inbox in time, or a copy that nobody can keep a late packet from.
        let elsewhere = record.deliveries.iter().all(|one| one.process != taken.receiver.number);
        let overtaken = elsewhere && (!taken.prompt || taken.doubled);
        if unflagged > 1 || !record.accepted.may_resend || !(taken.flagged || overtaken) {
            let text = format!(
                "{} was delivered before, to process {} in its session {} at {} us",
                record.show(),
                before.process,
                before.session,
                before.at
            );
            findings.complain("D4", at, machines, text);
        }
    }
}
