//! What becomes of one peer when others ask for more than their share, and of both when a process sleeps.

mod pair;

use std::time::Duration;

use everlink_proto::stats::Mark;
use pair::Pair;

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
