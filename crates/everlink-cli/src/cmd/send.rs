//! `everlink send`: each line of standard input is a message.
//!
//! It ends when every message has its verdict, however long the network is away: well if the listener is done
//! with all of them, else with a summary of what is known of the others.

use std::future::pending;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use everlink::{ChannelOptions, Endpoint, Link, LinkState, OnRestart, SendError, Verdict};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::args::SendArgs;
use crate::input;
use crate::output::{Exit, Failure, Outcome, say};

/// The channel of the lines.
const CHANNEL: u64 = 0;
/// Silence that a person would begin to wonder about.
const WORTH_A_WORD: Duration = Duration::from_secs(3);

pub(super) fn run(args: &SendArgs) -> Outcome {
    super::runtime()?.block_on(async {
        let endpoint = super::start(Endpoint::builder(), args.key.as_deref()).await?;
        let link = endpoint.add_ticket(&args.ticket);
        if args.at_least_once {
            let options = ChannelOptions { on_restart: OnRestart::Resend };
            link.set_channel(CHANNEL, options).map_err(refused)?;
        }
        let mut sending = Sending::new(link.clone());
        let ended = tokio::select! {
            ended = sending.all(input::lines()) => ended.map(|()| Exit::Done),
            () = tell_of_outages(&link) => pending().await,
            () = ignore_answers(&endpoint) => pending().await,
            () = super::interrupted() => Ok(Exit::Interrupted),
        };
        let outcome = sending.conclude(ended);
        // All that can be said has been said by the receipts.
        let _ = endpoint.stop().await;
        outcome
    })
}

/// The messages on their way, and what became of the others.
struct Sending {
    link: Link,
    open: JoinSet<Option<Verdict>>,
    count: Count,
}

/// Messages by what became of them.
#[derive(Default)]
struct Count {
    accepted: u64,
    processed: u64,
    not_delivered: u64,
    unknown: u64,
}

impl Sending {
    fn new(link: Link) -> Self {
        Self { link, open: JoinSet::new(), count: Count::default() }
    }

    /// Sends all lines and waits for all verdicts.
    async fn all(&mut self, mut lines: mpsc::Receiver<io::Result<Bytes>>) -> Result<(), Failure> {
        while let Some(line) = lines.recv().await {
            let line = line.map_err(|error| Failure::failed(format!("standard input: {error}")))?;
            self.send(line).await?;
            while let Some(settled) = self.open.try_join_next() {
                self.count.add(settled.ok().flatten());
            }
        }
        while let Some(settled) = self.open.join_next().await {
            self.count.add(settled.ok().flatten());
        }
        Ok(())
    }

    async fn send(&mut self, line: Bytes) -> Result<(), Failure> {
        let receipt = self.link.message(line).channel(CHANNEL).processed().send().await.map_err(refused)?;
        self.count.accepted += 1;
        // An endpoint that failed cannot say what became of what it held.
        self.open.spawn(async move { receipt.verdict().await.ok() });
        Ok(())
    }

    /// The exit code, after a summary if not all went well.
    fn conclude(mut self, ended: Result<Exit, Failure>) -> Outcome {
        while let Some(settled) = self.open.try_join_next() {
            self.count.add(settled.ok().flatten());
        }
        let exit = ended?;
        if self.count.processed == self.count.accepted && exit == Exit::Done {
            return Ok(exit);
        }
        say(self.count.summary());
        Ok(if exit == Exit::Done { Exit::Failed } else { exit })
    }
}

/// A ticket can be well formed and still lead to nobody, or to the sender itself.
fn refused(error: SendError) -> Failure {
    match error {
        SendError::InvalidPeer { .. } => Failure::usage(format!("the ticket leads to no peer: {error}")),
        error => Failure::failed(error),
    }
}

impl Count {
    fn add(&mut self, verdict: Option<Verdict>) {
        match verdict {
            Some(Verdict::Processed) => self.processed += 1,
            Some(Verdict::NotDelivered(_)) => self.not_delivered += 1,
            // Delivered and never done with is not what was asked for.
            Some(Verdict::Delivered | Verdict::Unknown(_)) | None => self.unknown += 1,
        }
    }

    fn summary(&self) -> String {
        let Self { accepted, processed, not_delivered, unknown } = self;
        let open = accepted - processed - not_delivered - unknown;
        format!(
            "of {accepted} messages {processed} were processed, {not_delivered} were certainly not delivered, {unknown} are \
             in doubt, and {open} had no verdict yet"
        )
    }
}

/// Says on standard error when the listener cannot be reached for a while, why, and when it is back. Never ends
/// before the endpoint does.
async fn tell_of_outages(link: &Link) {
    let mut watcher = link.watch();
    let mut away_since = Some(Instant::now());
    let mut told = false;
    loop {
        let word_due = away_since.filter(|_| !told).map(|since| since + WORTH_A_WORD);
        tokio::select! {
            change = watcher.changed() => match change {
                Ok(change) if change.to == LinkState::Connected => {
                    if let Some(since) = away_since.take().filter(|_| told) {
                        say(format!("{:#} is back after {:.1} s", link.peer(), since.elapsed().as_secs_f64()));
                    }
                    told = false;
                }
                Ok(_) => away_since = away_since.or_else(|| Some(Instant::now())),
                Err(_) => return,
            },
            () = wait_until(word_due) => {
                told = true;
                if let Ok(Some(explanation)) = link.explain() {
                    say(format!("waiting for {:#}: {explanation}", link.peer()));
                }
            }
        }
    }
}

/// A listener has nothing to say but that it is there; unread, even that would hold up the farewell.
async fn ignore_answers(endpoint: &Endpoint) {
    while endpoint.recv().await.is_ok() {}
}

async fn wait_until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_names_every_message_once() {
        let count = Count { accepted: 10, processed: 4, not_delivered: 1, unknown: 2 };
        let numbers = ["of 10 messages", "4 were processed", "1 were certainly", "2 are", "3 had no verdict"];
        assert!(numbers.iter().all(|words| count.summary().contains(words)), "{}", count.summary());
    }
}
