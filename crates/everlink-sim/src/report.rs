//! What a run, and many runs, amount to: as values, and as text for people.

use crate::check::Finding;
use crate::check::mark::Marks;
use crate::clock::Micros;
use crate::fault;
use crate::net::fabric;
use crate::subject;
use crate::trace::{Line, show_time};
use crate::world::World;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

/// How many lines of the trace accompany a broken promise.
const CONTEXT: usize = 40;

/// What a seed amounts to on average, at least (docs/TESTING.md): simulated seconds, messages accepted, and kinds of
/// fault that strike. A swarm that falls short of it proves less than its number of seeds says.
const SECONDS_EACH: u64 = 120;
const MESSAGES_EACH: u64 = 1_000;
const KINDS_OF_FAULT_EACH: u64 = 3;

/// A promise that was not kept.
#[derive(Clone, Debug)]
pub struct Violation {
    /// Its name in the list of invariants.
    pub invariant: &'static str,
    /// When it was found broken, in simulated time.
    pub at: Duration,
    /// What was seen.
    pub text: String,
    /// The last lines of the trace that concern the pair, and what each side says about its link.
    pub context: String,
}

/// What came of one seed.
#[derive(Clone, Debug)]
pub struct RunReport {
    /// The seed.
    pub seed: u64,
    /// How much time passed in the world.
    pub simulated: Duration,
    /// Messages that endpoints accepted.
    pub messages: u64,
    /// Messages that applications read.
    pub delivered: u64,
    /// Datagrams that endpoints sent.
    pub datagrams: u64,
    /// How often each kind of fault struck.
    pub faults: BTreeMap<&'static str, u64>,
    /// How often each transition of a link was taken.
    pub edges: BTreeMap<String, u64>,
    /// How often each row of the table of a link's life was used.
    pub rows: BTreeMap<String, u64>,
    /// How many datagrams endpoints discarded, by reason.
    pub drops: BTreeMap<String, u64>,
    /// How often each corner was visited.
    pub marks: BTreeMap<String, u64>,
    /// How many messages ended with each verdict.
    pub verdicts: BTreeMap<String, u64>,
    /// The most that each bounded table or queue held at a look.
    pub largest: BTreeMap<&'static str, u64>,
    /// The promises that were not kept.
    pub violations: Vec<Violation>,
    /// The hash of everything that happened.
    pub trace_hash: u64,
    /// What the seed decided, for people.
    pub settings: String,
}

/// What came of many seeds.
#[derive(Clone, Debug, Default)]
pub struct SwarmReport {
    /// How many seeds were run.
    pub seeds: u64,
    /// Time that passed in their worlds.
    pub simulated: Duration,
    /// Messages accepted.
    pub messages: u64,
    /// Messages read.
    pub delivered: u64,
    /// Datagrams sent.
    pub datagrams: u64,
    /// Faults that struck, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// The sum over seeds of the number of kinds of fault that struck.
    pub kinds_of_fault: u64,
    /// Transitions taken.
    pub edges: BTreeMap<String, u64>,
    /// Rows of the table of a link's life used.
    pub rows: BTreeMap<String, u64>,
    /// Datagrams discarded, by reason.
    pub drops: BTreeMap<String, u64>,
    /// Corners visited.
    pub marks: BTreeMap<String, u64>,
    /// Verdicts told.
    pub verdicts: BTreeMap<String, u64>,
    /// The most that each bounded table or queue held at a look of any run.
    pub largest: BTreeMap<&'static str, u64>,
    /// Seeds that were run twice to compare their traces.
    pub repeated: u64,
    /// The runs that broke promises, by seed; at most [`SwarmReport::FAILURES`] are kept.
    pub failures: BTreeMap<u64, RunReport>,
    /// How many seeds broke a promise.
    pub failed: u64,
    /// How often each invariant was broken.
    pub broken: BTreeMap<&'static str, u64>,
}

impl SwarmReport {
    /// How many failing runs are kept whole.
    pub const FAILURES: usize = 200;

    /// The rows of the table of a link's life that no run has used.
    pub fn untaken(&self) -> Vec<String> {
        unmet(subject::declared_edges(), &self.rows)
    }

    /// The declared marks that no run has passed.
    pub fn unpassed(&self) -> Vec<String> {
        unmet(declared_marks(), &self.marks)
    }

    /// The declared reasons for which no run has discarded a datagram.
    pub fn undropped(&self) -> Vec<String> {
        unmet(subject::declared_drops(), &self.drops)
    }

    /// The declared kinds of fault that struck in no run.
    pub fn unstruck(&self) -> Vec<String> {
        declared_faults().filter(|kind| !self.faults.contains_key(kind)).map(str::to_owned).collect()
    }

    /// The marks, reasons and kinds of fault that runs have met though nobody declared them.
    pub fn undeclared(&self) -> Vec<String> {
        let declared: BTreeSet<String> = declared_marks()
            .chain(subject::declared_drops())
            .chain(declared_faults().map(str::to_owned))
            .collect();
        let faults = self.faults.keys().map(|kind| (*kind).to_owned());
        let met = self.marks.keys().chain(self.drops.keys()).cloned().chain(faults);
        met.filter(|name| !declared.contains(name)).collect()
    }

    /// What the average seed falls short of.
    pub fn too_small(&self) -> Vec<String> {
        let sums = [
            ("simulated seconds", self.simulated.as_secs(), SECONDS_EACH),
            ("messages", self.messages, MESSAGES_EACH),
            ("kinds of fault", self.kinds_of_fault, KINDS_OF_FAULT_EACH),
        ];
        sums.into_iter()
            .filter(|(_, sum, each)| *sum < each * self.seeds)
            .map(|(name, _, each)| format!("less than {each} {name} each"))
            .collect()
    }

    /// Adds one run.
    pub fn add(&mut self, run: RunReport) {
        self.seeds += 1;
        self.simulated += run.simulated;
        self.messages += run.messages;
        self.delivered += run.delivered;
        self.datagrams += run.datagrams;
        self.kinds_of_fault += run.faults.values().filter(|count| **count > 0).count() as u64;
        add_all(&mut self.faults, &run.faults);
        add_all(&mut self.edges, &run.edges);
        add_all(&mut self.rows, &run.rows);
        add_all(&mut self.drops, &run.drops);
        add_all(&mut self.marks, &run.marks);
        add_all(&mut self.verdicts, &run.verdicts);
        raise_all(&mut self.largest, &run.largest);
        for violation in &run.violations {
            *self.broken.entry(violation.invariant).or_default() += 1;
        }
        if !run.violations.is_empty() {
            self.failed += 1;
            self.failures.insert(run.seed, run);
            if self.failures.len() > Self::FAILURES {
                self.failures.pop_last();
            }
        }
    }

    /// Adds what another part of the swarm found.
    pub fn merge(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.simulated += other.simulated;
        self.messages += other.messages;
        self.delivered += other.delivered;
        self.datagrams += other.datagrams;
        self.kinds_of_fault += other.kinds_of_fault;
        self.repeated += other.repeated;
        self.failed += other.failed;
        add_all(&mut self.faults, &other.faults);
        add_all(&mut self.edges, &other.edges);
        add_all(&mut self.rows, &other.rows);
        add_all(&mut self.drops, &other.drops);
        add_all(&mut self.marks, &other.marks);
        add_all(&mut self.verdicts, &other.verdicts);
        raise_all(&mut self.largest, &other.largest);
        add_all(&mut self.broken, &other.broken);
        self.failures.extend(other.failures);
        while self.failures.len() > Self::FAILURES {
            self.failures.pop_last();
        }
    }
}

fn unmet(declared: impl IntoIterator<Item = String>, met: &BTreeMap<String, u64>) -> Vec<String> {
    declared.into_iter().filter(|name| !met.contains_key(name)).collect()
}

fn declared_marks() -> impl Iterator<Item = String> {
    subject::declared_marks().chain(Marks::DECLARED.into_iter().map(str::to_owned))
}

fn declared_faults() -> impl Iterator<Item = &'static str> {
    fault::KINDS.into_iter().chain(fabric::KINDS)
}

fn add_all<K: Ord + Clone>(sums: &mut BTreeMap<K, u64>, more: &BTreeMap<K, u64>) {
    for (name, count) in more {
        *sums.entry(name.clone()).or_default() += count;
    }
}

fn raise_all(highest: &mut BTreeMap<&'static str, u64>, more: &BTreeMap<&'static str, u64>) {
    for (name, value) in more {
        let before = highest.entry(name).or_default();
        *before = (*before).max(*value);
    }
}

/// The report on a world that has run its course.
pub(crate) fn report(world: &World, lines: &[Line]) -> RunReport {
    let observer = &world.observer;
    let mut faults = world.struck.clone();
    add_all(&mut faults, &world.fabric.struck);
    let mut marks = observer.marks.0.clone();
    add_all(&mut marks, &world.counted.marks);
    RunReport {
        seed: world.settings.seed,
        simulated: Duration::from_micros(world.now),
        messages: observer.deliveries.accepted(),
        delivered: observer.deliveries.delivered,
        datagrams: world.datagrams,
        faults,
        edges: observer.links.edges.clone(),
        rows: world.counted.edges.clone(),
        drops: world.counted.drops.clone(),
        marks,
        verdicts: observer.deliveries.outcomes(),
        largest: observer.gauges.0.clone(),
        violations: observer.findings.list().iter().map(|finding| violation(finding, lines)).collect(),
        trace_hash: observer.trace.hash(),
        settings: world.settings.to_string(),
    }
}

/// The report on a world in which something panicked.
pub(crate) fn panicked(settings: String, seed: u64, message: String, lines: &[Line]) -> RunReport {
    let last = lines.last().map_or(0, |line| line.at);
    let machines = lines.last().map_or((0, 0), |line| line.machines);
    let finding = Finding { invariant: "panic", at: last, machines, text: message };
    RunReport {
        seed,
        simulated: Duration::from_micros(last),
        messages: 0,
        delivered: 0,
        datagrams: 0,
        faults: BTreeMap::new(),
        edges: BTreeMap::new(),
        rows: BTreeMap::new(),
        drops: BTreeMap::new(),
        marks: BTreeMap::new(),
        verdicts: BTreeMap::new(),
        largest: BTreeMap::new(),
        violations: vec![violation(&finding, lines)],
        trace_hash: 0,
        settings,
    }
}

fn violation(finding: &Finding, lines: &[Line]) -> Violation {
    Violation {
        invariant: finding.invariant,
        at: Duration::from_micros(finding.at),
        text: finding.text.clone(),
        context: context(finding, lines),
    }
}

/// The last lines before a finding that concern its pair, faults included.
fn context(finding: &Finding, lines: &[Line]) -> String {
    let (one, other) = finding.machines;
    let concerned = |line: &&Line| {
        let is = |machine: usize| machine == one || machine == other;
        line.at <= finding.at && (line.text.starts_with("**") || (is(line.machines.0) && is(line.machines.1)))
    };
    let mut shown: Vec<String> = lines.iter().rev().filter(concerned).take(CONTEXT).map(Line::show).collect();
    shown.reverse();
    shown.join("\n")
}

/// What both sides of a finding's pair say about their link, for its context.
pub(crate) fn explain(world: &mut World, machines: (usize, usize)) -> String {
    let mut text = String::new();
    for (here, there) in [machines, (machines.1, machines.0)] {
        let identity = world.machines.get(there).map_or(there, |machine| machine.identity);
        if here >= world.machines.len() || world.machines[here].identity == identity {
            continue;
        }
        let Some((turn, _)) = world.turn(here) else {
            text += &format!("-- {here} has no process\n");
            continue;
        };
        let said = subject::explain(turn.endpoint, turn.now, turn.directory.id(identity));
        text += &format!("-- {here} about {identity}: {said}\n");
    }
    text
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = show_time(self.at.as_micros() as Micros);
        writeln!(f, "{} broken at {} s: {}", self.invariant, at.trim(), self.text)?;
        for line in self.context.lines() {
            writeln!(f, "    {line}")?;
        }
        Ok(())
    }
}

impl fmt::Display for RunReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.settings)?;
        writeln!(
            f,
            "  {:.0} s, {} messages accepted, {} read, {} datagrams, trace {:016x}",
            self.simulated.as_secs_f64(),
            self.messages,
            self.delivered,
            self.datagrams,
            self.trace_hash
        )?;
        show(f, "faults", &self.faults)?;
        show(f, "verdicts", &self.verdicts)?;
        for violation in &self.violations {
            write!(f, "{violation}")?;
        }
        Ok(())
    }
}

impl fmt::Display for SwarmReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seeds = self.seeds.max(1);
        writeln!(
            f,
            "{} seeds, {} failed; on average {} s, {} messages, {:.1} kinds of fault, {} datagrams; {} run twice",
            self.seeds,
            self.failed,
            self.simulated.as_secs() / seeds,
            self.messages / seeds,
            self.kinds_of_fault as f64 / seeds as f64,
            self.datagrams / seeds,
            self.repeated
        )?;
        list(f, "too small", &self.too_small())?;
        show(f, "faults", &self.faults)?;
        list(f, "never struck", &self.unstruck())?;
        show(f, "edges", &self.edges)?;
        list(f, "never taken", &self.untaken())?;
        show(f, "drops", &self.drops)?;
        list(f, "never discarded for", &self.undropped())?;
        show(f, "marks", &self.marks)?;
        list(f, "never passed", &self.unpassed())?;
        list(f, "never declared", &self.undeclared())?;
        show(f, "verdicts", &self.verdicts)?;
        show(f, "largest", &self.largest)?;
        show(f, "broken", &self.broken)
    }
}

fn list(f: &mut fmt::Formatter<'_>, name: &str, names: &[String]) -> fmt::Result {
    if names.is_empty() { Ok(()) } else { writeln!(f, "{name}: {}", names.join(", ")) }
}

fn show<K: fmt::Display>(f: &mut fmt::Formatter<'_>, name: &str, counts: &BTreeMap<K, u64>) -> fmt::Result {
    if counts.is_empty() {
        return Ok(());
    }
    writeln!(f, "{name}:")?;
    counts.iter().try_for_each(|(key, count)| writeln!(f, "  {count:>10}  {key}"))
}
