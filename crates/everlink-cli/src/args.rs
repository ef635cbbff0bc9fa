//! What can be asked of the command, and how a mistake in asking is answered: in one line that says what was
//! expected.

use std::net::SocketAddr;
use std::ops::Range;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};
use everlink::Ticket;

use crate::output::Failure;

/// The shortest demonstration: all sides have met, one thing is done, and its recovery is seen.
const LEAST_SECONDS: u64 = 5;
/// The longest one: its logs stay below 200 MB.
const MOST_SECONDS: u64 = 3_600;

/// Links between peers that outlive their connections.
#[derive(Debug, Parser)]
#[command(name = "everlink", version, about, args_conflicts_with_subcommands = true)]
#[command(after_help = "Without a command it runs the demonstration.\n\n\
    Examples:\n  \
    everlink                                  see links survive cuts, sleep and restarts\n  \
    everlink key new me.key                   make an identity\n  \
    everlink listen --key me.key              print a ticket, then what arrives\n  \
    echo hello | everlink send TICKET         send lines, through any outage\n  \
    tar c . | everlink pipe TICKET            to `everlink listen --pipe | tar x`\n\n\
    Exit codes: 0 done, 1 failed, 2 usage, 8 key file or port, 130 interrupted")]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    demo: DemoArgs,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Two peers on this machine and a bad network between them
    Demo(DemoArgs),
    /// Make or show an identity
    #[command(subcommand)]
    Key(KeyCommand),
    /// Print a ticket, then each message that arrives as a line
    ///
    /// A line break within a message is printed as \n and a backslash as \\, so that each line is one message. A
    /// terminal gets other control characters as escapes too.
    #[command(verbatim_doc_comment)]
    Listen(ListenArgs),
    /// Send each line of standard input as a message
    Send(SendArgs),
    /// Connect standard input and output to `everlink listen --pipe`
    Pipe(PipeArgs),
    /// Run the simulator that tests everlink
    #[command(subcommand)]
    Sim(SimCommand),
}

/// What a demonstration can be told.
#[derive(Args, Clone, Debug)]
pub(crate) struct DemoArgs {
    /// How long the traffic flows
    #[arg(long, value_name = "N", default_value_t = 45, value_parser = seconds)]
    pub(crate) seconds: u64,
    /// What is done to the network, and when; drawn at random if not given
    #[arg(long, value_name = "S", value_parser = seed)]
    pub(crate) seed: Option<u64>,
    /// Print one JSON object at the end and nothing else
    ///
    /// Times are in milliseconds. `disruptions` and `recovery_ms` have every kind: of one that did not occur, the count
    /// and n are 0, and p50, p99 and max are null. What went wrong, if anything did, is said on standard error.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What can be done with key files.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make an identity and keep it in a new file that only you can read
    New {
        /// The file to make
        file: PathBuf,
    },
    /// Show whose identity a file holds
    Show {
        /// The file to read
        file: PathBuf,
    },
}

/// What a listener can be told.
#[derive(Args, Debug)]
pub(crate) struct ListenArgs {
    /// The identity; a new one if not given
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// Where to listen; all addresses and any port if not given. An IPv6 address takes no IPv4, not even `[::]`: give
    /// both, as in `--bind 0.0.0.0:4433 --bind [::]:4433`
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub(crate) bind: Vec<SocketAddr>,
    /// Take one byte stream instead of messages
    #[arg(long)]
    pub(crate) pipe: bool,
}

/// What a sender can be told.
#[derive(Args, Debug)]
pub(crate) struct SendArgs {
    /// To whom: the first line that `everlink listen` printed
    #[arg(value_parser = ticket)]
    pub(crate) ticket: Ticket,
    /// The identity; a new one if not given
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// Send again what is in doubt after the listener has restarted, though it may then arrive twice
    #[arg(long)]
    pub(crate) at_least_once: bool,
    /// Say what becomes of each line, and at once when the listener cannot be reached
    #[arg(long, short)]
    pub(crate) verbose: bool,
}

/// What a pipe can be told.
#[derive(Args, Debug)]
pub(crate) struct PipeArgs {
    /// To whom: the first line that `everlink listen --pipe` printed
    #[arg(value_parser = ticket)]
    pub(crate) ticket: Ticket,
    /// The identity; a new one if not given
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
}

/// What the simulator can do.
#[derive(Debug, Subcommand)]
pub(crate) enum SimCommand {
    /// Run a world for each of many seeds
    Swarm {
        /// The first seed and the one after the last
        #[arg(long, value_name = "A..B", value_parser = seeds)]
        seeds: Range<u64>,
        /// Print one JSON object at the end and nothing else
        #[arg(long)]
        json: bool,
    },
    /// Run the world of one seed again and tell what happens in it
    Replay {
        /// The seed
        #[arg(value_parser = seed)]
        seed: u64,
    },
}

/// The command that was asked for. Help and version are printed here.
pub(crate) fn parse() -> Result<Option<Command>, Failure> {
    match Cli::try_parse() {
        Ok(cli) => Ok(Some(cli.command.unwrap_or(Command::Demo(cli.demo)))),
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            crate::output::print(error.render().to_string().trim_end())?;
            Ok(None)
        }
        Err(error) => Err(Failure::usage(one_line(&error.render().to_string()))),
    }
}

/// Clap's message without its line breaks and its advice to ask for help.
fn one_line(message: &str) -> String {
    let message = message.strip_prefix("error: ").unwrap_or(message);
    let advice = message.find("For more information").unwrap_or(message.len());
    let (what, usage) = match message[..advice].split_once("Usage: ") {
        Some((what, usage)) => (what, usage.lines().next().unwrap_or_default()),
        None => (&message[..advice], ""),
    };
    let what = what.split_whitespace().collect::<Vec<_>>().join(" ");
    if usage.is_empty() { what } else { format!("{what}; expected: {usage}") }
}

fn seconds(text: &str) -> Result<u64, String> {
    let seconds = text.parse().ok().filter(|seconds| (LEAST_SECONDS..=MOST_SECONDS).contains(seconds));
    seconds
        .ok_or_else(|| format!("expected a whole number of seconds from {LEAST_SECONDS} to {MOST_SECONDS}"))
}

fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("expected a whole number from 0 to {}", u64::MAX))
}

fn seeds(text: &str) -> Result<Range<u64>, String> {
    let range = text.split_once("..").and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
    range
        .filter(|range| !range.is_empty())
        .ok_or_else(|| "expected two whole numbers A..B with A below B, as in 0..2000".to_owned())
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "expected an IP address and a port, as in 192.0.2.1:4433 or [::]:4433".to_owned())
}

fn ticket(text: &str) -> Result<Ticket, String> {
    text.trim().parse::<Ticket>().map_err(|error| {
        format!("{error}; expected the first line that `everlink listen` prints, which begins with everlink1")
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn complaint(arguments: &[&str]) -> String {
        let arguments = ["everlink"].iter().chain(arguments);
        one_line(&Cli::try_parse_from(arguments).unwrap_err().render().to_string())
    }

    #[test]
    fn the_definition_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn without_a_command_it_is_the_demonstration() {
        let cli = Cli::try_parse_from(["everlink", "--seconds", "20", "--json"]).unwrap();
        assert!(cli.command.is_none() && cli.demo.json && cli.demo.seconds == 20);
    }

    #[test]
    fn a_mistake_is_answered_in_one_line_that_says_what_was_expected() {
        for (arguments, expected) in [
            (&["fly"] as &[&str], "unrecognized subcommand 'fly'"),
            (&["demo", "--seconds", "0"], "expected a whole number of seconds from 5 to 3600"),
            (&["demo", "--seed", "-1"], "expected"),
            (&["demo", "--seed", "x"], "expected a whole number from 0"),
            (&["demo", "--loud"], "unexpected argument '--loud' found"),
            (&["key"], "expected: everlink key"),
            (&["key", "new"], "<FILE>"),
            (&["listen", "--bind", "here"], "expected an IP address and a port"),
            (&["listen", "--bind", "127.0.0.1:99999"], "expected an IP address and a port"),
            (&["send"], "<TICKET>"),
            (&["send", "hello"], "expected the first line that `everlink listen` prints"),
            (&["sim", "swarm"], "--seeds <A..B>"),
            (&["sim", "swarm", "--seeds", "9..3"], "A below B"),
            (&["sim", "replay", "one"], "expected a whole number"),
        ] {
            let complaint = complaint(arguments);
            assert!(complaint.contains(expected) && !complaint.contains('\n'), "{arguments:?}: {complaint}");
        }
    }
}
