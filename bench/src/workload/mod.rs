//! What is done with an endpoint. Each is a file here and a row of [`Workload`].

mod bulk;
mod contact;
mod messages;

use std::fmt;
use std::future::Future;
use std::io;

use crate::Result;
use crate::rival::everlink::Everlink;
use crate::rival::quinn::Quinn;
use crate::rival::{self, Rival};
use crate::stage::{Driven, Job, until};

/// What to do, and how much of it.
#[derive(Clone, Debug)]
pub(crate) enum Workload {
    Bulk { bytes: u64 },
    Messages { count: u64 },
    Contact { count: u64 },
}

/// Which workload: all that a listener has to know.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum Name {
    Bulk,
    Messages,
    Contact,
}

impl Workload {
    pub(crate) fn name(&self) -> Name {
        match self {
            Self::Bulk { .. } => Name::Bulk,
            Self::Messages { .. } => Name::Messages,
            Self::Contact { .. } => Name::Contact,
        }
    }

    /// Who is measured at it.
    pub(crate) fn rivals(&self) -> &'static [rival::Name] {
        match self {
            Self::Bulk { .. } | Self::Contact { .. } => &[rival::Name::Everlink, rival::Name::Quinn],
            Self::Messages { .. } => &[rival::Name::Everlink],
        }
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bulk { bytes } => write!(f, "one stream of {} MiB", bytes >> 20),
            Self::Messages { count } => write!(f, "{count} messages of {} bytes", messages::LEN),
            Self::Contact { count } => write!(f, "{count} first contacts"),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bulk => "bulk",
            Self::Messages => "messages",
            Self::Contact => "contact",
        })
    }
}

/// The listening half: tells what leads to it, and serves until it is stopped.
pub(crate) async fn serve(
    rival: rival::Name,
    workload: Name,
    announce: impl FnOnce(&str) -> io::Result<()>,
    stopped: impl Future<Output = ()>,
) -> Result<()> {
    match (workload, rival) {
        (Name::Messages, _) => messages::serve(announce, stopped).await,
        (Name::Bulk | Name::Contact, rival::Name::Everlink) => sinks::<Everlink>(announce, stopped).await,
        (Name::Bulk | Name::Contact, rival::Name::Quinn) => sinks::<Quinn>(announce, stopped).await,
    }
}

/// The dialling half, which measures.
pub(crate) async fn drive(job: Job, ticket: &str) -> Result<Driven> {
    match (job.workload, job.rival) {
        (Workload::Bulk { bytes }, rival::Name::Everlink) => bulk::drive::<Everlink>(ticket, bytes).await,
        (Workload::Bulk { bytes }, rival::Name::Quinn) => bulk::drive::<Quinn>(ticket, bytes).await,
        (Workload::Contact { count }, rival::Name::Everlink) => {
            contact::drive::<Everlink>(ticket, count).await
        }
        (Workload::Contact { count }, rival::Name::Quinn) => contact::drive::<Quinn>(ticket, count).await,
        (Workload::Messages { count }, _) => messages::drive(ticket, count).await,
    }
}

async fn sinks<R: Rival>(
    announce: impl FnOnce(&str) -> io::Result<()>,
    stopped: impl Future<Output = ()>,
) -> Result<()> {
    let (mut listener, ticket) = R::listen().await?;
    announce(&ticket)?;
    until(stopped, bulk::sink(&mut listener)).await?;
    listener.stop().await
}
