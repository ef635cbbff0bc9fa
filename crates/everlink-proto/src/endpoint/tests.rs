use super::*;
use crate::{
    crypto::rustcrypto::RustCrypto,
    recovery::SentPacket,
    session::{InboxItem, SendOptions, Verdict},
};

/// Two endpoints between which a datagram takes no time.
struct Pair {
    now: Instant,
    sides: [Endpoint; 2],
}

impl Pair {
    fn connected() -> Self {
        let now = Instant::from_micros(1_000_000);
        let sides = [1, 2].map(|seed| {
            let identity = Identity::from_seed(&[seed; 32]);
            Endpoint::new(now, identity, Config::default(), Arc::new(RustCrypto::default()), [seed; 32])
        });
        let mut pair = Self { now, sides };
        for at in [0, 1] {
            pair.send(at, b"hello");
            pair.run_for(Duration::from_secs(1));
        }
        pair
    }

    fn send(&mut self, from: usize, body: &'static [u8]) {
        let peer = self.sides[1 - from].peer_id();
        let side = &mut self.sides[from];
        side.add_addresses(self.now, peer, &[address(1 - from)]).unwrap();
        side.send(self.now, peer, 0, body.into(), SendOptions::default()).unwrap();
    }

    /// Lets time pass, and says how often a deadline came.
    fn run_for(&mut self, time: Duration) -> u32 {
        let end = self.now + time;
        for turns in 0..10_000 {
            self.exchange();
            let due = self.sides.iter_mut().filter_map(Endpoint::poll_timeout).map(|it| it.at).min();
            let Some(due) = due.filter(|due| *due <= end) else {
                self.now = end;
                return turns;
            };
            self.now = self.now.max(due);
            for side in &mut self.sides {
                if side.poll_timeout().is_some_and(|it| it.at <= self.now) {
                    side.handle_timeout(self.now);
                }
            }
        }
        panic!("a deadline is never served");
    }

    fn exchange(&mut self) {
        let mut datagram = Vec::new();
        let mut quiet = 0;
        for at in [0, 1].into_iter().cycle() {
            match self.sides[at].poll_transmit(self.now, 1, &mut datagram) {
                Some(_) => self.sides[1 - at].handle_datagram(self.now, address(at), &mut datagram),
                None => quiet += 1,
            }
            if datagram.is_empty() && quiet == 2 {
                return;
            }
            quiet *= u32::from(datagram.is_empty());
            datagram.clear();
        }
    }
}

fn address(at: usize) -> SocketAddr {
    ([192, 0, 2, 1], 1_000 + u16::try_from(at).unwrap()).into()
}

// The ACK that found no place in the ledger was due for ever: its driver span, and took the late deadline for a wake.
#[test]
fn a_connection_whose_ledger_is_full_gives_way_to_another() {
    let mut pair = Pair::connected();
    let peer = pair.sides[1].peer_id();
    let full = &mut pair.sides[0];
    let key = full.links.find(&peer).unwrap();
    let path = &mut full.links.get_mut(key).connections[0].path;
    while !path.recovery.is_full() {
        let number = path.recovery.next_packet_number(&mut full.shared.rng);
        let packet = SentPacket { size: 48, ack_eliciting: false, in_flight: false, records: Vec::new() };
        path.on_sent(pair.now, number, packet);
    }

    pair.send(1, b"to be acknowledged");
    let turns = pair.run_for(Duration::from_secs(5));
    assert!(turns < 100, "{turns} deadlines");
    let [full, other] = &mut pair.sides;
    assert_eq!((full.stats().handshakes, full.stats().marks.get(&Mark::Woke)), (2, None));
    let arrived = core::iter::from_fn(|| full.recv(pair.now, peer));
    assert_eq!(arrived.filter(|item| matches!(item, InboxItem::Message { .. })).count(), 2);
    let delivered = core::iter::from_fn(|| other.poll_event())
        .filter(|event| matches!(event, Event::Verdict { verdict: Verdict::Delivered, .. }));
    assert_eq!(delivered.count(), 2);
}
