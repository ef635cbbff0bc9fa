//! `everlink sim`: the simulator that tests everlink, seed by seed.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IsTerminal, Write};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use everlink_proto::link::lifecycle::{Fact, LinkState, Row};
use everlink_sim::{RunReport, SwarmReport};
use serde::Serialize;

use crate::args::SimCommand;
use crate::output::{self, Exit, Failure, Outcome};

/// The version of the fields below; it changes when the meaning of one does.
const VERSION: u32 = 1;
/// Every so many seeds a person is told how far it is.
const PROGRESS: u64 = 50;

pub(super) fn run(command: &SimCommand) -> Outcome {
    match command {
        SimCommand::Swarm { seeds, json } => swarm(seeds, *json),
        SimCommand::Replay { seed } => replay(*seed),
    }
}

/// The one object that `everlink sim swarm --json` prints.
#[derive(Serialize)]
struct Summary {
    v: u32,
    seeds: u64,
    /// How many seeds failed.
    failed: u64,
    /// Those that failed, the lowest ones if they are many.
    failures: Vec<FailedSeed>,
    simulated_seconds: u64,
    /// Transitions of a link: how many there are, and how many were taken at least once.
    edges: Edges,
    /// How often each kind of fault struck.
    faults: BTreeMap<&'static str, u64>,
}

#[derive(Serialize)]
struct FailedSeed {
    seed: u64,
    invariant: &'static str,
}

#[derive(Serialize)]
struct Edges {
    declared: usize,
    taken: usize,
}

impl Summary {
    fn of(report: &SwarmReport) -> Self {
        let first = |run: &RunReport| run.violations.first().map(|violation| violation.invariant);
        let failures = report.failures.iter();
        Self {
            v: VERSION,
            seeds: report.seeds,
            failed: report.failed,
            failures: failures
                .filter_map(|(seed, run)| Some(FailedSeed { seed: *seed, invariant: first(run)? }))
                .collect(),
            simulated_seconds: report.simulated.as_secs(),
            edges: Edges::of(report),
            faults: report.faults.clone(),
        }
    }
}

impl Edges {
    /// Counts pairs of states. The simulator's own names of edges add the cause, of which a pair may have several.
    fn of(report: &SwarmReport) -> Self {
        let pairs = report.edges.keys().map(|edge| edge.split(':').next().unwrap_or(edge));
        Self { declared: declared_pairs().len(), taken: pairs.collect::<BTreeSet<_>>().len() }
    }
}

/// The pairs of states that the table of a link's life connects.
fn declared_pairs() -> BTreeSet<(LinkState, LinkState)> {
    let rows = LinkState::ALL.into_iter().flat_map(|from| Fact::ALL.map(|fact| (from, from.row(fact))));
    rows.filter_map(|(from, row)| match row {
        Row::Edge(to) => Some((from, to)),
        Row::Impossible(_) => None,
    })
    .collect()
}

fn swarm(seeds: &Range<u64>, json: bool) -> Outcome {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let (finished, failed) = (AtomicU64::new(0), AtomicU64::new(0));
    let tells = !json && io::stderr().is_terminal();
    let report = everlink_sim::swarm(seeds.clone(), threads, |run| {
        let bad = failed.fetch_add(u64::from(!run.violations.is_empty()), Ordering::Relaxed);
        let done = finished.fetch_add(1, Ordering::Relaxed) + 1;
        if tells && done.is_multiple_of(PROGRESS) {
            // Whoever closed standard error does not want to know.
            let _ = write!(io::stderr(), "\r{done} of {} seeds, {bad} failed", seeds.end - seeds.start);
        }
    });
    if tells {
        // As above.
        let _ = writeln!(io::stderr());
    }
    if json {
        output::print(serde_json::to_string(&Summary::of(&report)).map_err(Failure::failed)?)?;
    } else {
        tell(&report)?;
    }
    Ok(if report.failed == 0 { Exit::Done } else { Exit::Failed })
}

fn tell(report: &SwarmReport) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for (seed, run) in &report.failures {
        if let Some(violation) = run.violations.first() {
            writeln!(out, "seed {seed}: {} broken: {}", violation.invariant, violation.text)?;
            writeln!(out, "    everlink sim replay {seed}")?;
        }
    }
    write!(out, "{report}")?;
    out.flush()
}

fn replay(seed: u64) -> Outcome {
    let (report, lines) = everlink_sim::replay(seed);
    let mut out = io::BufWriter::new(io::stdout().lock());
    for line in lines {
        writeln!(out, "{line}")?;
    }
    write!(out, "{report}")?;
    out.flush()?;
    Ok(if report.violations.is_empty() { Exit::Done } else { Exit::Failed })
}
