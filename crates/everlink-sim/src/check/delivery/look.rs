//! What a look at one end of a link says about its messages: that none is forgotten (D8), and on which connection what is
//! read next comes (D10).

use super::Deliveries;
use crate::check::{Findings, Process, Sight};
use crate::clock::Micros;
use crate::subject::Standing;

impl Deliveries {
    /// Looks at one end of a link: it knows of every message that it accepted and has told no verdict of.
    pub(crate) fn on_view(&mut self, sight: &Sight, findings: &mut Findings) {
        let (owed, known) = (self.waiting(sight.process.number, sight.peer), sight.view.open_messages);
        if owed != known {
            let text = format!(
                "{owed} messages wait for their verdict, and the endpoint knows of {known}: {}",
                self.show_waiting(sight.process.number, sight.peer)
            );
            findings.complain("D8", sight.at, sight.machines(), text);
        }
        let sending = sight.view.connections.iter().find(|one| one.standing == Standing::Sending);
        let Some(told) = self.told.get_mut(&sight.key()).filter(|told| told.open) else { return };
        let Some(sending) = sending.map(|one| (sight.view.session, one.generation, one.by_us)) else {
            return;
        };
        let before = told.connection.replace(sending);
        // An application that is slow to read may still be in another session than its endpoint.
        let same_session = before.is_some_and(|before| before.0 == sending.0);
        told.changes += u32::from(same_session && before != Some(sending));
    }

    /// An endpoint has forgotten its link with `peer` to make room: nobody is told of messages, so none may be owed (D8).
    /// Tells whether there was a session: its end is still to be told.
    pub(crate) fn on_forgotten(
        &mut self,
        at: Micros,
        who: Process,
        peer: usize,
        findings: &mut Findings,
    ) -> bool {
        let owed = self.waiting(who.number, peer);
        if owed > 0 {
            let text =
                format!("{owed} messages forgotten with a link: {}", self.show_waiting(who.number, peer));
            findings.complain("D8", at, (who.machine, peer), text);
        }
        self.is_open(who, peer)
    }

    /// Whether the application was told that a session with `peer` began, and not yet that it ended.
    pub(crate) fn is_open(&self, who: Process, peer: usize) -> bool {
        self.told.get(&(who.number, peer)).is_some_and(|told| told.open)
    }
}
