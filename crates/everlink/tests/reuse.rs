//! However many callers send at once, one attempt makes one connection, and all use it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod common;

use std::collections::BTreeSet;

use everlink::Verdict;

const TASKS: usize = 100;
const EACH: usize = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_sends_from_a_hundred_tasks_share_one_attempt_and_one_connection() {
    let (a, b) = common::pair().await;
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..TASKS {
        let link = a.link(b.peer_id());
        tasks.spawn(async move {
            let mut receipts = Vec::new();
            for n in 0..EACH {
                receipts.push(link.send(format!("{task} {n}")).await.unwrap());
            }
            for receipt in receipts {
                assert_eq!(receipt.verdict().await, Ok(Verdict::Delivered));
            }
        });
    }
    let mut bodies = BTreeSet::new();
    while bodies.len() < TASKS * EACH {
        assert!(bodies.insert(common::next_message(&b).await.body), "a message came twice");
    }
    tasks.join_all().await;

    let (stats, peer_stats) = (a.stats().unwrap(), b.stats().unwrap());
    assert_eq!((stats.attempts, stats.handshakes), (1, 1));
    assert_eq!((peer_stats.attempts, peer_stats.responses, peer_stats.handshakes), (0, 1, 1));
    let snapshot = a.link(b.peer_id()).snapshot().unwrap().unwrap();
    assert_eq!(snapshot.connections.len(), 1);
}
