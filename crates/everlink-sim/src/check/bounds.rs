//! Bounds: every gauge stays under its cap, and time goes on (R2, R3).

use super::{Findings, Sight};
use std::collections::BTreeMap;

/// The most datagrams one input may cause. The largest honest answer is a full window after a long
/// silence: 16 MiB in packets of 1,200 bytes.
pub(crate) const MOST_SENT_AT_ONCE: u32 = 14_000;

/// The most times a timer may fall due without time passing.
pub(crate) const MOST_TIMEOUTS_AT_ONCE: u32 = 64;

/// The largest value that each gauge had.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gauges(pub(crate) BTreeMap<&'static str, u64>);

impl Gauges {
    /// Looks at the gauges of one link.
    pub(crate) fn on_view(&mut self, sight: &Sight, findings: &mut Findings) {
        for &(name, value, cap) in &sight.view.gauges {
            let highest = self.0.entry(name).or_default();
            *highest = (*highest).max(value);
            if value > cap {
                let text = format!("{name} is {value}, its cap {cap}");
                findings.complain("R2", sight.at, sight.machines(), text);
            }
        }
    }
}
