//! `everlink listen`: a ticket, and then each message that arrives as a line.
//!
//! Lines are written by a thread of their own, so that a slow reader of standard output slows those who send to
//! it and nothing else. A message is done only when its line has been handed to the system.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::thread;

use bytes::Bytes;
use everlink::{Endpoint, ItemKind, Message};
use tokio::sync::{mpsc, oneshot};

use crate::args::ListenArgs;
use crate::output::{self, Exit, Failure, Outcome, say};

/// Messages that wait for the writer; more wait at their senders.
const LINES_AHEAD: usize = 256;

pub(super) fn run(args: &ListenArgs) -> Outcome {
    super::runtime()?.block_on(async {
        let builder = Endpoint::builder();
        let builder = match args.bind {
            Some(address) => builder.bind(address),
            None => builder,
        };
        let endpoint = super::start(builder, args.key.as_deref()).await?;
        output::print(endpoint.ticket())?;
        let outcome = tokio::select! {
            outcome = serve(&endpoint, args.pipe) => outcome,
            () = super::interrupted() => Ok(Exit::Interrupted),
        };
        // What had arrived is on standard output, or its sender will not be told that it was processed.
        let _ = endpoint.stop().await;
        outcome
    })
}

async fn serve(endpoint: &Endpoint, pipe: bool) -> Outcome {
    if pipe { super::pipe::accept(endpoint).await } else { print_messages(endpoint).await }
}

async fn print_messages(endpoint: &Endpoint) -> Outcome {
    let (lines, written) = mpsc::channel(LINES_AHEAD);
    let (failed, failure) = oneshot::channel();
    thread::spawn(move || {
        // Nobody waits for the outcome of a writer that came to its end with the process.
        let _ = failed.send(write_lines(written));
    });
    tokio::select! {
        outcome = receive(endpoint, lines) => outcome,
        written = failure => match written {
            Ok(Err(error)) => Err(error.into()),
            Ok(Ok(())) | Err(_) => Err(Failure::failed("the writer of lines ended early")),
        },
    }
}

async fn receive(endpoint: &Endpoint, lines: mpsc::Sender<Message>) -> Outcome {
    loop {
        let item = endpoint.recv().await.map_err(Failure::failed)?;
        match item.kind {
            // A writer that is gone has told why.
            ItemKind::Message(message) => drop(lines.send(message).await),
            ItemKind::SessionStarted => say(format!("{:#} is here", item.peer)),
            ItemKind::SessionEnded(reason) => say(format!("{:#} is gone: {reason}", item.peer)),
            _ => {}
        }
    }
}

fn write_lines(mut messages: mpsc::Receiver<Message>) -> io::Result<()> {
    let stdout = io::stdout();
    let escape = if stdout.is_terminal() { for_terminal } else { for_lines };
    let mut out = BufWriter::new(stdout.lock());
    let mut written = Vec::new();
    while let Some(message) = messages.blocking_recv() {
        out.write_all(&escape(&message.body))?;
        out.write_all(b"\n")?;
        written.push(message);
        if messages.is_empty() || written.len() >= LINES_AHEAD {
            out.flush()?;
            written.drain(..).for_each(|mut message| message.done());
        }
    }
    Ok(())
}

/// One message is one line: a line break within it is written as `\n`.
fn for_lines(body: &Bytes) -> Vec<u8> {
    body.iter()
        .flat_map(|byte| if *byte == b'\n' { b"\\n" } else { std::slice::from_ref(byte) })
        .copied()
        .collect()
}

/// What comes from the network must not steer the terminal.
fn for_terminal(body: &Bytes) -> Vec<u8> {
    let text = String::from_utf8_lossy(body);
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() && character != '\t' {
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
        let body = Bytes::from_static(b"one\ntwo\x1b[2J\xff");
        assert_eq!(for_lines(&body), b"one\\ntwo\x1b[2J\xff");
        assert_eq!(String::from_utf8(for_terminal(&body)).unwrap(), "one\\ntwo\\u{1b}[2J\u{fffd}");
    }
}
