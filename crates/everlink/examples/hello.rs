//! Sends one message to an identity. In two terminals:
//!
//! ```text
//! cargo run -p everlink --example hello
//! cargo run -p everlink --example hello everlink1...    (what the first one printed)
//! ```
#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use everlink::{Endpoint, ItemKind};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    match std::env::args().nth(1) {
        Some(ticket) => send(&ticket).await,
        None => receive().await,
    }
}

async fn send(ticket: &str) -> Result<(), Box<dyn std::error::Error>> {
    let me = Endpoint::builder().key_file("sender.key")?.start().await?;
    let receipt = me.add_ticket(&ticket.parse()?).send("hello").await?;
    println!("{:?}", receipt.verdict().await?);
    me.stop().await?;
    Ok(())
}

async fn receive() -> Result<(), Box<dyn std::error::Error>> {
    let me = Endpoint::builder().key_file("receiver.key")?.start().await?;
    println!("{}", me.ticket());
    loop {
        let item = me.recv().await?;
        if let ItemKind::Message(message) = item.kind {
            println!("{:#}: {}", item.peer, String::from_utf8_lossy(&message.body));
        }
    }
}
