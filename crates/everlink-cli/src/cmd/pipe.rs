//! `everlink pipe` and `everlink listen --pipe`: one byte stream between two standard inputs and outputs.
//!
//! The end of one's input is the end of the other's output, exactly: a stream that loses its session is an error
//! and never an end. Each side tells the other, in a message, how many bytes it has handed to its standard output;
//! it ends well when it has heard this of all it sent, and the other of all it got. The caller's first byte is a
//! greeting: without one, the listener could not speak before the caller does.

use std::collections::BTreeSet;
use std::future::pending;
use std::io::{self, IsTerminal, Write};
use std::thread;

use bytes::Bytes;
use everlink::{
    Endpoint, ItemKind, Link, Message, PeerId, ReadHalf, Stream, StreamEnd, StreamError, Verdict, WriteHalf,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::{OTHER_KIND, outage};
use crate::args::PipeArgs;
use crate::input;
use crate::output::{Exit, Failure, Outcome, say};

/// What a caller's stream begins with. A peer hears of a stream with its first byte only.
const GREETING: u8 = 1;
/// The channel on which each side says how many bytes it has written.
const WRITTEN: u64 = 0;
/// Pieces that wait for standard output, and their size.
const PIECES_AHEAD: usize = 16;
const PIECE: usize = 64 << 10;

pub(super) fn run(args: PipeArgs) -> Outcome {
    super::runtime()?.block_on(async {
        let endpoint = super::start(Endpoint::builder(), args.key.as_deref()).await?;
        let link = endpoint.add_ticket(&args.ticket);
        let outcome = tokio::select! {
            outcome = dial(&endpoint, link.clone()) => outcome,
            () = outage::tell(&link, outage::WORTH_A_WORD) => pending().await,
            () = super::interrupted() => Ok(Exit::Interrupted),
        };
        // Both sides know all they need to by now, or the outcome says otherwise.
        super::stop(&endpoint, super::ignore_all(&endpoint)).await;
        outcome
    })
}

async fn dial(endpoint: &Endpoint, link: Link) -> Outcome {
    let mut stream = link.open_stream().await.map_err(Failure::failed)?;
    stream.write_u8(GREETING).await.map_err(|error| broken("outgoing", 0, &error))?;
    connect(endpoint, link, stream).await
}

/// Takes the first stream of any peer.
pub(super) async fn accept(endpoint: &Endpoint) -> Outcome {
    let mut waiting = JoinSet::new();
    let mut refused = BTreeSet::new();
    loop {
        tokio::select! {
            Some(Ok(Ok((link, stream)))) = waiting.join_next() => return connect(endpoint, link, stream).await,
            item = endpoint.recv() => {
                let item = item.map_err(Failure::failed)?;
                match item.kind {
                    ItemKind::SessionStarted => {
                        refused.remove(&item.peer);
                        waiting.spawn(greeted(endpoint.link(item.peer)));
                    }
                    ItemKind::Message(_) => refuse_messages(&endpoint.link(item.peer), &mut refused),
                    _ => {}
                }
            }
        }
    }
}

/// The first stream of a peer that begins as a pipe does.
async fn greeted(link: Link) -> io::Result<(Link, Stream)> {
    loop {
        let mut stream = link.accept_stream().await?;
        if stream.read_u8().await.is_ok_and(|greeting| greeting == GREETING) {
            return Ok((link, stream));
        }
    }
}

/// Without an answer, whoever sends lines would wait for ever for them to be printed. What else had come from there before
/// it hears of that needs no further one.
fn refuse_messages(link: &Link, refused: &mut BTreeSet<PeerId>) {
    if refused.insert(link.peer()) {
        say(format!("{:#} sends messages, for which there is `everlink listen` without --pipe", link.peer()));
        link.close(OTHER_KIND, "this takes a stream and no messages");
    }
}

/// Both directions, until both have come to their ends and both sides know.
async fn connect(endpoint: &Endpoint, link: Link, stream: Stream) -> Outcome {
    let (incoming, outgoing) = stream.split();
    let (arrived, arrival) = oneshot::channel();
    let directions = async {
        let ((), sent) = tokio::try_join!(take(&link, incoming, arrived), give(outgoing, arrival))?;
        Ok(sent)
    };
    let confirmed = confirmation(endpoint, link.peer());
    let (sent, confirmed) = tokio::try_join!(directions, confirmed)?;
    if sent == confirmed {
        return Ok(Exit::Done);
    }
    Err(Failure::failed(format!("of {sent} bytes the other side wrote {confirmed}")))
}

/// Network to standard output; then tells the other side.
async fn take(link: &Link, mut incoming: ReadHalf, arrived: oneshot::Sender<()>) -> Result<(), Failure> {
    let (pieces, to_write) = mpsc::channel(PIECES_AHEAD);
    let (done, written) = oneshot::channel();
    thread::spawn(move || {
        // Whoever no longer waits for the outcome has found another reason to end.
        let _ = done.send(write(to_write));
    });
    let mut got: u64 = 0;
    loop {
        let mut piece = vec![0; PIECE];
        let count = incoming.read(&mut piece).await.map_err(|error| broken("incoming", got, &error))?;
        piece.truncate(count);
        if count == 0 || pieces.send(piece).await.is_err() {
            break;
        }
        got += count as u64;
    }
    drop(pieces);
    written.await.unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))?;
    // Without anybody to take it the news is not needed.
    let _ = arrived.send(());
    tell(link, got).await
}

async fn tell(link: &Link, got: u64) -> Result<(), Failure> {
    let body = Bytes::copy_from_slice(&got.to_be_bytes());
    let receipt = link.message(body).channel(WRITTEN).send().await.map_err(Failure::failed)?;
    match receipt.verdict().await.map_err(Failure::failed)? {
        Verdict::Delivered | Verdict::Processed => Ok(()),
        Verdict::NotDelivered(_) | Verdict::Unknown(_) => {
            Err(Failure::failed("all arrived here, but the other side ended before it could be told so"))
        }
    }
}

fn write(mut pieces: mpsc::Receiver<Vec<u8>>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    while let Some(piece) = pieces.blocking_recv() {
        out.write_all(&piece)?;
        if pieces.is_empty() {
            out.flush()?;
        }
    }
    out.flush()
}

/// Standard input to network; how many bytes. A terminal at which nobody has typed the end of file is taken to
/// have ended with what the other side sends, so that a transfer one way needs no key press.
async fn give(mut outgoing: WriteHalf, arrival: oneshot::Receiver<()>) -> Result<u64, Failure> {
    let mut pieces = input::pieces();
    let mut sent: u64 = 0;
    let mut ends_with_arrival = io::stdin().is_terminal();
    let mut arrival = arrival;
    loop {
        let piece = tokio::select! {
            piece = pieces.recv() => piece,
            came = &mut arrival, if ends_with_arrival => match came {
                Ok(()) => None,
                Err(_) => {
                    ends_with_arrival = false;
                    continue;
                }
            },
        };
        let Some(piece) = piece else { break };
        let piece = piece.map_err(|error| Failure::failed(format!("standard input: {error}")))?;
        outgoing.write_all(&piece).await.map_err(|error| broken("outgoing", sent, &error))?;
        sent += piece.len() as u64;
    }
    outgoing.shutdown().await.map_err(|error| broken("outgoing", sent, &error))?;
    Ok(sent)
}

fn broken(direction: &str, bytes: u64, error: &io::Error) -> Failure {
    if is_refusal(error) {
        return Failure::failed(
            "the listener takes messages and no stream: it needs `everlink listen --pipe`",
        );
    }
    Failure::failed(format!("the {direction} stream broke after {bytes} bytes: {error}"))
}

fn is_refusal(error: &io::Error) -> bool {
    let error = error.get_ref().and_then(|error| error.downcast_ref::<StreamError>());
    matches!(
        error,
        Some(StreamError::Stream(
            StreamEnd::Reset { code: OTHER_KIND } | StreamEnd::StoppedByReader { code: OTHER_KIND }
        ))
    )
}

/// What the other side says it has written, or why it never will.
async fn confirmation(endpoint: &Endpoint, peer: PeerId) -> Result<u64, Failure> {
    let mut refused = BTreeSet::new();
    loop {
        let item = endpoint.recv().await.map_err(Failure::failed)?;
        match item.kind {
            ItemKind::Message(message) if item.peer == peer => return written(&message),
            ItemKind::SessionEnded(reason) if item.peer == peer => {
                return Err(Failure::failed(format!(
                    "the other side ended before all was written there: {reason}"
                )));
            }
            ItemKind::Message(_) => refuse_messages(&endpoint.link(item.peer), &mut refused),
            ItemKind::SessionStarted => {
                refused.remove(&item.peer);
            }
            // Others who know the ticket change nothing.
            _ => {}
        }
    }
}

fn written(message: &Message) -> Result<u64, Failure> {
    let number = message.body.as_ref().try_into().map(u64::from_be_bytes);
    number
        .map_err(|_| Failure::failed("the other side is no everlink pipe: it sent a message of another kind"))
}
