//! What the observers look at every half second.

use super::World;
use crate::check::Sight;
use crate::subject::{self, LinkState};
use std::collections::BTreeMap;

impl World {
    pub(super) fn look(&mut self) {
        let mut sights: BTreeMap<(usize, usize), Sight> = BTreeMap::new();
        for number in 0..self.machines.len() {
            self.look_at_tables(number);
            for peer in self.peers(number) {
                sights.extend(self.look_at(number, peer).map(|sight| (sight.machines(), sight)));
            }
        }
        let observer = &mut self.observer;
        for (&(number, peer), here) in &sights {
            if let Some(there) = sights.get(&(peer, number)) {
                observer.links.agree(here, there, &mut observer.findings);
            }
        }
    }

    /// Looks at the tables of an endpoint: no world has more links than it has peers.
    fn look_at_tables(&mut self, number: usize) {
        let peers = self.peers(number).count();
        let identity = self.machines[number].identity;
        let most = self.settings.most_links(identity).unwrap_or(peers).min(peers);
        let Some((turn, _)) = self.turn(number) else { return };
        let tables = subject::tables(turn.endpoint, most as u64, peers as u64);
        turn.observer.on_tables(turn.at, turn.process, &tables);
    }

    /// Looks at the links of one machine, before nobody can for a while.
    pub(super) fn look_at_links(&mut self, number: usize) {
        for peer in self.peers(number) {
            self.look_at(number, peer);
        }
    }

    fn look_at(&mut self, number: usize, peer: usize) -> Option<Sight> {
        let sight = self.sight(number, peer)?;
        self.observer.on_view(&sight);
        // Whoever sleeps, or whose clock stands still, cannot know how long something takes.
        let machine = &self.machines[number];
        if machine.runs() && !machine.clock.is_frozen(sight.at) {
            self.observer.on_wait(&sight);
            self.check_ladder(&sight);
        }
        Some(sight)
    }

    /// Looks with whom a machine has its sessions, if there may be more than one candidate (S8). What a datagram
    /// changes must not last an instant, so this comes after each.
    pub(super) fn look_at_partners(&mut self, number: usize) {
        let identity = self.machines[number].identity;
        for peer in self.peers(number) {
            if !self.observer.links.was_doubled(peer) {
                continue;
            }
            let Some(sight) = self.sight(number, peer) else { continue };
            let others = self.machines_of(peer).into_iter();
            let others: Vec<_> = others.filter_map(|other| self.sight(other, identity)).collect();
            self.observer.on_partner(&sight, &others);
        }
    }

    /// Looks at the link of a machine's process with `peer`, if there is one.
    pub(crate) fn sight(&mut self, number: usize, peer: usize) -> Option<Sight> {
        let (mut turn, _) = self.turn(number)?;
        turn.sight(peer)
    }

    /// The machines that run the processes of an identity.
    fn machines_of(&self, identity: usize) -> Vec<usize> {
        let machines = self.machines.iter().filter(|machine| machine.identity == identity);
        machines.map(|machine| machine.number).collect()
    }

    /// A link that owes and is not connected must go on trying, whatever came before (L3).
    fn check_ladder(&mut self, sight: &Sight) {
        let key = sight.key();
        let (process, peer) = key;
        let observer = &mut self.observer;
        let owes = observer.deliveries.waiting(process, peer) > 0;
        let connected = observer.links.state(process, peer) == LinkState::Connected;
        let excused = observer.refused.get(&key).is_some_and(|until| *until > self.now);
        let has_address = observer.links.has_address(process, peer);
        if !owes || connected || excused || !has_address {
            self.owed_since.remove(&key);
            return;
        }
        let since = *self.owed_since.entry(key).or_insert(self.now);
        let silent = observer.links.silence(self.now, process, peer).min(self.now - since);
        let longest = observer.links.longest_wait(self.now, process, peer);
        if silent > longest {
            let text = format!(
                "owes, is not connected, and has sent nothing for {silent} us, though {longest} are the most"
            );
            observer.findings.complain("L3", self.now, sight.machines(), text);
            self.owed_since.insert(key, self.now);
        }
    }
}
