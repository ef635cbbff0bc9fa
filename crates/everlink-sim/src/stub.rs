//! stand-in
#![allow(dead_code, missing_docs, clippy::all, clippy::unwrap_used, unreachable_pub)]
use bytes::Bytes;
use crate::dice::mix_bytes;
use everlink_proto::crypto::Provider;
pub(crate) use everlink_proto::crypto::identity::Identity;
pub(crate) use everlink_proto::id::{Half, PeerId};
use everlink_proto::time::{Duration, Instant};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub u64);
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u64);
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict { Delivered, Processed, NotDelivered(NotDelivered), Unknown(Unknown) }
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotDelivered { PeerRestarted, Closed }
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unknown { PeerRestarted, Closed }
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndReason { PeerRestarted, PeerForgot, ClosedHere, ClosedByPeer { code: u64 }, ProtocolViolation, EndpointFailed }
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LinkState { Idle, Connecting, Connected, Suspect }
#[derive(Clone, Copy, Debug)]
pub enum Fact { A }
#[derive(PartialEq)]
pub enum Row { Edge(LinkState) }
impl Fact { pub const ALL: [Fact; 1] = [Fact::A]; }
impl LinkState { pub fn row(self, _: Fact) -> Row { Row::Edge(match self { LinkState::Idle => LinkState::Connected, _ => LinkState::Idle }) } }
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause { Dialled, Closed }
#[derive(Clone, Debug)]
pub enum Event {
    Verdict { peer: PeerId, id: MessageId, verdict: Verdict },
    InboxReady { peer: PeerId }, SendRoom { peer: PeerId },
    StreamOpened { peer: PeerId, stream: StreamId }, Readable { peer: PeerId, stream: StreamId }, Writable { peer: PeerId, stream: StreamId },
    State { peer: PeerId, from: LinkState, to: LinkState, cause: Cause },
    DuplicateIdentity { peer: PeerId }, Refused { peer: PeerId, code: u64, retry_after: Duration },
    Stopped,
}
#[derive(Debug)]
pub struct DoneToken(u64);
pub struct Message { pub channel: u64, pub number: u64, pub body: Bytes, pub possible_duplicate: bool, pub wants_done: bool, pub token: DoneToken }
pub enum InboxItem { Message(Message), SessionStarted, SessionEnded(EndReason) }
pub enum Read { Bytes(usize), Blocked, End }
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnRestart { Carry, Drop, Resend }
pub struct ChannelOptions { pub on_restart: OnRestart }
pub struct SendOptions { pub wants_done: bool }
#[derive(Default)]
pub struct Config { pub rekey_after: Duration }
pub struct Transmit { pub to: SocketAddr, pub len: usize, pub segment: usize }
#[derive(Debug)]
pub struct Deadline { pub at: Instant }
pub struct Snapshot { pub mine: Option<Half>, pub theirs: Option<Half> }
#[derive(Default, Debug, Clone)]
pub struct Counts { pub drops: BTreeMap<String, u64>, pub marks: BTreeMap<String, u64> }
impl Counts { pub fn add(&mut self, _: &Endpoint) {} }
pub fn digest(_: &Endpoint, _: Instant, _: PeerId) -> String { String::new() }
pub fn real_provider() -> Arc<dyn Provider> { Arc::new(everlink_proto::crypto::rustcrypto::RustCrypto::default()) }

struct Out { id: MessageId, channel: u64, body: Bytes, done: bool, bound: bool }
#[derive(Default)]
struct Link {
    addr: Vec<SocketAddr>, out: VecDeque<Out>, base: u32, theirs: u64, expected: u32, inbox: VecDeque<InboxItem>,
    unsent: bool, ack: bool, timer: Option<Instant>, state: bool, closed: bool,
}
pub struct Endpoint { me: PeerId, inc: u64, links: BTreeMap<PeerId, Link>, events: VecDeque<Event>, next: u64 }
impl Endpoint {
    pub fn new(_: Instant, identity: Identity, _: Config, _p: Arc<dyn Provider>, seed: [u8; 32]) -> Self {
        Self { me: identity.peer_id(), inc: mix_bytes(0, &seed), links: BTreeMap::new(), events: VecDeque::new(), next: 0 }
    }
    pub fn handle_datagram(&mut self, now: Instant, from: SocketAddr, d: &mut [u8]) {
        if d.len() < 8 + 33 + 16 + 16 + 1 { return; }
        let (d, sum) = d.split_at(d.len() - 8);
        if mix_bytes(9, d).to_le_bytes() != sum { return; }
        let peer = PeerId::from_bytes(d[1..33].try_into().unwrap());
        let n = |a: usize| u64::from_le_bytes(d[a..a + 8].try_into().unwrap());
        let m = |a: usize| u32::from_le_bytes(d[a..a + 4].try_into().unwrap());
        let (src, dst, ack, index, channel, flags) = (n(33), n(41), m(49), m(53), n(57), d[65]);
        if dst != 0 && dst != self.inc { return; }
        let link = self.links.entry(peer).or_default();
        if link.closed { return; }
        if link.theirs != src {
            if link.theirs != 0 {
                link.inbox.push_back(InboxItem::SessionEnded(EndReason::PeerRestarted));
                while link.out.front().is_some_and(|o| o.bound) {
                    let o = link.out.pop_front().unwrap();
                    self.events.push_back(Event::Verdict { peer, id: o.id, verdict: Verdict::Unknown(Unknown::PeerRestarted) });
                }
            }
            link.theirs = src; link.base = 0; link.expected = 0;
            link.inbox.push_back(InboxItem::SessionStarted);
        }
        if link.addr.first() != Some(&from) { link.addr.retain(|a| *a != from); link.addr.insert(0, from); }
        if !link.state { link.state = true; self.events.push_back(Event::State { peer, from: LinkState::Idle, to: LinkState::Connected, cause: Cause::Dialled }); }
        if dst == self.inc {
            while link.base < ack {
                let Some(o) = link.out.pop_front() else { break };
                link.base += 1;
                self.events.push_back(Event::Verdict { peer, id: o.id, verdict: if o.done { Verdict::Processed } else { Verdict::Delivered } });
                self.events.push_back(Event::SendRoom { peer });
                link.unsent = !link.out.is_empty();
            }
            if flags & 1 != 0 {
                link.ack = true;
                if index == link.expected {
                    link.expected += 1;
                    link.inbox.push_back(InboxItem::Message(Message { channel, number: index.into(), body: Bytes::copy_from_slice(&d[66..]), possible_duplicate: false, wants_done: flags & 2 != 0, token: DoneToken(0) }));
                }
            }
        } else { link.ack = true; }
        self.events.push_back(Event::InboxReady { peer });
        let _ = now;
    }
    pub fn handle_timeout(&mut self, now: Instant) {
        for link in self.links.values_mut() { if link.timer.is_some_and(|t| t <= now) { link.timer = None; link.unsent = true; } }
    }
    pub fn poll_transmit(&mut self, now: Instant, _: usize, buf: &mut Vec<u8>) -> Option<Transmit> {
        for link in self.links.values_mut() {
            if link.closed || (link.addr.is_empty()) || !(link.ack || (link.unsent && !link.out.is_empty())) { continue; }
            buf.push(0x80);
            buf.extend(self.me.as_bytes());
            buf.extend(self.inc.to_le_bytes());
            buf.extend(link.theirs.to_le_bytes());
            buf.extend(link.expected.to_le_bytes());
            buf.extend(link.base.to_le_bytes());
            match link.out.front_mut() {
                Some(o) if link.theirs != 0 => { o.bound = true; buf.extend(o.channel.to_le_bytes()); buf.push(1 | if o.done { 2 } else { 0 }); buf.extend(&o.body); }
                _ => { buf.extend([0; 9]); }
            }
            let sum = mix_bytes(9, buf); buf.extend(sum.to_le_bytes());
            link.ack = false; link.unsent = false;
            link.addr.rotate_left(1);
            if !link.out.is_empty() { link.timer = Some(now + Duration::from_millis(500)); }
            return Some(Transmit { to: *link.addr.last().unwrap(), len: buf.len(), segment: buf.len() });
        }
        None
    }
    pub fn poll_timeout(&mut self) -> Option<Deadline> { self.links.values().filter_map(|l| l.timer).min().map(|at| Deadline { at }) }
    pub fn poll_event(&mut self) -> Option<Event> { self.events.pop_front() }
    pub fn handle_network_change(&mut self, _: Instant) {}
    pub fn handle_socket_error(&mut self, _: Instant, _: SocketAddr) {}
    pub fn add_addresses(&mut self, peer: PeerId, a: &[SocketAddr]) { let l = self.links.entry(peer).or_default(); for a in a { if !l.addr.contains(a) { l.addr.insert(0, *a); l.addr.truncate(3); } } }
    pub fn set_channel(&mut self, _: PeerId, _: u64, _: ChannelOptions) {}
    pub fn send(&mut self, _: Instant, peer: PeerId, channel: u64, body: Bytes, o: SendOptions) -> Result<MessageId, ()> {
        let l = self.links.entry(peer).or_default();
        if l.out.len() > 1000 || body.len() > 40_000 { return Err(()); }
        self.next += 1; let id = MessageId(self.next);
        if l.out.is_empty() { l.unsent = true; }
        l.out.push_back(Out { id, channel, body, done: o.wants_done, bound: false });
        Ok(id)
    }
    pub fn recv(&mut self, _: Instant, peer: PeerId) -> Option<InboxItem> { self.links.get_mut(&peer)?.inbox.pop_front() }
    pub fn next_unread(&mut self) -> Option<PeerId> { self.links.iter().find(|(_, l)| !l.inbox.is_empty()).map(|(p, _)| *p) }
    pub fn done(&mut self, _: Instant, _: PeerId, _: DoneToken) {}
    pub fn open_stream(&mut self, _: Instant, _: PeerId) -> Result<StreamId, ()> { Err(()) }
    pub fn accept_stream(&mut self, _: PeerId) -> Option<StreamId> { None }
    pub fn write_stream(&mut self, _: Instant, _: PeerId, _: StreamId, _: &[u8]) -> Result<usize, ()> { Err(()) }
    pub fn finish_stream(&mut self, _: Instant, _: PeerId, _: StreamId) -> Result<(), ()> { Err(()) }
    pub fn reset_stream(&mut self, _: Instant, _: PeerId, _: StreamId, _: u64) -> Result<(), ()> { Err(()) }
    pub fn stop_stream(&mut self, _: Instant, _: PeerId, _: StreamId, _: u64) -> Result<(), ()> { Err(()) }
    pub fn release_stream(&mut self, _: Instant, _: PeerId, _: StreamId) {}
    pub fn read_stream(&mut self, _: Instant, _: PeerId, _: StreamId, _: &mut [u8]) -> Result<Read, ()> { Err(()) }
    pub fn redial(&mut self, _: Instant, _: PeerId) {}
    pub fn close(&mut self, _: Instant, peer: PeerId, _: u64, _: &str) {
        let l = self.links.entry(peer).or_default(); l.closed = true; l.timer = None;
        for o in l.out.drain(..) { self.events.push_back(Event::Verdict { peer, id: o.id, verdict: Verdict::NotDelivered(NotDelivered::Closed) }); }
        if l.theirs != 0 { l.theirs = 0; l.inbox.push_back(InboxItem::SessionEnded(EndReason::ClosedHere)); self.events.push_back(Event::InboxReady { peer }); }
        if l.state { l.state = false; self.events.push_back(Event::State { peer, from: LinkState::Connected, to: LinkState::Idle, cause: Cause::Closed }); }
    }
    pub fn state(&self, peer: PeerId) -> LinkState { if self.links.get(&peer).is_some_and(|l| l.state) { LinkState::Connected } else { LinkState::Idle } }
    pub fn explain(&self, _: Instant, _: PeerId) -> String { "stub".into() }
    pub fn snapshot(&self, _: Instant, peer: PeerId) -> Option<Snapshot> { let l = self.links.get(&peer)?; Some(Snapshot { mine: None, theirs: (l.theirs != 0).then_some(Half([l.theirs as u8; 16])) }) }
}
