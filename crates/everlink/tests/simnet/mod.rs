//! A network in memory and in tokio's virtual time, for the same endpoints that run on UDP.
//!
//! Everything runs on one thread and is drawn from one seed, so a run can be repeated to the
//! datagram. The runtime's clock has to be paused: it then jumps to whatever happens next.
#![allow(dead_code, reason = "each test uses its part")]

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use everlink::clock::{Clock, Instant, Timer};
use everlink::socket::{Rebind, Received, Socket, Transmit};
use everlink::{Builder, Endpoint};
use everlink_proto::rng::Rng;
use tokio::time::Sleep;

/// A network that carries datagrams between endpoints, or does not.
#[derive(Clone)]
pub(crate) struct Net(Arc<Mutex<State>>);

/// What the network does from now on.
#[derive(Clone, Copy)]
pub(crate) struct Weather {
    pub(crate) delay: Duration,
    /// Added to the delay, up to this much.
    pub(crate) jitter: Duration,
    /// Datagrams lost of a thousand.
    pub(crate) lost_per_mille: u64,
    /// Nothing passes.
    pub(crate) cut: bool,
}

struct State {
    rng: Rng,
    epoch: tokio::time::Instant,
    weather: Weather,
    hosts: BTreeMap<SocketAddr, Arc<Mutex<Mailbox>>>,
    sent: u64,
    log: Vec<String>,
}

/// What is on its way to one address, in the order of arrival.
#[derive(Default)]
struct Mailbox {
    coming: BTreeMap<(tokio::time::Instant, u64), (SocketAddr, Vec<u8>)>,
    reader: Option<Waker>,
}

impl Net {
    /// Must be made inside the runtime with the paused clock.
    pub(crate) fn new(seed: u8) -> Self {
        let weather = Weather {
            delay: Duration::from_millis(10),
            jitter: Duration::ZERO,
            lost_per_mille: 0,
            cut: false,
        };
        Self(Arc::new(Mutex::new(State {
            rng: Rng::from_seed([seed; 32]),
            epoch: tokio::time::Instant::now(),
            weather,
            hosts: BTreeMap::new(),
            sent: 0,
            log: Vec::new(),
        })))
    }

    /// A builder for host `n` of this network, with a seed of the network's.
    pub(crate) fn builder(&self, n: u8) -> Builder {
        let address = address(n);
        let mailbox = Arc::new(Mutex::new(Mailbox::default()));
        let (seed, epoch) = {
            let mut state = self.lock();
            state.hosts.insert(address, Arc::clone(&mailbox));
            (state.rng.bytes(), state.epoch)
        };
        let socket = Port { net: self.clone(), address, mailbox, arrival: Mutex::new(None) };
        Endpoint::builder()
            .identity(everlink::Identity::from_seed(&[n; 32]))
            .insecure_seed(seed)
            .clock(Arc::new(Virtual { epoch }))
            .socket(Box::new(socket))
    }

    pub(crate) async fn endpoint(&self, n: u8) -> Endpoint {
        self.builder(n).start().await.unwrap()
    }

    /// Two endpoints, of which the first knows where the second is.
    pub(crate) async fn pair(&self) -> (Endpoint, Endpoint) {
        let (a, b) = (self.endpoint(1).await, self.endpoint(2).await);
        a.add_ticket(&b.ticket());
        (a, b)
    }

    pub(crate) fn change(&self, f: impl FnOnce(&mut Weather)) {
        f(&mut self.lock().weather);
    }

    pub(crate) fn cut(&self, cut: bool) {
        self.change(|weather| weather.cut = cut);
    }

    /// Lets virtual time pass: the clock goes from each thing that is due to the next, so that every datagram arrives
    /// and every endpoint acts at its moment. No real time passes: it panics where the clock is not a paused one.
    pub(crate) async fn pass(&self, time: Duration) {
        tokio::time::advance(Duration::ZERO).await;
        let clock = Virtual { epoch: self.lock().epoch };
        let (mut alarm, until) = (clock.timer().unwrap(), clock.now() + time);
        poll_fn(|cx| alarm.poll_until(cx, until)).await.unwrap();
    }

    /// Virtual time since the beginning.
    pub(crate) fn elapsed(&self) -> Duration {
        self.lock().epoch.elapsed()
    }

    pub(crate) fn note(&self, what: impl std::fmt::Display) {
        let mut state = self.lock();
        let line = format!("{:?} {what}", state.epoch.elapsed());
        state.log.push(line);
    }

    /// Every datagram and every note, in order.
    pub(crate) fn log(&self) -> Vec<String> {
        self.lock().log.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

pub(crate) fn address(n: u8) -> SocketAddr {
    ([10, 0, 0, n], 4000).into()
}

impl State {
    fn carry(&mut self, from: SocketAddr, to: SocketAddr, datagram: &[u8]) -> Option<Waker> {
        self.sent += 1;
        let lost = self.weather.cut || self.rng.below(1000) < self.weather.lost_per_mille;
        let jitter = self.rng.below(self.weather.jitter.as_micros() as u64 + 1);
        let print =
            datagram.iter().fold(0u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
        let now = tokio::time::Instant::now();
        let line = format!("{:?} {from} {to} {} {print:x} lost={lost}", now - self.epoch, datagram.len());
        self.log.push(line);
        let mailbox = self.hosts.get(&to).filter(|_| !lost)?;
        let at = now + self.weather.delay + Duration::from_micros(jitter);
        let mut mailbox = mailbox.lock().unwrap();
        mailbox.coming.insert((at, self.sent), (from, datagram.to_vec()));
        mailbox.reader.take()
    }
}

/// The socket of one host.
struct Port {
    net: Net,
    address: SocketAddr,
    mailbox: Arc<Mutex<Mailbox>>,
    arrival: Mutex<Option<Pin<Box<Sleep>>>>,
}

impl std::fmt::Debug for Port {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Port").field(&self.address).finish()
    }
}

impl Port {
    /// Fills buffers with what has arrived.
    fn take(&self, buffers: &mut [IoSliceMut<'_>], received: &mut [Received]) -> usize {
        let mut mailbox = self.mailbox.lock().unwrap();
        let mut count = 0;
        for (buffer, meta) in buffers.iter_mut().zip(received) {
            let Some(first) = mailbox.coming.first_entry() else { break };
            if first.key().0 > tokio::time::Instant::now() {
                break;
            }
            let (from, datagram) = first.remove();
            buffer[..datagram.len()].copy_from_slice(&datagram);
            *meta = Received { from, len: datagram.len(), segment: datagram.len() };
            count += 1;
        }
        count
    }
}

impl Socket for Port {
    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<usize> {
        for datagram in transmit.contents.chunks(transmit.segment.max(1)) {
            let reader = self.net.lock().carry(self.address, transmit.to, datagram);
            reader.inspect(Waker::wake_by_ref);
        }
        Ok(transmit.contents.len())
    }

    fn poll_writable(&self, _: &mut Context<'_>, _: SocketAddr) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        received: &mut [Received],
    ) -> Poll<io::Result<usize>> {
        let mut arrival = self.arrival.lock().unwrap();
        loop {
            let count = self.take(buffers, received);
            if count > 0 {
                return Poll::Ready(Ok(count));
            }
            let mut mailbox = self.mailbox.lock().unwrap();
            mailbox.reader = Some(cx.waker().clone());
            let Some((at, _)) = mailbox.coming.keys().next().copied() else { return Poll::Pending };
            drop(mailbox);
            let sleep = arrival.insert(Box::pin(tokio::time::sleep_until(at)));
            std::task::ready!(sleep.as_mut().poll(cx));
        }
    }

    fn max_segments(&self) -> usize {
        10
    }

    fn local_addrs(&self) -> Vec<SocketAddr> {
        vec![self.address]
    }

    fn rebind(&self, _: Rebind) -> io::Result<bool> {
        Ok(true)
    }
}

/// The runtime's paused clock.
#[derive(Debug)]
struct Virtual {
    epoch: tokio::time::Instant,
}

impl Clock for Virtual {
    fn now(&self) -> Instant {
        Instant::from_micros(self.epoch.elapsed().as_micros() as u64)
    }

    fn timer(&self) -> io::Result<Box<dyn Timer>> {
        Ok(Box::new(Alarm { epoch: self.epoch, sleep: Box::pin(tokio::time::sleep_until(self.epoch)) }))
    }
}

struct Alarm {
    epoch: tokio::time::Instant,
    sleep: Pin<Box<Sleep>>,
}

impl Timer for Alarm {
    fn poll_until(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<io::Result<()>> {
        let deadline = self.epoch + Duration::from_micros(deadline.as_micros());
        if self.sleep.deadline() != deadline {
            self.sleep.as_mut().reset(deadline);
        }
        self.sleep.as_mut().poll(cx).map(Ok)
    }
}
