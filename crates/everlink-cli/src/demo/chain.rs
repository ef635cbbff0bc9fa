//! The chain of byte streams: one long sequence of bytes, sent as one stream after the other.
//!
//! A stream ends with its session. The chain goes on: the writer opens the next stream at the offset up to which
//! the reading application has logged the bytes. Every stream begins with that offset and its own length, so
//! that the reader can tell a stream that was cut off from one that ended. The writer logs what it still has under
//! way: what was written in a session that goes on has to arrive.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use blake2::{Blake2s256, Digest};
use everlink::{Link, Stream};
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

/// What the two applications logged.
pub(crate) struct ChainLog {
    seed: u64,
    logged: u64,
    hash: Blake2s256,
    intact: bool,
    reading: bool,
    /// A stream was opened and has neither arrived whole nor lost its session.
    under_way: bool,
}

impl ChainLog {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, logged: 0, hash: Blake2s256::new(), intact: true, reading: false, under_way: false }
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
        self.intact &= self.is_at_rest();
    }

    /// Whether something arrived, and all that did is what was written, stream by stream and in sum.
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
        self.intact && self.logged > 0 && all.finalize() == self.hash.clone().finalize()
    }

    /// Bytes arrived that stand at `offset` of the chain. What had arrived before is compared and skipped.
    fn log(&mut self, offset: u64, bytes: &[u8]) {
        let mut written = vec![0; bytes.len()];
        fill(self.seed, offset, &mut written);
        self.intact &= written == bytes && offset <= self.logged;
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
        self.intact &= got == length;
    }
}

/// Writes stream after stream until the endpoint ends or the time is up and the last one has arrived.
pub(super) async fn write(link: Link, ledger: Arc<Ledger>, mut rng: Rng, mut life: Life) {
    let seed = ledger.chain().seed;
    while life.phase() == Phase::Running {
        ledger.chain().under_way = true;
        let sessions = *life.sessions.borrow_and_update();
        let offset = ledger.chain().logged();
        let length = LEAST_LENGTH + rng.below(MOST_LENGTH - LEAST_LENGTH);
        let Ok(mut stream) = link.open_stream().await else { return };
        // A stream that fails has lost its session: the next begins where the reader's log ends.
        if write_one(&mut stream, seed, offset, length, &life).await.is_ok() {
            await_logged(&ledger, offset + length, sessions, &mut life.sessions).await;
        }
        ledger.chain().under_way = false;
    }
}

/// What a task of one endpoint must know of it.
#[derive(Clone)]
pub(super) struct Life {
    pub(super) phase: watch::Receiver<Phase>,
    /// How many sessions have ended so far.
    pub(super) sessions: watch::Receiver<u64>,
}

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
        *self.phase.borrow()
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
            Phase::Ending => return Err(io::ErrorKind::Interrupted.into()),
            Phase::Finishing => {}
        }
        let piece = usize::try_from(length - written).unwrap_or(usize::MAX).min(PIECE);
        fill(seed, offset + written, &mut content[..piece]);
        stream.write_all(&content[..piece]).await?;
        written += piece as u64;
    }
    stream.shutdown().await
}

/// Returns when the reader has logged the chain up to `end`, or the session is over.
async fn await_logged(ledger: &Ledger, end: u64, before: u64, sessions: &mut watch::Receiver<u64>) {
    while ledger.chain().logged() < end && *sessions.borrow_and_update() == before {
        let _ = tokio::time::timeout(PACE, sessions.changed()).await;
    }
}

/// Reads stream after stream, in the order in which they were opened, until the endpoint ends.
pub(super) async fn read(link: Link, ledger: Arc<Ledger>) {
    // What the last endpoint was reading ended with it.
    ledger.chain().reading = false;
    while let Ok(mut stream) = link.accept_stream().await {
        // A stream that fails was cut off with its session; what arrived of it is logged.
        ledger.chain().reading = true;
        let outcome = read_one(&mut stream, &ledger).await;
        ledger.chain().reading = false;
        if outcome.is_ok() {
            let _ = stream.shutdown().await;
        }
    }
}

async fn read_one(stream: &mut Stream, ledger: &Ledger) -> io::Result<()> {
    let (offset, length) = (stream.read_u64().await?, stream.read_u64().await?);
    let mut buffer = vec![0; 1 << 14];
    let mut got = 0;
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            ledger.chain().ended(got, length);
            return Ok(());
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
mod tests {
    use super::*;

    fn content(offset: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        fill(5, offset, &mut bytes);
        bytes
    }

    #[test]
    fn a_chain_that_goes_on_where_the_log_ends_is_intact() {
        let mut log = ChainLog::new(5);
        log.log(0, &content(0, 1_000));
        log.log(1_000, &content(1_000, 500));
        log.ended(1_500, 1_500);
        assert!(log.hash_ok());
        assert_eq!(log.logged(), 1_500);
    }

    #[test]
    fn bytes_that_come_again_are_compared_and_not_counted() {
        let mut log = ChainLog::new(5);
        log.log(0, &content(0, 1_000));
        log.log(600, &content(600, 900));
        log.log(700, &content(700, 10));
        assert!(log.hash_ok());
        assert_eq!(log.logged(), 1_500);
    }

    #[test]
    fn a_chain_of_which_nothing_arrived_is_not_intact() {
        assert!(!ChainLog::new(5).hash_ok());
    }

    #[test]
    fn a_stream_that_was_written_and_did_not_arrive_is_missed() {
        let mut log = ChainLog::new(5);
        log.log(0, &content(0, 100));
        log.ended(100, 100);
        log.under_way = true;
        assert!(!log.is_at_rest());
        log.close();
        assert!(!log.hash_ok());
    }

    #[test]
    fn a_chain_at_rest_is_closed_without_loss() {
        let mut log = ChainLog::new(5);
        log.log(0, &content(0, 100));
        log.close();
        assert!(log.hash_ok());
    }

    #[test]
    fn a_wrong_byte_a_gap_and_a_false_end_are_found() {
        let mut wrong = ChainLog::new(5);
        wrong.log(0, &content(1, 100));
        let mut gap = ChainLog::new(5);
        gap.log(8, &content(8, 100));
        let mut end = ChainLog::new(5);
        end.log(0, &content(0, 100));
        end.ended(100, 200);
        assert_eq!([wrong, gap, end].map(|log| log.hash_ok()), [false; 3]);
    }
}
