//! What an application does because its endpoint has room for few links: it asks again.

use super::{App, Flow};
use crate::clock::{Micros, SECOND};
use crate::subject::channel_options;
use crate::world::Turn;

/// How long it waits before it asks again for a link for which there was no room.
const AGAIN: Micros = SECOND / 2;

impl App {
    /// Says which channels there are, or later, if there is little room for links.
    pub(crate) fn begin(&mut self, turn: &mut Turn<'_>) {
        if turn.observer.tables.watches(turn.process.identity) {
            self.strange.extend(self.flows.iter().map(|flow| flow.plan.to));
        } else {
            for flow in &self.flows {
                set_channel(turn, flow);
            }
        }
    }

    /// Says which channels there are to a peer, if that is not said yet. False if there is no room for a link.
    pub(super) fn acquaint(&mut self, turn: &mut Turn<'_>, peer: usize) -> bool {
        if !self.strange.contains(&peer) {
            return true;
        }
        if !self.flows.iter().filter(|flow| flow.plan.to == peer).all(|flow| set_channel(turn, flow)) {
            return false;
        }
        turn.note_forgotten();
        self.strange.remove(&peer);
        true
    }

    /// There was no room for the link of a flow.
    pub(super) fn ask_again(&mut self, turn: &mut Turn<'_>, flow: usize) {
        turn.observer.marks.pass("link refused for want of room");
        let flow = &mut self.flows[flow];
        flow.next = flow.next.min(turn.at + AGAIN);
    }
}

/// Says what kind of channel a flow uses. False if there is no room for the link: the peer is a valid one, and 256
/// channels are allowed.
fn set_channel(turn: &mut Turn<'_>, flow: &Flow) -> bool {
    let (peer, options) = (turn.directory.id(flow.plan.to), channel_options(flow.plan.on_restart));
    turn.endpoint.set_channel(turn.now, peer, flow.plan.channel, options).is_ok()
}
