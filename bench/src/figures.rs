//! What was measured, and how it is shown.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value, json};

use crate::rival::Name;
use crate::stage::Place;
use crate::workload::Workload;

/// What one run gave, by name; the first is what is compared.
pub(crate) type Sample = Vec<(&'static str, f64)>;

/// All samples of a command.
pub(crate) struct Table {
    workload: Workload,
    place: Place,
    samples: BTreeMap<Name, Vec<Sample>>,
}

impl Table {
    pub(crate) fn new(workload: &Workload, place: Place) -> Self {
        Self { workload: workload.clone(), place, samples: BTreeMap::new() }
    }

    pub(crate) fn add(&mut self, rival: Name, sample: Sample) {
        self.samples.entry(rival).or_default().push(sample);
    }

    pub(crate) fn json(&self) -> Value {
        let rivals: serde_json::Map<_, _> = self
            .samples
            .iter()
            .map(|(rival, samples)| (rival.to_string(), json!(columns(samples).collect::<BTreeMap<_, _>>())))
            .collect();
        json!({
            "v": 1,
            "workload": self.workload.to_string(),
            "place": self.place.to_string(),
            "medians": rivals,
            "everlink_of_quinn": self.ratio().map(|(figure, ratio)| json!({ figure: ratio })),
        })
    }

    /// everlink's median of the first figure as a part of quinn's.
    fn ratio(&self) -> Option<(&'static str, f64)> {
        let first = |name| columns(self.samples.get(&name)?).next();
        let ((figure, ours), (_, theirs)) = (first(Name::Everlink)?, first(Name::Quinn)?);
        Some((figure, ours / theirs))
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, two {}", self.workload, self.place)?;
        for (rival, samples) in &self.samples {
            let all: Vec<_> = samples.iter().filter_map(|sample| Some(sample.first()?.1)).collect();
            for (name, median) in columns(samples) {
                writeln!(f, "{:<10} {name:<24} {median:>12.3}", rival.to_string())?;
            }
            writeln!(f, "{:<10} each run: {all:.0?}", "")?;
        }
        match self.ratio() {
            Some((figure, ratio)) => writeln!(f, "everlink / quinn, {figure}: {ratio:.2}"),
            None => Ok(()),
        }
    }
}

/// The median of each figure.
fn columns(samples: &[Sample]) -> impl Iterator<Item = (&'static str, f64)> {
    let names = samples.first().into_iter().flatten().enumerate();
    names.map(|(at, (name, _))| {
        (*name, median(samples.iter().filter_map(|sample| Some(sample.get(at)?.1)).collect()))
    })
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
