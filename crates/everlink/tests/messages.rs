//! Messages, receipts, the inbox, and what the end of an endpoint says.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod common;

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use common::{endpoint, next_message, pair};
use everlink::{
    Endpoint, Identity, ItemKind, LinkState, RecvError, SendError, StopReport, StreamError, Verdict,
};

/// Polls once.
async fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    let mut future = Some(future);
    poll_fn(|cx| Poll::Ready(future.take().unwrap().poll(cx))).await
}

#[tokio::test]
async fn messages_of_a_channel_arrive_once_and_in_order() {
    let (a, b) = pair().await;
    let link = a.link(b.peer_id());
    for n in 0..500u32 {
        drop(link.send(n.to_be_bytes().to_vec()).await.unwrap());
    }
    for n in 0..500u32 {
        let message = next_message(&b).await;
        assert_eq!((&message.body[..], message.number), (&n.to_be_bytes()[..], u64::from(n)));
    }
}

#[tokio::test]
async fn a_message_longer_than_a_packet_arrives_whole() {
    let (a, b) = pair().await;
    let body: Bytes = (0..1_000_000u32).map(|n| (n % 251) as u8).collect();
    let receipt = a.link(b.peer_id()).send(body.clone()).await.unwrap();
    assert_eq!(next_message(&b).await.body, body);
    assert_eq!(receipt.verdict().await, Ok(Verdict::Delivered));
}

#[tokio::test]
async fn a_message_is_processed_when_the_application_says_so() {
    let (a, b) = pair().await;
    let receipt = a.link(b.peer_id()).message("work").processed().send().await.unwrap();
    let mut verdict = pin!(receipt.verdict());
    let mut message = next_message(&b).await;
    assert!(poll_once(verdict.as_mut()).await.is_pending());
    message.done();
    assert_eq!(verdict.await, Ok(Verdict::Processed));
}

#[tokio::test]
async fn answers_go_back_on_the_link_of_the_item() {
    let (a, b) = pair().await;
    drop(a.link(b.peer_id()).send("ping").await.unwrap());
    let ping = next_message(&b).await;
    drop(b.link(ping.peer).send("pong").await.unwrap());
    assert_eq!(next_message(&a).await.body, "pong");
}

#[tokio::test]
async fn a_taken_receiver_gets_the_items_of_its_link_and_gives_them_back() {
    let (b, a, c) = (endpoint(1).await, endpoint(2).await, endpoint(3).await);
    let mut receiver = b.link(a.peer_id()).receiver().unwrap().unwrap();
    assert!(b.link(a.peer_id()).receiver().unwrap().is_none());
    drop(a.add_ticket(&b.ticket()).send("from a").await.unwrap());
    drop(c.add_ticket(&b.ticket()).send("from c").await.unwrap());

    assert_eq!(next_message(&b).await.body, "from c");
    assert!(matches!(receiver.recv().await.unwrap().kind, ItemKind::SessionStarted));
    drop(a.link(b.peer_id()).send("second").await.unwrap());
    assert_eq!(common::message(receiver.recv().await.unwrap()).unwrap().body, "from a");
    drop(receiver);
    assert_eq!(next_message(&b).await.body, "second");
}

#[tokio::test]
async fn a_full_link_refuses_try_send_and_lets_send_wait_in_turn() {
    let (a, b) = (endpoint(1).await, endpoint(2).await);
    let link = a.link(b.peer_id());
    let body = Bytes::from(vec![0; 100_000]);
    let mut accepted = 0;
    while let Ok(receipt) = link.try_send(body.clone()) {
        drop(receipt);
        accepted += 1;
    }
    assert!(matches!(link.try_send(body.clone()), Err(SendError::Full { .. })));
    let mut first = pin!(link.send(body.clone()));
    let mut second = pin!(link.send("small"));
    assert!(poll_once(first.as_mut()).await.is_pending());
    assert!(poll_once(second.as_mut()).await.is_pending(), "it would overtake the first");

    a.add_ticket(&b.ticket());
    let reader = tokio::spawn(async move {
        let mut count = 0;
        while next_message(&b).await.body != "small" {
            count += 1;
        }
        count
    });
    drop(first.await.unwrap());
    drop(second.await.unwrap());
    assert_eq!(reader.await.unwrap(), accepted + 1);
}

#[tokio::test]
async fn a_send_that_is_dropped_while_it_waits_sent_nothing_and_lets_the_next_go() {
    let (a, b) = (endpoint(1).await, endpoint(2).await);
    let link = a.link(b.peer_id());
    while let Ok(receipt) = link.try_send(vec![0; 100_000]) {
        drop(receipt);
    }
    let mut dropped = Box::pin(link.send(vec![1; 100_000]));
    let mut kept = pin!(link.send("last"));
    assert!(poll_once(dropped.as_mut()).await.is_pending());
    assert!(poll_once(kept.as_mut()).await.is_pending());
    drop(dropped);
    a.add_ticket(&b.ticket());
    let reader = tokio::spawn(async move {
        loop {
            let body = next_message(&b).await.body;
            assert_ne!(body.first(), Some(&1), "what was given up arrived");
            if body == "last" {
                return;
            }
        }
    });
    drop(kept.await.unwrap());
    reader.await.unwrap();
}

#[tokio::test]
#[should_panic(expected = "polled after completion")]
async fn a_send_that_is_polled_after_it_was_ready_sends_nothing_again() {
    let (a, b) = pair().await;
    let mut sending = pin!(a.link(b.peer_id()).send("once"));
    assert!(poll_once(sending.as_mut()).await.is_ready());
    let _ = poll_once(sending.as_mut()).await;
}

#[tokio::test]
async fn stopping_delivers_what_was_accepted_and_then_refuses() {
    let (a, b) = pair().await;
    let link = a.link(b.peer_id());
    let receipt = link.send("last words").await.unwrap();
    let report = a.stop().await.unwrap();
    assert!(report.undelivered.is_empty());
    assert_eq!(receipt.verdict().await, Ok(Verdict::Delivered));
    assert_eq!(next_message(&b).await.body, "last words");
    assert!(matches!(link.send("more").await, Err(SendError::Stopped { .. })));
    let ended = loop {
        match a.recv().await {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert_eq!(ended, RecvError::Stopped);
}

#[tokio::test]
async fn an_endpoint_that_ended_has_left_its_port_though_handles_live_on() {
    for abruptly in [false, true] {
        let a = endpoint(1).await;
        let link = a.link(Identity::from_seed(&[9; 32]).peer_id());
        let at = a.local_addrs()[0];
        if abruptly {
            a.abort();
        } else {
            assert_eq!(a.stop().await, Ok(StopReport::default()));
        }
        std::net::UdpSocket::bind(at).unwrap();
        assert!(a.local_addrs().is_empty() && link.try_send("x").is_err());
    }
}

#[tokio::test]
async fn dropping_the_last_handle_delivers_what_was_accepted() {
    let (a, b) = pair().await;
    let receipt = a.link(b.peer_id()).send("last words").await.unwrap();
    drop(a);
    assert_eq!(next_message(&b).await.body, "last words");
    assert_eq!(receipt.verdict().await, Ok(Verdict::Delivered));
}

/// The end of a link that was never used follows from no datagram and no deadline.
#[tokio::test(start_paused = true)]
async fn dropping_the_last_handle_ends_every_wait_though_nothing_was_ever_sent() {
    let a = endpoint(1).await;
    let link = a.link(Identity::from_seed(&[9; 32]).peer_id());
    a.add_addresses(link.peer(), &["127.0.0.1:9".parse().unwrap()]);
    let (mut receiver, mut watcher) = (link.receiver().unwrap().unwrap(), link.watch());
    let waiting = tokio::spawn(async move {
        let (received, accepted, changed) =
            tokio::join!(receiver.recv(), link.accept_stream(), watcher.changed());
        assert_eq!(received.unwrap_err(), RecvError::Stopped);
        assert_eq!(accepted.unwrap_err(), StreamError::Stopped);
        assert_eq!(changed.unwrap_err(), RecvError::Stopped);
    });
    tokio::task::yield_now().await; // They wait, and the driver comes to rest.
    drop(a);
    tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("nobody was woken").unwrap();
}

#[tokio::test]
async fn a_stop_counts_what_could_not_be_delivered() {
    let a = endpoint(1).await;
    let nobody = Identity::from_seed(&[9; 32]).peer_id();
    let receipt = a.link(nobody).send("into the void").await.unwrap();
    let report = a.stop().await.unwrap();
    assert_eq!(report.undelivered.get(&nobody), Some(&1));
    assert!(matches!(receipt.verdict().await, Ok(Verdict::NotDelivered(_))));
}

#[tokio::test]
async fn watchers_see_a_link_connect() {
    let (a, b) = pair().await;
    let link = a.link(b.peer_id());
    let (mut one, mut two) = (link.watch(), link.watch());
    link.connect().unwrap();
    for watcher in [&mut one, &mut two] {
        while watcher.changed().await.unwrap().to != LinkState::Connected {}
    }
    assert_eq!(link.state(), LinkState::Connected);
    assert!(!link.explain().unwrap().unwrap().to_string().is_empty());
}

#[tokio::test]
async fn nobody_sends_to_itself_or_to_what_is_no_key() {
    let a = endpoint(1).await;
    let to_self = a.link(a.peer_id()).try_send("x").unwrap_err();
    assert!(matches!(to_self, SendError::InvalidPeer { .. }), "{to_self}");
    let no_key = a.link(everlink::PeerId::from_bytes([255; 32])).try_send("x").unwrap_err();
    assert!(matches!(no_key, SendError::InvalidPeer { .. }), "{no_key}");
}

#[test]
fn an_endpoint_needs_a_runtime() {
    let outside = common::block_on_nothing(Endpoint::builder().start());
    assert!(matches!(outside, Err(everlink::StartError::NoRuntime)));
}

#[tokio::test]
async fn an_endpoint_without_an_identity_is_somebody_new() {
    let start = || Endpoint::builder().bind("127.0.0.1:0".parse().unwrap()).start();
    let (a, b) = (start().await.unwrap(), start().await.unwrap());
    assert_ne!(a.peer_id(), b.peer_id());
    drop(a.add_ticket(&b.ticket()).send("hello").await.unwrap());
    let message = next_message(&b).await;
    assert_eq!((message.peer, &message.body[..]), (a.peer_id(), &b"hello"[..]));
}
