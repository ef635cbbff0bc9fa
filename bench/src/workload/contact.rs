//! First contact: a new endpoint dials one that does not know it, until it may send data.

use std::time::{Duration, Instant};

use crate::Result;
use crate::figures::median;
use crate::meter::Meter;
use crate::rival::Rival;
use crate::stage::Driven;

/// Between two contacts: half the rate from which on everlink asks strangers for a cookie, which
/// costs a round trip.
const PAUSE: Duration = Duration::from_millis(10);

pub(super) async fn drive<R: Rival>(ticket: &str, count: u64) -> Result<Driven> {
    let (mut took, mut cpu) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let mut rival = R::start().await?;
        let (clock, meter) = (Instant::now(), Meter::start());
        rival.connect(ticket).await?;
        took.push(clock.elapsed().as_secs_f64() * 1e6);
        cpu.push(meter.spent().as_secs_f64() * 1e6);
        rival.stop().await?;
        tokio::time::sleep(PAUSE).await;
    }
    // A busy machine only ever adds to it.
    let least = cpu.iter().copied().fold(f64::INFINITY, f64::min);
    let sample = vec![
        ("us to connected", median(took)),
        ("dialler us CPU", median(cpu)),
        ("dialler us CPU, least", least),
    ];
    Ok(Driven { sample, per: count as f64, unit: "listener us CPU, all in" })
}
