use core::net::Ipv4Addr;

use super::*;
use crate::{
    crypto::{Role, Suite, keys::KeyLimits, noise::Secrets, rustcrypto::RustCrypto},
    id::{Incarnation, Token},
    link::election::ConnectionKey,
    path::PathIds,
    rng::Rng,
    session::Order,
};

const START: Instant = Instant::from_micros(0);

fn peer(number: u8) -> PeerId {
    PeerId::from_bytes([number; 32])
}

fn source(number: u8) -> SocketAddr {
    (Ipv4Addr::new(192, 0, 2, number), 4433).into()
}

fn mac1(number: u64) -> Mac1 {
    let mut mac1 = Mac1::default();
    mac1[..8].copy_from_slice(&number.to_be_bytes());
    mac1
}

fn id(number: u64) -> ConnectionId {
    ConnectionId(number.to_be_bytes())
}

fn slot(number: u64, peer: PeerId, from: SocketAddr) -> Slot {
    let secrets =
        Secrets { handshake_hash: [1; 32], initiator_to_responder: [2; 32], responder_to_initiator: [3; 32] };
    let suite = Suite::ChaCha20Poly1305;
    let keys =
        PacketKeys::new(&RustCrypto::default(), &secrets, Role::Responder, suite, KeyLimits::default());
    let birth = Birth {
        key: ConnectionKey(0),
        order: Order { generation: number, by_smaller: false },
        role: Role::Responder,
        asked: Instant::ZERO,
        remote: from,
        proved: false,
        ids: PathIds { local: id(number), remote: id(number), remote_token: Token([0; 16]) },
        secrets,
        suite,
    };
    let hello = Hello { half: Half([0; 16]), incarnation: Incarnation([0; 16]), counter: 0 };
    Slot { peer, id: id(number), reply: [0; MAX_DATAGRAM], birth, keys, hello }
}

/// A table, and what has to be in it by plain search.
struct Table {
    slots: Slots,
    rng: Rng,
    asked: u64,
    /// Number, peer, source, end.
    expected: Vec<(u64, PeerId, SocketAddr, Instant)>,
}

impl Table {
    fn new() -> Self {
        Self { slots: Slots::default(), rng: Rng::from_seed([3; 32]), asked: 0, expected: Vec::new() }
    }

    /// Fills a slot as message 1 of this number does, and returns whether it was.
    fn fill(&mut self, now: Instant, peer: PeerId, from: SocketAddr, proved: bool) -> Option<u64> {
        let given = self.place(peer, from, proved).ok()?;
        self.forget(given.given_way);
        let SlotKey(number) = given.key;
        self.slots.fill(now, given.key, slot(number, peer, from));
        self.expected.push((number, peer, from, now + LIFETIME));
        Some(number)
    }

    /// Asks for the place of the next message 1, which is numbered as its slot will be.
    fn place(&mut self, peer: PeerId, from: SocketAddr, proved: bool) -> Result<Given, NoPlace> {
        self.asked += 1;
        let (proposed, chance) = (self.asked, self.rng.next_u64());
        let mac1 = mac1(self.asked);
        let given = self.slots.make_place(Opened { peer, mac1, from, proved, proposed, used: 0, chance });
        self.asked -= u64::from(given.is_err());
        given
    }

    fn forget(&mut self, ids: impl IntoIterator<Item = ConnectionId>) {
        for gone in ids {
            let at = self.expected.iter().position(|(number, ..)| id(*number) == gone);
            self.expected.swap_remove(at.expect("it was there"));
        }
    }

    fn check(&mut self) {
        let Self { slots, expected, .. } = self;
        assert_eq!(slots.len(), expected.len());
        assert_eq!(slots.deadline(), expected.iter().map(|(.., until)| *until).min());
        let places = &slots.places;
        let sizes = [places.by_mac1.len(), places.by_peer.len(), places.by_source.len()];
        assert_eq!(sizes, [expected.len(); 3]);
        assert_eq!([slots.by_end.len(), slots.filled.len()], [expected.len(); 2]);
        for number in 0..8 {
            let of_peer = expected.iter().filter(|(_, of, ..)| *of == peer(number));
            let highest = of_peer.map(|(number, ..)| *number).max().unwrap_or(0);
            assert_eq!(slots.places.highest_generation(&peer(number)), highest);
        }
    }
}

#[test]
fn whatever_happens_to_slots_each_is_found_by_all_that_names_it() {
    let (mut table, mut rng, mut now) = (Table::new(), Rng::from_seed([4; 32]), START);
    for _ in 0..3_000 {
        now += Duration::from_millis(rng.below(1_000));
        let [who, at, what, proved] = rng.bytes::<4>();
        let (who, at) = (peer(who % 8), source(at % 16));
        match what % 8 {
            0..=4 => drop(table.fill(now, who, at, proved.is_multiple_of(2))),
            5 => {
                let dropped = table.slots.drop_of(&who);
                table.forget(dropped);
            }
            6 => {
                let over = table.slots.handle_timeout(now);
                table.forget(over);
                assert!(table.expected.iter().all(|(.., until)| *until > now));
            }
            _ => {
                let Some((number, ..)) = table.expected.first().copied() else { continue };
                let (taken, _) = table.slots.confirm(SlotKey(number), at).expect("it is there");
                assert!(table.slots.get_mut(SlotKey(number)).is_none());
                table.forget([taken.id]);
            }
        }
        table.check();
    }
}

#[test]
fn a_repeat_gives_a_slot_more_time_but_not_for_ever() {
    let mut table = Table::new();
    let key = table.fill(START, peer(1), source(1), false).expect("there is place");
    let later = START + Duration::from_secs(8);
    assert!(table.slots.repeat(later, &mac1(key), source(1)).is_some());
    assert_eq!(table.slots.deadline(), Some(later + LIFETIME));
    let last = START + Duration::from_secs(16);
    assert!(table.slots.repeat(last, &mac1(key), source(2)).is_some());
    assert_eq!(table.slots.deadline(), Some(START + LONGEST_LIFE));
    assert!(table.slots.repeat(last, &mac1(99), source(1)).is_none());
    assert_eq!(table.slots.handle_timeout(START + LONGEST_LIFE), [id(key)]);
    assert!(table.slots.repeat(last, &mac1(key), source(1)).is_none());
}

#[test]
fn what_a_message_proposes_is_settled_above_all_that_was_shown() {
    let mut table = Table::new();
    table.fill(START, peer(1), source(1), true).expect("there is place");
    let given = table.place(peer(1), source(1), true).map(|given| given.generation);
    assert_eq!(given, Ok(2), "that of the first slot, and one");
}

#[test]
fn a_full_table_stays_full() {
    let mut table = Table::new();
    for number in 0..MAX_SLOTS as u64 + 100 {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        let from = (Ipv4Addr::from_bits(u32::try_from(number).expect("small")), 1).into();
        table.fill(START, PeerId::from_bytes(bytes), from, false).expect("there is place");
    }
    assert_eq!(table.slots.len(), MAX_SLOTS);
    table.check();
}
