//! The command `everlink`: a demonstration, messages and pipes that outlive their connections, and the simulator.
//!
//! `args` says what can be asked, `cmd` has a file for each command, `output` how all of them end: what was asked
//! for goes to standard output, everything else is a line on standard error, and the exit code is one of five.

#![forbid(unsafe_code)]

use std::process::ExitCode;

mod args;
mod cmd;
mod demo;
mod input;
mod output;
mod queue;

fn main() -> ExitCode {
    let ended = args::parse().and_then(cmd::run);
    output::conclude(ended)
}
