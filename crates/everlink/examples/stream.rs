//! Copies bytes over a stream while the connection underneath is replaced again and again.
//!
//! ```text
//! cargo run -p everlink --example stream
//! ```
#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use everlink::{Endpoint, EndpointFailed};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const PIECE: usize = 1 << 20;
const PIECES: u8 = 16;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (reader, writer) = (Endpoint::builder().start().await?, Endpoint::builder().start().await?);
    let (to_reader, to_writer) = (writer.add_ticket(&reader.ticket()), reader.link(writer.peer_id()));

    let reading = tokio::spawn(async move {
        let mut bytes = Vec::new();
        to_writer.accept_stream().await?.read_to_end(&mut bytes).await?;
        Ok::<_, std::io::Error>(bytes)
    });
    let mut stream = to_reader.open_stream().await?;
    for n in 0..PIECES {
        stream.write_all(&piece(n)).await?;
        to_reader.redial();
    }
    stream.shutdown().await?;

    let bytes = reading.await??;
    assert!(
        bytes == (0..PIECES).flat_map(piece).collect::<Vec<_>>(),
        "bytes were lost, repeated, or mixed up"
    );
    let connections = connections(&writer)?;
    assert!(connections > 1, "no connection was replaced");
    println!("{} bytes arrived as they were sent, over {connections} connections", bytes.len());
    writer.stop().await?;
    Ok(())
}

/// Bytes that are different in each piece, and have no period that a packet could have.
fn piece(n: u8) -> Vec<u8> {
    (0..=250).map(|byte: u8| byte.wrapping_add(n)).cycle().take(PIECE).collect()
}

fn connections(endpoint: &Endpoint) -> Result<u64, EndpointFailed> {
    Ok(endpoint.stats()?.handshakes)
}
