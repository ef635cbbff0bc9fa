//! Two processes with one key: nobody treats both as current, nobody is drawn to and fro, and it is told (S8).

use super::{Links, pair};
use crate::check::{Findings, Process, Sight};
use crate::clock::{MILLI, Micros, SECOND};
use crate::subject::LinkState;

/// How long a refusal for a double takes to be heard at most.
const DOUBT: Micros = 20 * SECOND;

/// How far apart two switches between two processes with one key must be (S8), by a clock that may be fast.
const SWITCH: Micros = 30 * SECOND - 30 * MILLI;

/// Within which time somebody has to be told that a key is in use twice (S8).
const NEWS: Micros = 60 * SECOND;

/// Something that should be told: that two processes took turns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Untold {
    since: Micros,
    until: Micros,
    processes: [u32; 2],
}

/// The second process of an identity.
#[derive(Clone, Copy, Debug)]
pub(super) struct Double {
    identity: usize,
    pub(super) process: u32,
    begin: Micros,
    pub(super) end: Micros,
}

impl Links {
    /// An identity runs twice from now on, until `double` dies; much of what holds for one process does not then.
    pub(crate) fn on_clone(&mut self, at: Micros, double: Process) {
        let Process { identity, number: process, .. } = double;
        self.doubles.push(Double { identity, process, begin: at, end: Micros::MAX });
    }

    /// Whether two processes shared this identity then.
    pub(crate) fn is_doubled(&self, identity: usize, at: Micros) -> bool {
        self.doubles.iter().any(|one| one.identity == identity && (one.begin..=one.end).contains(&at))
    }

    /// Whether two processes ever shared this identity.
    pub(crate) fn was_doubled(&self, identity: usize) -> bool {
        self.doubles.iter().any(|one| one.identity == identity)
    }

    /// Whether two processes ever shared an identity of this pair.
    pub(crate) fn is_cloned(&self, one: usize, other: usize) -> bool {
        self.was_doubled(one) || self.was_doubled(other)
    }

    /// Looks whether one end of a link has a session with one process of a doubled identity only, and how often it
    /// changes (S8). `others` are all processes of that identity. Tells whether it has just changed.
    pub(crate) fn on_partner(&mut self, sight: &Sight, others: &[Sight], findings: &mut Findings) -> bool {
        let (at, view) = (sight.at, &sight.view);
        let owns = |other: &&Sight| view.theirs.is_some() && other.view.mine == view.theirs;
        let partner = others.iter().find(owns).map(|other| other.process.number);
        for here in view.connections.iter().filter(|here| here.bound) {
            let has = |other: &&Sight| other.view.connections.iter().any(|there| there.hash == here.hash);
            let far = others.iter().find(has).map(|other| other.process.number);
            if partner.is_some() && far.is_some() && far != partner {
                let text =
                    format!("a session with process {partner:?} on a connection with {far:?}: {here:?}");
                findings.complain("S8", at, sight.machines(), text);
            }
        }
        self.complain_of_silence(sight, findings);
        let seen = self.seen.entry(sight.key()).or_default();
        // A change came at some moment since the last look.
        let looked_before = seen.partner_seen.unwrap_or(at);
        // The first look at a half that is nobody's any more tells nothing of when it came.
        if partner.is_some() || view.theirs.is_none() || view.theirs == seen.partner_half {
            seen.partner_seen = Some(at);
        }
        if partner.is_some() {
            seen.partner_half = view.theirs;
        }
        if view.theirs.is_none() {
            seen.partner = None;
        }
        let Some(partner) = partner else { return false };
        let last = seen.partner.replace(partner);
        if last == Some(partner) {
            return false;
        }
        let before = seen.partners.last().map(|(when, _)| *when);
        let again = seen.partners.iter().any(|(_, one)| *one == partner);
        seen.partners.push((looked_before, partner));
        let (Some(last), Some(when), true) = (last, before, again) else { return last.is_some() };
        if self.dead.contains(&last) {
            return true;
        }
        seen.untold.get_or_insert(Untold { since: when, until: at + NEWS, processes: [last, partner] });
        // Whoever was left may come back as soon as the path to the one that was taken instead is in doubt: that it is
        // a living double, nobody can know then (SPEC 8.2).
        let doubted = seen.state == Some(LinkState::Suspect) || seen.suspected == Some(at);
        if !doubted && at < when + SWITCH {
            let text = format!("back to process {partner} only {} us after leaving it", at - when);
            findings.complain("S8", at, sight.machines(), text);
        }
        true
    }

    /// Whoever came back to a process while its double lives has to have said so within a minute (S8).
    fn complain_of_silence(&mut self, sight: &Sight, findings: &mut Findings) {
        let Some(seen) = self.seen.get_mut(&sight.key()) else { return };
        let Some(untold) = seen.untold else { return };
        let told = self.duplicates.iter().any(|(when, one, other)| {
            *when >= untold.since && pair(*one, *other) == pair(sight.process.identity, sight.peer)
        });
        let over = untold.processes.iter().any(|one| self.dead.contains(one));
        let late = sight.at > untold.until;
        if told || over || late {
            seen.untold = None;
        }
        if !told && !over && late {
            let text = format!("nobody was told of two processes with one key: {untold:?}");
            findings.complain("S8", sight.at, sight.machines(), text);
        }
    }

    /// A process was told that its peer runs twice, or that its peer believes this of it. What a dead process left on
    /// the way may look like a second one; but when the living one is refused, there must have been two (S8).
    pub(crate) fn on_duplicate(
        &mut self,
        at: Micros,
        process: Process,
        peer: usize,
        findings: &mut Findings,
    ) {
        let (here, there) = (process.identity, peer);
        let both = self
            .duplicates
            .iter()
            .any(|(when, one, other)| (*one, *other) == (there, here) && at < when + DOUBT);
        if both && !self.is_cloned(here, there) {
            let text = "a process is refused for its double, and there never was one".to_owned();
            findings.complain("S8", at, (process.machine, peer), text);
        }
        self.duplicates.push((at, here, there));
    }
}
