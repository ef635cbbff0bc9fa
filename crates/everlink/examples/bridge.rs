//! An operation layer that sends through [`NetworkBridge`] while connections die under it: sockets
//! are bound again, keys are replaced, and no operation notices.
//!
//! ```text
//! cargo run -p everlink --example bridge
//! ```
#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use everlink::{Endpoint, ItemKind, NetworkBridge, PeerId, Receipt, SendError, Verdict};

const UPDATES: u32 = 1_000;
const ROUNDS: u32 = 20;

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

/// Reads every update, and fails if one is missing, comes twice, or comes too early.
async fn subscribe(endpoint: Endpoint) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut expected = 0;
    while expected < UPDATES {
        if let ItemKind::Message(message) = endpoint.recv().await?.kind {
            let version = u32::from_be_bytes(message.body.as_ref().try_into()?);
            assert_eq!(version, expected, "an update was lost, repeated, or overtaken");
            expected += 1;
        }
    }
    Ok(())
}

/// What happens to networks, in turn, while updates are on their way.
fn disturb(publisher: &Endpoint, subscriber: &Endpoint, round: u32) {
    match round % 4 {
        0 => publisher.link(subscriber.peer_id()).redial(),
        1 => subscriber.rebind(),
        2 => subscriber.link(publisher.peer_id()).redial(),
        _ => publisher.rebind(),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let publisher = Endpoint::builder().start().await?;
    let subscriber = Endpoint::builder().start().await?;
    publisher.add_ticket(&subscriber.ticket());
    let reading = tokio::spawn(subscribe(subscriber.clone()));

    let updates = Updates { bridge: publisher.clone(), subscribers: vec![subscriber.peer_id()] };
    for round in 0..ROUNDS {
        let mut receipts = Vec::new();
        for version in round * UPDATES / ROUNDS..(round + 1) * UPDATES / ROUNDS {
            receipts.extend(updates.publish(version).await?);
        }
        disturb(&publisher, &subscriber, round);
        for receipt in receipts {
            assert_eq!(receipt.verdict().await?, Verdict::Delivered);
        }
    }
    reading.await??;

    let connections = publisher.stats()?.handshakes;
    assert!(connections > 1, "no connection was replaced");
    println!("{UPDATES} updates delivered once each and in order, over {connections} connections");
    publisher.stop().await?;
    Ok(())
}
