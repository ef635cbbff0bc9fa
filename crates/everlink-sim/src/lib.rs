//! Simulated worlds in which everlink endpoints live, and observers that check what they promise.
//!
//! A world is drawn from a seed: machines with clocks of their own, a network that loses, delays,
//! reorders, copies, damages and is cut, applications that talk to one another, and a schedule of
//! everything that can befall them. First the faults do their worst; then they stop, and the world must become
//! whole within the promised time; then everybody leaves, and nothing may be left.
//!
//! The same seed gives the same world, event for event, which one hash over all events shows. A
//! run that breaks a promise is run again with its trace kept, so that the report can show what came before.
//!
//! ```no_run
//! let report = everlink_sim::run(42, everlink_sim::Options::default());
//! assert!(report.violations.is_empty(), "{report}");
//! ```
#![forbid(unsafe_code)]

mod app;
mod check;
mod cipher;
mod clock;
mod dice;
mod fault;
mod machine;
mod net;
mod observer;
mod report;
mod run;
#[cfg(test)]
mod scenario;
mod subject;
mod swarm;
mod trace;
mod world;

pub use report::{RunReport, SwarmReport, Violation};

use crate::swarm::Settings;
use crate::trace::{Line, Lines};
use crate::world::World;
use std::cell::RefCell;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// One seed in so many is run twice.
const REPEATED: u64 = 50;

/// How a seed is to be run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// Run it twice and compare the traces.
    pub twice: bool,
}

/// Runs the world that belongs to `seed`.
pub fn run(seed: u64, options: Options) -> RunReport {
    let first = run_settings(Settings::draw(seed), None);
    if first.violations.is_empty() && !options.twice {
        return first;
    }
    let lines: Lines = Rc::default();
    let mut second = run_settings(Settings::draw(seed), Some(&lines));
    if first.trace_hash != second.trace_hash {
        second.violations.push(Violation {
            invariant: "L8",
            at: second.simulated,
            text: format!("trace {:016x}, and {:016x} again", first.trace_hash, second.trace_hash),
            context: String::new(),
        });
    }
    second
}

/// Runs the world that belongs to `seed` and shows everything that happens in it.
pub fn replay(seed: u64) -> (RunReport, Vec<String>) {
    let lines: Lines = Rc::default();
    let report = run_settings(Settings::draw(seed), Some(&lines));
    let shown = lines.borrow().iter().map(Line::show).collect();
    (report, shown)
}

/// Runs every seed of `seeds` on so many threads, and tells of each run as it ends.
pub fn swarm(seeds: Range<u64>, threads: usize, on_progress: impl Fn(&RunReport) + Sync) -> SwarmReport {
    let next = AtomicU64::new(seeds.start);
    let total = Mutex::new(SwarmReport::default());
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                let mut part = SwarmReport::default();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        break;
                    }
                    let twice = seed.is_multiple_of(REPEATED);
                    part.repeated += u64::from(twice);
                    let report = run(seed, Options { twice });
                    on_progress(&report);
                    part.add(report);
                }
                total.lock().unwrap_or_else(std::sync::PoisonError::into_inner).merge(part);
            });
        }
    });
    total.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn run_settings(settings: Settings, lines: Option<&Lines>) -> RunReport {
    let (text, seed) = (settings.to_string(), settings.seed);
    let explained = RefCell::new(Vec::new());
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let mut world = World::new(settings, lines.cloned());
        run::run(&mut world);
        if lines.is_some() {
            *explained.borrow_mut() = std::mem::take(&mut world.explanations);
        }
        world
    }));
    let kept = lines.map(|lines| lines.borrow().clone()).unwrap_or_default();
    match outcome {
        Ok(world) => {
            let mut report = report::report(&world, &kept);
            for (violation, said) in report.violations.iter_mut().zip(explained.into_inner()) {
                violation.context += &format!("\n{said}");
            }
            report
        }
        Err(panic) => {
            let message = panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
                .unwrap_or_default();
            report::panicked(text, seed, message, &kept)
        }
    }
}
