//! A world: machines, the network between them, and one queue of everything that is going to happen.
//!
//! Time is a number, and jumps from one thing to the next; what happens at the same moment happens in
//! the order in which it was decided. There is nothing in a world that does not follow from its
//! settings, and these follow from the seed.

use crate::app::App;
use crate::check::Process;
use crate::check::abuse::check_digest;
use crate::check::bounds::{MOST_SENT_AT_ONCE, MOST_TIMEOUTS_AT_ONCE};
use crate::check::crypto::Ledger;
use crate::cipher::{Cipher, Null};
use crate::clock::{Clock, MILLI, Micros, SECOND};
use crate::dice::Dice;
use crate::machine::{Condition, Life, Machine, SOCKET_BUFFER};
use crate::net::fabric::{Fabric, Origin, Outcome, Parcel};
use crate::net::rule::Kind;
use crate::observer::Observer;
use crate::report::explain;
use crate::subject::{self, Endpoint, Event, Identity, PeerId, View};
use crate::swarm::Settings;
use crate::trace::Lines;
use everlink_proto::crypto::Provider;
use everlink_proto::time::Instant;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

mod fate;

/// How often the observers look at every link.
const LOOK: Micros = SECOND / 2;

/// How many damaged datagrams of a run are followed by a comparison of states; it is slow.
const DIGESTS: u32 = 200;

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
    digests_left: u32,
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
        let mut world = Self {
            now: 0,
            sequence: 0,
            queue: BTreeMap::new(),
            machines: Vec::new(),
            fabric: Fabric::new(settings.machines(), &settings.links, settings.tap, dice.fork("fabric", 0)),
            directory: Directory { ids, indices },
            observer: Observer::new(Ledger::with_limits(subject::most_uses(&settings)), lines),
            known: BTreeMap::new(),
            processes: 0,
            struck: BTreeMap::new(),
            dice: dice.fork("world", 0),
            fair: false,
            digests_left: DIGESTS,
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
        let own = self.machines[machine].identity;
        (0..self.settings.nodes).filter(move |identity| *identity != own)
    }

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
        let config = subject::config(&self.settings);
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

    /// Lets the application of a machine close its session with `peer`, with a code of its own.
    pub(crate) fn close(&mut self, machine: usize, peer: usize) {
        self.observer.links.on_close(self.machines[machine].identity, peer);
        self.with(machine, |turn| {
            let (id, code) = (turn.directory.id(peer), u64::from(turn.process.number));
            let session = subject::view(turn.endpoint, turn.now, id).map(|view| view.session);
            turn.observer.closes.on_close(turn.at, turn.process, peer, code, session);
            turn.endpoint.close(turn.now, id, code, "the simulated application had enough");
        });
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
        self.observer.links.on_death(life.process.number);
        self.note(number, || format!("process {} dies", life.process.number));
    }

    /// Tells `machine` where `about` is now. The only way in which addresses spread, besides packets.
    pub(crate) fn tell(&mut self, machine: usize, about: usize) {
        let address = self.machines[about].address;
        let identity = self.machines[about].identity;
        self.known.insert(address, identity);
        if let Some((turn, _)) = self.turn(machine) {
            // It cannot fail: the identity is a valid one, and there is room.
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

    /// Lets a machine that slept or stalled go on.
    pub(crate) fn wake(&mut self, number: usize) {
        let machine = &mut self.machines[number];
        if machine.condition == Condition::Awake {
            return;
        }
        machine.condition = Condition::Awake;
        self.note(number, || format!("machine {number} runs again"));
        self.forgive(number);
        if self.machines[number].dice.coin() {
            self.ring(number);
        }
        while let Some(parcel) = self.machines[number].waiting.pop_front() {
            self.receive(number, parcel);
        }
        self.ring(number);
        self.keep_appointment(number);
    }

    /// Excuses what a process could not do because its machine was not itself.
    pub(crate) fn forgive(&mut self, number: usize) {
        if let Some(process) = self.machines[number].process() {
            self.observer.forgive(self.now, process.number);
            self.owed_since.retain(|(owner, _), _| *owner != process.number);
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

    fn arrive(&mut self, parcel: Parcel) {
        let Some(number) = self.fabric.owner(parcel.to) else { return };
        let machine = &mut self.machines[number];
        let lost = match machine.condition {
            _ if machine.life.is_none() || !machine.socket_works => true,
            Condition::Asleep => true,
            Condition::Stalled => {
                let full = machine.waiting.len() >= SOCKET_BUFFER;
                if !full {
                    machine.waiting.push_back(parcel);
                }
                return;
            }
            Condition::Awake => false,
        };
        if !lost {
            self.receive(number, parcel);
        }
    }

    fn receive(&mut self, number: usize, mut parcel: Parcel) {
        let Some(process) = self.machines[number].process() else { return };
        let kind = Kind::of(&parcel.bytes);
        let (from, len, origin) = (parcel.from, parcel.bytes.len(), parcel.origin);
        self.observer.trace.note(self.now, (number, parcel.sender), &parcel.bytes, || {
            format!("[{}] <- {from}: {origin:?} {kind:?}, {len} bytes", process.number)
        });
        self.observer.abuse.on_received(process, from, len, kind, origin);
        if origin == Origin::Genuine && kind == Kind::Short {
            let sender = self.machines[parcel.sender].identity;
            self.observer.links.on_heard(self.now, process.number, sender);
        }
        let before = self.digest_if_forged(number, kind, origin);
        self.observer.ledger.set_scene(self.now, Some(kind));
        if let Some((turn, _)) = self.turn(number) {
            turn.endpoint.handle_datagram(turn.now, from, &mut parcel.bytes);
        }
        self.observer.ledger.set_scene(self.now, None);
        if let Some(before) = before {
            let after = self.digest(number);
            check_digest(self.now, process, origin, (&before, &after), &mut self.observer.findings);
        }
        self.settle(number);
    }

    /// The state of an endpoint before a datagram that cannot be authentic, if it is to be compared.
    fn digest_if_forged(&mut self, number: usize, kind: Kind, origin: Origin) -> Option<String> {
        let forged = origin == Origin::Junk || (origin == Origin::Damaged && kind == Kind::Short);
        let machine = &self.machines[number];
        let due = machine.life.as_ref().is_some_and(|life| life.alarm <= self.now);
        if !forged || due || self.digests_left == 0 {
            return None;
        }
        self.digests_left -= 1;
        Some(self.digest(number))
    }

    fn digest(&mut self, number: usize) -> String {
        let peers: Vec<usize> = self.peers(number).collect();
        let Some((turn, _)) = self.turn(number) else { return String::new() };
        let links =
            peers.iter().map(|peer| subject::digest(turn.endpoint, turn.now, turn.directory.id(*peer)));
        links.collect::<Vec<_>>().join("\n")
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

    /// Sends what the endpoint has to send. Tells how many datagrams that were.
    fn transmit(&mut self, number: usize) -> u32 {
        let mut sent = 0;
        let batch = self.machines[number].batch;
        let mut buffer = std::mem::take(&mut self.buffer);
        loop {
            buffer.clear();
            let Some((turn, _)) = self.turn(number) else { break };
            let Some(transmit) = turn.endpoint.poll_transmit(turn.now, batch, &mut buffer) else { break };
            for datagram in buffer.chunks(transmit.segment.max(1)) {
                sent += 1;
                self.send(number, transmit.to, datagram);
            }
            if sent > MOST_SENT_AT_ONCE {
                break;
            }
        }
        self.buffer = buffer;
        sent
    }

    fn send(&mut self, number: usize, to: SocketAddr, datagram: &[u8]) {
        let machine = &self.machines[number];
        let Some(process) = machine.process() else { return };
        let (from, works) = (machine.address, machine.socket_works);
        self.datagrams += 1;
        let (kind, len) = (Kind::of(datagram), datagram.len());
        let peer = self.known.get(&to).copied();
        if let Some(peer) = peer {
            let packet = (kind == Kind::Short).then_some(len);
            self.observer.links.on_sent(self.now, process, peer, packet, &mut self.observer.findings);
        }
        self.observer.abuse.on_sent(self.now, process, to, datagram, &mut self.observer.findings);
        let fate = if works {
            self.fabric.send(self.now, number, from, to, datagram.to_vec())
        } else {
            Outcome::Lost("the socket is dead")
        };
        let receiver = self.fabric.owner(to).unwrap_or(number);
        self.observer.trace.remark(self.now, (number, receiver), || {
            let fate = match &fate {
                Outcome::Carried(list) => {
                    list.iter().map(|(at, _)| format!("+{} us", at - self.now)).collect()
                }
                Outcome::Lost(why) => vec![(*why).to_owned()],
            };
            format!("[{}] -> {to}: {kind:?}, {len} bytes: {}", process.number, fate.join(", "))
        });
        match fate {
            Outcome::Carried(list) => {
                for (at, parcel) in list {
                    self.plan(at, Happening::Arrive(parcel));
                }
            }
            Outcome::Lost("nobody there" | "the socket is dead") if self.dice.chance(100_000) => {
                let at = self.now + self.dice.below(50 * MILLI);
                self.plan(at, Happening::Refused { machine: number, to });
            }
            Outcome::Lost(_) => {}
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

    fn look(&mut self) {
        let mut views: BTreeMap<(usize, usize), (Process, View)> = BTreeMap::new();
        for number in 0..self.machines.len() {
            let machine = &self.machines[number];
            if !machine.runs() || !machine.socket_works || machine.clock.is_frozen(self.now) {
                continue;
            }
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
        let (turn, _) = self.turn(number)?;
        let process = turn.process;
        let view = subject::view(turn.endpoint, turn.now, turn.directory.id(peer))?;
        self.observer.on_view(at, process, peer, &view, round_trip);
        self.check_ladder(process, peer);
        Some((process, view))
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
        | Event::DuplicateIdentity { peer }
        | Event::Refused { peer, .. } => Some(*peer),
        Event::Stopped => None,
    }
}
