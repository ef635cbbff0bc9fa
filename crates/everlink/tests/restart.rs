//! What ends connections does not end links: dead sockets, new keys, moved peers, new processes.

mod common;

use std::sync::atomic::Ordering;

use common::{Frail, builder, endpoint, next_message, pair};
use everlink::{EndReason, ItemKind, Verdict};

#[tokio::test]
async fn messages_go_on_when_the_socket_dies() {
    let (socket, faults) = Frail::bind();
    let a = builder(1).socket(socket).start().await.unwrap();
    let b = endpoint(2).await;
    let link = a.add_ticket(&b.ticket());
    let before = link.send("before").await.unwrap();
    assert_eq!(next_message(&b).await.body, "before");
    assert_eq!(before.verdict().await, Ok(Verdict::Delivered));

    faults.dead.store(true, Ordering::SeqCst);
    let after = link.send("after").await.unwrap();
    assert_eq!(next_message(&b).await.body, "after");
    assert_eq!(after.verdict().await, Ok(Verdict::Delivered));
    assert_eq!(faults.rebinds.load(Ordering::SeqCst), 1);
    assert_eq!(b.stats().unwrap().handshakes, 1, "the connection outlived its socket");
}

#[tokio::test]
async fn messages_go_on_while_connections_are_replaced_under_them() {
    let (a, b) = pair().await;
    let link = a.link(b.peer_id());
    let mut receipts = Vec::new();
    for n in 0..50u8 {
        receipts.push(link.send(vec![n]).await.unwrap());
        if n % 10 == 9 {
            link.redial();
        }
        assert_eq!(next_message(&b).await.body, vec![n]);
    }
    for receipt in receipts {
        assert_eq!(receipt.verdict().await, Ok(Verdict::Delivered));
    }
    assert!(a.stats().unwrap().handshakes >= 2, "no connection was replaced");
}

#[tokio::test]
async fn a_peer_that_restarts_is_the_same_peer_in_another_session() {
    let a = endpoint(1).await;
    let b = endpoint(2).await;
    let at = b.local_addrs()[0];
    drop(a.add_ticket(&b.ticket()).send("to the first").await.unwrap());
    assert_eq!(next_message(&b).await.body, "to the first");
    b.abort();
    drop(b);

    let b = restarted_at(at).await;
    let receipt = a.link(b.peer_id()).send("to the second").await.unwrap();
    assert_eq!(next_message(&b).await.body, "to the second");
    assert_eq!(receipt.verdict().await, Ok(Verdict::Delivered));
    let mut kinds = Vec::new();
    while kinds.len() < 3 {
        kinds.push(a.recv().await.unwrap().kind);
    }
    assert!(matches!(
        kinds[..],
        [ItemKind::SessionStarted, ItemKind::SessionEnded(EndReason::PeerRestarted), ItemKind::SessionStarted]
    ));
}

/// The port is free once the driver of the aborted endpoint has let go of it.
async fn restarted_at(at: std::net::SocketAddr) -> everlink::Endpoint {
    loop {
        match everlink::Endpoint::builder().identity(common::identity(2)).bind(at).start().await {
            Ok(endpoint) => return endpoint,
            Err(_) => tokio::task::yield_now().await,
        }
    }
}
