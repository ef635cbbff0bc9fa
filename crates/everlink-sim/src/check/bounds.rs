//! Bounds: every gauge stays under its cap, and time goes on (R2, R3).

use super::Findings;
use crate::clock::Micros;
use std::collections::BTreeMap;

/// The most datagrams one input may cause. The largest honest answer is a full window after a long
/// silence: 16 MiB in packets of 1,200 bytes.
pub(crate) const MOST_SENT_AT_ONCE: u32 = 14_000;

/// The most times a timer may fall due without time passing.
pub(crate) const MOST_TIMEOUTS_AT_ONCE: u32 = 64;

/// Something that is bounded: its name, its value, its cap.
pub(crate) type Gauge = (&'static str, u64, u64);

/// The largest value that each gauge had.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gauges(pub(crate) BTreeMap<&'static str, u64>);

impl Gauges {
    /// Looks at gauges of a link, or of an endpoint.
    pub(crate) fn on_look(
        &mut self,
        at: Micros,
        machines: (usize, usize),
        gauges: &[Gauge],
        findings: &mut Findings,
    ) {
        for &(name, value, cap) in gauges {
            let highest = self.0.entry(name).or_default();
            *highest = (*highest).max(value);
            if value > cap {
                let text = format!("{name} is {value}, its cap {cap}");
                findings.complain("R2", at, machines, text);
            }
        }
    }
}
