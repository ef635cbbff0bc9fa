//! The chain of byte streams: one long sequence of bytes, sent as one stream after the other.
//!
//! A stream ends with its session. The chain goes on: the writer opens the next stream at the offset up to which
//! the reading application has logged the bytes. Every stream begins with that offset and its own length, so
//! that the reader can tell a stream that was cut off from one that ended. The reader answers the end of a stream that
//! it has read whole by ending its own direction, for which the writer waits. A stream may break when the endpoint of
//! one application ends, and the error has to say so: any other is a fault of the chain.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use blake2::{Blake2s256, Digest};
use everlink::{CloseCode, EndReason, Link, SendError, Stream, StreamEnd, StreamError};
use everlink_proto::rng::Rng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;

use super::ledger::Ledger;

/// The writer's pace: 64 KiB a second, in pieces.
const PIECE: usize = 656;
const PACE: Duration = Duration::from_millis(10);
/// The length of one stream of the chain: one to eight seconds at that pace.
const LEAST_LENGTH: u64 = 64 << 10;
const MOST_LENGTH: u64 = 512 << 10;
/// The code with which an application gives up a stream because its endpoint is about to end. A stream that is merely
/// dropped has another.
const ENDING: u64 = 1;

/// What the two applications logged.
pub(crate) struct ChainLog {
    seed: u64,
    logged: u64,
    hash: Blake2s256,
    /// The first thing that went wrong.
    fault: Option<String>,
    reading: bool,
    /// A stream is wanted and has neither arrived whole nor broken.
    under_way: bool,
}

impl ChainLog {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, logged: 0, hash: Blake2s256::new(), fault: None, reading: false, under_way: false }
    }

    /// How many bytes of the chain have arrived.
    pub(crate) fn logged(&self) -> u64 {
        self.logged
    }

    /// Whether no stream is being written, on its way, or being read.
    pub(crate) fn is_at_rest(&self) -> bool {
        !self.reading && !self.under_way
    }

    /// The time to arrive is over: a stream that is still under way will not do so.
    pub(super) fn close(&mut self) {
        let at = self.logged;
        self.demand(self.is_at_rest(), || {
            format!("behind byte {at} a stream was still on its way at the end")
        });
    }

    /// What went wrong first, if anything did.
    pub(super) fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }

    /// Whether something arrived, all that did is what was written, stream by stream and in sum, and no stream broke
    /// that had no reason to.
    pub(crate) fn hash_ok(&self) -> bool {
        let mut all = Blake2s256::new();
        let mut content = vec![0; 1 << 16];
        let mut at = 0;
        while at < self.logged {
            let rest = usize::try_from(self.logged - at).unwrap_or(usize::MAX);
            let piece = rest.min(content.len());
            fill(self.seed, at, &mut content[..piece]);
            all.update(&content[..piece]);
            at += piece as u64;
        }
        self.fault.is_none() && self.logged > 0 && all.finalize() == self.hash.clone().finalize()
    }

    /// Bytes arrived that stand at `offset` of the chain. What had arrived before is compared and skipped.
    fn log(&mut self, offset: u64, bytes: &[u8]) {
        let mut written = vec![0; bytes.len()];
        fill(self.seed, offset, &mut written);
        let logged = self.logged;
        self.demand(offset <= logged, || format!("bytes came from {offset} on when {logged} had arrived"));
        self.demand(written == bytes, || {
            format!("the bytes from {offset} on are not those that were written")
        });
        let known = usize::try_from(self.logged.saturating_sub(offset)).unwrap_or(usize::MAX);
        if let Some(fresh) = bytes.get(known..) {
            self.hash.update(fresh);
            self.logged += fresh.len() as u64;
        }
    }

    /// So many bytes arrived as they were written.
    #[cfg(test)]
    pub(super) fn log_as_written(&mut self, length: usize) {
        let mut bytes = vec![0; length];
        fill(self.seed, self.logged, &mut bytes);
        self.log(self.logged, &bytes);
    }

    /// A stream came to a proper end after `got` of its `length` bytes.
    fn ended(&mut self, got: u64, length: u64) {
        self.demand(got == length, || format!("a stream of {length} bytes ended after {got}"));
    }

    /// A stream broke while the endpoint of whoever was `doing` something with it was in `phase`.
    fn broke(&mut self, doing: &str, error: &io::Error, phase: Phase) {
        let at = self.logged;
        self.demand(may_break(error, phase), || format!("{doing} a stream behind byte {at} failed: {error}"));
    }

    fn demand(&mut self, holds: bool, fault: impl FnOnce() -> String) {
        if !holds {
            self.fault.get_or_insert_with(fault);
        }
    }
}

/// Whether a stream may break so: the endpoint of one of the applications has ended, or ends.
fn may_break(error: &io::Error, phase: Phase) -> bool {
    let Some(error) = error.get_ref().and_then(|error| error.downcast_ref::<StreamError>()) else {
        return false;
    };
    match error {
        StreamError::Stream(StreamEnd::Reset { code: ENDING }) => true,
        StreamError::Stream(StreamEnd::SessionEnded { reason, .. }) => match reason {
            EndReason::PeerRestarted | EndReason::ClosedByPeer { code: CloseCode::Stopped, .. } => true,
            EndReason::ClosedHere | EndReason::CloseUnconfirmed | EndReason::EndpointFailed => {
                phase == Phase::Ending
            }
            _ => false,
        },
        StreamError::Stopped
        | StreamError::EndpointFailed(_)
        | StreamError::Stream(StreamEnd::Closing)
        | StreamError::Link(SendError::Stopped { .. }) => phase == Phase::Ending,
        _ => false,
    }
}

/// Writes stream after stream until the endpoint ends or the time is up and the last one has arrived.
pub(super) async fn write(link: Link, ledger: Arc<Ledger>, mut rng: Rng, life: Life) {
    while life.phase() == Phase::Running {
        ledger.chain().under_way = true;
        let length = LEAST_LENGTH + rng.below(MOST_LENGTH - LEAST_LENGTH);
        let outcome = write_next(&link, length, &ledger, &life).await;
        let mut chain = ledger.chain();
        chain.under_way = false;
        if let Err(error) = outcome {
            chain.broke("writing", &error, life.phase());
        }
        // More streams would only hide the reason.
        if chain.fault.is_some() {
            return;
        }
    }
}

/// What a task of one endpoint must know of it: how far its life has come.
#[derive(Clone)]
pub(super) struct Life(pub(super) watch::Receiver<Phase>);

/// How far an endpoint's life has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// Messages and streams flow.
    Running,
    /// The endpoint is about to end; another follows.
    Ending,
    /// The time is up: what was begun is brought to its end.
    Finishing,
}

impl Life {
    pub(super) fn phase(&self) -> Phase {
        *self.0.borrow()
    }
}

/// Writes a stream that begins where the reader's log ends, and returns when the reader has all of it.
async fn write_next(link: &Link, length: u64, ledger: &Ledger, life: &Life) -> io::Result<()> {
    let mut stream = open(link, life).await?;
    let (seed, offset) = {
        let chain = ledger.chain();
        (chain.seed, chain.logged())
    };
    write_one(&mut stream, seed, offset, length, life).await?;
    let answer = stream.read(&mut [0]).await?;
    let logged = ledger.chain().logged();
    if answer > 0 || logged < offset + length {
        return Err(io::Error::other("the reader answered before it had everything"));
    }
    Ok(())
}

/// Opens a stream. When the session is closing, because the peer stops, the next one takes it.
async fn open(link: &Link, life: &Life) -> io::Result<Stream> {
    loop {
        match link.open_stream().await {
            Err(StreamError::Stream(StreamEnd::Closing)) if life.phase() != Phase::Ending => {
                tokio::time::sleep(PACE).await;
            }
            opened => return Ok(opened?),
        }
    }
}

async fn write_one(stream: &mut Stream, seed: u64, offset: u64, length: u64, life: &Life) -> io::Result<()> {
    stream.write_all(&offset.to_be_bytes()).await?;
    stream.write_all(&length.to_be_bytes()).await?;
    let mut content = [0; PIECE];
    let mut written = 0;
    while written < length {
        match life.phase() {
            Phase::Running => tokio::time::sleep(PACE).await,
            Phase::Ending => {
                stream.reset(ENDING)?;
                return Err(StreamError::Stopped.into());
            }
            Phase::Finishing => {}
        }
        let piece = usize::try_from(length - written).unwrap_or(usize::MAX).min(PIECE);
        fill(seed, offset + written, &mut content[..piece]);
        stream.write_all(&content[..piece]).await?;
        written += piece as u64;
    }
    stream.shutdown().await
}

/// Reads stream after stream, in the order in which they were opened, until the endpoint ends.
pub(super) async fn read(link: Link, ledger: Arc<Ledger>, life: Life) {
    // What the last endpoint was reading ended with it.
    ledger.chain().reading = false;
    loop {
        let mut stream = match link.accept_stream().await {
            Ok(stream) => stream,
            Err(error) => return ledger.chain().broke("waiting for", &error.into(), life.phase()),
        };
        ledger.chain().reading = true;
        let outcome = read_one(&mut stream, &ledger).await;
        ledger.chain().reading = false;
        if let Err(error) = outcome {
            // What arrived of it is logged.
            ledger.chain().broke("reading", &error, life.phase());
        }
    }
}

/// Reads a stream to its end and tells the writer.
async fn read_one(stream: &mut Stream, ledger: &Ledger) -> io::Result<()> {
    let (offset, length) = (stream.read_u64().await?, stream.read_u64().await?);
    let mut buffer = vec![0; 1 << 14];
    let mut got = 0;
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            ledger.chain().ended(got, length);
            return stream.shutdown().await;
        }
        ledger.chain().log(offset.saturating_add(got), &buffer[..count]);
        got += count as u64;
    }
}

/// The bytes of the chain from `offset` on: eight at a time from a mixer of seed and place (SplitMix64).
fn fill(seed: u64, offset: u64, bytes: &mut [u8]) {
    for (at, byte) in (offset..).zip(bytes) {
        *byte = mix(seed ^ (at / 8)).to_be_bytes()[(at % 8) as usize];
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): a number that looks random and always the same for the same `input`.
pub(super) fn mix(input: u64) -> u64 {
    let mut mixed = input.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests;
