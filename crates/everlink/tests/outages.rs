//! What callers see of a bad network: nothing but time. In virtual time.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod common;
mod simnet;

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use common::next_message;
use everlink::{
    Cause, EndReason, Endpoint, ItemKind, LinkState, NetworkBridge, NotDelivered, PeerId, Receipt, SendError,
    Unknown, Verdict,
};
use simnet::{Net, address};

async fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    let mut future = Some(future);
    poll_fn(|cx| Poll::Ready(future.take().unwrap().poll(cx))).await
}

/// What a link went through, as its history tells it.
fn history(endpoint: &Endpoint, peer: PeerId) -> Vec<(LinkState, LinkState, Cause)> {
    let explanation = endpoint.link(peer).explain().unwrap().unwrap();
    let text = explanation.to_string();
    for step in &explanation.history {
        assert!(text.contains(&step.cause.to_string()), "explain() keeps a cause to itself: {text}");
    }
    explanation.history.iter().map(|step| (step.from, step.to, step.cause)).collect()
}

#[tokio::test(start_paused = true)]
async fn history_and_explain_name_the_cause_of_every_transition() {
    use LinkState::{Connected, Connecting, Idle, Suspect};
    let net = Net::new(1);
    let (a, b) = net.pair().await;
    let link = a.link(b.peer_id());
    let mut watcher = link.watch();
    let watching = tokio::spawn(async move {
        let mut seen = Vec::new();
        while let Ok(change) = watcher.changed().await {
            seen.push((change.from, change.to, change.cause));
            if change.cause == Cause::Closed {
                break;
            }
        }
        seen
    });
    drop(link.send("one").await.unwrap());
    assert_eq!(next_message(&b).await.body, "one");
    net.cut(true);
    let two = link.send("two").await.unwrap();
    net.pass(Duration::from_secs(10)).await;
    let waiting = link.explain().unwrap().unwrap().to_string();
    assert!(waiting.contains("has not answered") && waiting.contains("next try in"), "{waiting}");
    net.cut(false);
    assert_eq!(two.verdict().await, Ok(Verdict::Delivered));
    link.close(0, "enough");
    let seen = watching.await.unwrap();

    let expected = [
        (Idle, Connecting, Cause::Wanted),
        (Connecting, Connected, Cause::Dialled),
        (Connected, Suspect, Cause::Silence),
        (Suspect, Connected, Cause::Answered),
        (Connected, Idle, Cause::Closed),
    ];
    assert_eq!(history(&a, b.peer_id()), expected);
    assert_eq!(seen, expected);
    let theirs = history(&b, a.peer_id());
    assert_eq!(theirs.first(), Some(&(Idle, Connected, Cause::Accepted)));
    assert_eq!(theirs.last().map(|step| step.2), Some(Cause::PeerClosed));
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_three_hours_ends_no_session() {
    let net = Net::new(2);
    let (a, b) = net.pair().await;
    let link = a.link(b.peer_id());
    for n in 0..3u8 {
        let receipt = link.send(vec![n]).await.unwrap();
        if n == 1 {
            net.cut(true);
            net.pass(Duration::from_secs(3 * 3600)).await;
            net.cut(false);
        }
        assert_eq!(receipt.verdict().await, Ok(Verdict::Delivered));
    }
    assert!(matches!(b.recv().await.unwrap().kind, ItemKind::SessionStarted));
    for n in 0..3u8 {
        let ItemKind::Message(message) = b.recv().await.unwrap().kind else { panic!("the session ended") };
        assert_eq!((&message.body[..], message.number), (&[n][..], u64::from(n)));
    }
    assert!(matches!(a.recv().await.unwrap().kind, ItemKind::SessionStarted));
    assert!(poll_once(pin!(a.recv())).await.is_pending(), "the session ended");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_comes_late_gets_what_was_sent_before() {
    let net = Net::new(3);
    let a = net.endpoint(1).await;
    let later = common::identity(2).peer_id();
    a.add_addresses(later, &[address(2)]);
    let link = a.link(later);
    let receipt = link.send("early").await.unwrap();
    net.pass(Duration::from_secs(600)).await;
    assert_eq!(link.state(), LinkState::Connecting);
    let b = net.endpoint(2).await;
    let began = net.elapsed();
    assert_eq!(next_message(&b).await.body, "early");
    assert!(net.elapsed() - began < Duration::from_secs(10), "SPEC 6.3: a try every 9.5 s");
    assert_eq!(receipt.verdict().await, Ok(Verdict::Delivered));
}

#[tokio::test(start_paused = true)]
async fn the_receipts_of_an_aborted_endpoint_tell_what_was_on_its_way_from_what_was_not() {
    let net = Net::new(7);
    let (a, b) = net.pair().await;
    let link = a.link(b.peer_id());
    assert_eq!(link.send("one").await.unwrap().verdict().await, Ok(Verdict::Delivered));
    net.cut(true);
    let on_its_way = link.send("two").await.unwrap();
    net.pass(Duration::from_secs(10)).await;
    let waiting = link.send("three").await.unwrap();
    a.abort();
    assert_eq!(on_its_way.verdict().await, Ok(Verdict::Unknown(Unknown::EndpointFailed)));
    assert_eq!(waiting.verdict().await, Ok(Verdict::NotDelivered(NotDelivered::EndpointFailed)));
}

#[tokio::test(start_paused = true)]
async fn a_send_during_a_close_waits_and_goes_on_after_it() {
    let net = Net::new(4);
    let (a, b) = net.pair().await;
    let link = a.link(b.peer_id());
    drop(link.send("before").await.unwrap());
    assert_eq!(next_message(&b).await.body, "before");
    link.close(7, "enough");
    let mut after = pin!(link.send("after"));
    assert!(poll_once(after.as_mut()).await.is_pending(), "the close was over at once");
    assert!(matches!(link.try_send("now"), Err(SendError::Full { .. })));
    let receipt = after.await.unwrap();
    let ended = b.recv().await.unwrap().kind;
    assert!(
        matches!(ended, ItemKind::SessionEnded(EndReason::ClosedByPeer { application: 7, .. })),
        "{ended:?}"
    );
    assert_eq!(next_message(&b).await.body, "after");
    assert_eq!(receipt.verdict().await, Ok(Verdict::Delivered));
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_on_one_link_does_not_slow_another() {
    let net = Net::new(5);
    let (hub, slow, quick) = (net.endpoint(1).await, net.endpoint(2).await, net.endpoint(3).await);
    let (to_slow, to_quick) = (hub.add_ticket(&slow.ticket()), hub.add_ticket(&quick.ticket()));
    let (from_slow, from_quick) = (slow.link(hub.peer_id()), quick.link(hub.peer_id()));
    let unread = hub.link(slow.peer_id()).receiver().unwrap().unwrap();
    for link in [&to_slow, &to_quick] {
        assert_eq!(link.send("hello").await.unwrap().verdict().await, Ok(Verdict::Delivered));
    }
    for link in [&to_slow, &from_slow] {
        // What the reader's window and the sender's queue hold.
        while let Ok(sent) = tokio::time::timeout(Duration::from_secs(10), link.send(vec![0; 50_000])).await {
            drop(sent.unwrap());
        }
    }
    assert!(to_slow.explain().unwrap().unwrap().to_string().contains("does not read"));

    let began = net.elapsed();
    for n in 0..100u8 {
        let there = to_quick.send(vec![n; 1_000]).await.unwrap();
        let back = from_quick.send(vec![n; 1_000]).await.unwrap();
        assert_eq!(there.verdict().await, Ok(Verdict::Delivered));
        assert_eq!(back.verdict().await, Ok(Verdict::Delivered));
        assert_eq!(next_message(&hub).await.body, vec![n; 1_000]);
    }
    let took = net.elapsed() - began;
    assert!(took < Duration::from_secs(5), "100 round trips of 20 ms took {took:?}");
    drop(unread);
}

/// Tells subscribers about updates. It knows peers and messages, and nothing of connections.
struct Updates<B> {
    bridge: B,
    subscribers: Vec<PeerId>,
}

impl<B: NetworkBridge> Updates<B> {
    async fn publish(&self, version: u32) -> Result<Vec<Receipt>, SendError> {
        let mut receipts = Vec::new();
        for subscriber in &self.subscribers {
            receipts.push(self.bridge.send(subscriber, version.to_be_bytes().to_vec().into()).await?);
        }
        Ok(receipts)
    }
}

#[tokio::test(start_paused = true)]
async fn an_operation_layer_keeps_sending_through_the_bridge_while_connections_die() {
    const UPDATES: u32 = 400;
    let net = Net::new(6);
    net.change(|weather| weather.lost_per_mille = 20);
    let (publisher, one, two) = (net.endpoint(1).await, net.endpoint(2).await, net.endpoint(3).await);
    let mut reading = Vec::new();
    for subscriber in [&one, &two] {
        publisher.add_ticket(&subscriber.ticket());
        let subscriber = subscriber.clone();
        reading.push(tokio::spawn(async move {
            for expected in 0..UPDATES {
                assert_eq!(next_message(&subscriber).await.body, expected.to_be_bytes().to_vec());
            }
        }));
    }
    let updates = Updates { bridge: publisher.clone(), subscribers: vec![one.peer_id(), two.peer_id()] };
    let mut receipts = Vec::new();
    for version in 0..UPDATES {
        match version % 100 {
            10 => net.cut(true),
            30 => net.cut(false),
            50 => publisher.link(one.peer_id()).redial(),
            60 => two.link(publisher.peer_id()).redial(),
            70 => publisher.rebind(),
            _ => {}
        }
        receipts.extend(updates.publish(version).await.unwrap());
        net.pass(Duration::from_millis(100)).await;
    }
    for receipt in receipts {
        assert_eq!(receipt.verdict().await, Ok(Verdict::Delivered));
    }
    for reader in reading {
        reader.await.unwrap();
    }
    assert!(publisher.stats().unwrap().handshakes > 4, "no connection was replaced");
}
