//! Copies bytes over a stream while the connection underneath is replaced again and again.
//!
//! ```text
//! cargo run -p everlink --example stream
//! ```
#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use everlink::{Endpoint, Identity};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const PIECE: usize = 1 << 20;
const PIECES: usize = 16;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let reader = Endpoint::builder().identity(Identity::from_seed(&[1; 32])).start().await?;
    let writer = Endpoint::builder().identity(Identity::from_seed(&[2; 32])).start().await?;
    let (to_reader, to_writer) = (writer.add_ticket(&reader.ticket()), reader.link(writer.peer_id()));

    let reading = tokio::spawn(async move {
        let mut bytes = Vec::new();
        to_writer.accept_stream().await?.read_to_end(&mut bytes).await?;
        Ok::<_, std::io::Error>(bytes.len())
    });
    let mut stream = to_reader.open_stream().await?;
    for _ in 0..PIECES {
        stream.write_all(&[7; PIECE]).await?;
        to_reader.redial();
    }
    stream.shutdown().await?;
    println!(
        "{} of {} bytes arrived, over {} connections",
        reading.await??,
        PIECE * PIECES,
        connections(&writer)?
    );
    writer.stop().await?;
    Ok(())
}

fn connections(endpoint: &Endpoint) -> Result<u64, everlink::EndpointFailed> {
    Ok(endpoint.stats()?.handshakes)
}
