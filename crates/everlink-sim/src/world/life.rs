//! Processes begin and end, machines move and wake, and word of it spreads.

use super::{Happening, World, provider};
use crate::app::App;
use crate::check::{Process, later};
use crate::clock::{MILLI, Micros, SECOND};
use crate::dice::Dice;
use crate::machine::{Condition, Life};
use crate::subject::{self, Endpoint, Identity};

impl World {
    /// Starts a process on a machine that has none.
    pub(crate) fn start(&mut self, number: usize) {
        if self.machines[number].life.is_some() {
            return;
        }
        self.processes += 1;
        let machine = &mut self.machines[number];
        let process = Process { number: self.processes, machine: number, identity: machine.identity };
        let provider = self.observer.ledger.watch(process, provider(self.settings.cipher));
        let identity =
            Identity::from_seed(&Dice::new(self.settings.seed).fork("identity", machine.identity).bytes32());
        let config = subject::config(&self.settings, machine.identity);
        let now = machine.clock.read(self.now);
        let endpoint = Endpoint::new(now, identity, config, provider, machine.dice.bytes32());
        let app = App::new(&machine.plan, self.now, machine.dice.fork("app", process.number as usize));
        machine.life = Some(Life { process, endpoint, app, alarm: Micros::MAX, appointment: Micros::MAX });
        machine.socket_works = true;
        machine.waiting.clear();
        let address = machine.address;
        self.fabric.assign(address, number);
        self.known.insert(address, process.identity);
        self.observer.links.on_birth(self.now, process);
        self.note(number, || {
            format!("process {} of identity {} begins at {address}", process.number, process.identity)
        });
        if let Some((mut turn, app)) = self.turn(number) {
            app.begin(&mut turn);
        }
        self.keep_appointment(number);
    }

    /// Ends the process on a machine, without a word to anybody.
    pub(crate) fn kill(&mut self, number: usize) {
        let Some((mut turn, app)) = self.turn(number) else { return };
        app.autopsy(&mut turn);
        self.observe_events(number);
        let machine = &mut self.machines[number];
        let Some(life) = machine.life.take() else { return };
        machine.waiting.clear();
        self.counted.add(&life.endpoint);
        self.observer.check_computed(self.now, life.process, subject::computed(&life.endpoint));
        self.fabric.withdraw(machine.address);
        self.observer.deliveries.on_death(life.process.number);
        self.observer.links.on_death(self.now, life.process.number);
        self.note(number, || format!("process {} dies", life.process.number));
    }

    /// Lets the application of a machine close its session with `peer`, with a code of its own.
    pub(crate) fn close(&mut self, machine: usize, peer: usize) {
        self.with(machine, |turn| {
            let (id, code) = (turn.directory.id(peer), u64::from(turn.process.number));
            let session = turn.sight(peer).map(|sight| sight.view.session);
            turn.observer.links.on_close(turn.process, peer);
            turn.observer.closes.on_close(turn.at, turn.process, peer, code, session);
            turn.endpoint.close(turn.now, id, code, "the simulated application had enough");
        });
    }

    /// Tells `machine` where `about` is now. The only way in which addresses spread, besides packets.
    pub(crate) fn tell(&mut self, machine: usize, about: usize) {
        let address = self.machines[about].address;
        let identity = self.machines[about].identity;
        self.known.insert(address, identity);
        if let Some((turn, _)) = self.turn(machine) {
            // It cannot fail: the identity is a valid one, and hints are kept where there is no room.
            let _ = turn.endpoint.add_addresses(turn.now, turn.directory.id(identity), &[address]);
            turn.observer.links.on_told(turn.process.number, identity);
            self.note(machine, || format!("machine {machine} hears that {identity} is at {address}"));
            self.settle(machine);
        }
    }

    /// Moves a machine to another address, and perhaps lets its process know.
    pub(crate) fn relocate(&mut self, number: usize, only_port: bool, noticed: bool) {
        let machine = &mut self.machines[number];
        self.fabric.withdraw(machine.address);
        let address = machine.next_address(only_port);
        self.known.insert(address, machine.identity);
        if machine.life.is_some() {
            self.fabric.assign(address, number);
        }
        self.note(number, || format!("machine {number} is at {address} now"));
        if noticed && self.machines[number].runs() {
            self.with(number, |turn| turn.endpoint.handle_network_change(turn.now));
        }
        self.spread_word(number);
    }

    /// Lets a machine that slept or stalled go on.
    pub(crate) fn wake(&mut self, number: usize) {
        let machine = &mut self.machines[number];
        if machine.condition == Condition::Awake {
            return;
        }
        let slept = machine.condition == Condition::Asleep;
        machine.condition = Condition::Awake;
        self.note(number, || format!("machine {number} runs again"));
        if slept {
            self.force(number);
        }
        self.forgive(number, Micros::MAX);
        if self.machines[number].dice.coin() {
            self.ring(number);
        }
        while let Some(parcel) = self.machines[number].waiting.pop_front() {
            self.receive(number, parcel);
        }
        self.ring(number);
        self.keep_appointment(number);
    }

    /// Excuses what a process could not do because its machine was not itself for so long.
    pub(crate) fn forgive(&mut self, number: usize, lasted: Micros) {
        let Some(process) = self.machines[number].process() else { return };
        self.observer.forgive(self.now, process.number, lasted);
        for (_, since) in self.owed_since.range_mut((process.number, 0)..(process.number + 1, 0)) {
            *since = later(*since, lasted, self.now);
        }
    }

    /// Lets peers hear, some time later and not all of them, where a machine is now.
    pub(crate) fn spread_word(&mut self, about: usize) {
        for machine in 0..self.machines.len() {
            if self.machines[machine].identity != self.machines[about].identity && self.dice.chance(600_000) {
                let at = self.now + self.dice.between(50 * MILLI, 5 * SECOND);
                self.plan(at, Happening::Tell { machine, about });
            }
        }
    }
}
