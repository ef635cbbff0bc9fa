//! One message: what was accepted, what came of it, and whether the verdict about it is true (D2, D3).

use super::{Accepted, Name, Outcome};
use crate::check::Findings;
use crate::clock::Micros;

/// What is known of a message.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) accepted: Accepted,
    /// Bytes of packets that its process had sent to the receiver before.
    pub(super) wired: u64,
    pub(super) verdict: Option<(Micros, Outcome)>,
    pub(super) deliveries: Vec<Delivery>,
    pub(super) done: Option<Micros>,
    pub(super) gone: bool,
}

/// How a message reached an application.
#[derive(Clone, Copy, Debug)]
pub(super) struct Delivery {
    pub(super) process: u32,
    pub(super) session: u32,
    pub(super) at: Micros,
    pub(super) flagged: bool,
}

impl Record {
    pub(super) fn check_verdict(
        &self,
        at: Micros,
        machines: (usize, usize),
        outcome: &Outcome,
        findings: &mut Findings,
    ) {
        match outcome {
            Outcome::Processed if self.done.is_none() => {
                let text = format!("{}: Processed, but nobody is done with it", self.show());
                findings.complain("D3", at, machines, text);
            }
            Outcome::NotDelivered(reason) if !self.deliveries.is_empty() => {
                let text = format!("{}: NotDelivered({reason}), but it was delivered", self.show());
                findings.complain("D3", at, machines, text);
            }
            _ => {}
        }
    }

    /// Nobody can know what became of a message if all of it was on the wire, and a session ended that was there, or
    /// not even begun, when it was accepted (D3).
    pub(super) fn check_doubt(
        &self,
        at: Micros,
        outcome: &Outcome,
        session: u64,
        wired: u64,
        findings: &mut Findings,
    ) {
        let ended = session > self.accepted.session;
        let sent = wired >= self.wired + self.accepted.len as u64;
        let in_doubt = match outcome {
            Outcome::Unknown(_) => true,
            // It is certain that it arrived; whether its receiver was done with it is what nobody can know.
            Outcome::Delivered => self.accepted.wants_done,
            _ => false,
        };
        if in_doubt && !(ended && sent) {
            let text = format!(
                "{}: {outcome:?}; a session ended since: {ended}; as many bytes went out since: {sent}",
                self.show()
            );
            findings.complain("D3", at, (self.accepted.sender.machine, self.accepted.name.to), text);
        }
    }

    pub(super) fn check_end(&self, at: Micros, ended: u32, findings: &mut Findings) {
        let machines = (self.accepted.sender.machine, self.accepted.name.to);
        match &self.verdict {
            None if !self.gone => {
                findings.complain("D2", at, machines, format!("{} has no verdict", self.show()));
            }
            Some((when, outcome @ (Outcome::Delivered | Outcome::Processed)))
                if self.deliveries.is_empty() =>
            {
                let text = format!("{}: {outcome:?}, but it reached no inbox", self.show());
                findings.complain("D3", *when, machines, text);
            }
            Some((when, Outcome::NotDelivered(reason))) if !self.deliveries.is_empty() => {
                let text = format!("{}: NotDelivered({reason}), but it was delivered", self.show());
                findings.complain("D3", *when, machines, text);
            }
            Some((when, Outcome::Unknown(reason))) if ended == 0 => {
                let text = format!("{}: Unknown({reason}), but no session ended", self.show());
                findings.complain("D3", *when, machines, text);
            }
            Some((when, Outcome::Delivered)) if self.accepted.wants_done && ended == 0 => {
                let text = format!("{}: only Delivered, though Processed was asked for", self.show());
                findings.complain("D3", *when, machines, text);
            }
            _ => {}
        }
    }

    pub(super) fn show(&self) -> String {
        let Name { process, to, channel, place } = self.accepted.name;
        format!(
            "message {place} of channel {channel} from process {process} to {to} ({} bytes, accepted {:.3} s)",
            self.accepted.len,
            self.accepted.at as f64 / 1e6
        )
    }
}
