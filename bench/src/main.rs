//! everlink and others, side by side on one machine, in turn in the same run.
//!
//! ```text
//! cargo run --release -- bulk
//! cargo run --release -- --json --processes bulk --mib 512
//! ```
//!
//! A rival is a file in `rival`, a workload one in `workload`. The two endpoints of a run are two
//! threads with a runtime each, or two processes, so that none works on the other's time.
#![allow(clippy::print_stdout, reason = "a program that prints what it measured")]

mod figures;
mod meter;
mod rival;
mod stage;
mod workload;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;

use crate::stage::{Job, Place};
use crate::workload::Workload;

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

/// everlink and others, side by side on one machine.
#[derive(Parser, Debug)]
struct Args {
    /// Put the two endpoints into two processes rather than two threads.
    #[arg(long)]
    processes: bool,
    /// Print one JSON object instead of lines.
    #[arg(long)]
    json: bool,
    /// How often each is measured; the median counts.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Measure only this one.
    #[arg(long)]
    only: Option<rival::Name>,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// One stream over loopback.
    Bulk {
        /// How much.
        #[arg(long, default_value_t = 256)]
        mib: u64,
    },
    /// Messages of 100 bytes; everlink alone.
    Messages {
        /// How many.
        #[arg(long, default_value_t = 500_000)]
        count: u64,
    },
    /// First contact with a peer, and what it costs each side.
    Contact {
        /// How many contacts a round.
        #[arg(long, default_value_t = 100)]
        count: u64,
    },
    /// The listening half of a run in two processes.
    #[command(hide = true)]
    Serve { rival: rival::Name, workload: workload::Name },
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let workload = match args.command {
        Command::Bulk { mib } => Workload::Bulk { bytes: mib << 20 },
        Command::Messages { count } => Workload::Messages { count },
        Command::Contact { count } => Workload::Contact { count },
        Command::Serve { rival, workload } => return stage::serve_as_child(rival, workload),
    };
    let place = if args.processes { Place::Processes } else { Place::Threads };
    let rivals: Vec<_> = workload
        .rivals()
        .iter()
        .copied()
        .filter(|rival| args.only.is_none_or(|only| only == *rival))
        .collect();
    let mut table = figures::Table::new(&workload, place);
    for _ in 0..args.rounds.max(1) {
        for rival in &rivals {
            table.add(*rival, stage::run(place, Job { rival: *rival, workload: workload.clone() })?);
        }
    }
    if args.json {
        println!("{}", table.json())
    } else {
        print!("{table}")
    }
    Ok(())
}
