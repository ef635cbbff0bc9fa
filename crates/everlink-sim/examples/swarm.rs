//! Runs a range of seeds, or replays one: `swarm 0..100`, `swarm 42`, `swarm 42 --trace`.
//! The exit code is 1 if a promise was broken.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_types,
    reason = "a program for a terminal, which tells how long it took"
)]

use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let what = arguments.first().map_or("0..20", String::as_str);
    if let Some((from, to)) = what.split_once("..") {
        let seeds = from.parse().unwrap_or(0)..to.parse().unwrap_or(20);
        let begun = Instant::now();
        let report = everlink_sim::swarm(seeds, 2, |run| {
            for violation in &run.violations {
                println!(
                    "seed {}: {} at {:?}: {}",
                    run.seed, violation.invariant, violation.at, violation.text
                );
            }
        });
        println!("{report}");
        println!("{:.1} s", begun.elapsed().as_secs_f64());
        return ExitCode::from(u8::from(report.failed > 0));
    }
    let seed = what.parse().unwrap_or(0);
    let (report, trace) = everlink_sim::replay(seed);
    if arguments.iter().any(|argument| argument == "--trace") {
        trace.iter().for_each(|line| println!("{line}"));
    }
    println!("{report}");
    ExitCode::from(u8::from(!report.violations.is_empty()))
}
