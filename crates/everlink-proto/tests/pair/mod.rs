//! Two endpoints and a wire between them, on virtual time.
#![allow(clippy::unwrap_used, reason = "a harness for tests")]
#![allow(dead_code, reason = "each test file uses a part of the harness")]

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use everlink_proto::{
    Config, Endpoint, Event,
    crypto::{identity::Identity, rustcrypto::RustCrypto},
    id::PeerId,
    link::lifecycle::LinkState,
    session::{ChannelOptions, DoneToken, EndReason, InboxItem, MessageId, SendOptions, Verdict},
    stats::Mark,
    time::Instant,
    wire::header::Datagram,
};

/// How long a datagram is on its way.
const DELAY: Duration = Duration::from_millis(10);

/// What the wire does with a datagram.
pub(crate) enum Fate {
    Deliver,
    Drop,
}

/// One endpoint and what its application saw.
pub(crate) struct Side {
    pub(crate) endpoint: Endpoint,
    pub(crate) address: SocketAddr,
    pub(crate) inbox: Vec<InboxItem>,
    pub(crate) verdicts: BTreeMap<MessageId, Verdict>,
    pub(crate) events: Vec<Event>,
}

/// Decides what becomes of a datagram: when, from which side, its bytes.
pub(crate) type Rule = Box<dyn FnMut(Instant, usize, &[u8]) -> Fate>;

/// Two sides and a wire.
pub(crate) struct Pair {
    pub(crate) now: Instant,
    pub(crate) sides: [Side; 2],
    pub(crate) rule: Rule,
    wire: BTreeMap<(Instant, u64), (usize, SocketAddr, Vec<u8>)>,
    sent: u64,
    seeds: u8,
}

impl Pair {
    pub(crate) fn new() -> Self {
        Self::of_strangers().introduce(0).introduce(1)
    }

    /// A pair that is connected and at rest: side 0 has sent "one", and side 1 has read it.
    pub(crate) fn connected() -> Self {
        let mut pair = Self::new();
        let one = pair.send(0, b"one");
        pair.run_for(Duration::from_secs(1));
        assert_eq!((pair.state(0), pair.state(1)), (LinkState::Connected, LinkState::Connected));
        assert_eq!(pair.sides[0].verdicts.get(&one), Some(&Verdict::Delivered));
        pair
    }

    /// A pair of which neither has heard of the other.
    pub(crate) fn of_strangers() -> Self {
        Self {
            now: Instant::from_micros(1_000_000),
            sides: [side(0, 1, &Config::default()), side(1, 2, &Config::default())],
            rule: Box::new(|_, _, _| Fate::Deliver),
            wire: BTreeMap::new(),
            sent: 0,
            seeds: 2,
        }
    }

    /// A pair of which side 1 has room for one link, and side 0 knows where it is.
    pub(crate) fn with_one_place() -> Self {
        let mut pair = Self::of_strangers().introduce(0);
        pair.sides[1] = side(1, 2, &Config { max_links: 1, ..Config::default() });
        pair
    }

    /// Whether the place of side 1 is to be had for a link with somebody else.
    pub(crate) fn takes_place(&mut self) -> bool {
        let other = side(2, 9, &Config::default()).endpoint.peer_id();
        self.sides[1].endpoint.set_channel(self.now, other, 0, ChannelOptions::default()).is_ok()
    }

    /// Tells one side where the other is.
    pub(crate) fn introduce(mut self, at: usize) -> Self {
        self.tell_address(at);
        self
    }

    pub(crate) fn id(&self, at: usize) -> PeerId {
        self.sides[at].endpoint.peer_id()
    }

    /// Sends a message from one side to the other.
    pub(crate) fn send(&mut self, from: usize, body: &[u8]) -> MessageId {
        let peer = self.id(1 - from);
        let options = SendOptions { wants_done: false };
        let body = Bytes::copy_from_slice(body);
        self.sides[from].endpoint.send(self.now, peer, 0, body, options).unwrap()
    }

    /// Wants a connection without having anything to send.
    pub(crate) fn connect(&mut self, at: usize) {
        let peer = self.id(1 - at);
        self.sides[at].endpoint.connect(self.now, peer).unwrap();
    }

    /// Wants a new connection in place of the one that there is.
    pub(crate) fn redial(&mut self, at: usize) {
        let peer = self.id(1 - at);
        self.sides[at].endpoint.redial(self.now, peer);
    }

    /// Closes the session with code 7.
    pub(crate) fn close(&mut self, at: usize) {
        let peer = self.id(1 - at);
        self.sides[at].endpoint.close(self.now, peer, 7, "bye");
    }

    /// The state of the link as one side tells it.
    pub(crate) fn state(&self, at: usize) -> LinkState {
        self.sides[at].endpoint.state(&self.id(1 - at))
    }

    /// Nothing arrives that is sent from now on.
    pub(crate) fn cut(&mut self) {
        self.rule = Box::new(|_, _, _| Fate::Drop);
    }

    /// All arrives that is sent from now on.
    pub(crate) fn heal(&mut self) {
        self.rule = Box::new(|_, _, _| Fate::Deliver);
    }

    /// All arrives that is sent from now on but message 1 of one side, so that only the other can make a connection.
    pub(crate) fn lose_dials_of(&mut self, at: usize) {
        self.rule = Box::new(move |_, from, datagram| match Datagram::parse(datagram) {
            Ok(Datagram::Message1(_)) if from == at => Fate::Drop,
            _ => Fate::Deliver,
        });
    }

    /// Replaces an endpoint by a new process with the same key, which knows only the ticket.
    pub(crate) fn restart(&mut self, at: usize) {
        drop(self.replace(at));
    }

    /// The same, but the process that was there lives on and is handed out.
    pub(crate) fn replace(&mut self, at: usize) -> Side {
        self.seeds += 1;
        let fresh = side(at, self.seeds, &Config::default());
        let before = std::mem::replace(&mut self.sides[at], fresh);
        self.tell_address(at);
        before
    }

    /// Lets time pass.
    pub(crate) fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.drain();
            let timers =
                self.sides.iter_mut().filter_map(|it| it.endpoint.poll_timeout()).map(|it| it.at).min();
            let arrival = self.wire.keys().next().map(|(at, _)| *at);
            let next = [timers, arrival].into_iter().flatten().min().map(|at| at.max(self.now));
            let Some(next) = next.filter(|at| *at <= end) else { break };
            self.now = next;
            while let Some(entry) = self.wire.first_entry().filter(|entry| entry.key().0 <= self.now) {
                let (to, from, mut datagram) = entry.remove();
                self.sides[to].endpoint.handle_datagram(self.now, from, &mut datagram);
                self.drain();
            }
            for side in &mut self.sides {
                if side.endpoint.poll_timeout().is_some_and(|it| it.at <= self.now) {
                    side.endpoint.handle_timeout(self.now);
                }
            }
        }
        self.now = end;
    }

    fn tell_address(&mut self, at: usize) {
        let (peer, address) = (self.id(1 - at), self.sides[1 - at].address);
        self.sides[at].endpoint.add_addresses(self.now, peer, &[address]).unwrap();
    }

    fn drain(&mut self) {
        for at in [0, 1] {
            let mut buf = Vec::new();
            while let Some(transmit) = self.sides[at].endpoint.poll_transmit(self.now, 10, &mut buf) {
                for datagram in buf.chunks(transmit.segment) {
                    self.sent += 1;
                    if let Fate::Deliver = (self.rule)(self.now, at, datagram) {
                        let to = self.sides.iter().position(|side| side.address == transmit.to);
                        let Some(to) = to else { continue };
                        let key = (self.now + DELAY, self.sent);
                        self.wire.insert(key, (to, self.sides[at].address, datagram.to_vec()));
                    }
                }
                buf.clear();
            }
            self.sides[at].hear(self.now);
        }
    }
}

impl Side {
    /// The bodies of the messages received, in order.
    pub(crate) fn bodies(&self) -> Vec<Bytes> {
        self.inbox
            .iter()
            .filter_map(|item| match item {
                InboxItem::Message { body, .. } => Some(body.clone()),
                InboxItem::SessionStarted | InboxItem::SessionEnded(_) => None,
            })
            .collect()
    }

    /// What the application hands back when it is done with the message that came last.
    pub(crate) fn take_token(&mut self) -> DoneToken {
        match self.inbox.pop() {
            Some(InboxItem::Message { token, .. }) => token,
            other => panic!("{other:?} came last"),
        }
    }

    /// Why sessions ended, in order.
    pub(crate) fn ends(&self) -> Vec<EndReason> {
        let ended = |item: &InboxItem| match item {
            InboxItem::SessionEnded(reason) => Some(*reason),
            InboxItem::SessionStarted | InboxItem::Message { .. } => None,
        };
        self.inbox.iter().filter_map(ended).collect()
    }

    /// How often the endpoint has passed a mark.
    pub(crate) fn mark(&self, mark: Mark) -> u64 {
        self.endpoint.stats().marks.get(&mark).copied().unwrap_or(0)
    }

    fn hear(&mut self, now: Instant) {
        while let Some(event) = self.endpoint.poll_event() {
            if let Event::Verdict { id, verdict, .. } = event {
                assert!(self.verdicts.insert(id, verdict).is_none(), "two verdicts for one message");
            }
            self.events.push(event);
        }
        while let Some(peer) = self.endpoint.next_unread() {
            while let Some(item) = self.endpoint.recv(now, peer) {
                self.inbox.push(item);
            }
        }
    }
}

/// An endpoint whose identity and address follow from `at`, and whose chance follows from `seed`.
pub(crate) fn side(at: usize, seed: u8, config: &Config) -> Side {
    let identity = Identity::from_seed(&[u8::try_from(at).unwrap() + 1; 32]);
    let port = 1000 + u16::try_from(at).unwrap();
    Side {
        endpoint: Endpoint::new(
            Instant::from_micros(1_000_000),
            identity,
            config.clone(),
            Arc::new(RustCrypto { has_aes: true }),
            [seed; 32],
        ),
        address: SocketAddr::from(([10, 0, 0, 1], port)),
        inbox: Vec::new(),
        verdicts: BTreeMap::new(),
        events: Vec::new(),
    }
}
