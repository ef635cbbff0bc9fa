//! Message 1s: one slot each, which only who has proved its address takes from another.

use std::net::{Ipv4Addr, SocketAddr};

use everlink_proto::id::PeerId;
use everlink_proto::places::{Input, MAX_OF_PEER, Mac1, Opened, Places, SlotKey, Step};

use crate::Row::{self, Follows, Impossible};
use crate::{Rows, assert_rows, explore};

/// Message 1s by who sent them, where they may come from, how many slots there are, and how many are filled in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Crowd {
    senders: &'static [u8],
    sources: &'static [u8],
    most: usize,
    fills: u64,
}

/// A table that is full at once, one in which two peers are in each other's way, and one in which a peer has its four.
const CROWDS: [Crowd; 3] = [
    Crowd { senders: &[1, 1, 2], sources: &[1, 2], most: 1, fills: 3 },
    Crowd { senders: &[1, 1, 2], sources: &[1, 2], most: 3, fills: 4 },
    Crowd { senders: &[1, 1, 1, 1, 1], sources: &[1], most: 5, fills: 5 },
];

/// What a proposal must not reach at once.
const FAR: u64 = 1 << 40;

/// A slot as an observer knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Held {
    key: SlotKey,
    from: SocketAddr,
    generation: u64,
    ambiguous: bool,
}

/// The slot of each message, and how many were filled.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Books {
    crowd: Crowd,
    held: Vec<Option<Held>>,
    filled: u64,
}

type Desk = (Places, Books);

fn source(at: u8) -> SocketAddr {
    (Ipv4Addr::new(192, 0, 2, at), 4433).into()
}

fn mac1(of: usize) -> Mac1 {
    [u8::try_from(of).expect("a few"); 16]
}

impl Books {
    fn sender(&self, of: usize) -> PeerId {
        PeerId::from_bytes([self.crowd.senders[of]; 32])
    }

    fn of_peer(&self, of: usize) -> impl Iterator<Item = Held> {
        let all = self.crowd.senders.iter().zip(&self.held);
        all.filter(move |(sender, _)| **sender == self.crowd.senders[of]).filter_map(|(_, held)| *held)
    }

    fn kind(&self, of: usize, from: SocketAddr) -> &'static str {
        match self.held[of] {
            Some(_) => "known",
            None if self.of_peer(of).next().is_some() => "of a peer with slots",
            None if self.held.iter().flatten().any(|held| held.from == from) => "from another's address",
            None => "of a stranger",
        }
    }

    fn forget(&mut self, key: SlotKey) {
        let at = self.held.iter().position(|held| held.is_some_and(|held| held.key == key));
        self.held[at.expect("a slot is forgotten once")] = None;
    }

    /// Every input about one message that may come, and its kind.
    fn inputs(&self, of: usize, from: SocketAddr) -> Vec<(&'static str, Input)> {
        let key = self.held[of].map_or(SlotKey(u64::MAX), |held| held.key);
        let mut inputs = vec![
            ("arrives", Input::Arrived { mac1: mac1(of), from }),
            ("is confirmed", Input::Confirmed(key, from)),
            ("its time is over", Input::Over(key)),
            ("its session ends", Input::Ended(self.sender(of))),
        ];
        // A message that has a slot is repeated, and never opened again.
        if self.held[of].is_some() || self.filled == self.crowd.fills {
            return inputs;
        }
        inputs.push(("is admitted", Input::Admitted { from, proved: false }));
        inputs.push(("is admitted, proved", Input::Admitted { from, proved: true }));
        let held = |held: &Held| held.from == from;
        let opened = |proved, proposed, chance| {
            Input::Opened(Opened {
                peer: self.sender(of),
                mac1: mac1(of),
                from,
                proved,
                proposed,
                used: 1,
                chance,
            })
        };
        if !self.held.iter().flatten().any(held) {
            inputs.push(("opens", opened(false, 2, 0)));
        }
        inputs.push(("opens, too far", opened(true, FAR, 0)));
        inputs.extend((0..self.crowd.most as u64).map(|chance| ("opens, proved", opened(true, 2, chance))));
        inputs
    }
}

/// Gives one input to the slots and to the observer's books, and compares.
fn receive((before, books): &Desk, of: usize, input: Input) -> (Desk, &'static str) {
    let (mut places, mut now) = (before.clone(), books.clone());
    let steps = places.on(input);
    if let (Input::Arrived { from, .. }, Some(held)) = (input, &mut now.held[of]) {
        held.ambiguous |= held.from != from;
    }
    let mut displaces = false;
    let mut follows = "nothing";
    for step in steps {
        follows = match step {
            Step::Repeat(key) => {
                assert_eq!(
                    now.held[of].map(|held| held.key),
                    Some(key),
                    "the message 2 of this very message 1"
                );
                "is repeated"
            }
            Step::AskCookie | Step::Open | Step::Refuse => {
                assert_eq!(places, *before, "{step:?} changes nothing");
                match step {
                    Step::AskCookie => "is asked for a cookie",
                    Step::Open => "is opened",
                    _ => "is refused",
                }
            }
            Step::Forget(key) => {
                now.forget(key);
                displaces = true;
                "is forgotten"
            }
            Step::Fill(key, generation) => {
                let Input::Opened(opened) = input else { panic!("filled by {input:?}") };
                let shown = books.of_peer(of).map(|held| held.generation).max().unwrap_or(0);
                assert!(generation >= opened.proposed && generation > opened.used && generation > shown);
                assert!(books.held.iter().flatten().all(|held| held.key < key), "keys grow");
                now.held[of] = Some(Held { key, from: opened.from, generation, ambiguous: false });
                now.filled += 1;
                if displaces { "displaces another" } else { "gets a slot" }
            }
            Step::Adopt(key, proved) => {
                let Input::Confirmed(_, from) = input else { panic!("adopted by {input:?}") };
                let held = now.held[of].take().expect("it had a slot");
                assert_eq!((key, proved), (held.key, held.from == from && !held.ambiguous));
                "becomes a connection"
            }
        };
    }
    ((places, now), follows)
}

fn assert_placed((places, books): &Desk) {
    let senders = books.crowd.senders;
    assert_eq!(places.len(), books.held.iter().flatten().count());
    assert!(places.len() <= books.crowd.most);
    for (of, sender) in senders.iter().enumerate() {
        assert!(books.of_peer(of).count() <= MAX_OF_PEER);
        let highest = books.of_peer(of).map(|held| held.generation).max().unwrap_or(0);
        assert_eq!(places.highest_generation(&books.sender(of)), highest);
        let others = senders.iter().zip(&books.held).filter(|(other, _)| *other != sender);
        for other in others.filter_map(|(_, held)| *held) {
            assert!(
                books.of_peer(of).all(|held| held.from != other.from),
                "an address has the slots of one peer"
            );
        }
    }
}

/// What follows from a message, by what is known of it.
const SLOTS: &[(&str, &str, Row)] = &[
    ("known", "arrives", Follows(&["is repeated"])),
    ("known", "is admitted", Impossible("it is repeated")),
    ("known", "is admitted, proved", Impossible("it is repeated")),
    ("known", "opens", Impossible("it is repeated")),
    ("known", "opens, proved", Impossible("it is repeated")),
    ("known", "opens, too far", Impossible("it is repeated")),
    ("known", "is confirmed", Follows(&["becomes a connection"])),
    ("known", "its time is over", Follows(&["is forgotten"])),
    ("known", "its session ends", Follows(&["is forgotten"])),
    ("of a peer with slots", "arrives", Follows(&["nothing"])),
    ("of a peer with slots", "is admitted", Follows(&["is opened", "is asked for a cookie"])),
    ("of a peer with slots", "is admitted, proved", Follows(&["is opened"])),
    ("of a peer with slots", "opens", Follows(&["is asked for a cookie"])),
    ("of a peer with slots", "opens, proved", Follows(&["gets a slot", "displaces another"])),
    ("of a peer with slots", "opens, too far", Follows(&["is refused"])),
    ("of a peer with slots", "is confirmed", Follows(&["nothing"])),
    ("of a peer with slots", "its time is over", Follows(&["nothing"])),
    ("of a peer with slots", "its session ends", Follows(&["is forgotten"])), // Its others are.
    ("from another's address", "arrives", Follows(&["nothing"])),
    ("from another's address", "is admitted", Follows(&["is asked for a cookie"])),
    ("from another's address", "is admitted, proved", Follows(&["is opened"])),
    ("from another's address", "opens", Impossible("it was asked for a cookie")),
    ("from another's address", "opens, proved", Follows(&["displaces another"])),
    ("from another's address", "opens, too far", Follows(&["is refused"])),
    ("from another's address", "is confirmed", Follows(&["nothing"])),
    ("from another's address", "its time is over", Follows(&["nothing"])),
    ("from another's address", "its session ends", Follows(&["nothing"])),
    ("of a stranger", "arrives", Follows(&["nothing"])),
    ("of a stranger", "is admitted", Follows(&["is opened"])),
    ("of a stranger", "is admitted, proved", Follows(&["is opened"])),
    ("of a stranger", "opens", Follows(&["gets a slot", "displaces another"])),
    ("of a stranger", "opens, proved", Follows(&["gets a slot", "displaces another"])),
    ("of a stranger", "opens, too far", Follows(&["is refused"])),
    ("of a stranger", "is confirmed", Follows(&["nothing"])),
    ("of a stranger", "its time is over", Follows(&["nothing"])),
    ("of a stranger", "its session ends", Follows(&["nothing"])),
];

#[test]
fn a_slot_is_given_once_and_displaced_only_by_who_has_proved_its_address() {
    let mut seen = Rows::new();
    let mut states = 0;
    for crowd in CROWDS {
        let books = Books { crowd, held: vec![None; crowd.senders.len()], filled: 0 };
        states += explore((Places::with_room_for(crowd.most), books), |desk| {
            let mut after = Vec::new();
            let messages =
                (0..crowd.senders.len()).flat_map(|of| crowd.sources.iter().map(move |at| (of, *at)));
            for (of, from) in messages.map(|(of, at)| (of, source(at))) {
                let kind = desk.1.kind(of, from);
                for (name, input) in desk.1.inputs(of, from) {
                    let (next, follows) = receive(desk, of, input);
                    assert_placed(&next);
                    seen.entry((kind, name)).or_default().insert(follows);
                    after.push(next);
                }
            }
            after
        });
    }
    assert!(states > 1_000, "{states} states are few");
    assert_rows(&seen, SLOTS);
}
