//! Endpoints in virtual time: hours pass in milliseconds, and a run can be repeated.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod common;
mod simnet;

use std::time::Duration;

use common::next_message;
use everlink::{Identity, Notice, Verdict};
use simnet::Net;

const MESSAGES: u32 = 1_000;

/// Messages over a lossy network that is cut for a minute in the middle; gives the log.
async fn a_cut_in_the_middle(seed: u8) -> Vec<String> {
    let net = Net::new(seed);
    net.change(|weather| {
        weather.jitter = Duration::from_millis(5);
        weather.lost_per_mille = 30;
    });
    let (a, b) = net.pair().await;
    let link = a.link(b.peer_id());
    let seen = net.clone();
    let reader = tokio::spawn(async move {
        for expected in 0..MESSAGES {
            let message = next_message(&b).await;
            assert_eq!(message.body, expected.to_be_bytes().to_vec());
            seen.note(format_args!("received {expected}"));
        }
        b
    });
    let mut last = None;
    for n in 0..MESSAGES {
        match n {
            400 => net.cut(true),
            600 => {
                net.pass(Duration::from_secs(60)).await;
                net.cut(false);
            }
            _ => {}
        }
        last = Some(link.send(n.to_be_bytes().to_vec()).await.unwrap());
        net.pass(Duration::from_millis(2)).await;
    }
    assert_eq!(last.unwrap().verdict().await, Ok(Verdict::Delivered));
    let b = reader.await.unwrap();
    a.stop().await.unwrap();
    b.stop().await.unwrap();
    assert!(net.elapsed() > Duration::from_secs(60));
    net.log()
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_in_virtual_time_lives_through_a_cut_of_a_minute() {
    let log = a_cut_in_the_middle(1).await;
    assert!(log.iter().filter(|line| line.contains("received")).count() == MESSAGES as usize);
}

#[tokio::test(start_paused = true)]
async fn a_run_in_virtual_time_can_be_repeated_to_the_datagram() {
    let first = a_cut_in_the_middle(2).await;
    assert!(first == a_cut_in_the_middle(2).await, "the same seed gave another run");
    assert!(first != a_cut_in_the_middle(3).await, "another seed gave the same run");
}

#[tokio::test(start_paused = true)]
async fn both_sides_are_told_when_two_processes_use_one_key() {
    let net = Net::new(4);
    let (first, peer) = net.pair().await;
    let second = net.builder(3).identity(Identity::from_seed(&[1; 32])).start().await.unwrap();
    assert_eq!(first.peer_id(), second.peer_id());
    assert_eq!(first.link(peer.peer_id()).send("one").await.unwrap().verdict().await, Ok(Verdict::Delivered));

    let mut at_peer = peer.link(first.peer_id()).watch();
    let mut at_second = second.add_ticket(&peer.ticket()).watch();
    let _refused = second.link(peer.peer_id()).send("from a stranger with a known key").await.unwrap();
    assert_eq!(at_peer.notice().await, Ok(Notice::DuplicateIdentity { ours: false }));
    assert_eq!(at_second.notice().await, Ok(Notice::DuplicateIdentity { ours: true }));

    let receipt = first.link(peer.peer_id()).send("two").await.unwrap();
    assert_eq!(receipt.verdict().await, Ok(Verdict::Delivered));
    assert_eq!(next_message(&peer).await.body, "one");
    assert_eq!(next_message(&peer).await.body, "two");
}
