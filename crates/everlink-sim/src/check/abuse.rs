//! What strangers can make an endpoint do: answer a little, and nothing else (A1, A3, A4, S5).

use super::{Findings, Process};
use crate::clock::Micros;
use crate::net::fabric::{Origin, is_stranger};
use crate::net::rule::Kind;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

/// The length of UNKNOWN (SPEC 4.6).
const UNKNOWN_LEN: usize = 28;

/// UNKNOWN sent at once, and in a second (SPEC 4.6), in millionths.
const UNKNOWN_BURST: u64 = 20_000_000;
const UNKNOWN_RATE: u64 = 10;

/// How many UNKNOWN a process may still send, in millionths, and when that was so.
#[derive(Clone, Copy, Debug)]
struct Budget {
    left: u64,
    at: Micros,
}

/// The mac1 of a message 1, which no other has.
type Mac = [u8; 16];

/// The account of one stranger's address with one process.
#[derive(Clone, Copy, Debug, Default)]
struct Account {
    received: u64,
    sent: u64,
    /// Datagrams that cannot have been authenticated, less the answers to them.
    unanswered: u64,
    longest: usize,
    only_junk: bool,
}

/// What a process has done for message 1s: the handshakes that it has computed, and the slots that it holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
    pub(crate) computed: u64,
    pub(crate) slots: u64,
}

/// The message 1s for which a process certainly holds a slot, by mac1. It fills none without computing, so as long as
/// their number does not change but by what was computed, all of them are held.
#[derive(Debug, Default)]
struct Held {
    messages: BTreeSet<Mac>,
    slots: u64,
    /// Handshakes computed, summed over datagrams.
    computed: u64,
}

/// The accounts of all strangers.
#[derive(Debug, Default)]
pub(crate) struct Abuse {
    accounts: BTreeMap<(u32, SocketAddr), Account>,
    held: BTreeMap<u32, Held>,
    budgets: BTreeMap<u32, Budget>,
    /// Datagrams from strangers.
    pub(crate) offered: u64,
    /// Answers to strangers.
    pub(crate) answered: u64,
}

impl Abuse {
    /// A process is about to handle a datagram.
    pub(crate) fn on_received(
        &mut self,
        process: Process,
        from: SocketAddr,
        len: usize,
        kind: Kind,
        origin: Origin,
    ) {
        if !is_stranger(from) {
            return;
        }
        self.offered += 1;
        let account = self.accounts.entry((process.number, from)).or_default();
        account.only_junk = (account.received == 0 || account.only_junk) && origin == Origin::Junk;
        account.received += len as u64;
        account.longest = account.longest.max(len);
        // A short packet that a stranger copied may be authentic, and is then more than one datagram's worth.
        let authentic = kind == Kind::Short && origin != Origin::Junk;
        account.unanswered += if authentic { len as u64 / UNKNOWN_LEN as u64 } else { 1 };
    }

    /// The clock of `process` did something else than go.
    pub(crate) fn forgive(&mut self, process: u32) {
        self.budgets.remove(&process);
    }

    fn spend(&mut self, at: Micros, process: u32) -> bool {
        let full = Budget { left: UNKNOWN_BURST, at };
        let budget = self.budgets.entry(process).or_insert(full);
        // A clock that is fast by a few hundred parts in a million earns a little more.
        let earned = (at - budget.at) * UNKNOWN_RATE * 1_001 / 1_000;
        *budget = Budget { left: (budget.left + earned).min(UNKNOWN_BURST), at };
        let affordable = budget.left >= 1_000_000;
        budget.left = budget.left.saturating_sub(1_000_000);
        affordable
    }

    /// A process has handled a datagram, which was a message 1 with this mac1 if there is one, and that is right: it
    /// may have computed one handshake for that, unless it holds the answer, and none for anything else (A4). Tells
    /// whether it certainly held the answer.
    pub(crate) fn check_work(
        &mut self,
        at: Micros,
        process: Process,
        message: Option<Mac>,
        [before, after]: [Work; 2],
        findings: &mut Findings,
    ) -> bool {
        let held = self.held.entry(process.number).or_default();
        if before.slots != held.slots {
            held.messages.clear();
        }
        let repeated = message.is_some_and(|message| held.messages.contains(&message));
        let most = u64::from(message.is_some() && !repeated);
        let computed = after.computed - before.computed;
        if computed > most {
            let text = format!("{computed} handshakes computed for one datagram, not {most}: {message:?}");
            findings.complain("A4", at, (process.machine, process.machine), text);
        }
        if let Some(message) = message.filter(|_| computed == 1 && after.slots == before.slots + 1) {
            held.messages.insert(message);
        } else if computed > 0 || after.slots != before.slots {
            held.messages.clear();
        }
        held.slots = after.slots;
        held.computed += computed;
        repeated
    }

    /// A process has computed so many handshakes as their responder in all: none but for datagrams (A4).
    pub(crate) fn check_computed(
        &self,
        at: Micros,
        process: Process,
        computed: u64,
        findings: &mut Findings,
    ) {
        let explained = self.held.get(&process.number).map_or(0, |held| held.computed);
        if computed > explained {
            let text = format!("{computed} handshakes computed, of which {explained} for datagrams");
            findings.complain("A4", at, (process.machine, process.machine), text);
        }
    }

    /// A process sent a datagram.
    pub(crate) fn on_sent(
        &mut self,
        at: Micros,
        process: Process,
        to: SocketAddr,
        bytes: &[u8],
        findings: &mut Findings,
    ) {
        let machines = (process.machine, process.machine);
        let kind = Kind::of(bytes);
        if kind == Kind::Unknown && !self.spend(at, process.number) {
            findings.complain("A4", at, machines, "UNKNOWN beyond its budget".to_owned());
        }
        if !is_stranger(to) {
            return;
        }
        self.answered += 1;
        let account = self.accounts.entry((process.number, to)).or_default();
        account.sent += bytes.len() as u64;
        if account.sent > account.received {
            let text = format!("{kind:?}: {} bytes to {to} for {} received", account.sent, account.received);
            findings.complain("A1", at, machines, text);
        }
        if account.unanswered == 0 || bytes.len() > account.longest {
            let text = format!("{kind:?} of {} bytes to {to}, which asked for none such", bytes.len());
            findings.complain("A3", at, machines, text);
        }
        account.unanswered = account.unanswered.saturating_sub(1);
        if account.only_junk && (kind != Kind::Unknown || bytes.len() != UNKNOWN_LEN) {
            findings.complain(
                "A4",
                at,
                machines,
                format!("{kind:?} of {} bytes in answer to junk", bytes.len()),
            );
        }
    }
}

/// Complains if a datagram that cannot be authentic has changed what an endpoint holds.
pub(crate) fn check_digest(
    at: Micros,
    process: Process,
    origin: Origin,
    digests: (&str, &str),
    findings: &mut Findings,
) {
    if digests.0 != digests.1 {
        let text = format!("a {origin:?} datagram changed\n  {}\ninto\n  {}", digests.0, digests.1);
        findings.complain("S5", at, (process.machine, process.machine), text);
    }
}

/// Complains if a datagram that cannot be authentic made an endpoint send more than an answer to it (A3).
pub(crate) fn check_answers(
    at: Micros,
    process: Process,
    origin: Origin,
    (sent, most): (u64, u64),
    findings: &mut Findings,
) {
    if sent > most {
        let text = format!("{sent} datagrams sent because of one that is {origin:?}, not {most}");
        findings.complain("A3", at, (process.machine, process.machine), text);
    }
}

#[cfg(test)]
mod tests;
