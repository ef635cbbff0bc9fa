//! The disturbing network: a UDP forwarder between the two endpoints, on real loopback sockets.
//!
//! It has one socket for each side, its *front*, and that is the only address at which this side knows the
//! other. What comes in at one front leaves, some milliseconds later, through the other, to the address that
//! the side there last sent from, as a NAT on the way would do. Each packet is late by 5 to 15 ms, one in
//! two hundred is lost, one in a hundred is overtaken; a cut drops everything, also what is on the way.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use everlink_proto::rng::Rng;
use tokio::sync::watch;

use super::Side;
use super::script::seeded;
use crate::output::say;

/// One packet in so many is lost.
const LOSS_ONE_IN: u64 = 200;
/// One packet in so many is held back and overtaken by those behind it.
const LATE_ONE_IN: u64 = 100;
const LEAST_DELAY: Duration = Duration::from_millis(5);
const MOST_DELAY: Duration = Duration::from_millis(15);
/// Packets on the way in one direction: two megabytes, far more than a window of this delay needs. What
/// comes on top is lost, as in a router's queue.
const MOST_QUEUED: usize = 2_048;
/// The largest datagram that is forwarded; more than everlink ever sends.
const MOST_BYTES: usize = 2_048;

/// A handle on the network between the two sides.
pub(crate) struct Shim {
    shared: Arc<Shared>,
    fronts: [watch::Sender<Arc<UdpSocket>>; 2],
}

/// What the forwarding thread and the handle share.
struct Shared {
    cut: AtomicBool,
    passed: AtomicU64,
    lost: AtomicU64,
    homes: [Mutex<Option<SocketAddr>>; 2],
}

impl Shim {
    /// Binds both fronts and begins to forward, on a thread of its own that ends with the process.
    pub(crate) fn start(seed: u64) -> io::Result<Self> {
        let (alice, alice_front) = watch::channel(Arc::new(bind()?));
        let (bob, bob_front) = watch::channel(Arc::new(bind()?));
        let shared = Arc::new(Shared {
            cut: AtomicBool::new(false),
            passed: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            homes: [Mutex::new(None), Mutex::new(None)],
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let forward = [Side::Alice, Side::Bob].map(|from| Direction {
            from,
            shared: Arc::clone(&shared),
            arrivals: if from == Side::Alice { alice_front.clone() } else { bob_front.clone() },
            departures: if from == Side::Alice { bob_front.clone() } else { alice_front.clone() },
            line: DelayLine::new(seeded(seed, format!("shim from {from}").as_bytes())),
        });
        thread::Builder::new().name("shim".to_owned()).spawn(move || {
            let [there, back] = forward;
            // Both run as long as the process does, unless a new front cannot be listened to.
            if let Err(error) = runtime.block_on(async { tokio::try_join!(there.run(), back.run()) }) {
                say(format!("the network of the demonstration broke: {error}"));
            }
        })?;
        Ok(Self { shared, fronts: [alice, bob] })
    }

    /// The address at which `side` finds the other one.
    pub(crate) fn address_for(&self, side: Side) -> io::Result<SocketAddr> {
        self.fronts[side.index()].borrow().local_addr()
    }

    /// From now on nothing passes.
    pub(crate) fn cut(&self) {
        self.shared.cut.store(true, Ordering::SeqCst);
    }

    /// From now on packets pass again.
    pub(crate) fn mend(&self) {
        self.shared.cut.store(false, Ordering::SeqCst);
    }

    /// From now on the other side sees `side` at a new port; what it sends to the old one is dropped without a
    /// word, because a NAT that forgot a mapping says nothing either.
    pub(crate) fn rebind(&self, side: Side) -> io::Result<()> {
        let socket = Arc::new(bind()?);
        self.fronts[side.other().index()].send_replace(socket);
        Ok(())
    }

    /// Datagrams that passed and datagrams that did not, so far.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.shared.passed.load(Ordering::Relaxed), self.shared.lost.load(Ordering::Relaxed))
    }
}

fn bind() -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Everything that moves packets of one side to the other.
struct Direction {
    from: Side,
    shared: Arc<Shared>,
    arrivals: watch::Receiver<Arc<UdpSocket>>,
    departures: watch::Receiver<Arc<UdpSocket>>,
    line: DelayLine,
}

impl Direction {
    async fn run(mut self) -> io::Result<()> {
        let mut buffer = vec![0; MOST_BYTES];
        // Fronts that were replaced stay open unread, so that nobody else gets their port.
        let mut replaced = Vec::new();
        let mut front = self.listen()?;
        loop {
            let due = self.line.next_due();
            tokio::select! {
                changed = self.arrivals.changed() => {
                    if changed.is_err() {
                        return Ok(());
                    }
                    replaced.push(std::mem::replace(&mut front, self.listen()?));
                }
                arrived = front.recv_from(&mut buffer) => {
                    if let Ok((len, source)) = arrived {
                        self.arrive(source, &buffer[..len]);
                    }
                }
                () = sleep_until(due) => self.depart(),
            }
        }
    }

    fn listen(&mut self) -> io::Result<tokio::net::UdpSocket> {
        tokio::net::UdpSocket::from_std(self.arrivals.borrow_and_update().try_clone()?)
    }

    fn arrive(&mut self, source: SocketAddr, packet: &[u8]) {
        *lock(&self.shared.homes[self.from.index()]) = Some(source);
        let cut = self.shared.cut.load(Ordering::SeqCst);
        if cut || !self.line.push(Instant::now(), packet) {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn depart(&mut self) {
        let home = *lock(&self.shared.homes[self.from.other().index()]);
        let front = Arc::clone(&self.departures.borrow());
        while let Some(packet) = self.line.pop_due(Instant::now()) {
            let cut = self.shared.cut.load(Ordering::SeqCst);
            // A send that fails is a packet lost on the way; the endpoints must cope with that anyway.
            let passed = !cut && home.is_some_and(|home| front.send_to(&packet, home).is_ok());
            let counter = if passed { &self.shared.passed } else { &self.shared.lost };
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Packets on their way, with the time at which each arrives.
///
/// The delay wanders between its bounds; a packet never overtakes another, but for the few that are held back.
struct DelayLine {
    rng: Rng,
    delay: Duration,
    /// In order of arrival at the far end.
    packets: VecDeque<(Instant, Vec<u8>)>,
    /// The latest time of any packet that was not held back.
    last: Option<Instant>,
}

impl DelayLine {
    fn new(rng: Rng) -> Self {
        Self { rng, delay: (LEAST_DELAY + MOST_DELAY) / 2, packets: VecDeque::new(), last: None }
    }

    /// Takes a packet, or loses it.
    fn push(&mut self, now: Instant, packet: &[u8]) -> bool {
        if self.rng.below(LOSS_ONE_IN) == 0 || self.packets.len() >= MOST_QUEUED {
            return false;
        }
        let due = self.due(now);
        let place = self.packets.partition_point(|(other, _)| *other <= due);
        self.packets.insert(place, (due, packet.to_vec()));
        true
    }

    fn due(&mut self, now: Instant) -> Instant {
        let step = Duration::from_micros(self.rng.below(1_000));
        self.delay = if self.rng.below(2) == 0 { self.delay + step } else { self.delay - step };
        self.delay = self.delay.clamp(LEAST_DELAY, MOST_DELAY);
        if self.rng.below(LATE_ONE_IN) == 0 {
            return now + (self.delay + Duration::from_millis(3)).min(MOST_DELAY);
        }
        let due = self.last.map_or(now + self.delay, |last| last.max(now + self.delay));
        self.last = Some(due);
        due
    }

    fn next_due(&self) -> Option<Instant> {
        self.packets.front().map(|(due, _)| *due)
    }

    fn pop_due(&mut self, now: Instant) -> Option<Vec<u8>> {
        if self.next_due()? > now {
            return None;
        }
        self.packets.pop_front().map(|(_, packet)| packet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_packet_is_late_within_the_bounds_and_few_overtake() {
        let mut line = DelayLine::new(seeded(1, b"test"));
        let start = Instant::now();
        let (mut lost, mut overtaken, mut latest) = (0, 0, None);
        for number in 0..20_000_u32 {
            let now = start + Duration::from_millis(2) * number;
            lost += u32::from(!line.push(now, &number.to_be_bytes()));
            while let Some(due) = line.next_due().filter(|due| *due <= now) {
                let packet = line.pop_due(now).unwrap();
                let sent = u32::from_be_bytes(packet.try_into().unwrap());
                let late = due - (start + Duration::from_millis(2) * sent);
                assert!((LEAST_DELAY..=MOST_DELAY).contains(&late), "{late:?}");
                overtaken += u32::from(latest.is_some_and(|latest| sent < latest));
                latest = latest.max(Some(sent));
            }
        }
        assert!((50..200).contains(&lost), "{lost} lost");
        assert!((1..400).contains(&overtaken), "{overtaken} overtaken");
    }

    #[test]
    fn a_full_line_loses_what_comes_on_top() {
        let mut line = DelayLine::new(seeded(1, b"test"));
        let now = Instant::now();
        let taken = (0..2 * MOST_QUEUED).filter(|_| line.push(now, b"packet")).count();
        assert_eq!(taken, MOST_QUEUED);
    }

    fn exchange(shim: &Shim, from: &UdpSocket, side: Side, to: &UdpSocket) -> Option<SocketAddr> {
        let mut buffer = [0; 16];
        to.set_read_timeout(Some(Duration::from_millis(60))).unwrap();
        (0..5).find_map(|_| {
            from.send_to(b"hello", shim.address_for(side).unwrap()).unwrap();
            to.recv_from(&mut buffer).ok().map(|(_, source)| source)
        })
    }

    #[test]
    fn a_rebinding_shows_one_side_at_another_port_and_a_cut_stops_everything() {
        let shim = Shim::start(3).unwrap();
        let alice = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let bob = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        bob.send_to(b"here I am", shim.address_for(Side::Bob).unwrap()).unwrap();
        let before = exchange(&shim, &alice, Side::Alice, &bob).unwrap();
        assert_eq!(before, shim.address_for(Side::Bob).unwrap());
        shim.rebind(Side::Alice).unwrap();
        // What was sent before may still arrive.
        let sources = (0..5).filter_map(|_| exchange(&shim, &alice, Side::Alice, &bob));
        let after = sources.into_iter().find(|source| *source != before).unwrap();
        shim.cut();
        assert_eq!(exchange(&shim, &alice, Side::Alice, &bob), None);
        shim.mend();
        assert_eq!(exchange(&shim, &alice, Side::Alice, &bob), Some(after));
    }
}
