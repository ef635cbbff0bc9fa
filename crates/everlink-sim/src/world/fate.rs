//! What befalls a world: faults begin, faults end, and one day there are none any more.

use super::{Happening, Undo, World};
use crate::clock::{MILLI, Micros};
use crate::dice::Dice;
use crate::fault::Fault;
use crate::machine::Condition;
use crate::net::damage::{first_message, junk};
use crate::net::fabric::{Origin, Parcel, STRANGERS, TAPE, stranger};
use crate::net::rule::{Action, Kind, Rule};
use crate::subject;

/// Over how long a replay of everything is spread.
const REPLAY: Micros = 2_000 * MILLI;

/// The mark of a replay that was not one of everything. It is not declared: a swarm names it as what it should not meet.
const CUT_SHORT: &str = "replay of less than was overheard";

impl World {
    /// Lets a scheduled fault begin.
    pub(super) fn strike(&mut self, index: usize) {
        let Some((_, fault)) = self.settings.faults.get(index).copied() else { return };
        if self.fair || !self.can_strike(fault) {
            return;
        }
        *self.struck.entry(fault.kind()).or_default() += 1;
        self.note(0, || fault.to_string());
        match fault {
            Fault::Cut { one, other, lasts } => {
                self.cut(one, other, lasts);
                self.cut(other, one, lasts);
            }
            Fault::OneWay { from, to, lasts } => self.cut(from, to, lasts),
            Fault::Slow { from, to, factor, lasts } => self.slow(from, to, factor, lasts),
            Fault::Move { machine, noticed } => self.relocate(machine, false, noticed),
            Fault::Rebind { machine } => self.relocate(machine, true, false),
            Fault::Crash { machine, down, moves } => self.crash(machine, down, moves),
            Fault::Suspend { machine, lasts } => self.pause(machine, Condition::Asleep, lasts),
            Fault::Stall { machine, lasts } => self.pause(machine, Condition::Stalled, lasts),
            Fault::ClockJump { machine, by } => self.jump(machine, by),
            Fault::ClockFreeze { machine, lasts } => self.freeze(machine, lasts),
            Fault::SocketDeath { machine, lasts } => self.kill_socket(machine, lasts),
            Fault::SocketErrors { machine, to } => self.socket_errors(machine, to),
            Fault::FalseChange { machine } => {
                self.with(machine, |turn| turn.endpoint.handle_network_change(turn.now));
            }
            Fault::Redial { machine, to } => self.redial(machine, to),
            Fault::CrossingDials { one, other } => {
                self.redial(one, other);
                self.redial(other, one);
            }
            Fault::SlowReader { machine, lasts } => {
                let until = self.now + lasts;
                if let Some((_, app)) = self.turn(machine) {
                    app.be_slow(until);
                }
            }
            Fault::Close { machine, to } => self.close(machine, self.machines[to].identity),
            Fault::Clone { machine, lasts } => self.clone_identity(machine, lasts),
            Fault::Replay => self.replay(),
            Fault::Junk { machine, count } => self.throw_junk(machine, count),
            Fault::Spoof { odds, lasts } => self.spoof(odds, lasts),
            Fault::Forge { machine, count } => self.forge(machine, count, index),
            Fault::Flicker { machine, to, fresh, after, late } => {
                self.hold_back(machine, to, late);
                if fresh {
                    self.begin_anew(machine, to);
                }
                self.plan(self.now + after, Happening::Undo(Undo::Again(machine)));
                self.plan(self.now + after + 50 * MILLI, Happening::Tell { machine, about: to });
            }
        }
    }

    /// Lets a fault end.
    pub(super) fn undo(&mut self, undo: Undo) {
        match undo {
            Undo::Heal(from, to) => {
                let link = self.fabric.link(from, to);
                link.cuts = link.cuts.saturating_sub(1);
                self.note(from, || format!("{from} reaches {to} again"));
            }
            Undo::Speed(from, to, rate) if !self.fair => self.fabric.link(from, to).options.rate = rate,
            Undo::Wake(machine) => {
                if self.machines[machine].until <= self.now {
                    self.wake(machine);
                }
            }
            Undo::Start(machine) => {
                self.force(machine);
                self.start(machine);
                self.spread_word(machine);
                for about in self.peers(machine) {
                    if self.dice.chance(800_000) {
                        let at = self.now + self.dice.below(500 * MILLI);
                        self.plan(at, Happening::Tell { machine, about });
                    }
                }
            }
            Undo::Bind(machine) => self.bind(machine),
            Undo::Tick(machine) => {
                let stood = self.machines[machine].clock.go_on(self.now);
                self.forgive(machine, stood);
                self.settle(machine);
            }
            Undo::StopClone(machine) => self.kill(machine),
            Undo::Revoke => self.fabric.clear_rules(),
            Undo::Nudge(machine) => {
                let now = self.now;
                if let Some((_, app)) = self.turn(machine) {
                    app.nudge(now);
                }
                self.appoint(machine);
            }
            Undo::Again(machine) if !self.fair => {
                self.fabric.clear_rules();
                self.crash(machine, 0, false);
                self.plan(self.now + 60 * MILLI, Happening::Undo(Undo::Nudge(machine)));
            }
            Undo::Again(_) => {}
            Undo::Speed(..) => {}
        }
    }

    /// Ends all faults: the network is as `settings.fair` says, everybody runs, and of each pair one
    /// at least knows where the other is.
    pub(crate) fn make_fair(&mut self) {
        self.fair = true;
        self.note(0, || "faults stop".to_owned());
        self.fabric.clear_rules();
        self.fabric.stop_listening();
        let machines = self.machines.len();
        for from in 0..machines {
            for to in 0..machines {
                let fair = self.settings.fair[from * machines + to].clone();
                let link = self.fabric.link(from, to);
                link.options = fair;
                link.cuts = 0;
            }
        }
        for number in 0..machines {
            if number >= self.settings.nodes {
                self.kill(number);
                continue;
            }
            self.wake(number);
            if self.machines[number].life.is_none() {
                self.force(number);
            }
            self.start(number);
            if !self.machines[number].socket_works {
                self.bind(number);
            }
            if let Some((_, app)) = self.turn(number) {
                app.hurry();
            }
        }
        self.reveal();
        self.observer.liveness.on_fair(self.now);
    }

    /// Notes that a machine has reason for more handshakes than usual (L5): its process is a new one, its socket died, it
    /// slept, or its application wants a new connection.
    pub(super) fn force(&mut self, machine: usize) {
        let identity = self.machines[machine].identity;
        self.observer.liveness.on_forced(self.now, identity);
    }

    fn can_strike(&self, fault: Fault) -> bool {
        match fault {
            Fault::Crash { machine, .. } | Fault::ClockJump { machine, .. } => {
                self.machines[machine].life.is_some()
            }
            Fault::Suspend { machine, .. }
            | Fault::Stall { machine, .. }
            | Fault::SocketErrors { machine, .. }
            | Fault::FalseChange { machine }
            | Fault::Redial { machine, .. }
            | Fault::Close { machine, .. }
            | Fault::SlowReader { machine, .. }
            | Fault::ClockFreeze { machine, .. }
            | Fault::SocketDeath { machine, .. } => self.machines[machine].runs(),
            Fault::CrossingDials { one, other } | Fault::Flicker { machine: one, to: other, .. } => {
                self.machines[one].runs() && self.machines[other].runs()
            }
            Fault::Clone { machine, .. } => {
                self.machines[machine].life.is_some() && self.spare(machine).is_some()
            }
            _ => true,
        }
    }

    fn cut(&mut self, from: usize, to: usize, lasts: Micros) {
        self.fabric.link(from, to).cuts += 1;
        self.plan(self.now + lasts, Happening::Undo(Undo::Heal(from, to)));
    }

    fn slow(&mut self, from: usize, to: usize, factor: u64, lasts: Micros) {
        let options = &mut self.fabric.link(from, to).options;
        let rate = options.rate;
        options.rate = (rate / factor).max(4_000);
        self.plan(self.now + lasts, Happening::Undo(Undo::Speed(from, to, rate)));
    }

    fn crash(&mut self, machine: usize, down: Micros, moves: bool) {
        self.kill(machine);
        self.machines[machine].condition = Condition::Awake;
        if moves {
            self.machines[machine].next_address(false);
        }
        self.plan(self.now + down, Happening::Undo(Undo::Start(machine)));
    }

    /// Holds up every packet from one to the other.
    fn hold_back(&mut self, from: usize, to: usize, late: Micros) {
        self.fabric.add_rule(Rule {
            from: Some(from),
            to: Some(to),
            kind: Some(Kind::Short),
            odds: 1_000_000,
            left: u32::MAX,
            action: Action::HoldBack(late),
        });
    }

    /// Both processes die, and the next ones find each other at once.
    fn begin_anew(&mut self, machine: usize, to: usize) {
        self.crash(to, 0, false);
        self.crash(machine, 0, false);
        self.plan(self.now + 50 * MILLI, Happening::Tell { machine, about: to });
        self.plan(self.now + 60 * MILLI, Happening::Undo(Undo::Nudge(machine)));
    }

    fn pause(&mut self, machine: usize, condition: Condition, lasts: Micros) {
        self.machines[machine].condition = condition;
        self.machines[machine].until = self.now + lasts;
        self.plan(self.now + lasts, Happening::Undo(Undo::Wake(machine)));
    }

    fn jump(&mut self, machine: usize, by: Micros) {
        let now = self.now;
        self.machines[machine].clock.jump(now, by);
        self.forgive(machine, Micros::MAX);
        if let Some(process) = self.machines[machine].process() {
            self.observer.links.on_clock_set(process.number, by);
        }
        self.settle(machine);
    }

    fn freeze(&mut self, machine: usize, lasts: Micros) {
        self.look_at_links(machine);
        let now = self.now;
        let until = (now + lasts).min(self.settings.fair_at.max(now));
        self.machines[machine].clock.freeze(now, until);
        self.settle(machine);
        self.plan(until, Happening::Undo(Undo::Tick(machine)));
    }

    fn kill_socket(&mut self, machine: usize, lasts: Micros) {
        self.machines[machine].socket_works = false;
        self.force(machine);
        self.plan(self.now + lasts, Happening::Undo(Undo::Bind(machine)));
    }

    fn bind(&mut self, machine: usize) {
        if self.machines[machine].life.is_none() || self.machines[machine].socket_works {
            return;
        }
        self.machines[machine].socket_works = true;
        self.relocate(machine, true, true);
    }

    fn socket_errors(&mut self, machine: usize, to: usize) {
        let address = self.machines[to].address;
        for _ in 0..self.dice.between(1, 20) {
            let at = self.now + self.dice.below(1_000 * MILLI);
            self.plan(at, Happening::Refused { machine, to: address });
        }
    }

    pub(crate) fn redial(&mut self, machine: usize, to: usize) {
        self.force(machine);
        let identity = self.machines[to].identity;
        self.with(machine, |turn| turn.endpoint.redial(turn.now, turn.directory.id(identity)));
    }

    fn clone_identity(&mut self, machine: usize, lasts: Micros) {
        let Some(spare) = self.spare(machine) else { return };
        self.start(spare);
        if let Some(double) = self.machines[spare].process() {
            self.observer.links.on_clone(self.now, double);
        }
        for about in self.peers(spare) {
            self.tell(spare, about);
        }
        self.plan(self.now + lasts, Happening::Undo(Undo::StopClone(spare)));
    }

    /// A machine for a second process of an identity, if there is one that has none yet.
    fn spare(&self, identity: usize) -> Option<usize> {
        let mut spares = self.machines.iter().skip(self.settings.nodes);
        let spare = spares.find(|spare| spare.identity == identity && spare.life.is_none());
        spare.map(|spare| spare.number)
    }

    fn replay(&mut self) {
        let tape = self.fabric.tape().to_vec();
        let gauge = ("replayed at once", tape.len() as u64, TAPE as u64);
        self.observer.gauges.on_look(self.now, (0, 0), &[gauge], &mut self.observer.findings);
        if self.fabric.overheard > tape.len() {
            self.observer.marks.pass(CUT_SHORT);
        }
        for parcel in tape {
            let owner = self.machine_at(&parcel);
            let Some(to) = owner else { continue };
            let at = self.now + self.dice.below(REPLAY);
            let from = if self.dice.coin() { parcel.from } else { stranger(self.dice.below(STRANGERS)) };
            self.plan(at, Happening::Arrive(Parcel { from, to, origin: Origin::Replayed, ..parcel }));
        }
    }

    /// Where the identity for which an old datagram was meant is now.
    fn machine_at(&self, parcel: &Parcel) -> Option<std::net::SocketAddr> {
        let identity = *self.known.get(&parcel.to)?;
        Some(self.machines[identity].address)
    }

    fn throw_junk(&mut self, machine: usize, count: u32) {
        for _ in 0..count {
            let at = self.now + self.dice.below(1_000 * MILLI);
            let from = if self.dice.chance(800_000) {
                stranger(self.dice.below(STRANGERS))
            } else {
                let other = self.dice.below(self.machines.len() as u64) as usize;
                self.machines[other].address
            };
            let bytes = junk(&mut self.dice);
            let to = self.machines[machine].address;
            let parcel = Parcel { from, to, sender: machine, bytes, origin: Origin::Junk };
            self.plan(at, Happening::Arrive(parcel));
        }
    }

    /// Somebody who knows an identity makes it compute handshakes that come to nothing.
    fn forge(&mut self, machine: usize, count: u32, index: usize) {
        let mut dice = Dice::new(self.settings.seed).fork("forged", index);
        let receiver = self.directory.id(self.machines[machine].identity);
        for _ in 0..count {
            let at = self.now + dice.below(1_000 * MILLI);
            let from = stranger(dice.below(STRANGERS));
            let mut bytes = first_message(&mut dice);
            subject::invite(&mut bytes, &receiver);
            let to = self.machines[machine].address;
            let parcel = Parcel { from, to, sender: machine, bytes, origin: Origin::Forged };
            self.plan(at, Happening::Arrive(parcel));
        }
    }

    fn spoof(&mut self, odds: u32, lasts: Micros) {
        let action = Action::CopyFromStranger;
        self.fabric.add_rule(Rule { from: None, to: None, kind: None, odds, left: u32::MAX, action });
        self.plan(self.now + lasts, Happening::Undo(Undo::Revoke));
    }

    /// Lets one or both of each pair know where the other is; both if one ever closed, since whoever said goodbye has no
    /// reason to dial, and if one has little room, since it may have none to dial.
    fn reveal(&mut self) {
        for one in 0..self.settings.nodes {
            for other in 0..one {
                let (here, there) = self.dice.pick(&[(true, true), (true, false), (false, true)]);
                let observer = &self.observer;
                let both = observer.links.was_closed(one, other) || observer.tables.concerns(one, other);
                if here || both {
                    self.tell(one, other);
                }
                if there || both {
                    self.tell(other, one);
                }
            }
        }
    }
}
