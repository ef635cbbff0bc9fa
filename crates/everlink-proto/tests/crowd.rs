//! More strangers at once than there is room for.
#![allow(clippy::unwrap_used, reason = "tests end where something is not as it must be")]

mod pair;

use std::{cell::RefCell, net::SocketAddr, rc::Rc, sync::Arc, time::Duration};

use everlink_proto::{
    Config, Endpoint,
    crypto::{identity::Identity, rustcrypto::RustCrypto},
    stats::DropReason,
    wire::header::Datagram,
};
use pair::{Fate, Pair, side};

/// As many strangers as there are slots (SPEC 2.9), and so as many as halves are kept for.
const STRANGERS: u16 = 1_024;

/// Lets a stranger with a key and an address of its own ask side 1 for a handshake.
fn ask_as_stranger(pair: &mut Pair, number: u16) {
    let [high, low] = number.to_be_bytes();
    let mut seed = [200; 32];
    seed[..2].copy_from_slice(&[high, low]);
    let provider = Arc::new(RustCrypto { has_aes: true });
    let identity = Identity::from_seed(&seed);
    let mut stranger = Endpoint::new(pair.now, identity, Config::default(), provider, seed);
    stranger.add_addresses(pair.now, pair.id(1), &[pair.sides[1].address]).unwrap();
    stranger.connect(pair.now, pair.id(1)).unwrap();
    stranger.handle_timeout(pair.now);
    let mut message = Vec::new();
    stranger.poll_transmit(pair.now, 1, &mut message).unwrap();
    let from = SocketAddr::from(([100, high, low, 1], 7));
    pair.sides[1].endpoint.handle_datagram(pair.now, from, &mut message);
}

// A process asks for a handshake and is gone before it confirms it. A thousand strangers push out the half that it was
// shown, so that the next process with its key is shown another one. Then the confirmation of the first comes after all.
#[test]
fn a_half_that_was_pushed_out_begins_no_session() {
    let mut pair = Pair::of_strangers().introduce(0);
    let any_number = Config { cookies_from: 10_000, max_handshakes: 10_000, ..Config::default() };
    pair.sides[1] = side(1, 2, &any_number);
    let late = Rc::new(RefCell::new(Vec::new()));
    let kept = Rc::clone(&late);
    pair.rule = Box::new(move |_, from, datagram| match Datagram::parse(datagram) {
        Ok(Datagram::Short(_)) if from == 0 => {
            kept.borrow_mut().push(datagram.to_vec());
            Fate::Drop
        }
        _ => Fate::Deliver,
    });
    pair.send(0, b"from a process that is gone");
    pair.run_for(Duration::from_millis(50));
    let mut confirmation = late.borrow_mut().remove(0);
    (0..STRANGERS).for_each(|number| ask_as_stranger(&mut pair, number));
    assert_eq!(pair.sides[1].endpoint.footprint().slots, usize::from(STRANGERS));

    pair.heal();
    pair.restart(0);
    pair.send(0, b"one");
    pair.run_for(Duration::from_secs(1));
    let from = pair.sides[0].address;
    pair.sides[1].endpoint.handle_datagram(pair.now, from, &mut confirmation);
    assert_eq!(pair.sides[1].endpoint.stats().drops.get(&DropReason::NoSlot), Some(&1));
    pair.send(0, b"two");
    pair.run_for(Duration::from_secs(1));
    assert_eq!(pair.sides[1].bodies(), [&b"one"[..], b"two"]);
    assert!(pair.sides[1].ends().is_empty());
}
