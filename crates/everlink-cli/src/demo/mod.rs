//! The demonstration: two peers on this machine, and a bad network between them.
//!
//! `shim` is the network, `script` says what is done to it and to the peers, `side` is a peer's application,
//! `chain` its byte streams, `ledger` what both applications wrote down, `report` the judgement, `view` what a
//! person sees meanwhile. Nothing is simulated here: the datagrams are real, and so is the time.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use everlink::Identity;
use tokio::time::{Instant, sleep, sleep_until};

mod chain;
mod ledger;
mod report;
mod script;
mod shim;
mod side;
mod socket;
mod view;

pub(crate) use report::Report;
pub(crate) use view::View;

use ledger::Ledger;
use script::{Kind, Step};
use shim::Shim;
use side::{Command, Remote, Setup};

use crate::output::Failure;

/// How long, after the traffic has ended, verdicts and bytes on the way are waited for.
const DRAIN: Duration = Duration::from_secs(15);
/// How long the traffic goes on beyond its time, at most, if the recovery from the last disruption is not seen yet.
const LAST_RECOVERY: Duration = Duration::from_secs(10);
const CHECK: Duration = Duration::from_millis(10);

/// One of the two peers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Side {
    /// She writes the byte streams.
    Alice,
    /// He reads them.
    Bob,
}

impl Side {
    /// Both.
    pub(crate) const BOTH: [Self; 2] = [Self::Alice, Self::Bob];

    /// The peer of this one.
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Alice => Self::Bob,
            Self::Bob => Self::Alice,
        }
    }

    /// Its place in tables with one entry a side.
    pub(crate) fn index(self) -> usize {
        match self {
            Self::Alice => 0,
            Self::Bob => 1,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Alice => "alice",
            Self::Bob => "bob",
        })
    }
}

/// Runs the demonstration for `seconds` of traffic and judges it. What cannot be bound at its start is in the way of
/// any other try as well; what breaks later is a failure of this one.
pub(crate) async fn run(seed: u64, seconds: u64, view: View) -> Result<Report, Failure> {
    let shim = Arc::new(Shim::start(seed).map_err(Failure::local)?);
    let total = Duration::from_secs(seconds);
    let steps = script::draw(seed, total);
    let ledger = Arc::new(Ledger::new(seed));
    let identity =
        |side: Side| Identity::from_seed(&script::seeded(seed, format!("key of {side}").as_bytes()).bytes());
    let identities = Side::BOTH.map(identity);
    let setup = |side: Side| Setup {
        side,
        seed,
        identity: identities[side.index()].clone(),
        peer: identities[side.other().index()].peer_id(),
        ledger: Arc::clone(&ledger),
        shim: Arc::clone(&shim),
    };
    let alice = Remote::start(setup(Side::Alice)).await.map_err(Failure::local)?;
    let bob = Remote::start(setup(Side::Bob)).await.map_err(Failure::local)?;
    let stage = Stage { sides: [alice, bob], shim, ledger };
    let performance = async {
        stage.play(&steps, total).await?;
        stage.finish().await
    };
    let scene = view::Scene { seed, total, ledger: &stage.ledger, shim: &stage.shim };
    let outcome = view.show_while(&scene, performance).await;
    let report = stage.ledger.judge(seed, seconds);
    // A side that failed knows why better than whoever noticed.
    for side in stage.sides {
        side.join().map_err(Failure::failed)?;
    }
    outcome.map(|()| report).map_err(Failure::failed)
}

/// Everything the script acts on.
struct Stage {
    sides: [Remote; 2],
    shim: Arc<Shim>,
    ledger: Arc<Ledger>,
}

impl Stage {
    async fn play(&self, steps: &[Step], total: Duration) -> io::Result<()> {
        let start = Instant::now();
        for step in steps {
            sleep_until(start + step.at).await;
            self.perform(step).await?;
        }
        sleep_until(start + total).await;
        self.wait_for(LAST_RECOVERY, || self.ledger.has_recovered()).await;
        Ok(())
    }

    /// Carries out one step and writes down when packets pass again.
    async fn perform(&self, step: &Step) -> io::Result<()> {
        let disruption = self.ledger.began(step.kind, step.side);
        let victim = &self.sides[step.side.index()];
        let passes_at = match step.kind {
            Kind::Cut => {
                self.shim.cut();
                sleep(step.lasts).await;
                self.shim.mend();
                self.ledger.now()
            }
            Kind::Rebind => {
                self.shim.rebind(step.side)?;
                self.ledger.now()
            }
            Kind::CrossingDial => {
                self.sides.iter().for_each(|side| side.order(Command::Redial));
                self.ledger.now()
            }
            Kind::Replace => {
                victim.order(Command::Redial);
                self.ledger.now()
            }
            Kind::Socket => {
                victim.order(Command::KillSocket { disruption });
                return Ok(()); // The side itself writes down when the new one is bound.
            }
            Kind::RestartAbrupt | Kind::RestartGraceful => {
                let (abruptly, down) = (step.kind == Kind::RestartAbrupt, step.lasts);
                victim.ask(|back| Command::Restart { abruptly, down, back }).await?
            }
            Kind::Sleep => victim.ask(|back| Command::Freeze { lasts: step.lasts, back }).await?,
        };
        self.ledger.passes(disruption, passes_at);
        Ok(())
    }

    /// Lets what is on the way arrive, and ends both endpoints.
    async fn finish(&self) -> io::Result<()> {
        self.sides.iter().for_each(|side| side.order(Command::StopSending));
        self.wait_for(DRAIN, || self.is_settled()).await;
        self.ledger.chain().close();
        for side in &self.sides {
            side.ask(|done| Command::End { done }).await?;
        }
        Ok(())
    }

    /// Waits until it is so, but no longer than `patience`; the judgement shows what was missing.
    async fn wait_for(&self, patience: Duration, is_so: impl Fn() -> bool) {
        let until = Instant::now() + patience;
        while !is_so() && Instant::now() < until {
            sleep(CHECK).await;
        }
    }

    fn is_settled(&self) -> bool {
        let waiting: u64 = Side::BOTH.iter().map(|side| self.ledger.undecided(*side)).sum();
        waiting == 0 && self.ledger.chain().is_at_rest()
    }
}
