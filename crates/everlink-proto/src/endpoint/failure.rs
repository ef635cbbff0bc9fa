//! The end of an endpoint whose driver cannot go on, or must not.

use super::{Endpoint, links::Links, room::Departed, slots::Slots};
use crate::{
    event::Event,
    link::Outbox,
    router::Router,
    session::{EndReason, SessionEvent},
};

impl Endpoint {
    /// Ends every session at once, as a crash would: nothing is flushed, nobody is told, and what was not read is lost.
    /// But every message that was accepted gets its verdict: `Unknown` if it was bound, `NotDelivered` if it was not.
    /// From then on nothing is taken or sent, and only the verdicts are left to be read.
    pub fn fail(&mut self) {
        self.stopping = true;
        for key in self.links.keys() {
            let link = self.links.get_mut(key);
            link.session.end(EndReason::EndpointFailed, None);
            while let Some(event) = link.session.poll_event() {
                if let SessionEvent::Verdict { id, verdict } = event {
                    self.shared.events.push_back(Event::Verdict { peer: link.peer, id, verdict });
                }
            }
        }
        self.links = Links::default();
        self.departed = Departed::default();
        self.slots = Slots::default();
        self.shared.router = Router::default();
        self.shared.outbox = Outbox::default();
    }
}
