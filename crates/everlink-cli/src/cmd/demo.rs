//! `everlink demo`: shows, measures and judges what links do under disturbance.

use std::collections::hash_map::RandomState;
use std::env;
use std::hash::{BuildHasher, Hasher};
use std::io::{self, IsTerminal};

use crate::args::DemoArgs;
use crate::demo::{self, View};
use crate::output::{self, Exit, Failure, Outcome};

pub(super) fn run(args: &DemoArgs) -> Outcome {
    let seed = args.seed.unwrap_or_else(fresh_seed);
    let view = view(args.json);
    let runtime = super::runtime()?;
    let report = runtime.block_on(async {
        tokio::select! {
            report = demo::run(seed, args.seconds, view) => report.map(Some),
            () = super::interrupted() => Ok(None),
        }
    })?;
    let Some(report) = report else { return Ok(Exit::Interrupted) };
    let faults = report.faults();
    if args.json {
        output::print(serde_json::to_string(&report).map_err(Failure::failed)?)?;
        faults.iter().for_each(output::say);
    } else {
        view.conclude(&report)?;
    }
    Ok(if faults.is_empty() { Exit::Done } else { Exit::Failed })
}

fn view(json: bool) -> View {
    let dumb = env::var_os("TERM").is_none_or(|terminal| terminal == "dumb");
    match (json, io::stdout().is_terminal() && !dumb) {
        (true, _) => View::Hidden,
        (false, true) => View::Picture,
        (false, false) => View::Lines,
    }
}

/// A short number to type again. The standard library's hash keys are random in each process.
fn fresh_seed() -> u64 {
    RandomState::new().build_hasher().finish() % 1_000_000
}
