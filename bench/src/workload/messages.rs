//! Small messages one after the other, from the first sent to the last known to be delivered.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::time::Instant;

use bytes::Bytes;

use crate::Result;
use crate::meter::Meter;
use crate::rival::Rival;
use crate::rival::everlink::Everlink;
use crate::stage::{Driven, until};

pub(super) const LEN: usize = 100;

pub(super) async fn serve(
    announce: impl FnOnce(&str) -> io::Result<()>,
    stopped: impl Future<Output = ()>,
) -> Result<()> {
    let listener = Everlink::start().await?;
    announce(&listener.ticket())?;
    until(stopped, receive(&listener)).await?;
    listener.stop().await
}

async fn receive(listener: &Everlink) -> Result<Infallible> {
    loop {
        listener.endpoint.recv().await?;
    }
}

pub(super) async fn drive(ticket: &str, count: u64) -> Result<Driven> {
    let mut sender = Everlink::start().await?;
    sender.connect(ticket).await?;
    let link = sender.link.clone().ok_or("not connected")?;
    let body = Bytes::from_static(&[7; LEN]);
    let (clock, meter) = (Instant::now(), Meter::start());
    for _ in 1..count {
        drop(link.send(body.clone()).await?);
    }
    link.send(body).await?.verdict().await?;
    let (took, cpu) = (clock.elapsed(), meter.spent());
    sender.stop().await?;
    let count = count as f64;
    let sample = vec![
        ("messages/s", count / took.as_secs_f64()),
        ("sender us CPU/message", cpu.as_secs_f64() * 1e6 / count),
    ];
    Ok(Driven { sample, per: count, unit: "receiver us CPU/message" })
}
