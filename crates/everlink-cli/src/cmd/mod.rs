//! The commands, one file each, and what they share: an endpoint with an identity, and the wish to be interrupted.

use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use everlink::{Builder, Endpoint};
use tokio::runtime::Runtime;
use tokio::time::timeout;

use crate::args::Command;
use crate::output::{Exit, Failure, Outcome};

mod demo;
mod key;
mod listen;
mod outage;
mod pipe;
mod send;
mod sim;

/// What a peer is told that opens a stream where messages are wanted, or sends messages where a stream is.
const OTHER_KIND: u64 = 1;

/// How long what is under way may take when its endpoint has ended: a reader of standard output may have stopped reading.
const LAST_WRITES: Duration = Duration::from_secs(3);

/// Carries out a command; none was asked for if help was.
pub(crate) fn run(command: Option<Command>) -> Outcome {
    match command {
        None => Ok(Exit::Done),
        Some(Command::Demo(args)) => demo::run(&args),
        Some(Command::Key(command)) => key::run(&command),
        Some(Command::Listen(args)) => listen::run(&args),
        Some(Command::Send(args)) => send::run(&args),
        Some(Command::Pipe(args)) => pipe::run(args),
        Some(Command::Sim(command)) => sim::run(&command),
    }
}

/// A runtime on this thread: one endpoint needs no more, and what it does stays in order.
fn runtime() -> Result<Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::local(format!("could not start: {error}")))
}

/// An endpoint with the identity of a key file, or with one of its own.
async fn start(builder: Builder, key: Option<&Path>) -> Result<Endpoint, Failure> {
    let identity = match key {
        Some(file) => key::load(file)?,
        None => key::generate()?,
    };
    builder.identity(identity).start().await.map_err(Failure::local)
}

/// What became of what went on while an endpoint ended.
enum Ending<T> {
    /// It came to its end.
    Done(T),
    /// It did not within [`LAST_WRITES`].
    Stuck,
    /// The user had no time for it.
    Left,
}

/// Ends an endpoint in an orderly way while `meanwhile` goes on, which comes to its end with it, or soon after. A user who
/// has no time for that interrupts it too.
async fn stop<F: Future>(endpoint: &Endpoint, meanwhile: F) -> Ending<F::Output> {
    let orderly = async {
        let mut meanwhile = pin!(meanwhile);
        tokio::select! {
            // What could not be said before the end, the other side learns from its receipts.
            _ = endpoint.stop() => timeout(LAST_WRITES, meanwhile).await.map_or(Ending::Stuck, Ending::Done),
            done = &mut meanwhile => {
                let _ = endpoint.stop().await;
                Ending::Done(done)
            }
        }
    };
    tokio::select! {
        ending = orderly => ending,
        () = interrupted() => Ending::Left,
    }
}

/// Takes what arrives and is not wanted: unread, it would hold up the farewell.
async fn ignore_all(endpoint: &Endpoint) {
    while endpoint.recv().await.is_ok() {}
}

/// Ready when the user or the system wants the command to end.
async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let (Ok(mut int), Ok(mut term)) =
            (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        {
            tokio::select! {
                _ = int.recv() => {}
                _ = term.recv() => {}
            }
            return;
        }
    }
    // Without a handler the signal has its usual effect, which is to end the process.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
