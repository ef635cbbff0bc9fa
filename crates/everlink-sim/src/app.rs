//! The application on every node: it sends what it can, reads what it gets, and remembers nothing.
//!
//! It numbers its messages on several channels, writes and reads streams, asks for both kinds of
//! receipt, is sometimes slow to read and slow to be done. All it does and all it is told goes to the
//! observers.

use crate::check::delivery::{Accepted, Name, SHORTEST, Taken, body_of};
use crate::check::stream::Reading;
use crate::clock::{MILLI, Micros, SECOND};
use crate::dice::{Dice, PERCENT, Ppm};
use crate::subject::{
    DoneToken, End, Event, InboxItem, OnRestart, SendError, StreamId, outcome, send_options,
};
use crate::world::Turn;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

mod room;
mod streams;

/// How many streams an application keeps open to one peer.
const MOST_STREAMS: usize = 6;

/// How long a lazy application sits on a message before it is done with it.
const LAZY: Micros = 20 * SECOND;

/// How large messages are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sizes {
    /// Up to 200 bytes.
    Small,
    /// Mostly small, some of several packets.
    Mixed,
    /// Up to a hundred thousand bytes.
    Large,
}

/// One stream of messages to one peer on one channel.
#[derive(Clone, Debug)]
pub(crate) struct FlowPlan {
    pub(crate) to: usize,
    pub(crate) channel: u64,
    pub(crate) on_restart: OnRestart,
    pub(crate) wants_done: bool,
    pub(crate) sizes: Sizes,
    /// The mean time between bursts.
    pub(crate) gap: Micros,
    /// Messages in a burst.
    pub(crate) burst: u32,
}

/// What an application is going to do.
#[derive(Clone, Debug)]
pub(crate) struct AppPlan {
    pub(crate) flows: Vec<FlowPlan>,
    /// The mean time between new streams, if there are any.
    pub(crate) streams: Option<Micros>,
    pub(crate) longest_stream: u64,
    /// How often it is in no hurry to be done.
    pub(crate) lazy: Ppm,
}

#[derive(Debug)]
struct Flow {
    plan: FlowPlan,
    next: Micros,
    left: u32,
    place: u32,
    stuck: Option<usize>,
}

#[derive(Debug)]
struct Outgoing {
    number: u64,
    total: u64,
    written: u64,
    ends_with_reset: bool,
    blocked: bool,
    over: bool,
}

#[derive(Debug, Default)]
struct Incoming {
    reading: Reading,
    over: bool,
    stop_after: Option<u64>,
}

#[derive(Debug)]
struct Duty {
    due: Micros,
    peer: usize,
    token: DoneToken,
    name: Name,
}

/// One running application.
#[derive(Debug)]
pub(crate) struct App {
    flows: Vec<Flow>,
    plan: AppPlan,
    dice: Dice,
    next_stream: Micros,
    sending: bool,
    /// Until when it reads slowly, if at all.
    slow_until: Micros,
    next_read: Micros,
    unread: BTreeSet<usize>,
    /// Streams that had news while it was slow.
    unread_streams: BTreeSet<(usize, StreamId)>,
    full: BTreeSet<usize>,
    duties: VecDeque<Duty>,
    outgoing: BTreeMap<(usize, StreamId), Outgoing>,
    incoming: BTreeMap<(usize, StreamId), Incoming>,
    /// Peers of which its endpoint does not know which channels there are.
    strange: BTreeSet<usize>,
}

impl App {
    /// An application that is about to begin at `now`.
    pub(crate) fn new(plan: &AppPlan, now: Micros, mut dice: Dice) -> Self {
        let flows = plan.flows.iter().map(|plan| Flow {
            plan: plan.clone(),
            next: now + dice.below(2 * plan.gap + 1),
            left: 0,
            place: 0,
            stuck: None,
        });
        Self {
            flows: flows.collect(),
            plan: plan.clone(),
            next_stream: plan.streams.map_or(Micros::MAX, |gap| now + dice.below(2 * gap + 1)),
            dice,
            sending: true,
            slow_until: 0,
            next_read: 0,
            unread: BTreeSet::new(),
            unread_streams: BTreeSet::new(),
            full: BTreeSet::new(),
            duties: VecDeque::new(),
            outgoing: BTreeMap::new(),
            incoming: BTreeMap::new(),
            strange: BTreeSet::new(),
        }
    }

    /// Sends one message on every flow now, so that everybody owes something.
    pub(crate) fn nudge(&mut self, now: Micros) {
        for flow in &mut self.flows {
            flow.next = now;
            flow.plan.gap = flow.plan.gap.max(SECOND);
        }
    }

    /// Sends nothing any more, not even what it had no room for until now, and is slow no more.
    pub(crate) fn settle_down(&mut self) {
        self.sending = false;
        self.flows.iter_mut().for_each(|flow| (flow.left, flow.stuck) = (0, None));
        self.slow_until = 0;
    }

    /// Sends again.
    pub(crate) fn go_on(&mut self) {
        self.sending = true;
    }

    /// Reads slowly, or not at all, until `until`.
    pub(crate) fn be_slow(&mut self, until: Micros) {
        self.slow_until = self.slow_until.max(until);
    }

    /// Reads as it should again.
    pub(crate) fn hurry(&mut self) {
        self.slow_until = 0;
        self.plan.lazy = 0;
        self.duties.iter_mut().for_each(|duty| duty.due = 0);
    }

    /// Does what is due and tells when to call again.
    pub(crate) fn tick(&mut self, turn: &mut Turn<'_>) -> Micros {
        self.read_late(turn);
        self.do_duties(turn);
        if self.sending {
            self.send_due(turn);
            self.open_due_stream(turn);
        }
        self.next_due(turn.at)
    }

    /// Hears of an event.
    pub(crate) fn on_event(&mut self, turn: &mut Turn<'_>, event: Event) {
        match event {
            Event::Verdict { peer, id, verdict } => {
                let peer = turn.directory.index(peer);
                let told = (outcome(verdict), turn.session(peer));
                turn.observer.on_verdict(turn.at, turn.process, peer, id.0, told);
            }
            Event::InboxReady { peer } => {
                let peer = turn.directory.index(peer);
                let behind = !self.unread.insert(peer);
                if turn.at >= self.slow_until {
                    self.read_inbox(turn, peer, u32::MAX, !behind);
                }
            }
            Event::SendRoom { peer } => {
                let peer = turn.directory.index(peer);
                self.full.remove(&peer);
                self.retry(turn, peer);
            }
            Event::StreamOpened { peer } => {
                let peer = turn.directory.index(peer);
                while let Some(stream) = turn.endpoint.accept_stream(turn.directory.id(peer)) {
                    let stop_after =
                        self.dice.chance(10 * PERCENT).then(|| self.dice.below(self.plan.longest_stream));
                    self.incoming.insert((peer, stream), Incoming { stop_after, ..Incoming::default() });
                    self.read_stream(turn, peer, stream);
                }
            }
            Event::Readable { peer, stream } => {
                let peer = turn.directory.index(peer);
                self.read_stream(turn, peer, stream);
            }
            Event::Writable { peer, stream } => {
                let peer = turn.directory.index(peer);
                self.write_stream(turn, (peer, stream));
            }
            Event::State { .. }
            | Event::DuplicateIdentity { .. }
            | Event::Refused { .. }
            | Event::Stopped => {}
        }
    }

    /// Takes everything that is in the inbox of a process that is about to die, as only an observer may.
    pub(crate) fn autopsy(&mut self, turn: &mut Turn<'_>) {
        while let Some(peer) = turn.endpoint.next_unread() {
            let peer = turn.directory.index(peer);
            if self.read_inbox(turn, peer, u32::MAX, false) == 0 {
                break;
            }
        }
    }

    /// When it wants to be called next, as things are at `now`.
    pub(crate) fn wants_at(&self, now: Micros) -> Micros {
        self.next_due(now)
    }

    fn next_due(&self, now: Micros) -> Micros {
        let flows = self.flows.iter().filter(|_| self.sending).map(|flow| flow.next);
        let duties = self.duties.iter().map(|duty| duty.due);
        let behind = !self.unread.is_empty() || !self.unread_streams.is_empty();
        let reads = behind.then_some(self.next_read).into_iter();
        let streams = self.sending.then_some(self.next_stream).into_iter();
        flows.chain(duties).chain(reads).chain(streams).min().map_or(Micros::MAX, |due| due.max(now + MILLI))
    }

    fn send_due(&mut self, turn: &mut Turn<'_>) {
        for index in 0..self.flows.len() {
            let flow = &mut self.flows[index];
            if flow.next > turn.at {
                continue;
            }
            flow.left = (flow.left + flow.plan.burst).min(4 * flow.plan.burst);
            flow.next = turn.at + self.dice.between(flow.plan.gap / 4, 2 * flow.plan.gap);
            self.send_burst(turn, index);
        }
    }

    fn retry(&mut self, turn: &mut Turn<'_>, peer: usize) {
        for index in 0..self.flows.len() {
            if self.flows[index].plan.to == peer && self.flows[index].stuck.is_some() {
                self.send_burst(turn, index);
            }
        }
    }

    fn send_burst(&mut self, turn: &mut Turn<'_>, index: usize) {
        if !self.acquaint(turn, self.flows[index].plan.to) {
            return self.ask_again(turn, index);
        }
        let flow = &mut self.flows[index];
        while flow.left > 0 && !self.full.contains(&flow.plan.to) {
            let len = flow.stuck.unwrap_or_else(|| draw_len(flow.plan.sizes, &mut self.dice));
            let name = Name {
                process: turn.process.number,
                to: flow.plan.to,
                channel: flow.plan.channel,
                place: flow.place,
            };
            match send(turn, &flow.plan, name, len) {
                Answer::Accepted => {
                    flow.stuck = None;
                    flow.place += 1;
                    flow.left -= 1;
                }
                Answer::Full => {
                    flow.stuck = Some(len);
                    self.full.insert(flow.plan.to);
                    return turn.observer.marks.pass("send budget full");
                }
                Answer::NoLink => {
                    flow.stuck = Some(len);
                    return self.ask_again(turn, index);
                }
            }
        }
    }

    fn read_late(&mut self, turn: &mut Turn<'_>) {
        if (self.unread.is_empty() && self.unread_streams.is_empty()) || self.next_read > turn.at {
            return;
        }
        let slow = turn.at < self.slow_until;
        let peers: Vec<usize> = self.unread.iter().copied().collect();
        for peer in peers {
            self.read_inbox(turn, peer, if slow { 3 } else { u32::MAX }, false);
        }
        self.next_read = turn.at + self.dice.between(SECOND / 2, 3 * SECOND);
        for (peer, stream) in std::mem::take(&mut self.unread_streams) {
            self.read_stream(turn, peer, stream);
        }
    }

    fn read_inbox(&mut self, turn: &mut Turn<'_>, peer: usize, most: u32, prompt: bool) -> u32 {
        for read in 0..most {
            let Some(item) = turn.endpoint.recv(turn.now, turn.directory.id(peer)) else {
                self.unread.remove(&peer);
                return read;
            };
            match item {
                InboxItem::SessionStarted => turn.observer.on_started(turn.at, turn.process, peer),
                InboxItem::SessionEnded(reason) => {
                    turn.observer.on_ended(turn.at, turn.process, peer, End::from(reason));
                }
                InboxItem::Message { channel, body, flags, token, .. } => {
                    let taken = Taken {
                        receiver: turn.process,
                        peer,
                        channel,
                        body: &body,
                        flagged: flags.possible_duplicate,
                        wants_done: flags.wants_done,
                        prompt,
                        doubled: turn.observer.links.was_doubled(turn.process.identity),
                    };
                    let name = turn.observer.on_taken(turn.at, &taken);
                    if let (true, Some(name)) = (flags.wants_done, name) {
                        let wait = if self.dice.chance(self.plan.lazy) { self.dice.below(LAZY) } else { 0 };
                        self.duties.push_back(Duty { due: turn.at + wait, peer, token, name });
                    }
                }
            }
        }
        most
    }

    fn do_duties(&mut self, turn: &mut Turn<'_>) {
        for _ in 0..self.duties.len() {
            let Some(duty) = self.duties.pop_front() else { break };
            if duty.due > turn.at {
                self.duties.push_back(duty);
                continue;
            }
            turn.observer.deliveries.on_done(turn.at, duty.name);
            turn.endpoint.done(turn.now, turn.directory.id(duty.peer), duty.token);
        }
    }
}

/// What an endpoint says to a message.
enum Answer {
    Accepted,
    Full,
    NoLink,
}

fn send(turn: &mut Turn<'_>, plan: &FlowPlan, name: Name, len: usize) -> Answer {
    let body = body_of(name, len);
    let peer = turn.directory.id(plan.to);
    let options = send_options(plan.wants_done);
    let sent = turn.endpoint.send(turn.now, peer, plan.channel, body.into(), options);
    turn.note_forgotten();
    match sent {
        Ok(id) => {
            let accepted = Accepted {
                name,
                sender: turn.process,
                at: turn.at,
                len,
                wants_done: plan.wants_done,
                may_resend: plan.on_restart == OnRestart::Resend,
                session: turn.session(plan.to),
            };
            turn.observer.on_accepted(accepted, id.0);
            Answer::Accepted
        }
        Err(SendError::TooManyLinks { .. }) => Answer::NoLink,
        Err(_) => Answer::Full,
    }
}

fn draw_len(sizes: Sizes, dice: &mut Dice) -> usize {
    let (low, high) = match (sizes, dice.below(100)) {
        (Sizes::Small, _) | (Sizes::Mixed, 0..=79) => (SHORTEST as u64, 200),
        (Sizes::Mixed, 80..=91) => (900, 1_400),
        (Sizes::Mixed, _) => (2_000, 20_000),
        (Sizes::Large, 0..=59) => (SHORTEST as u64, 2_000),
        (Sizes::Large, 60..=94) => (2_000, 40_000),
        (Sizes::Large, _) => (40_000, 400_000),
    };
    dice.between(low, high) as usize
}
