//! The ledger: what the two applications logged, and the judgement on it.
//!
//! Neither figure here comes from the transport. The sender's application writes down which numbered message
//! was accepted and which verdict came; the receiver's writes down which number arrived. At the end the two
//! are compared, and every difference is counted against the transport.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use everlink::{CloseCode, EndReason};

use super::Side;
use super::chain::ChainLog;
use super::report::{Direction, Report, Stream};
use super::script::Kind;

/// Messages may end in doubt only if they were accepted so shortly before an abrupt restart.
const MOST_DOUBT: Duration = Duration::from_secs(1);
/// Arrivals of numbers beyond this are damage, not messages: ten hours at 500 a second.
pub(super) const MOST_MESSAGES: u64 = 18_000_000;

/// The first complaints tell what went wrong; later ones tend to follow from them.
const MOST_COMPLAINTS: usize = 8;

/// What a sender was told of a message in the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    /// The application at the other end is done with it.
    Delivered,
    /// It certainly did not arrive.
    NotDelivered,
    /// Nobody can say.
    Unknown,
}

/// The logs of both applications, and of what was done to the network.
pub(crate) struct Ledger {
    clock: Clock,
    flows: [Mutex<Flow>; 2],
    disruptions: Mutex<Vec<Disruption>>,
    chain: Mutex<ChainLog>,
    /// By side, how often its application was told that its session ended though it had not ended it.
    ends: Mutex<[u64; 2]>,
    /// By side, the endpoints that ended for good.
    left: Mutex<[u64; 2]>,
    /// What no application should have met, in words.
    complaints: Mutex<Vec<String>>,
}

/// What the logs are dated by: the time since they began, or what a test says.
type Clock = Box<dyn Fn() -> Duration + Send + Sync>;

/// The messages of one direction. The logs are the first two fields; the others are sums of them, kept so that
/// the view need not count again ten times a second.
#[derive(Default)]
struct Flow {
    /// By number.
    sent: Vec<Sent>,
    /// By number: how often it arrived.
    arrived: Vec<u32>,
    highest: Option<u64>,
    tally: Tally,
}

/// One accepted message, as its sender's application knows it.
#[derive(Clone, Copy)]
struct Sent {
    accepted_at: Duration,
    settled: Option<(Fate, Duration)>,
}

/// One thing that was done to the network or to a side.
#[derive(Clone, Debug)]
pub(crate) struct Disruption {
    /// What was done.
    pub(crate) kind: Kind,
    /// To whom; without meaning for a cut and for crossing dials.
    pub(crate) side: Side,
    /// When it began.
    pub(crate) began_at: Duration,
    /// When packets passed again, or the new socket was bound.
    pub(crate) passes_at: Option<Duration>,
    /// For each direction, how long after that the first message accepted later was processed.
    pub(crate) recovery: [Option<Duration>; 2],
    /// The messages without a verdict when packets passed again.
    pub(crate) waiting: u64,
}

/// Sums of the logs of one direction.
#[derive(Clone, Copy, Default)]
pub(crate) struct Tally {
    /// Messages that `send` took.
    pub(crate) accepted: u64,
    /// Messages that the other application is done with.
    pub(crate) delivered: u64,
    /// Messages whose verdict is that they certainly did not arrive.
    pub(crate) not_delivered: u64,
    /// Messages whose verdict is that nobody can say.
    pub(crate) unknown: u64,
    /// Messages said to be processed that had not arrived.
    pub(crate) lost: u64,
    /// Arrivals of what had arrived before.
    pub(crate) duplicated: u64,
    /// First arrivals behind a higher number.
    pub(crate) out_of_order: u64,
}

impl Tally {
    /// Messages that have no verdict yet.
    pub(crate) fn waiting(&self) -> u64 {
        self.accepted.saturating_sub(self.delivered + self.not_delivered + self.unknown)
    }

    fn of(&mut self, fate: Fate) -> &mut u64 {
        match fate {
            Fate::Delivered => &mut self.delivered,
            Fate::NotDelivered => &mut self.not_delivered,
            Fate::Unknown => &mut self.unknown,
        }
    }
}

impl Ledger {
    /// Empty logs whose times count from now.
    pub(crate) fn new(seed: u64) -> Self {
        let start = Instant::now();
        Self::dated_by(Box::new(move || start.elapsed()), seed)
    }

    fn dated_by(clock: Clock, seed: u64) -> Self {
        Self {
            clock,
            flows: [Mutex::default(), Mutex::default()],
            disruptions: Mutex::default(),
            chain: Mutex::new(ChainLog::new(seed)),
            ends: Mutex::default(),
            left: Mutex::default(),
            complaints: Mutex::default(),
        }
    }

    /// The time of these logs.
    pub(crate) fn now(&self) -> Duration {
        (self.clock)()
    }

    /// The number of the next new message of `side`.
    pub(crate) fn next_number(&self, side: Side) -> u64 {
        self.flow(side).sent.len() as u64
    }

    /// `side`'s endpoint accepted message `number`, for the first time or, after a restart, again.
    pub(crate) fn accepted(&self, side: Side, number: u64) {
        let accepted_at = self.now();
        self.flow(side).accept(number, accepted_at);
    }

    /// The verdict on message `number` of `side` came.
    pub(crate) fn settled(&self, side: Side, number: u64, fate: Fate) {
        let now = self.now();
        self.flow(side).settle(number, fate, now);
    }

    /// The messages of `side` that its last endpoint still held when it ended, in order.
    pub(crate) fn held(&self, side: Side) -> Vec<u64> {
        let flow = self.flow(side);
        let held = (0..).zip(&flow.sent).filter(|(_, sent)| sent.fate() == Some(Fate::NotDelivered));
        held.map(|(number, _)| number).collect()
    }

    /// Message `number` of `from` arrived whole at the other application.
    pub(crate) fn received(&self, from: Side, number: u64) {
        self.flow(from).receive(number);
    }

    /// How many messages of `side` have no verdict yet.
    pub(crate) fn undecided(&self, side: Side) -> u64 {
        self.tally(side).waiting()
    }

    /// An application met with something that must not happen: the run has failed.
    pub(crate) fn complain(&self, what: String) {
        let mut complaints = lock(&self.complaints);
        if complaints.len() < MOST_COMPLAINTS {
            complaints.push(what);
        }
    }

    /// The application of `side` is told that its session ended, which it did not ask for. That may be once for each
    /// endpoint of the peer's that ended.
    pub(crate) fn session_ended(&self, side: Side, reason: EndReason) {
        let told = {
            let mut ends = lock(&self.ends);
            ends[side.index()] += 1;
            ends[side.index()]
        };
        let due = self.ended_processes(side.other());
        let peer = side.other();
        let stopped = matches!(reason, EndReason::ClosedByPeer { code: CloseCode::Stopped, .. });
        if !stopped && reason != EndReason::PeerRestarted {
            self.complain(format!("the session of {side} ended though {peer} had not: {reason}"));
        } else if told > due {
            self.complain(format!(
                "{side} was told of {told} ends of {peer}, of which there were {due}: {reason}"
            ));
        }
    }

    /// The application of `side` ends its endpoint for good.
    pub(crate) fn ends(&self, side: Side) {
        lock(&self.left)[side.index()] += 1;
    }

    /// How many endpoints of `side` have ended, or are about to.
    fn ended_processes(&self, side: Side) -> u64 {
        let is_restart = |kind| matches!(kind, Kind::RestartAbrupt | Kind::RestartGraceful);
        let disruptions = lock(&self.disruptions);
        let restarts = disruptions.iter().filter(|one| one.side == side && is_restart(one.kind)).count();
        restarts as u64 + lock(&self.left)[side.index()]
    }

    /// The log of the chain of streams.
    pub(crate) fn chain(&self) -> MutexGuard<'_, ChainLog> {
        lock(&self.chain)
    }

    /// Writes down that something was done; the answer names it.
    pub(crate) fn began(&self, kind: Kind, side: Side) -> usize {
        let mut disruptions = lock(&self.disruptions);
        disruptions.push(Disruption {
            kind,
            side,
            began_at: self.now(),
            passes_at: None,
            recovery: [None; 2],
            waiting: 0,
        });
        disruptions.len() - 1
    }

    /// Writes down that packets pass again since `at`.
    pub(crate) fn passes(&self, disruption: usize, at: Duration) {
        let waiting = Side::BOTH.iter().map(|side| self.undecided(*side)).sum();
        if let Some(disruption) = lock(&self.disruptions).get_mut(disruption) {
            disruption.passes_at = Some(at);
            disruption.waiting = waiting;
        }
    }

    /// What was done so far, with the recoveries seen so far.
    pub(crate) fn disruptions(&self) -> Vec<Disruption> {
        let mut disruptions = lock(&self.disruptions);
        for disruption in disruptions.iter_mut() {
            let Some(passes_at) = disruption.passes_at else { continue };
            for side in Side::BOTH {
                let recovery = &mut disruption.recovery[side.index()];
                *recovery = recovery.or_else(|| self.flow(side).first_processed_after(passes_at));
            }
        }
        disruptions.clone()
    }

    /// Whether messages flow again both ways after all that was done so far.
    pub(crate) fn has_recovered(&self) -> bool {
        self.disruptions().iter().all(|disruption| disruption.recovery.iter().all(Option::is_some))
    }

    /// The sums of the messages that `side` sent, so far.
    pub(crate) fn tally(&self, side: Side) -> Tally {
        self.flow(side).tally
    }

    /// The judgement.
    pub(crate) fn judge(&self, seed: u64, seconds: u64) -> Report {
        let disruptions = self.disruptions();
        let restarts: Vec<Duration> = disruptions
            .iter()
            .filter(|disruption| disruption.kind == Kind::RestartAbrupt)
            .filter_map(|disruption| disruption.passes_at)
            .collect();
        let stream = {
            let chain = self.chain();
            let fault = chain.fault().map(str::to_owned);
            Stream { bytes: chain.logged(), hash_ok: chain.hash_ok(), fault }
        };
        let mut report = Report::new(seed, seconds, stream);
        for side in Side::BOTH {
            report.add(&self.flow(side).judge(&restarts));
        }
        report.add_disruptions(&disruptions);
        report.add_complaints(&lock(&self.complaints));
        report
    }

    fn flow(&self, side: Side) -> MutexGuard<'_, Flow> {
        lock(&self.flows[side.index()])
    }
}

impl Sent {
    fn fate(&self) -> Option<Fate> {
        self.settled.map(|(fate, _)| fate)
    }
}

impl Flow {
    fn accept(&mut self, number: u64, accepted_at: Duration) {
        match self.sent.get_mut(index(number)) {
            Some(again) => {
                if let Some((fate, _)) = again.settled.take() {
                    *self.tally.of(fate) -= 1;
                }
            }
            None => {
                self.sent.push(Sent { accepted_at, settled: None });
                self.tally.accepted += 1;
            }
        }
    }

    fn settle(&mut self, number: u64, fate: Fate, now: Duration) {
        let arrived = self.times_arrived(number) > 0;
        let Some(sent) = self.sent.get_mut(index(number)) else { return };
        sent.settled = Some((fate, now));
        *self.tally.of(fate) += 1;
        self.tally.lost += u64::from(fate == Fate::Delivered && !arrived);
    }

    fn receive(&mut self, number: u64) {
        let at = index(number);
        if self.arrived.len() <= at {
            self.arrived.resize(at.saturating_add(1), 0);
        }
        self.arrived[at] += 1;
        let again = self.arrived[at] > 1;
        self.tally.duplicated += u64::from(again);
        self.tally.out_of_order += u64::from(!again && self.highest.is_some_and(|highest| highest > number));
        self.highest = self.highest.max(Some(number));
    }

    fn times_arrived(&self, number: u64) -> u32 {
        self.arrived.get(index(number)).copied().unwrap_or(0)
    }

    fn first_processed_after(&self, at: Duration) -> Option<Duration> {
        let first = self.sent.partition_point(|sent| sent.accepted_at < at);
        let later = self.sent.get(first..)?.iter();
        let processed = later.filter(|sent| sent.fate() == Some(Fate::Delivered));
        processed.filter_map(|sent| sent.settled).map(|(_, settled_at)| settled_at.saturating_sub(at)).min()
    }

    /// Compares the two logs; `restarts` are the times at which an abruptly restarted side was back.
    fn judge(&self, restarts: &[Duration]) -> Direction {
        let mut direction = Direction { tally: self.tally, ..Direction::default() };
        direction.tally.lost = 0;
        for (number, sent) in (0..).zip(&self.sent) {
            let arrived = self.times_arrived(number) > 0;
            let (missing, lie, in_doubt) = match sent.fate() {
                Some(Fate::Delivered) => (!arrived, !arrived, false),
                Some(Fate::NotDelivered) => (false, arrived, false),
                Some(Fate::Unknown) => (false, false, true),
                None => (!arrived, false, false),
            };
            direction.tally.lost += u64::from(missing);
            direction.false_verdicts += u64::from(lie);
            direction.without_verdict += u64::from(sent.settled.is_none());
            let explained = restarts.iter().any(|restart| in_doubt_before(*restart, sent.accepted_at));
            direction.unexplained += u64::from(in_doubt && !explained);
        }
        direction
    }
}

/// Whether what was accepted at `accepted_at` may be in doubt because a side was back at `restart` after it had
/// been torn down.
fn in_doubt_before(restart: Duration, accepted_at: Duration) -> bool {
    accepted_at <= restart && restart - accepted_at <= MOST_DOUBT
}

fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
