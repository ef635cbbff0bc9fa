//! One side of the demonstration: an application with an endpoint, on a thread of its own.
//!
//! Everything of a side runs on that one thread, so that blocking it is what a suspended machine is to the rest
//! of the world: no packet is read, no timer runs, and then the clock has jumped. The application sends numbered
//! messages, answers for those it gets, and keeps its log in the ledger, which survives its restarts as a file
//! would.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use everlink::{Config, Endpoint, Identity, Item, ItemKind, Link, PeerId, Receipt, SendError, Verdict};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

use super::Side;
use super::chain::{self, Life, Phase, mix};
use super::ledger::{Fate, Ledger, MOST_MESSAGES};
use super::script::seeded;
use super::shim::Shim;
use super::socket::MortalSocket;

/// 500 messages a second.
const PACE: Duration = Duration::from_millis(2);
/// A sender that wakes so late was asleep, and its machine made no messages meanwhile.
const OVERSLEPT: Duration = Duration::from_millis(100);
/// What a link holds in an outage, some 200 messages; then `send` waits, and the application with it. A megabyte of
/// backlog would take a second to send at the 0.5 % of loss that this network has.
const SEND_BUDGET: u64 = 64 << 10;
const STREAM_BUFFER: usize = 32 << 10;
/// An application that had to wait makes up for it by so many messages more each time: quick enough to have it done
/// before the next outage, slow enough (a third of what this network carries) not to delay the others.
const CATCH_UP: u64 = 1;
/// The length of a message.
const LEAST_BYTES: u64 = 16;
const MOST_BYTES: u64 = 512;
/// The channel of the numbered messages.
const CHANNEL: u64 = 1;
/// An endpoint that has ended owes every verdict at once; those that do not come by then count as missing.
const VERDICTS_AFTER_END: Duration = Duration::from_secs(3);

/// What the script can ask of a side. Where an answer is awaited, it is the time on the ledger's clock at which
/// the side was back.
pub(super) enum Command {
    /// Make a new connection.
    Redial,
    /// Close the socket; then write down in the ledger when the endpoint has bound another.
    KillSocket { disruption: usize },
    /// Stand still.
    Freeze { lasts: Duration, back: oneshot::Sender<Duration> },
    /// End the endpoint and, after a while, make it again.
    Restart { abruptly: bool, down: Duration, back: oneshot::Sender<Duration> },
    /// Make no new messages.
    StopSending,
    /// End the endpoint for good.
    End { done: oneshot::Sender<()> },
}

/// What a side needs to live.
pub(super) struct Setup {
    pub(super) side: Side,
    pub(super) seed: u64,
    pub(super) identity: Identity,
    pub(super) peer: PeerId,
    pub(super) ledger: Arc<Ledger>,
    pub(super) shim: Arc<Shim>,
}

/// A handle on a running side. When its endpoint cannot be made, it stops answering.
pub(super) struct Remote {
    commands: mpsc::UnboundedSender<Command>,
    thread: thread::JoinHandle<io::Result<()>>,
}

impl Remote {
    /// Starts the side; the answer comes when its endpoint is bound.
    pub(super) async fn start(setup: Setup) -> io::Result<Self> {
        let (commands, orders) = mpsc::unbounded_channel();
        let (started, bound) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = thread::Builder::new()
            .name(setup.side.to_string())
            .spawn(move || runtime.block_on(live(&setup, orders, started)))?;
        let remote = Self { commands, thread };
        match bound.await {
            Ok(_) => Ok(remote),
            Err(_) => Err(remote.join().err().unwrap_or_else(gone)),
        }
    }

    /// Gives an order.
    pub(super) fn order(&self, command: Command) {
        // A side that is gone says why when it is joined.
        let _ = self.commands.send(command);
    }

    /// Gives an order and waits for the answer to it.
    pub(super) async fn ask<T>(&self, order: impl FnOnce(oneshot::Sender<T>) -> Command) -> io::Result<T> {
        let (answer, answered) = oneshot::channel();
        self.order(order(answer));
        answered.await.map_err(|_| gone())
    }

    /// Waits for the end of the thread.
    pub(super) fn join(self) -> io::Result<()> {
        drop(self.commands);
        self.thread.join().unwrap_or_else(|_| Err(io::Error::other("the side's thread panicked")))
    }
}

fn gone() -> io::Error {
    io::Error::other("one side ended before its time")
}

/// The lives of one side, one endpoint after the other.
async fn live(
    setup: &Setup,
    mut orders: mpsc::UnboundedReceiver<Command>,
    mut back: oneshot::Sender<Duration>,
) -> io::Result<()> {
    loop {
        let incarnation = Incarnation::start(setup).await?;
        // Whoever no longer waits for the answer needs none.
        let _ = back.send(setup.ledger.now());
        match incarnation.obey(setup, &mut orders).await {
            Some(Command::Restart { abruptly, down, back: next }) => {
                incarnation.end(setup, abruptly).await;
                sleep(down).await;
                back = next;
            }
            Some(Command::End { done }) => {
                setup.ledger.ends(setup.side);
                incarnation.end(setup, false).await;
                let _ = done.send(());
                return Ok(());
            }
            _ => return Ok(()),
        }
    }
}

/// One life: an endpoint and the application's tasks on it.
struct Incarnation {
    endpoint: Endpoint,
    link: Link,
    socket: MortalSocket,
    phase: watch::Sender<Phase>,
    tasks: Vec<JoinHandle<()>>,
}

impl Incarnation {
    async fn start(setup: &Setup) -> io::Result<Self> {
        let socket = MortalSocket::bind()?;
        let mut config = Config::default();
        config.session.send_budget = SEND_BUDGET;
        config.session.stream_buffer = STREAM_BUFFER;
        let endpoint = Endpoint::builder()
            .identity(setup.identity.clone())
            .config(config)
            .socket(Box::new(socket.clone()))
            .start()
            .await
            .map_err(io::Error::other)?;
        let link = endpoint.link(setup.peer);
        endpoint.add_addresses(setup.peer, &[setup.shim.address_for(setup.side)?]);
        let (phase, phases) = watch::channel(Phase::Running);
        let life = Life(phases);
        let mut tasks = vec![
            tokio::spawn(send(link.clone(), setup.side, setup.seed, Arc::clone(&setup.ledger), life.clone())),
            tokio::spawn(receive(
                endpoint.clone(),
                setup.side,
                setup.seed,
                Arc::clone(&setup.ledger),
                life.clone(),
            )),
        ];
        let ledger = Arc::clone(&setup.ledger);
        tasks.push(match setup.side {
            Side::Alice => {
                let lengths = seeded(setup.seed ^ ledger.chain().logged(), b"chain");
                tokio::spawn(chain::write(link.clone(), ledger, lengths, life))
            }
            Side::Bob => tokio::spawn(chain::read(link.clone(), ledger, life)),
        });
        Ok(Self { endpoint, link, socket, phase, tasks })
    }

    /// Carries out orders until one ends this life.
    async fn obey(&self, setup: &Setup, orders: &mut mpsc::UnboundedReceiver<Command>) -> Option<Command> {
        loop {
            match orders.recv().await? {
                Command::Redial => self.link.redial(),
                Command::KillSocket { disruption } => {
                    let ledger = Arc::clone(&setup.ledger);
                    self.socket.kill(move || ledger.passes(disruption, ledger.now()));
                }
                Command::Freeze { lasts, back } => {
                    thread::sleep(lasts);
                    let _ = back.send(setup.ledger.now());
                }
                Command::StopSending => {
                    self.phase.send_replace(Phase::Finishing);
                }
                ending @ (Command::Restart { .. } | Command::End { .. }) => return Some(ending),
            }
        }
    }

    /// Ends the endpoint and returns when every verdict is written down.
    async fn end(self, setup: &Setup, abruptly: bool) {
        self.phase.send_replace(Phase::Ending);
        if abruptly {
            self.endpoint.abort();
        } else if let Err(failure) = self.endpoint.stop().await {
            setup.ledger.complain(format!("{} could not stop: {failure}", setup.side));
        }
        // What could not be delivered shows in the receipts.
        let patience = Instant::now() + VERDICTS_AFTER_END;
        while setup.ledger.undecided(setup.side) > 0 && Instant::now() < patience {
            sleep(PACE).await;
        }
        for task in self.tasks {
            task.abort();
            if task.await.is_err_and(|error| error.is_panic()) {
                setup.ledger.complain(format!("the application of {} panicked", setup.side));
            }
        }
    }
}

/// Sends what the last endpoint still held under its old numbers, and then new messages at the pace.
async fn send(link: Link, side: Side, seed: u64, ledger: Arc<Ledger>, life: Life) {
    for number in ledger.held(side) {
        if !send_one(&link, side, seed, number, &ledger, &life).await {
            return;
        }
    }
    let mut pace = Pace::new();
    while life.phase() == Phase::Running {
        for _ in 0..pace.next().await {
            if !send_one(&link, side, seed, ledger.next_number(side), &ledger, &life).await {
                return;
            }
        }
    }
}

/// When messages are due.
struct Pace {
    due: Instant,
    /// Messages that came due while `send` waited.
    missed: u64,
}

impl Pace {
    fn new() -> Self {
        Self { due: Instant::now(), missed: 0 }
    }

    /// Waits until messages are due; how many.
    async fn next(&mut self) -> u64 {
        self.due += PACE;
        if Instant::now() < self.due {
            sleep_until(self.due).await;
            if self.due.elapsed() > OVERSLEPT {
                self.due = Instant::now();
            }
        }
        while self.due.elapsed() > PACE {
            self.due += PACE;
            self.missed += 1;
        }
        let more = self.missed.min(CATCH_UP);
        self.missed -= more;
        1 + more
    }
}

/// Whether the endpoint took the message, as it has to until it ends.
async fn send_one(
    link: &Link,
    side: Side,
    seed: u64,
    number: u64,
    ledger: &Arc<Ledger>,
    life: &Life,
) -> bool {
    let body = message(seed, side, number);
    let receipt = match link.message(body).channel(CHANNEL).processed().send().await {
        Ok(receipt) => receipt,
        Err(error) => {
            let over = matches!(error, SendError::Stopped { .. } | SendError::EndpointFailed { .. });
            if !over || life.phase() != Phase::Ending {
                ledger.complain(format!("{side} could not send message {number}: {error}"));
            }
            return false;
        }
    };
    ledger.accepted(side, number);
    tokio::spawn(write_down_verdict(receipt, side, number, Arc::clone(ledger)));
    true
}

async fn write_down_verdict(receipt: Receipt, side: Side, number: u64, ledger: Arc<Ledger>) {
    let fate = match receipt.verdict().await {
        Ok(Verdict::Processed) => Fate::Delivered,
        Ok(Verdict::NotDelivered(_)) => Fate::NotDelivered,
        // Whether the other application is done with it was asked, and is not known.
        Ok(Verdict::Delivered | Verdict::Unknown(_)) => Fate::Unknown,
        // Even an endpoint that was torn down owes a verdict.
        Err(error) => {
            return ledger.complain(format!("{side} got no verdict on message {number}: {error}"));
        }
    };
    ledger.settled(side, number, fate);
}

/// Writes down what arrives and only then says that it is done.
async fn receive(endpoint: Endpoint, side: Side, seed: u64, ledger: Arc<Ledger>, life: Life) {
    let error = loop {
        match endpoint.recv().await {
            Ok(Item { kind: ItemKind::Message(mut message), .. }) => {
                if let Some(number) = number_of(seed, side.other(), &message.body) {
                    ledger.received(side.other(), number);
                }
                message.done();
            }
            // What it ends itself is its own affair.
            Ok(Item { kind: ItemKind::SessionEnded(reason), .. }) if life.phase() != Phase::Ending => {
                ledger.session_ended(side, reason);
            }
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    if life.phase() != Phase::Ending {
        ledger.complain(format!("{side} could not receive: {error}"));
    }
}

/// The message that belongs to a number: the number and then bytes that follow from it.
fn message(seed: u64, side: Side, number: u64) -> Bytes {
    let start = mix(seed ^ mix(number ^ ((side.index() as u64) << 63)));
    let length = LEAST_BYTES + start % (MOST_BYTES - LEAST_BYTES + 1);
    let filler = (1..).flat_map(|step| mix(start.wrapping_add(step)).to_be_bytes());
    number.to_be_bytes().into_iter().chain(filler).take(usize::try_from(length).unwrap_or(0)).collect()
}

/// The number of a message of `from`, if it is whole.
fn number_of(seed: u64, from: Side, body: &[u8]) -> Option<u64> {
    let number = u64::from_be_bytes(*body.first_chunk()?);
    (number < MOST_MESSAGES && message(seed, from, number) == body).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_16_to_512_bytes_and_tell_their_number() {
        let mut lengths = Vec::new();
        for number in 0..20_000 {
            let body = message(9, Side::Alice, number);
            lengths.push(body.len());
            assert_eq!(number_of(9, Side::Alice, &body), Some(number));
            assert_eq!(number_of(9, Side::Bob, &body), None);
        }
        assert_eq!((lengths.iter().min(), lengths.iter().max()), (Some(&16), Some(&512)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_came_due_while_sending_waited_is_made_up_for_and_sleep_is_not() {
        let mut pace = Pace::new();
        tokio::time::advance(Duration::from_secs(1)).await;
        let mut made = 0;
        for _ in 0..2_000 {
            made += pace.next().await;
        }
        assert!(pace.missed == 0 && (2_495..=2_500).contains(&made), "{made}");
    }

    #[test]
    fn a_damaged_message_has_no_number() {
        let mut body = message(9, Side::Bob, 77).to_vec();
        let last = body.len() - 1;
        body[last] ^= 1;
        assert_eq!(number_of(9, Side::Bob, &body), None);
        assert_eq!(number_of(9, Side::Bob, &body[..3]), None);
    }
}
