//! The result of a demonstration, as `--json` prints it, and the rule by which it passes.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;

use super::ledger::{Disruption, Tally};
use super::script::Kind;
use crate::output::grouped;

/// At most this share of the accepted messages may end in doubt.
const MOST_UNKNOWN_PERCENT: u64 = 2;
/// The version of the fields below; it changes when the meaning of one does.
const VERSION: u32 = 1;

/// The one object that `everlink demo --json` prints.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    v: u32,
    seed: u64,
    seconds: u64,
    /// Numbered messages that were accepted, both ways; each number counts once.
    pub(crate) accepted: u64,
    /// Those whose verdict is that the other application is done with them.
    pub(crate) delivered: u64,
    /// Those whose verdict is that they certainly did not arrive.
    pub(crate) not_delivered: u64,
    /// Those whose verdict is that nobody can say.
    pub(crate) unknown: u64,
    /// Those in doubt that were not accepted within a second before an abrupt restart.
    pub(crate) unknown_unexplained: u64,
    /// Those that did not arrive though their sender was not told so.
    pub(crate) lost: u64,
    /// Arrivals of what had arrived before.
    pub(crate) duplicated: u64,
    /// Arrivals behind a higher number.
    pub(crate) out_of_order: u64,
    /// Verdicts that the other application's log contradicts.
    pub(crate) false_verdicts: u64,
    /// How often each thing was done and had ended before the traffic did, also if that is never. A restart counts
    /// under `restart` and under its manner, a long cut under `cut` and `cut_over_5s`.
    pub(crate) disruptions: BTreeMap<&'static str, u64>,
    /// One sample for each disruption and direction; every kind is there.
    pub(crate) recovery_ms: BTreeMap<&'static str, Recovery>,
    /// The chain of byte streams.
    pub(crate) stream: Stream,
    #[serde(skip)]
    without_verdict: u64,
    /// Directions in which no message was accepted.
    #[serde(skip)]
    silent: u64,
    /// Disruptions after which packets never passed again, as far as anybody saw.
    #[serde(skip)]
    never_over: u64,
    /// Directions in which messages did not flow again, of disruptions that were over.
    #[serde(skip)]
    never_recovered: u64,
    /// What the applications met with that must not happen.
    #[serde(skip)]
    complaints: Vec<String>,
}

/// What one direction's logs say.
#[derive(Clone, Copy, Default)]
pub(super) struct Direction {
    pub(super) tally: Tally,
    pub(super) false_verdicts: u64,
    pub(super) without_verdict: u64,
    pub(super) unexplained: u64,
}

/// How long it took until messages flowed again, in milliseconds; `null` where nothing was seen, since 0 would say that
/// it took no time.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Recovery {
    /// How many samples there are.
    pub(crate) n: usize,
    /// The median.
    pub(crate) p50: Option<f64>,
    /// The 99th percentile, by nearest rank.
    pub(crate) p99: Option<f64>,
    /// The longest.
    pub(crate) max: Option<f64>,
}

/// What arrived of the chain of byte streams.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Stream {
    /// Bytes that the receiving application logged.
    pub(crate) bytes: u64,
    /// Whether they are exactly what was written, and no stream broke that had no reason to.
    pub(crate) hash_ok: bool,
    /// What went wrong first, as far as it has a name.
    #[serde(skip)]
    pub(crate) fault: Option<String>,
}

impl Report {
    pub(super) fn new(seed: u64, seconds: u64, stream: Stream) -> Self {
        Self {
            v: VERSION,
            seed,
            seconds,
            accepted: 0,
            delivered: 0,
            not_delivered: 0,
            unknown: 0,
            unknown_unexplained: 0,
            lost: 0,
            duplicated: 0,
            out_of_order: 0,
            false_verdicts: 0,
            disruptions: names().chain(FINER).map(|name| (name, 0)).collect(),
            recovery_ms: names().map(|name| (name, Recovery::default())).collect(),
            stream,
            without_verdict: 0,
            silent: 0,
            never_over: 0,
            never_recovered: 0,
            complaints: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, direction: &Direction) {
        let tally = &direction.tally;
        self.accepted += tally.accepted;
        self.delivered += tally.delivered;
        self.not_delivered += tally.not_delivered;
        self.unknown += tally.unknown;
        self.unknown_unexplained += direction.unexplained;
        self.lost += tally.lost;
        self.duplicated += tally.duplicated;
        self.out_of_order += tally.out_of_order;
        self.false_verdicts += direction.false_verdicts;
        self.without_verdict += direction.without_verdict;
        self.silent += u64::from(tally.accepted == 0);
    }

    pub(super) fn add_disruptions(&mut self, disruptions: &[Disruption]) {
        let mut samples: BTreeMap<&'static str, Vec<Duration>> = BTreeMap::new();
        for disruption in disruptions {
            let Some(passes_at) = disruption.passes_at else {
                self.never_over += 1;
                continue;
            };
            *self.disruptions.entry(disruption.kind.name()).or_default() += 1;
            if let Some(more) = finer(disruption.kind, passes_at.saturating_sub(disruption.began_at)) {
                *self.disruptions.entry(more).or_default() += 1;
            }
            let recoveries = disruption.recovery.iter().flatten();
            self.never_recovered += disruption.recovery.iter().filter(|seen| seen.is_none()).count() as u64;
            samples.entry(disruption.kind.name()).or_default().extend(recoveries);
        }
        self.recovery_ms.extend(samples.into_iter().map(|(name, samples)| (name, Recovery::of(samples))));
    }

    pub(super) fn add_complaints(&mut self, complaints: &[String]) {
        self.complaints.extend_from_slice(complaints);
    }

    /// The result in words.
    pub(crate) fn write_words(&self, out: &mut impl Write) -> io::Result<()> {
        let done: u64 = self.recovery_ms.keys().filter_map(|kind| self.disruptions.get(kind)).sum();
        writeln!(
            out,
            "{} messages accepted through {done} disruptions in {} s: {} delivered, {} lost, {} doubled, {} out of \
             order, {} false verdicts",
            grouped(self.accepted),
            self.seconds,
            grouped(self.delivered),
            grouped(self.lost),
            grouped(self.duplicated),
            grouped(self.out_of_order),
            grouped(self.false_verdicts),
        )?;
        let explained = match (self.unknown, self.unknown_unexplained) {
            (0, _) => "",
            (_, 0) => ", each accepted within the second before a crash, and its sender was told",
            (_, _) => ", NOT all of them accepted within the second before a crash",
        };
        let share = self.unknown as f64 * 100.0 / self.accepted.max(1) as f64;
        writeln!(out, "{} in doubt ({share:.2} %){explained}", grouped(self.unknown))?;
        let fault = self.stream.fault_in_words();
        let verdict = fault.as_deref().unwrap_or("every byte as written");
        writeln!(out, "byte stream: {} KiB, {verdict}", grouped(self.stream.bytes >> 10))?;
        self.write_recoveries(out)?;
        let faults = self.faults();
        if faults.is_empty() {
            writeln!(out, "passed. Next, in two terminals:  everlink listen   and   everlink send TICKET")
        } else {
            writeln!(out, "FAILED: {}", faults.join("; "))
        }
    }

    fn write_recoveries(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "\n{:<15}{:>5}{:>10}{:>10}{:>10}", "flowing again", "n", "median", "p99", "longest")?;
        for (kind, Recovery { n, p50, p99, max }) in &self.recovery_ms {
            if self.disruptions.get(kind) == Some(&0) {
                continue;
            }
            let [p50, p99, max] =
                [p50, p99, max].map(|time| time.map_or("never".to_owned(), |time| format!("{time:.0} ms")));
            writeln!(out, "{kind:<15}{n:>5}{p50:>10}{p99:>10}{max:>10}")?;
        }
        writeln!(out)
    }

    /// Why the run failed, a sentence each; none if it passed.
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = self.complaints.clone();
        let mut must_be_zero = |count: u64, what: &str| {
            if count > 0 {
                faults.push(format!("{count} {what}"));
            }
        };
        must_be_zero(self.lost, "messages lost");
        must_be_zero(self.duplicated, "messages arrived twice");
        must_be_zero(self.out_of_order, "messages arrived out of order");
        must_be_zero(self.false_verdicts, "verdicts were false");
        must_be_zero(self.not_delivered, "messages were not delivered");
        must_be_zero(self.without_verdict, "messages got no verdict");
        must_be_zero(self.unknown_unexplained, "messages are in doubt though no abrupt restart explains it");
        must_be_zero(self.silent, "directions took no message at all");
        must_be_zero(self.never_over, "disruptions were never over");
        must_be_zero(self.never_recovered, "times messages did not flow again in one direction");
        if self.unknown * 100 > self.accepted * MOST_UNKNOWN_PERCENT {
            faults.push(format!("{} of {} messages are in doubt", self.unknown, self.accepted));
        }
        faults.extend(self.stream.fault_in_words());
        faults
    }
}

impl Stream {
    /// What went wrong, if anything did.
    fn fault_in_words(&self) -> Option<String> {
        match self {
            Self { fault: Some(fault), .. } => Some(fault.clone()),
            Self { bytes: 0, .. } => Some("no byte of the streams arrived".to_owned()),
            Self { hash_ok: false, .. } => {
                Some("what arrived of the streams is not what was written".to_owned())
            }
            Self { hash_ok: true, .. } => None,
        }
    }
}

/// The names under which everything is counted.
fn names() -> impl Iterator<Item = &'static str> {
    Kind::ALL.into_iter().map(Kind::name)
}

/// The second names under which some of it is.
const FINER: [&str; 3] = [CUT_OVER_5S, RESTART_ABRUPT, RESTART_GRACEFUL];
const CUT_OVER_5S: &str = "cut_over_5s";
const RESTART_ABRUPT: &str = "restart_abrupt";
const RESTART_GRACEFUL: &str = "restart_graceful";

/// The second name under which a disruption is counted, if it has one.
fn finer(kind: Kind, lasted: Duration) -> Option<&'static str> {
    match kind {
        Kind::Cut if lasted > Duration::from_secs(5) => Some(CUT_OVER_5S),
        Kind::RestartAbrupt => Some(RESTART_ABRUPT),
        Kind::RestartGraceful => Some(RESTART_GRACEFUL),
        Kind::Cut | Kind::Rebind | Kind::CrossingDial | Kind::Replace | Kind::Socket | Kind::Sleep => None,
    }
}

impl Recovery {
    fn of(mut samples: Vec<Duration>) -> Self {
        samples.sort_unstable();
        Self {
            n: samples.len(),
            p50: percentile(&samples, 50),
            p99: percentile(&samples, 99),
            max: percentile(&samples, 100),
        }
    }
}

/// By nearest rank, in milliseconds with one decimal.
fn percentile(sorted: &[Duration], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).map(|sample| (sample.as_secs_f64() * 10_000.0).round() / 10.0)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let samples = (1..=200).map(Duration::from_millis).collect();
        let recovery = Recovery::of(samples);
        assert_eq!(recovery.n, 200);
        assert_eq!([recovery.p50, recovery.p99, recovery.max], [100.0, 198.0, 200.0].map(Some));
    }

    #[test]
    fn of_no_samples_there_is_no_percentile() {
        let text = serde_json::to_string(&Recovery::of(Vec::new())).unwrap();
        assert_eq!(text, r#"{"n":0,"p50":null,"p99":null,"max":null}"#);
    }

    fn disruption(passes_at: Option<Duration>, recovery: [Option<Duration>; 2]) -> Disruption {
        let (kind, side, began_at) = (Kind::Cut, super::super::Side::Alice, Duration::from_secs(1));
        Disruption { kind, side, began_at, passes_at, recovery, waiting: 0 }
    }

    fn stream(bytes: u64, hash_ok: bool) -> Stream {
        Stream { bytes, hash_ok, fault: None }
    }

    fn faults(accepted: [u64; 2], disruptions: &[Disruption], stream: Stream) -> String {
        let mut report = Report::new(7, 45, stream);
        for accepted in accepted {
            let tally = Tally { accepted, delivered: accepted, ..Tally::default() };
            report.add(&Direction { tally, ..Direction::default() });
        }
        report.add_disruptions(disruptions);
        report.faults().join("; ")
    }

    #[test]
    fn a_run_in_which_nothing_happened_does_not_pass() {
        let whole = || stream(3, true);
        let (later, recovered) = (Some(Duration::from_secs(2)), Some(Duration::from_millis(30)));
        let over = disruption(later, [recovered; 2]);
        assert_eq!(faults([9, 9], &[over], whole()), "");
        assert_eq!(faults([9, 0], &[], whole()), "1 directions took no message at all");
        assert_eq!(faults([9, 9], &[disruption(None, [None; 2])], whole()), "1 disruptions were never over");
        let one_way = disruption(later, [recovered, None]);
        assert_eq!(
            faults([9, 9], &[one_way], whole()),
            "1 times messages did not flow again in one direction"
        );
        assert_eq!(faults([9, 9], &[], stream(0, false)), "no byte of the streams arrived");
        let damaged = stream(3, false);
        assert_eq!(faults([9, 9], &[], damaged), "what arrived of the streams is not what was written");
        let broken = Stream { fault: Some("reading a stream failed".to_owned()), ..stream(3, false) };
        assert_eq!(faults([9, 9], &[], broken), "reading a stream failed");
    }

    #[test]
    fn the_object_has_the_promised_fields_in_order() {
        let report = Report::new(7, 45, stream(3, true));
        let text = serde_json::to_string(&report).unwrap();
        let names = [
            "v",
            "seed",
            "seconds",
            "accepted",
            "delivered",
            "not_delivered",
            "unknown",
            "lost",
            "duplicated",
            "out_of_order",
            "false_verdicts",
            "disruptions",
            "recovery_ms",
            "stream",
            "bytes",
            "hash_ok",
        ];
        let places: Vec<_> = names.iter().map(|name| text.find(&format!("\"{name}\":")).unwrap()).collect();
        assert!(places.is_sorted(), "{text}");
    }

    fn object(disruptions: &[Disruption]) -> Value {
        let mut report = Report::new(7, 45, stream(3, true));
        report.add_disruptions(disruptions);
        serde_json::to_value(report).unwrap()
    }

    fn keys(object: &Value) -> Vec<&str> {
        object.as_object().unwrap().keys().map(String::as_str).collect()
    }

    #[test]
    fn every_kind_is_there_whether_it_occurred_or_not() {
        let later = Some(Duration::from_secs(8));
        let cut = [disruption(later, [Some(Duration::from_millis(30)); 2])];
        for (object, cuts) in [(object(&[]), 0), (object(&cut), 1)] {
            let kinds = ["crossing_dial", "cut", "rebind", "replace", "restart", "sleep", "socket"];
            assert_eq!(keys(&object["recovery_ms"]), kinds);
            let mut counted =
                [&kinds as &[&str], &["cut_over_5s", "restart_abrupt", "restart_graceful"]].concat();
            counted.sort_unstable();
            assert_eq!(keys(&object["disruptions"]), counted);
            assert_eq!(keys(&object["stream"]), ["bytes", "hash_ok"]);
            assert_eq!(
                (&object["disruptions"]["cut"], &object["disruptions"]["cut_over_5s"]),
                (&json!(cuts), &json!(cuts))
            );
            assert_eq!(object["disruptions"]["sleep"], 0);
            assert_eq!(
                object["recovery_ms"]["sleep"],
                json!({"n": 0, "p50": null, "p99": null, "max": null})
            );
        }
        let seen = json!({"n": 2, "p50": 30.0, "p99": 30.0, "max": 30.0});
        assert_eq!(object(&cut)["recovery_ms"]["cut"], seen);
    }

    #[test]
    fn people_are_told_only_of_what_occurred() {
        let mut report = Report::new(7, 45, stream(3, true));
        report.add_disruptions(&[disruption(Some(Duration::from_secs(2)), [None; 2])]);
        let mut text = Vec::new();
        report.write_words(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("\ncut ") && text.contains("never") && !text.contains("\nsleep "), "{text}");
    }
}
