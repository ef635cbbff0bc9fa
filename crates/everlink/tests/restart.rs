//! What ends connections does not end links: dead sockets, new keys, moved peers, new processes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod common;

use std::sync::atomic::Ordering;

use common::{Frail, builder, endpoint, next_message, pair};
use everlink::{ChannelOptions, EndReason, Endpoint, ItemKind, OnRestart, Unknown, Verdict};

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

/// Two endpoints between which a message has passed, and a second life of the second one. What is
/// sent next goes out on a connection that only the first still knows.
async fn pair_of_which_one_restarted() -> (Endpoint, Endpoint) {
    let (a, b) = pair().await;
    let at = b.local_addrs()[0];
    let receipt = a.link(b.peer_id()).send("to the first").await.unwrap();
    assert_eq!(next_message(&b).await.body, "to the first");
    assert_eq!(receipt.verdict().await, Ok(Verdict::Delivered));
    b.abort();
    drop(b);
    (a, Endpoint::builder().identity(common::identity(2)).bind(at).start().await.unwrap())
}

#[tokio::test]
async fn a_peer_that_restarts_is_the_same_peer_in_another_session() {
    let (a, b) = pair_of_which_one_restarted().await;
    let link = a.link(b.peer_id());
    link.set_channel(0, ChannelOptions { on_restart: OnRestart::Resend }).unwrap();
    let receipt = link.send("to the second").await.unwrap();
    let message = next_message(&b).await;
    assert_eq!(message.body, "to the second");
    assert!(message.possible_duplicate, "it was on its way when the first life ended");
    assert_eq!(receipt.verdict().await, Ok(Verdict::Delivered));
    let mut kinds = Vec::new();
    while kinds.len() < 3 {
        kinds.push(a.recv().await.unwrap().kind);
    }
    assert!(matches!(
        kinds[..],
        [
            ItemKind::SessionStarted,
            ItemKind::SessionEnded(EndReason::PeerRestarted),
            ItemKind::SessionStarted
        ]
    ));
}

#[tokio::test]
async fn the_receipt_of_a_message_that_met_a_restart_tells_the_truth() {
    let (a, b) = pair_of_which_one_restarted().await;
    let receipt = a.link(b.peer_id()).send("to whom?").await.unwrap();
    assert_eq!(receipt.verdict().await, Ok(Verdict::Unknown(Unknown::PeerRestarted)));
    drop(a.link(b.peer_id()).send("to the second").await.unwrap());
    assert_eq!(next_message(&b).await.body, "to the second");
}
