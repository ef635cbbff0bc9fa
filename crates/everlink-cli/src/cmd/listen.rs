//! `everlink listen`: a ticket, and then each message that arrives as a line.
//!
//! Lines are written by a thread of their own, so that a slow reader of standard output slows those who send to
//! it and nothing else. A message is done only when its line has been handed to the system.

use std::collections::BTreeMap;
use std::future::pending;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::pin::pin;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use everlink::{Endpoint, ItemKind, Link, Message, RecvError};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::{Ending, OTHER_KIND};

use crate::args::ListenArgs;
use crate::output::{self, Exit, Failure, Outcome, say};
use crate::queue::{Giver, Taker, queue};

/// An end that a person begins to wonder about.
const WORTH_A_WORD: Duration = Duration::from_millis(500);
/// After so many lines the system gets them, though more are waiting.
const LINES_AT_ONCE: usize = 256;

pub(super) fn run(args: &ListenArgs) -> Outcome {
    super::runtime()?.block_on(async {
        let builder = args.bind.iter().fold(Endpoint::builder(), |builder, address| builder.bind(*address));
        let endpoint = super::start(builder, args.key.as_deref()).await?;
        output::print(endpoint.ticket())?;
        let mut serving = pin!(serve(&endpoint, args.pipe));
        let outcome = tokio::select! {
            outcome = &mut serving => Some(outcome),
            () = super::interrupted() => None,
        };
        match outcome {
            Some(outcome) => {
                super::stop(&endpoint, super::ignore_all(&endpoint)).await;
                outcome
            }
            // What has arrived still goes to standard output, and its senders are told so.
            None => {
                let ending = super::stop(&endpoint, with_a_word(serving)).await;
                match ending {
                    // A pipe that is interrupted breaks, which is what its user wants.
                    Ending::Done(Err(failure)) if !args.pipe => return Err(failure),
                    Ending::Done(_) => {}
                    Ending::Stuck => {
                        say("standard output takes nothing: not all that had arrived is written")
                    }
                    Ending::Left => say("left at once: what had arrived may not all be written"),
                }
                Ok(Exit::Interrupted)
            }
        }
    })
}

/// Tells a user who waits for the end what is awaited.
async fn with_a_word(ending: impl Future<Output = Outcome>) -> Outcome {
    let word = async {
        sleep(WORTH_A_WORD).await;
        say("what has arrived is still being written; interrupt again to leave at once");
        pending().await
    };
    tokio::select! {
        outcome = ending => outcome,
        outcome = word => outcome,
    }
}

async fn serve(endpoint: &Endpoint, pipe: bool) -> Outcome {
    if pipe { super::pipe::accept(endpoint).await } else { print_messages(endpoint).await }
}

/// Until the endpoint is stopped and all that it had received is written.
async fn print_messages(endpoint: &Endpoint) -> Outcome {
    let (lines, to_write) = queue();
    let (done, mut written) = oneshot::channel();
    thread::spawn(move || {
        // Nobody waits for the outcome of a writer that came to its end with the process.
        let _ = done.send(write_lines(to_write));
    });
    tokio::select! {
        received = receive(endpoint, lines) => received?,
        early = &mut written => {
            let failure = Failure::failed("the writer of lines ended early");
            return Err(early.ok().and_then(Result::err).map_or(failure, Failure::from));
        }
    }
    written.await.unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))?;
    Ok(Exit::Done)
}

async fn receive(endpoint: &Endpoint, lines: Giver<Message>) -> Result<(), Failure> {
    let mut refusing = BTreeMap::new();
    loop {
        let item = match endpoint.recv().await {
            Ok(item) => item,
            Err(RecvError::Stopped) => return Ok(()),
            Err(error) => return Err(Failure::failed(error)),
        };
        match item.kind {
            // A writer that is gone has told why.
            ItemKind::Message(message) => {
                let length = message.body.len();
                lines.give(message, length).await;
            }
            ItemKind::SessionStarted => {
                say(format!("{:#} is here", item.peer));
                let mut task = JoinSet::new();
                task.spawn(refuse_streams(endpoint.link(item.peer)));
                refusing.insert(item.peer, task);
            }
            ItemKind::SessionEnded(reason) => {
                say(format!("{:#} is gone: {reason}", item.peer));
                refusing.remove(&item.peer);
            }
            _ => {}
        }
    }
}

/// Without an answer, whoever opened a stream would wait for ever.
async fn refuse_streams(link: Link) {
    let mut told = false;
    while let Ok(stream) = link.accept_stream().await {
        let (mut incoming, mut outgoing) = stream.split();
        // A stream that is over needs no refusal.
        let _ = incoming.stop(OTHER_KIND);
        let _ = outgoing.reset(OTHER_KIND);
        if !told {
            told = true;
            say(format!("{:#} opened a stream, for which there is `everlink listen --pipe`", link.peer()));
        }
    }
}

fn write_lines(mut messages: Taker<Message>) -> io::Result<()> {
    let stdout = io::stdout();
    let escape = if stdout.is_terminal() { for_terminal } else { for_lines };
    let mut out = BufWriter::new(stdout.lock());
    let mut written = Vec::new();
    while let Some(message) = messages.blocking_recv() {
        out.write_all(&escape(&message.item.body))?;
        out.write_all(b"\n")?;
        written.push(message);
        if messages.is_empty() || written.len() >= LINES_AT_ONCE {
            out.flush()?;
            written.drain(..).for_each(|mut message| message.item.done());
        }
    }
    Ok(())
}

/// One message is one line, from which the message can be told again: a line break is written as `\n`, and a backslash
/// as two.
fn for_lines(body: &Bytes) -> Vec<u8> {
    let escaped = body.iter().flat_map(|byte| match byte {
        b'\n' => b"\\n",
        b'\\' => b"\\\\",
        other => std::slice::from_ref(other),
    });
    escaped.copied().collect()
}

/// What comes from the network must not steer the terminal.
fn for_terminal(body: &Bytes) -> Vec<u8> {
    let text = String::from_utf8_lossy(body);
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character == '\\' || character.is_control() && character != '\t' {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_and_steers_no_terminal() {
        let body = Bytes::from_static(b"one\ntwo\\n\x1b[2J\xff");
        assert_eq!(for_lines(&body), b"one\\ntwo\\\\n\x1b[2J\xff");
        assert_eq!(String::from_utf8(for_terminal(&body)).unwrap(), "one\\ntwo\\\\n\\u{1b}[2J\u{fffd}");
    }
}
