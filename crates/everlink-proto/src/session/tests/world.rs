//! Two sessions over a toy packet layer that loses, delays, reorders and repeats, with an observer
//! that knows what was sent, what entered an inbox, and what senders were told.

use std::collections::{BTreeMap, BTreeSet};

use crate::rng::Rng;
use crate::session::*;
use crate::wire::codec::Writer;
use crate::wire::frame::{CloseCode, frames};

/// What a packet of 1,200 bytes has for frames.
pub(super) const PAYLOAD: usize = 1171;
/// Packets in flight.
const WINDOW: usize = 32;

struct Flight {
    to: usize,
    name: u64,
    number: u64,
    bytes: Vec<u8>,
    at: u64,
}

struct Sent {
    records: Vec<Record>,
    epoch: u64,
    at: u64,
    lost: bool,
}

/// A message as the observer knows it.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) side: usize,
    pub(super) channel: u64,
    pub(super) on_restart: OnRestart,
    /// It takes more than one packet.
    pub(super) is_large: bool,
    pub(super) verdicts: Vec<Verdict>,
    /// In which sessions it entered the peer's inbox, under which number, and whether marked.
    pub(super) entered: Vec<(u64, u64, bool)>,
    /// Its sender's process ended.
    pub(super) orphaned: bool,
}

pub(super) struct World {
    pub(super) rng: Rng,
    pub(super) config: SessionConfig,
    pub(super) sides: [Session; 2],
    pub(super) messages: Vec<Message>,
    pub(super) loss: u64,
    /// The name of the session that both sides share.
    pub(super) name: u64,
    pub(super) now: u64,
    pub(super) packets: u64,
    flights: Vec<Flight>,
    acks: Vec<(u64, usize, u64)>,
    ledgers: [BTreeMap<u64, Sent>; 2],
    reading: [u64; 2],
    pub(super) tokens: [Vec<DoneToken>; 2],
    /// What the sides told their applications, but for verdicts.
    pub(super) events: [Vec<SessionEvent>; 2],
}

impl World {
    pub(super) fn new(seed: u8, config: SessionConfig) -> Self {
        let mut world = Self {
            rng: Rng::from_seed([seed; 32]),
            config,
            sides: [Session::new(config, Side::SmallerKey), Session::new(config, Side::LargerKey)],
            messages: Vec::new(),
            loss: 0,
            name: 0,
            now: 0,
            packets: 0,
            flights: Vec::new(),
            acks: Vec::new(),
            ledgers: [BTreeMap::new(), BTreeMap::new()],
            reading: [0; 2],
            tokens: [Vec::new(), Vec::new()],
            events: [Vec::new(), Vec::new()],
        };
        world.begin();
        world
    }

    pub(super) fn chance(&mut self, percent: u64) -> bool {
        self.rng.below(100) < percent
    }

    pub(super) fn begin(&mut self) {
        self.name += 1;
        self.flights.clear();
        self.acks.clear();
        self.ledgers = [BTreeMap::new(), BTreeMap::new()];
        for side in &mut self.sides {
            side.begin();
        }
    }

    pub(super) fn send(
        &mut self,
        side: usize,
        channel: u64,
        on_restart: OnRestart,
        len: usize,
        wants_done: bool,
    ) -> Result<usize, SendRefused> {
        let id = self.messages.len();
        let mut body = vec![u8::try_from(id % 251).expect("small"); len.max(8)];
        body[..8].copy_from_slice(&u64::try_from(id).expect("small").to_be_bytes());
        self.sides[side].set_channel(channel, ChannelOptions { on_restart })?;
        let name = MessageId(u64::try_from(id).expect("small"));
        self.sides[side].send(channel, body.into(), SendOptions { wants_done }, name)?;
        let (verdicts, entered) = (Vec::new(), Vec::new());
        let is_large = len > PAYLOAD;
        self.messages.push(Message {
            side,
            channel,
            on_restart,
            is_large,
            verdicts,
            entered,
            orphaned: false,
        });
        Ok(id)
    }

    /// Takes one item; false if there was none.
    pub(super) fn recv(&mut self, side: usize) -> bool {
        match self.sides[side].recv() {
            None => return false,
            Some(InboxItem::SessionStarted | InboxItem::SessionEnded(_)) => self.reading[side] += 1,
            Some(InboxItem::Message { channel, number, body, flags, token }) => {
                let id: [u8; 8] = body[..8].try_into().expect("eight bytes");
                let id = usize::try_from(u64::from_be_bytes(id)).expect("small");
                assert!(body[8..].iter().all(|byte| usize::from(*byte) == id % 251), "a body changed");
                let message = &mut self.messages[id];
                assert_eq!((message.side, message.channel), (1 - side, channel));
                let session = self.reading[side] * 2 + u64::try_from(side).expect("small");
                message.entered.push((session, number, flags.possible_duplicate));
                self.tokens[side].push(token);
            }
        }
        true
    }

    pub(super) fn drain(&mut self, side: usize) {
        while self.recv(side) {}
    }

    pub(super) fn verdicts(&mut self) {
        for side in 0..2 {
            while let Some(event) = self.sides[side].poll_event() {
                match event {
                    SessionEvent::Verdict { id, verdict } => {
                        self.messages[usize::try_from(id.0).expect("small")].verdicts.push(verdict);
                    }
                    other => self.events[side].push(other),
                }
            }
        }
    }

    /// One tick: what is due arrives, what may go goes.
    pub(super) fn tick(&mut self) {
        self.now += 1;
        self.arrive();
        self.acknowledge();
        self.time_out();
        for side in 0..2 {
            self.pump(side);
        }
        self.verdicts();
    }

    /// Runs without loss until nothing is left to do.
    pub(super) fn settle(&mut self) {
        self.loss = 0;
        for _ in 0..20_000 {
            self.tick();
            for side in 0..2 {
                self.drain(side);
                for token in core::mem::take(&mut self.tokens[side]) {
                    self.sides[side].done(token);
                }
            }
            let busy = self.sides.iter().any(|side| side.owes() || side.awaits_done());
            if !busy && self.flights.is_empty() && self.acks.is_empty() {
                return;
            }
        }
        panic!("still busy: {:#?}", [self.sides[0].snapshot(), self.sides[1].snapshot()]);
    }

    /// `side` loses its memory; the other hears of it.
    pub(super) fn restart(&mut self, side: usize) {
        self.verdicts();
        self.drain(side);
        for message in &mut self.messages {
            message.orphaned |= message.side == side && message.verdicts.is_empty();
        }
        let which = if side == 0 { Side::SmallerKey } else { Side::LargerKey };
        self.sides[side] = Session::new(self.config, which);
        self.reading[side] += 1_000_000;
        self.tokens[side].clear();
        self.sides[1 - side].end(EndReason::PeerRestarted, None);
        self.begin();
    }

    /// A close of `side` in full: last words both ways, over whatever the network does.
    pub(super) fn close(&mut self, side: usize, code: CloseCode) {
        let counts = [self.sides[0].closing(), self.sides[1].closing()];
        for _ in 0..2_000 {
            self.tick();
            let done = (0..2).all(|side| self.sides[side].peer_positions(counts[1 - side]).is_some());
            if done {
                break;
            }
        }
        let [a, b] = [0, 1].map(|side: usize| self.sides[side].peer_positions(counts[1 - side]));
        let (mine, theirs) = if side == 0 { (a, b) } else { (b, a) };
        self.sides[side].end(EndReason::ClosedHere, mine.as_ref());
        let reason = EndReason::ClosedByPeer { code, application: 0 };
        self.sides[1 - side].end(reason, theirs.as_ref());
        self.begin();
    }

    /// Checks D1 to D5 for everything that has a verdict.
    pub(super) fn check(&mut self) {
        self.verdicts();
        for (id, message) in self.messages.iter().enumerate() {
            let context = || format!("message {id}: {message:?}");
            assert!(message.verdicts.len() <= 1, "two verdicts: {}", context());
            match message.verdicts.first() {
                Some(Verdict::Delivered | Verdict::Processed) => {
                    assert!(!message.entered.is_empty(), "{}", context());
                }
                Some(Verdict::NotDelivered(_)) => assert!(message.entered.is_empty(), "{}", context()),
                Some(Verdict::Unknown(_)) => {}
                None => assert!(message.orphaned, "no verdict: {}", context()),
            }
            let again = message.entered.len() > 1;
            assert!(!again || message.on_restart == OnRestart::Resend, "twice: {}", context());
            assert!(message.entered.iter().skip(1).all(|entry| entry.2), "unmarked: {}", context());
            let sessions: BTreeSet<_> = message.entered.iter().map(|entry| entry.0).collect();
            assert_eq!(sessions.len(), message.entered.len(), "twice in a session: {}", context());
        }
        self.check_order();
    }

    /// On each channel a session's numbers begin at 0 without a gap, and follow the order of sending.
    fn check_order(&self) {
        let mut orders: BTreeMap<_, Vec<(u64, usize)>> = BTreeMap::new();
        for (id, message) in self.messages.iter().enumerate() {
            for (session, number, _) in &message.entered {
                orders.entry((*session, message.channel)).or_default().push((*number, id));
            }
        }
        for ((session, channel), mut entries) in orders {
            entries.sort_unstable();
            let context = || format!("session {session} channel {channel}: {entries:?}");
            assert!((0..).zip(&entries).all(|(expected, (number, _))| expected == *number), "{}", context());
            assert!(entries.windows(2).all(|pair| pair[0].1 < pair[1].1), "{}", context());
        }
    }

    fn pump(&mut self, side: usize) {
        while self.in_flight(side) < WINDOW && self.sides[side].has_pending(true) {
            // Other frames take some of the space now and then.
            let limit = if self.chance(10) { 200 + self.rng.below(900) } else { 1171 };
            let (mut bytes, mut records) = (Vec::new(), Vec::new());
            let mut writer = Writer::new(&mut bytes, usize::try_from(limit).expect("small").min(PAYLOAD));
            if !self.sides[side].write_frames(&mut writer, &mut records, true) {
                assert!(!self.sides[side].has_pending(true), "pending, but nothing came");
                return;
            }
            self.packets += 1;
            let (number, at, epoch) = (self.packets, self.now, self.sides[side].epoch());
            self.ledgers[side].insert(number, Sent { records, epoch, at, lost: false });
            let copies = if self.chance(self.loss) { 0 } else { 1 + usize::from(self.chance(self.loss / 4)) };
            for _ in 0..copies {
                let at = self.now + 1 + self.rng.below(20);
                self.flights.push(Flight { to: 1 - side, name: self.name, number, bytes: bytes.clone(), at });
            }
        }
    }

    fn in_flight(&self, side: usize) -> usize {
        self.ledgers[side].values().filter(|sent| !sent.lost).count()
    }

    fn arrive(&mut self) {
        let now = self.now;
        let due: Vec<_> = self.flights.extract_if(.., |flight| flight.at <= now).collect();
        for flight in due {
            assert_eq!(flight.name, self.name, "a session's packets end with it");
            let mut kept = Kept::Yes;
            for frame in frames(&flight.bytes) {
                let frame = frame.expect("what was written can be read");
                kept = kept.and(self.sides[flight.to].on_frame(&frame).expect("nobody breaks the rules"));
            }
            if kept == Kept::Yes && !self.chance(self.loss) {
                let at = self.now + 1 + self.rng.below(20);
                self.acks.push((at, 1 - flight.to, flight.number));
            }
        }
    }

    fn acknowledge(&mut self) {
        let now = self.now;
        let due: Vec<_> = self.acks.extract_if(.., |ack| ack.0 <= now).collect();
        for (_, side, number) in due {
            // Late acknowledgements of what was declared lost come through, too.
            if let Some(sent) = self.ledgers[side].remove(&number) {
                assert_eq!(sent.epoch, self.sides[side].epoch());
                sent.records.into_iter().for_each(|record| self.sides[side].on_acked(record));
            }
        }
    }

    fn time_out(&mut self) {
        for side in 0..2 {
            let patience = if self.loss > 0 && self.rng.below(50) == 0 { 10 } else { 60 };
            let overdue = self.ledgers[side].values_mut();
            let overdue = overdue.filter(|sent| !sent.lost && sent.at + patience < self.now);
            let mut records = Vec::new();
            for sent in overdue {
                sent.lost = true;
                records.extend(sent.records.iter().copied());
            }
            records.into_iter().for_each(|record| self.sides[side].on_lost(record));
            self.ledgers[side].retain(|_, sent| sent.at + 500 > self.now);
        }
    }
}
