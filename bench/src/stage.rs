//! Where a run takes place: one endpoint listens and one dials, each on a thread of its own.

use std::fmt;
use std::future::Future;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use crate::Result;
use crate::figures::Sample;
use crate::meter::Meter;
use crate::rival;
use crate::workload::{self, Workload};

/// Where the two endpoints are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    Threads,
    Processes,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Threads => "threads",
            Self::Processes => "processes",
        })
    }
}

/// One run.
pub(crate) struct Job {
    pub(crate) rival: rival::Name,
    pub(crate) workload: Workload,
}

/// What the dialling half gives: its figures, and by what the listener's processor time is divided.
pub(crate) struct Driven {
    pub(crate) sample: Sample,
    pub(crate) per: f64,
    pub(crate) unit: &'static str,
}

/// Runs the two halves of a job.
pub(crate) fn run(place: Place, job: Job) -> Result<Sample> {
    let (driven, listener) = match place {
        Place::Threads => in_threads(job)?,
        Place::Processes => in_processes(job)?,
    };
    let mut sample = driven.sample;
    sample.push((driven.unit, listener.as_secs_f64() * 1e6 / driven.per));
    Ok(sample)
}

/// The listening half in a process of its own: its ticket is the first line it prints, its processor
/// time the second, after its input has ended.
pub(crate) fn serve_as_child(rival: rival::Name, workload: workload::Name) -> Result<()> {
    let (stop, stopped) = oneshot::channel();
    thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        let _ = stop.send(());
    });
    let announce = |ticket: &str| {
        println!("{ticket}");
        std::io::stdout().flush()
    };
    let spent = serve(rival, workload, announce, stopped)?;
    println!("{}", spent.as_nanos());
    Ok(())
}

fn in_threads(job: Job) -> Result<(Driven, Duration)> {
    let (stop, stopped) = oneshot::channel();
    let (announce, ticket) = std::sync::mpsc::channel();
    let (rival, workload) = (job.rival, job.workload.name());
    let listener = thread::spawn(move || {
        serve(
            rival,
            workload,
            |ticket| announce.send(ticket.to_owned()).map_err(std::io::Error::other),
            stopped,
        )
    });
    let ticket = match ticket.recv() {
        Ok(ticket) => ticket,
        Err(_gone) => {
            return Err(listener.join().map_or("the listener panicked".into(), |it| match it {
                Ok(_) => "the listener ended early".into(),
                Err(error) => error,
            }));
        }
    };
    let driven = drive(job, ticket)?;
    let _ = stop.send(());
    let spent = listener.join().map_err(|_| "the listener panicked")??;
    Ok((driven, spent))
}

fn in_processes(job: Job) -> Result<(Driven, Duration)> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["serve", &job.rival.to_string(), &job.workload.name().to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut lines = BufReader::new(child.stdout.take().ok_or("the listener has no output")?).lines();
    let ticket = lines.next().ok_or("the listener printed no ticket")??;
    let driven = drive(job, ticket);
    drop(child.stdin.take());
    let spent = lines.next();
    child.wait()?;
    let nanos = spent.ok_or("the listener printed no time")??.parse()?;
    Ok((driven?, Duration::from_nanos(nanos)))
}

fn serve(
    rival: rival::Name,
    workload: workload::Name,
    announce: impl FnOnce(&str) -> std::io::Result<()>,
    stopped: oneshot::Receiver<()>,
) -> Result<Duration> {
    let stopped = async {
        let _ = stopped.await;
    };
    runtime()?.block_on(async {
        let mut meter = Meter::start();
        let announce = |ticket: &str| {
            meter = Meter::start();
            announce(ticket)
        };
        workload::serve(rival, workload, announce, stopped).await?;
        Ok(meter.spent())
    })
}

fn drive(job: Job, ticket: String) -> Result<Driven> {
    let drive = move || runtime()?.block_on(workload::drive(job, &ticket));
    thread::spawn(drive).join().map_err(|_| "the dialler panicked")?
}

fn runtime() -> Result<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

/// Serves until told to stop.
pub(crate) async fn until<T>(
    stopped: impl Future<Output = ()>,
    work: impl Future<Output = Result<T>>,
) -> Result<()> {
    tokio::select! {
        () = stopped => Ok(()),
        ended = work => ended.map(drop),
    }
}
