//! One stream as fast as it goes, from the first byte written to the reader's word that it has all.

use std::convert::Infallible;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::Result;
use crate::meter::Meter;
use crate::rival::Rival;
use crate::stage::Driven;

/// What one call writes or reads at most.
const PIECE: usize = 64 << 10;

/// What goes before the measured stream: windows grow, buffers are allocated.
const WARM_UP: u64 = 16 << 20;

/// Reads each stream to its end and answers with its length.
pub(super) async fn sink<R: Rival>(listener: &mut R) -> Result<Infallible> {
    let mut piece = vec![0; PIECE];
    loop {
        let (mut read, mut write) = listener.accept().await?;
        let mut total: u64 = 0;
        while let count @ 1.. = read.read(&mut piece).await? {
            total += count as u64;
        }
        write.write_all(&total.to_be_bytes()).await?;
        write.shutdown().await?;
    }
}

pub(super) async fn drive<R: Rival>(ticket: &str, bytes: u64) -> Result<Driven> {
    let mut rival = R::start().await?;
    rival.connect(ticket).await?;
    pour(&mut rival, WARM_UP).await?;
    let (clock, meter) = (Instant::now(), Meter::start());
    pour(&mut rival, bytes).await?;
    let (took, cpu) = (clock.elapsed(), meter.spent());
    rival.stop().await?;
    let mib = bytes as f64 / f64::from(1 << 20);
    let sample =
        vec![("MiB/s", mib / took.as_secs_f64()), ("writer us CPU/MiB", cpu.as_secs_f64() * 1e6 / mib)];
    let all = (bytes + WARM_UP) as f64 / f64::from(1 << 20);
    Ok(Driven { sample, per: all, unit: "reader us CPU/MiB" })
}

async fn pour<R: Rival>(rival: &mut R, bytes: u64) -> Result<()> {
    let piece = vec![7; PIECE];
    let (mut read, mut write) = rival.open().await?;
    let mut left = bytes;
    while left > 0 {
        let now = left.min(PIECE as u64);
        write.write_all(&piece[..now as usize]).await?;
        left -= now;
    }
    write.shutdown().await?;
    let arrived = read.read_u64().await?;
    if arrived == bytes { Ok(()) } else { Err(format!("{arrived} of {bytes} bytes arrived").into()) }
}
