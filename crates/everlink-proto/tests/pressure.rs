//! What becomes of one peer when others ask for more than their share, and of both when a process sleeps.

mod pair;

use std::{net::SocketAddr, time::Duration};

use everlink_proto::{Config, link::lifecycle::LinkState, stats::Mark, wire::header::Datagram};
use pair::{Pair, side};

/// A stranger asks side 1 for a handshake, with a cookie if need be, and goes no further.
fn knock(pair: &mut Pair, stranger: usize, from: SocketAddr) {
    let (now, peer, address) = (pair.now, pair.id(1), pair.sides[1].address);
    let mut stranger = side(stranger, 9, &Config::default()).endpoint;
    stranger.add_addresses(now, peer, &[address]).expect("a valid peer");
    stranger.connect(now, peer).expect("there is room");
    stranger.handle_timeout(now);
    let (mut message, mut answer) = (Vec::new(), Vec::new());
    while stranger.poll_transmit(now, 1, &mut message).is_some() {
        pair.sides[1].endpoint.handle_datagram(now, from, &mut message);
        while pair.sides[1].endpoint.poll_transmit(now, 1, &mut answer).is_some() {
            if let Ok(Datagram::Cookie(_)) = Datagram::parse(&answer) {
                stranger.handle_datagram(now, address, &mut answer);
            }
            answer.clear();
        }
        message.clear();
    }
}

fn at_port(port: u16) -> SocketAddr {
    ([198, 51, 100, 1], port).into()
}

// Only those without a cookie were counted by prefix: one host that had one was computed for until there was nothing
// left for anybody else.
#[test]
fn one_host_does_not_take_all_handshakes() {
    let mut pair = Pair::new();
    let config = Config { cookies_from: 40, max_handshakes: 130, ..Config::default() };
    pair.sides[1] = side(1, 2, &config);
    for stranger in 2..150 {
        knock(&mut pair, stranger, at_port(1_000 + u16::try_from(stranger).unwrap()));
    }
    assert_eq!(pair.sides[1].endpoint.stats().responses, 100);

    pair.send(0, b"hello");
    pair.run_for(Duration::from_millis(200));
    assert_eq!(pair.sides[1].bodies(), [&b"hello"[..]]);
}

// The first of two strangers at one address was displaced for the second, for whom there was no link.
#[test]
fn who_is_refused_displaces_nobody() {
    let mut pair = Pair::with_one_place();
    let from = at_port(1);
    knock(&mut pair, 2, from);
    pair.send(0, b"hello");
    pair.run_for(Duration::from_secs(1));
    assert_eq!((pair.state(1), pair.sides[1].endpoint.footprint().slots), (LinkState::Connected, 1));

    knock(&mut pair, 3, from);
    assert_eq!((pair.sides[1].mark(Mark::SlotReplaced), pair.sides[1].endpoint.footprint().slots), (0, 1));
}

// Message 1 was read before anybody looked whether its source had a slot, for which it needs no identity.
#[test]
fn an_address_that_has_a_slot_is_asked_for_a_cookie_before_anything_is_computed() {
    let mut pair = Pair::new();
    for stranger in [2, 3] {
        knock(&mut pair, stranger, at_port(1));
    }
    let side = &pair.sides[1];
    assert_eq!((side.mark(Mark::CookieSent), side.mark(Mark::SlotReplaced)), (1, 1));
    assert_eq!(side.endpoint.stats().responses, 2, "one for each that was answered");
}

type Action = fn(&mut Pair);

// What an application did first after a sleep put another deadline in place of the one that was late.
#[test]
fn whatever_an_application_does_first_after_a_sleep_notices_it() {
    let actions: [(&str, Action); 5] = [
        ("write", |pair| {
            let (now, peer) = (pair.now, pair.id(1));
            let side = &mut pair.sides[0].endpoint;
            let stream = side.open_stream(now, peer).unwrap();
            side.write_stream(now, peer, stream, b"early").unwrap();
            pair.run_for(Duration::from_secs(1));
            sleep(pair);
            let (now, side) = (pair.now, &mut pair.sides[0].endpoint);
            side.write_stream(now, peer, stream, b"late").unwrap();
        }),
        ("send", |pair| {
            sleep(pair);
            pair.send(0, b"late");
        }),
        ("recv", |pair| {
            sleep(pair);
            let (now, peer) = (pair.now, pair.id(1));
            pair.sides[0].endpoint.recv(now, peer);
        }),
        ("close", |pair| {
            sleep(pair);
            pair.close(0);
        }),
        ("stop", |pair| {
            sleep(pair);
            let now = pair.now;
            pair.sides[0].endpoint.stop(now);
        }),
    ];
    for (name, act) in actions {
        let mut pair = Pair::connected();
        act(&mut pair);
        pair.run_for(Duration::ZERO);
        pair.sides[0].endpoint.handle_timeout(pair.now);
        assert_eq!(pair.sides[0].mark(Mark::Woke), 1, "{name}");
    }
}

/// Nobody looks at a clock for two hours.
fn sleep(pair: &mut Pair) {
    pair.now += Duration::from_secs(7_200);
}
