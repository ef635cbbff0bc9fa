use core::net::Ipv4Addr;

use super::*;
use crate::{
    crypto::{Role, Suite, keys::KeyLimits, noise::Secrets, rustcrypto::RustCrypto},
    id::{Incarnation, Token},
    link::election::ConnectionKey,
    path::PathIds,
    session::Order,
};

const START: Instant = Instant::from_micros(0);

fn peer(number: u8) -> PeerId {
    PeerId::from_bytes([number; 32])
}

fn source(number: u8) -> SocketAddr {
    (Ipv4Addr::new(192, 0, 2, number), 4433).into()
}

fn mac1(number: u64) -> [u8; MAC_LEN] {
    let mut mac1 = [0; MAC_LEN];
    mac1[..8].copy_from_slice(&number.to_be_bytes());
    mac1
}

fn id(number: u64) -> ConnectionId {
    ConnectionId(number.to_be_bytes())
}

fn pending(number: u64, peer: PeerId, from: SocketAddr) -> Pending {
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
    let reply = [0; MAX_DATAGRAM];
    Pending { peer, from, id: id(number), mac1: mac1(number), reply, birth, keys, hello }
}

/// A table, and what has to be in it by plain search.
struct Table {
    slots: Slots,
    rng: Rng,
    /// Number, peer, source, end.
    expected: Vec<(u64, PeerId, SocketAddr, Instant)>,
}

impl Table {
    fn new() -> Self {
        Self { slots: Slots::default(), rng: Rng::from_seed([3; 32]), expected: Vec::new() }
    }

    /// Fills a slot as message 1 of this number does, and returns whether it was.
    fn fill(&mut self, now: Instant, peer: PeerId, from: SocketAddr, proved: bool) -> Option<u64> {
        let dropped = self.slots.make_place(&peer, from, proved).ok()?;
        self.forget(dropped);
        let key = self.slots.next_key();
        let given_way = self.slots.insert(now, key, pending(key, peer, from), &mut self.rng);
        self.forget(given_way);
        self.expected.push((key, peer, from, now + LIFETIME));
        Some(key)
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
        let index = &slots.index;
        let sizes = [index.by_mac1.len(), index.by_peer.len(), index.by_source.len(), index.by_end.len()];
        assert_eq!(sizes, [expected.len(); 4]);
        for number in 0..8 {
            let of_peer = expected.iter().filter(|(_, of, ..)| *of == peer(number));
            let highest = of_peer.map(|(number, ..)| *number).max().unwrap_or(0);
            assert_eq!(slots.highest_generation(&peer(number)), highest);
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
                let taken = table.slots.take(number).expect("it is there");
                assert!(table.slots.get_mut(number).is_none());
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
    let slot = table.slots.repeat(later, &mac1(key), source(1)).expect("it is known");
    assert!(!slot.ambiguous);
    assert_eq!(table.slots.deadline(), Some(later + LIFETIME));
    let last = START + Duration::from_secs(16);
    let slot = table.slots.repeat(last, &mac1(key), source(2)).expect("it is known");
    assert!(slot.ambiguous);
    assert_eq!(table.slots.deadline(), Some(START + LONGEST_LIFE));
    assert!(table.slots.repeat(last, &mac1(99), source(1)).is_none());
    assert_eq!(table.slots.handle_timeout(START + LONGEST_LIFE), [id(key)]);
    assert!(table.slots.repeat(last, &mac1(key), source(1)).is_none());
}

#[test]
fn an_address_or_identity_that_has_a_slot_must_prove_its_address_for_another() {
    let mut table = Table::new();
    table.fill(START, peer(1), source(1), false).expect("there is place");
    assert_eq!(table.slots.make_place(&peer(1), source(2), false), Err(NeedsCookie));
    assert_eq!(table.slots.make_place(&peer(2), source(1), false), Err(NeedsCookie));
    assert_eq!(table.slots.make_place(&peer(2), source(1), true), Ok(vec![id(1)]), "it displaces another");
    table.expected.clear();
    for _ in 0..MAX_OF_PEER {
        table.fill(START, peer(3), source(3), true).expect("there is place");
    }
    assert_eq!(table.slots.make_place(&peer(3), source(3), true), Ok(vec![id(2)]), "the oldest gives way");
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
