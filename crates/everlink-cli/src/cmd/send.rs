//! `everlink send`: each line of standard input is a message.
//!
//! It ends when every message has its verdict, however long the network is away: well if the listener is done
//! with all of them, else with a summary of what is known of the others. A line that cannot be sent, or cannot be
//! read, is the last one; those before it still get their verdicts.

use std::future::pending;
use std::io;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use everlink::{ChannelOptions, EndReason, Endpoint, ItemKind, Link, OnRestart, SendError, Verdict};
use tokio::task::{JoinError, JoinSet};

use super::{OTHER_KIND, outage};
use crate::args::SendArgs;
use crate::input;
use crate::output::{Exit, Failure, Outcome, say};
use crate::queue::Taker;

/// The channel of the lines.
const CHANNEL: u64 = 0;

pub(super) fn run(args: &SendArgs) -> Outcome {
    super::runtime()?.block_on(async {
        let endpoint = super::start(Endpoint::builder(), args.key.as_deref()).await?;
        let link = endpoint.add_ticket(&args.ticket);
        if args.at_least_once {
            let options = ChannelOptions { on_restart: OnRestart::Resend };
            link.set_channel(CHANNEL, options).map_err(refused)?;
        }
        let mut sending = Sending::new(link.clone(), args.verbose);
        let patience = if args.verbose { Duration::ZERO } else { outage::WORTH_A_WORD };
        let exit = tokio::select! {
            biased;
            () = super::interrupted() => Exit::Interrupted,
            exit = sending.all(input::lines(), refusal(&endpoint)) => exit,
            () = outage::tell(&link, patience) => pending().await,
        };
        let exit = sending.conclude(exit);
        // All that can be said has been said by the receipts.
        super::stop(&endpoint, super::ignore_all(&endpoint)).await;
        Ok(exit)
    })
}

/// The messages on their way, and what became of the others.
struct Sending {
    link: Link,
    /// The number of each message without a verdict, and its verdict when it comes.
    open: JoinSet<(u64, Option<Verdict>)>,
    count: Count,
    verbose: bool,
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
    fn new(link: Link, verbose: bool) -> Self {
        Self { link, open: JoinSet::new(), count: Count::default(), verbose }
    }

    /// Sends all lines, or all before one that cannot be sent or before a refusal, and waits for all verdicts.
    async fn all(&mut self, lines: Taker<io::Result<Bytes>>, refusal: impl Future<Output = Failure>) -> Exit {
        let mut refusal = pin!(refusal);
        let sent = tokio::select! {
            sent = self.send_all(lines) => sent,
            failure = &mut refusal => Err(failure),
        };
        let mut exit = sent.map_or_else(Failure::told, |()| Exit::Done);
        loop {
            tokio::select! {
                settled = self.open.join_next() => match settled {
                    Some(settled) => self.settle(settled),
                    None => return exit,
                },
                failure = &mut refusal, if exit == Exit::Done => exit = failure.told(),
            }
        }
    }

    async fn send_all(&mut self, mut lines: Taker<io::Result<Bytes>>) -> Result<(), Failure> {
        loop {
            tokio::select! {
                line = lines.recv() => match line {
                    Some(Ok(line)) => self.send(line).await?,
                    Some(Err(error)) => return Err(Failure::failed(format!("standard input: {error}"))),
                    None => return Ok(()),
                },
                Some(settled) = self.open.join_next() => self.settle(settled),
            }
        }
    }

    /// Verdicts are told as they come, also while there is no room for the line.
    async fn send(&mut self, line: Bytes) -> Result<(), Failure> {
        let link = self.link.clone();
        let accepting = link.message(line).channel(CHANNEL).processed().send();
        tokio::pin!(accepting);
        let receipt = loop {
            tokio::select! {
                accepted = &mut accepting => break accepted.map_err(|error| self.refused(error))?,
                Some(settled) = self.open.join_next() => self.settle(settled),
            }
        };
        self.count.accepted += 1;
        let number = self.count.accepted;
        if self.verbose {
            say(format!("message {number} is accepted"));
        }
        // An endpoint that failed cannot say what became of what it held.
        self.open.spawn(async move { (number, receipt.verdict().await.ok()) });
        Ok(())
    }

    fn settle(&mut self, settled: Result<(u64, Option<Verdict>), JoinError>) {
        // A task that waits for a verdict does nothing that could fail.
        let Ok((number, verdict)) = settled else { return };
        let fate = self.count.add(verdict);
        if self.verbose {
            say(format!("message {number} {fate}"));
        }
    }

    /// Why the next line was refused. Each line is a message, so that the numbers agree.
    fn refused(&self, error: SendError) -> Failure {
        match error {
            SendError::InvalidPeer { .. } => refused(error),
            error => Failure::failed(format!(
                "line {}: {error}; this line and those after it are not sent",
                self.count.accepted + 1
            )),
        }
    }

    /// The exit code, after a summary if not all went well.
    fn conclude(mut self, exit: Exit) -> Exit {
        while let Some(settled) = self.open.try_join_next() {
            self.settle(settled);
        }
        let well = exit == Exit::Done && self.count.processed == self.count.accepted;
        // Of an unusable ticket all has been said.
        if !well && exit != Exit::Usage {
            say(self.count.summary());
        }
        if exit == Exit::Done && !well { Exit::Failed } else { exit }
    }
}

/// A ticket can be well formed and still lead to nobody, or to the sender itself.
fn refused(error: SendError) -> Failure {
    match error {
        SendError::InvalidPeer { .. } => Failure::usage(format!("the ticket leads to no peer: {error}")),
        error => Failure::failed(error),
    }
}

/// Ready when the listener says that it wants no messages. It has nothing else to say.
async fn refusal(endpoint: &Endpoint) -> Failure {
    while let Ok(item) = endpoint.recv().await {
        if let ItemKind::SessionEnded(EndReason::ClosedByPeer { application: OTHER_KIND, .. }) = item.kind {
            return Failure::failed("the listener takes a stream and no messages: it needs `everlink pipe`");
        }
    }
    // Of an endpoint that failed, the receipts tell.
    pending().await
}

impl Count {
    /// Counts a message, and says what became of it.
    fn add(&mut self, verdict: Option<Verdict>) -> &'static str {
        let (count, fate) = match verdict {
            Some(Verdict::Processed) => (&mut self.processed, "was processed"),
            Some(Verdict::NotDelivered(_)) => (&mut self.not_delivered, "was certainly not delivered"),
            // Delivered and never done with is not what was asked for.
            Some(Verdict::Delivered | Verdict::Unknown(_)) | None => (&mut self.unknown, "is in doubt"),
        };
        *count += 1;
        fate
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
