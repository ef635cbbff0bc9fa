//! A world: machines, the network between them, and one queue of everything that is going to happen.
//!
//! Time is a number, and jumps from one thing to the next; what happens at the same moment happens in
//! the order in which it was decided. There is nothing in a world that does not follow from its
//! settings, and these follow from the seed.

use crate::app::App;
use crate::check::bounds::{MOST_SENT_AT_ONCE, MOST_TIMEOUTS_AT_ONCE};
use crate::check::crypto::Ledger;
use crate::check::{Process, Sight};
use crate::cipher::{Cipher, Null};
use crate::clock::{Clock, MILLI, Micros, SECOND};
use crate::dice::Dice;
use crate::machine::Machine;
use crate::net::fabric::{Fabric, Parcel};
use crate::observer::Observer;
use crate::report::explain;
use crate::subject::{self, Endpoint, Event, Identity, PeerId};
use crate::swarm::Settings;
use crate::trace::Lines;
use everlink_proto::crypto::Provider;
use everlink_proto::time::Instant;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

mod fate;
mod life;
mod look;
mod traffic;

/// How often the observers look at every link.
pub(crate) const LOOK: Micros = SECOND / 2;

/// Which identity is called what.
#[derive(Debug)]
pub(crate) struct Directory {
    ids: Vec<PeerId>,
    indices: BTreeMap<PeerId, usize>,
}

impl Directory {
    /// The key of an identity.
    pub(crate) fn id(&self, index: usize) -> PeerId {
        self.ids[index]
    }

    /// Every identity but one.
    pub(crate) fn others(&self, own: usize) -> impl Iterator<Item = usize> + use<> {
        (0..self.ids.len()).filter(move |identity| *identity != own)
    }

    /// The identity of a key; the world has no others.
    pub(crate) fn index(&self, id: PeerId) -> usize {
        self.indices[&id]
    }
}

/// A process that has the word, and all it can reach.
pub(crate) struct Turn<'a> {
    pub(crate) at: Micros,
    pub(crate) now: Instant,
    pub(crate) process: Process,
    pub(crate) endpoint: &'a mut Endpoint,
    pub(crate) directory: &'a Directory,
    pub(crate) observer: &'a mut Observer,
}

impl Turn<'_> {
    /// Looks at this end of the link with `peer`, if there is one.
    pub(crate) fn sight(&mut self, peer: usize) -> Option<Sight> {
        let view = subject::view(self.endpoint, self.now, self.directory.id(peer))?;
        Some(Sight { at: self.at, process: self.process, peer, view })
    }

    /// Which session of the link with `peer` it is, counted from 0; the next one, if there is none.
    pub(crate) fn session(&mut self, peer: usize) -> u64 {
        subject::session(self.endpoint, self.now, self.directory.id(peer))
    }

    /// Looks which links the endpoint has forgotten to make room since the last look: to be called whenever one may be
    /// made.
    pub(crate) fn note_forgotten(&mut self) {
        if !self.observer.tables.watches(self.process.identity) {
            return;
        }
        let peers = self.directory.others(self.process.identity);
        let held =
            peers.filter(|peer| subject::holds(self.endpoint, self.now, self.directory.id(*peer))).collect();
        for peer in self.observer.tables.on_look(self.process.number, held) {
            self.observer.on_forgotten(self.at, self.process, peer);
        }
    }

    /// Notes in the trace what the application does, where nothing else tells.
    pub(crate) fn remark(&self, peer: usize, text: impl FnOnce() -> String) {
        let process = self.process;
        self.observer
            .trace
            .remark(self.at, (process.machine, peer), || format!("[{}] {}", process.number, text()));
    }
}

/// Something that is going to happen.
#[derive(Debug)]
pub(crate) enum Happening {
    /// A datagram reaches its address.
    Arrive(Parcel),
    /// The timer of a machine's endpoint goes off, unless it was set anew.
    Alarm(usize),
    /// The application of a machine wants to act.
    Appointment(usize),
    /// A fault begins.
    Strike(usize),
    /// A fault ends, unless faults have ended altogether.
    Undo(Undo),
    /// A machine hears where an identity is now.
    Tell { machine: usize, about: usize },
    /// A machine's socket reports an error for an address.
    Refused { machine: usize, to: SocketAddr },
    /// The observers look at every link.
    Look,
}

/// The end of a fault.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Undo {
    /// One cut of a direction.
    Heal(usize, usize),
    /// A direction has its rate again.
    Speed(usize, usize, u64),
    /// A machine wakes, or its process runs again.
    Wake(usize),
    /// A process is started.
    Start(usize),
    /// A socket is bound again.
    Bind(usize),
    /// A clock goes again.
    Tick(usize),
    /// The second process of an identity dies.
    StopClone(usize),
    /// Nobody meddles any more.
    Revoke,
    /// An application sends something to everybody.
    Nudge(usize),
    /// A process dies once more, and nothing is held up any more.
    Again(usize),
}

/// Everything there is.
pub(crate) struct World {
    pub(crate) settings: Settings,
    pub(crate) now: Micros,
    sequence: u64,
    queue: BTreeMap<(Micros, u64), Happening>,
    pub(crate) machines: Vec<Machine>,
    pub(crate) fabric: Fabric,
    pub(crate) directory: Directory,
    pub(crate) observer: Observer,
    /// Which identity was ever to be found where.
    known: BTreeMap<SocketAddr, usize>,
    processes: u32,
    /// How often each scheduled fault struck.
    pub(crate) struck: BTreeMap<&'static str, u64>,
    pub(crate) dice: Dice,
    pub(crate) fair: bool,
    owed_since: BTreeMap<(u32, usize), Micros>,
    buffer: Vec<u8>,
    /// Datagrams sent in all.
    pub(crate) datagrams: u64,
    /// What processes that have ended counted.
    pub(crate) counted: subject::Counts,
    /// What the endpoints said when a promise was found broken, finding by finding.
    pub(crate) explanations: Vec<String>,
}

impl World {
    /// The world that `settings` describe, before anything happened.
    pub(crate) fn new(settings: Settings, lines: Option<Lines>) -> Self {
        let dice = Dice::new(settings.seed);
        let identities: Vec<Identity> = (0..settings.nodes)
            .map(|index| Identity::from_seed(&dice.fork("identity", index).bytes32()))
            .collect();
        let ids: Vec<PeerId> = identities.iter().map(Identity::peer_id).collect();
        let indices = ids.iter().enumerate().map(|(index, id)| (*id, index)).collect();
        let ledger = Ledger::with_limits(subject::most_uses(&settings), subject::fewest_uses(&settings));
        let mut world = Self {
            now: 0,
            sequence: 0,
            queue: BTreeMap::new(),
            machines: Vec::new(),
            fabric: Fabric::new(settings.machines(), &settings.links, settings.tap, dice.fork("fabric", 0)),
            directory: Directory { ids, indices },
            observer: Observer::new(ledger, settings.small_table.map(|(whose, _)| whose), lines),
            known: BTreeMap::new(),
            processes: 0,
            struck: BTreeMap::new(),
            dice: dice.fork("world", 0),
            fair: false,
            owed_since: BTreeMap::new(),
            buffer: Vec::new(),
            datagrams: 0,
            counted: subject::Counts::default(),
            explanations: Vec::new(),
            settings,
        };
        world.build(&dice);
        world
    }

    /// Lets everything happen that happens before `until`.
    pub(crate) fn run_until(&mut self, until: Micros) {
        while let Some(entry) = self.queue.first_entry() {
            if entry.key().0 > until {
                break;
            }
            let ((at, _), happening) = entry.remove_entry();
            self.now = at;
            self.happen(happening);
            self.explain_findings();
        }
        self.now = self.now.max(until);
    }

    /// Asks both sides of a broken promise what they make of it, as long as they still know.
    pub(crate) fn explain_findings(&mut self) {
        while let Some(finding) = self.observer.findings.list().get(self.explanations.len()) {
            let machines = finding.machines;
            let said = explain(self, machines);
            self.explanations.push(said);
        }
    }

    /// Decides that something is going to happen.
    pub(crate) fn plan(&mut self, at: Micros, happening: Happening) {
        self.sequence += 1;
        self.queue.insert((at.max(self.now), self.sequence), happening);
    }

    /// Gives the word to the process on a machine, if there is one.
    pub(crate) fn turn(&mut self, machine: usize) -> Option<(Turn<'_>, &mut App)> {
        let machine = &mut self.machines[machine];
        let life = machine.life.as_mut()?;
        let turn = Turn {
            at: self.now,
            now: machine.clock.read(self.now),
            process: life.process,
            endpoint: &mut life.endpoint,
            directory: &self.directory,
            observer: &mut self.observer,
        };
        Some((turn, &mut life.app))
    }

    /// The other identities a machine talks to.
    pub(crate) fn peers(&self, machine: usize) -> impl Iterator<Item = usize> + use<> {
        self.directory.others(self.machines[machine].identity)
    }

    /// Gives the word to a process for one call, and sees to what follows.
    pub(crate) fn with(&mut self, machine: usize, call: impl FnOnce(&mut Turn<'_>)) {
        if let Some((mut turn, _)) = self.turn(machine) {
            call(&mut turn);
            self.settle(machine);
        }
    }

    /// Notes in the trace that something befell a machine.
    pub(crate) fn note(&mut self, machine: usize, text: impl FnOnce() -> String) {
        let text = text();
        self.observer.trace.note(self.now, (machine, machine), text.as_bytes(), || format!("** {text}"));
    }

    /// Calls the application of a machine soon.
    pub(crate) fn appoint(&mut self, number: usize) {
        self.prepone(number);
    }

    /// Adds what the process on a machine has counted to the sums of the run.
    pub(crate) fn count(&mut self, number: usize) {
        if let Some(life) = &self.machines[number].life {
            self.counted.add(&life.endpoint);
            self.observer.check_computed(self.now, life.process, subject::computed(&life.endpoint));
        }
    }

    /// Handles what a process did with its last input: events, datagrams, the next alarm.
    pub(crate) fn settle(&mut self, machine: usize) {
        if let Some((mut turn, _)) = self.turn(machine) {
            turn.note_forgotten();
        }
        let mut sent = 0;
        loop {
            let told = self.observe_events(machine);
            let more = self.transmit(machine);
            sent += more;
            if sent > MOST_SENT_AT_ONCE {
                let text = format!("{sent} datagrams in answer to one input");
                self.observer.findings.complain("R3", self.now, (machine, machine), text);
                self.kill(machine);
                return;
            }
            if !told && more == 0 {
                break;
            }
        }
        self.set_alarm(machine);
    }

    fn build(&mut self, dice: &Dice) {
        for (number, plan) in self.settings.machine_plans.clone().into_iter().enumerate() {
            let clock = Clock::new(plan.origin, plan.drift_ppm);
            let chance = dice.fork("machine", number);
            self.machines.push(Machine::new(
                number,
                plan.identity,
                clock,
                self.settings.ipv6,
                plan.app,
                chance,
            ));
        }
        for number in 0..self.settings.nodes {
            let at = self.dice.below(300 * MILLI);
            self.plan(at, Happening::Undo(Undo::Start(number)));
        }
        for machine in 0..self.settings.nodes {
            for about in 0..machine {
                let (here, there) = self.dice.pick(&[(true, true), (true, false), (false, true)]);
                let at = 301 * MILLI;
                if here {
                    self.plan(at, Happening::Tell { machine, about });
                }
                if there {
                    self.plan(at, Happening::Tell { machine: about, about: machine });
                }
            }
        }
        for (index, (at, _)) in self.settings.faults.clone().into_iter().enumerate() {
            self.plan(at, Happening::Strike(index));
        }
        self.plan(LOOK, Happening::Look);
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Arrive(parcel) => self.arrive(parcel),
            Happening::Alarm(machine) => {
                let due = self.machines[machine].life.as_ref().is_some_and(|life| life.alarm == self.now);
                if due {
                    self.ring(machine);
                }
            }
            Happening::Appointment(machine) => {
                let due =
                    self.machines[machine].life.as_ref().is_some_and(|life| life.appointment == self.now);
                if due {
                    self.keep_appointment(machine);
                }
            }
            Happening::Strike(index) => self.strike(index),
            Happening::Undo(undo) => self.undo(undo),
            Happening::Tell { machine, about } => self.tell(machine, about),
            Happening::Refused { machine, to } => {
                if self.machines[machine].runs() {
                    self.with(machine, |turn| turn.endpoint.handle_socket_error(turn.now, to));
                }
            }
            Happening::Look => {
                self.look();
                self.plan(self.now + LOOK, Happening::Look);
            }
        }
    }

    /// Lets a machine's timer go off, if it is due.
    fn ring(&mut self, number: usize) {
        if !self.machines[number].runs() {
            return;
        }
        for round in 0.. {
            let due = self.machines[number].life.as_ref().is_some_and(|life| life.alarm <= self.now);
            if !due {
                return;
            }
            if round > MOST_TIMEOUTS_AT_ONCE {
                let text = format!("a timer fell due {round} times at one moment");
                self.observer.findings.complain("R3", self.now, (number, number), text);
                return self.kill(number);
            }
            self.with(number, |turn| turn.endpoint.handle_timeout(turn.now));
        }
    }

    fn keep_appointment(&mut self, number: usize) {
        if !self.machines[number].runs() {
            return;
        }
        let Some((mut turn, app)) = self.turn(number) else { return };
        let next = app.tick(&mut turn);
        if let Some(life) = &mut self.machines[number].life {
            life.appointment = next;
        }
        if next < Micros::MAX {
            self.plan(next, Happening::Appointment(number));
        }
        self.settle(number);
    }

    /// Passes on what the endpoint has to tell. True if it had anything.
    fn observe_events(&mut self, number: usize) -> bool {
        let mut any = false;
        loop {
            let Some((mut turn, app)) = self.turn(number) else { return any };
            let Some(event) = turn.endpoint.poll_event() else { break };
            any = true;
            let peer = peer_of(&event).map(|peer| turn.directory.index(peer));
            turn.observer.on_event(turn.at, turn.process, peer, &event);
            app.on_event(&mut turn, event);
        }
        self.prepone(number);
        any
    }

    /// Sees to it that an application that now has something to do later is called then.
    fn prepone(&mut self, number: usize) {
        let now = self.now;
        let Some(life) = &mut self.machines[number].life else { return };
        let wanted = life.app.wants_at(now);
        if wanted < life.appointment {
            life.appointment = wanted;
            self.plan(wanted, Happening::Appointment(number));
        }
    }

    fn set_alarm(&mut self, number: usize) {
        let now = self.now;
        let machine = &mut self.machines[number];
        let Some(life) = &mut machine.life else { return };
        let deadline = life.endpoint.poll_timeout();
        let alarm = deadline.map_or(Micros::MAX, |deadline| machine.clock.when(now, deadline.at));
        if alarm != life.alarm {
            life.alarm = alarm;
            if alarm < Micros::MAX {
                self.plan(alarm, Happening::Alarm(number));
            }
        }
    }
}

fn provider(cipher: Cipher) -> Arc<dyn Provider> {
    match cipher {
        Cipher::Null => Arc::new(Null),
        Cipher::ChaCha => subject::real_provider(false),
        Cipher::Aes => subject::real_provider(true),
    }
}

fn peer_of(event: &Event) -> Option<PeerId> {
    match event {
        Event::Verdict { peer, .. }
        | Event::InboxReady { peer }
        | Event::SendRoom { peer }
        | Event::StreamOpened { peer, .. }
        | Event::Readable { peer, .. }
        | Event::Writable { peer, .. }
        | Event::State { peer, .. }
        | Event::DuplicateIdentity { peer, .. }
        | Event::Refused { peer, .. } => Some(*peer),
        Event::Stopped => None,
    }
}
