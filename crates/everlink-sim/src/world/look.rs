//! What the observers look at every half second.

use super::World;
use crate::check::Process;
use crate::clock::{Micros, SECOND};
use crate::subject::{self, View};
use std::collections::BTreeMap;

impl World {
    pub(super) fn look(&mut self) {
        let mut views: BTreeMap<(usize, usize), (Process, View)> = BTreeMap::new();
        for number in 0..self.machines.len() {
            for peer in self.peers(number) {
                views.extend(self.look_at(number, peer).map(|seen| ((number, peer), seen)));
            }
        }
        for ((number, peer), (process, view)) in &views {
            if let Some((other, back)) = views.get(&(*peer, *number)) {
                let observer = &mut self.observer;
                let ends = ((*process, view), (*other, back));
                observer.links.agree(self.now, ends, &mut observer.findings);
            }
        }
    }

    fn look_at(&mut self, number: usize, peer: usize) -> Option<(Process, View)> {
        let (at, round_trip) = (self.now, self.round_trip(number, peer));
        let (process, view) = self.view(number, peer)?;
        self.observer.on_view(at, process, peer, &view);
        // Whoever sleeps, or whose clock stands still, cannot know how long something takes.
        let machine = &self.machines[number];
        if machine.runs() && !machine.clock.is_frozen(at) {
            self.observer.on_wait(at, process, peer, &view, round_trip);
            self.check_ladder(process, peer);
        }
        Some((process, view))
    }

    /// Looks with whom a machine has its sessions, if there may be more than one candidate (S8). What a datagram
    /// changes must not last an instant, so this comes after each.
    pub(super) fn look_at_partners(&mut self, number: usize) {
        let identity = self.machines[number].identity;
        for peer in self.peers(number) {
            if !self.observer.links.was_doubled(peer) {
                continue;
            }
            let Some((process, view)) = self.view(number, peer) else { continue };
            let others = (0..self.machines.len()).filter(|other| self.machines[*other].identity == peer);
            let others: Vec<_> = others.collect();
            let others: Vec<_> = others.into_iter().filter_map(|other| self.view(other, identity)).collect();
            self.observer.on_partner(self.now, (process, peer), &view, &others);
        }
    }

    fn view(&mut self, number: usize, peer: usize) -> Option<(Process, View)> {
        let (turn, _) = self.turn(number)?;
        let view = subject::view(turn.endpoint, turn.now, turn.directory.id(peer))?;
        Some((turn.process, view))
    }

    /// A link that owes and is not connected must go on trying, whatever came before (L3).
    fn check_ladder(&mut self, process: Process, peer: usize) {
        let key = (process.number, peer);
        let observer = &mut self.observer;
        let owes = observer.deliveries.waiting(process.number, peer) > 0;
        let connected = observer.links.state(process.number, peer) == subject::LinkState::Connected;
        let excused = observer.refused.get(&key).is_some_and(|until| *until > self.now);
        let has_address = observer.links.has_address(process.number, peer);
        if !owes || connected || excused || !has_address {
            self.owed_since.remove(&key);
            return;
        }
        let since = *self.owed_since.entry(key).or_insert(self.now);
        let silent = observer.links.silence(self.now, process.number, peer).min(self.now - since);
        if silent > crate::check::liveness::LONGEST_WAIT + SECOND {
            let text = format!("owes, is not connected, and has sent nothing for {silent} us");
            observer.findings.complain("L3", self.now, (process.machine, peer), text);
            self.owed_since.insert(key, self.now);
        }
    }

    /// The worst round trip between a machine and the machines of an identity, as the network is now.
    pub(crate) fn round_trip(&mut self, machine: usize, peer: usize) -> Micros {
        let others = (0..self.machines.len()).filter(|other| self.machines[*other].identity == peer);
        let others: Vec<usize> = others.collect();
        let times = others.into_iter().filter(|other| *other != machine).map(|other| {
            self.fabric.link(machine, other).options.worst_delay()
                + self.fabric.link(other, machine).options.worst_delay()
        });
        times.max().unwrap_or(0)
    }
}
