//! Datagrams on their way into processes and out of them.

use super::{Happening, World};
use crate::check::abuse::{check_answers, check_digest};
use crate::check::bounds::MOST_SENT_AT_ONCE;
use crate::clock::MILLI;
use crate::machine::{Condition, SOCKET_BUFFER};
use crate::net::fabric::{Origin, Outcome, Parcel};
use crate::net::rule::Kind;
use crate::subject;
use std::net::SocketAddr;

impl World {
    pub(super) fn arrive(&mut self, parcel: Parcel) {
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

    pub(super) fn receive(&mut self, number: usize, mut parcel: Parcel) {
        let Some(process) = self.machines[number].process() else { return };
        let kind = Kind::of(&parcel.bytes);
        let (from, len, origin) = (parcel.from, parcel.bytes.len(), parcel.origin);
        self.observer.trace.note(self.now, (number, parcel.sender), &parcel.bytes, || {
            format!("[{}] <- {from}: {origin:?} {kind:?}, {len} bytes", process.number)
        });
        let named = self.is_named(process.identity, kind, &parcel.bytes);
        self.observer.abuse.on_received(process, from, len, kind, origin);
        // A copy of what the network had lost opens, and is a sign of life like any other.
        if !matches!(origin, Origin::Damaged | Origin::Junk) && kind == Kind::Short {
            let sender = self.machines[parcel.sender].identity;
            self.observer.links.on_heard(self.now, process.number, sender);
        }
        if origin == Origin::Copied {
            self.observer.on_copy(number, parcel.sender);
        }
        let before = self.digest_if_forged(number, origin, named);
        self.observer.ledger.set_scene(self.now, Some(kind));
        let message = (kind == Kind::Message1 && named).then(|| subject::mac1(&parcel.bytes)).flatten();
        if let Some((turn, _)) = self.turn(number) {
            let (before, strays) = (subject::work(turn.endpoint), subject::strays(turn.endpoint));
            turn.endpoint.handle_datagram(turn.now, from, &mut parcel.bytes);
            turn.observer.on_handled(turn.at, turn.process, message, [before, subject::work(turn.endpoint)]);
            if origin == Origin::Genuine && subject::strays(turn.endpoint) > strays {
                turn.observer.on_stray(number, parcel.sender);
            }
        }
        self.observer.ledger.set_scene(self.now, None);
        let forged = before.is_some();
        if let Some(before) = before {
            let after = self.digest(number);
            check_digest(self.now, process, origin, (&before, &after), &mut self.observer.findings);
        }
        let sent = self.datagrams;
        self.settle(number);
        if forged {
            // UNKNOWN, or message 2 or a COOKIE for a first message whose mac1 is right.
            let answers = u64::from(kind == Kind::Short || origin == Origin::Forged);
            let sent = self.datagrams - sent;
            check_answers(self.now, process, origin, (sent, answers), &mut self.observer.findings);
        }
        self.look_at_partners(number);
    }

    /// Sends what the endpoint has to send. Tells how many datagrams that were.
    pub(super) fn transmit(&mut self, number: usize) -> u32 {
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
            if packet.is_some() {
                self.observer.deliveries.on_packet(process.number, peer, len);
            }
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

    /// Whether a handshake message is as it was when somebody made it for `identity`: mac1 covers all but mac2, or the
    /// zeros in its place.
    fn is_named(&self, identity: usize, kind: Kind, datagram: &[u8]) -> bool {
        matches!(kind, Kind::Message1 | Kind::Message2)
            && subject::is_invitation(datagram, &self.directory.id(identity))
    }

    /// The state of an endpoint before a datagram that cannot be authentic. There is none to compare with if a timer
    /// is due, since that may be found at the same time.
    fn digest_if_forged(&mut self, number: usize, origin: Origin, named: bool) -> Option<String> {
        let forged = matches!(origin, Origin::Junk | Origin::Forged) || (origin == Origin::Damaged && !named);
        let machine = &self.machines[number];
        let due = machine.life.as_ref().is_some_and(|life| life.alarm <= self.now);
        (forged && !due).then(|| self.digest(number))
    }

    fn digest(&mut self, number: usize) -> String {
        let peers: Vec<usize> = self.peers(number).collect();
        let Some((turn, _)) = self.turn(number) else { return String::new() };
        let mut text = subject::digest(turn.endpoint);
        for peer in peers {
            subject::digest_link(turn.endpoint, turn.now, turn.directory.id(peer), &mut text);
        }
        text
    }
}
