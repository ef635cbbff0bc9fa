//! Endpoints on the loopback interface.
#![allow(dead_code, reason = "each test uses its part")]

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use everlink::socket::{Rebind, Received, Socket, Transmit, UdpSockets};
use everlink::{Builder, Endpoint, Identity, Item, ItemKind, Message};

pub(crate) fn identity(n: u8) -> Identity {
    Identity::from_seed(&[n; 32])
}

pub(crate) fn builder(n: u8) -> Builder {
    Endpoint::builder().identity(identity(n)).bind("127.0.0.1:0".parse().unwrap())
}

pub(crate) async fn endpoint(n: u8) -> Endpoint {
    builder(n).start().await.unwrap()
}

/// Two endpoints, of which the first knows where the second is.
pub(crate) async fn pair() -> (Endpoint, Endpoint) {
    let (a, b) = (endpoint(1).await, endpoint(2).await);
    a.add_ticket(&b.ticket());
    (a, b)
}

/// The next message, whatever sessions begin and end before it.
pub(crate) async fn next_message(endpoint: &Endpoint) -> Message {
    loop {
        if let Some(message) = message(endpoint.recv().await.unwrap()) {
            return message;
        }
    }
}

pub(crate) fn message(item: Item) -> Option<Message> {
    match item.kind {
        ItemKind::Message(message) => Some(message),
        _ => None,
    }
}

/// UDP that dies or breaks when told to.
#[derive(Debug)]
pub(crate) struct Frail {
    inner: UdpSockets,
    pub(crate) faults: Arc<Faults>,
}

#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// Every call fails with `EBADF` until it is bound again.
    pub(crate) dead: AtomicBool,
    /// The next receive panics.
    pub(crate) panic: AtomicBool,
    /// The next send panics while the endpoint prepares it.
    pub(crate) panic_before_send: AtomicBool,
    pub(crate) rebinds: AtomicUsize,
}

impl Frail {
    pub(crate) fn bind() -> (Box<Self>, Arc<Faults>) {
        let faults = Arc::new(Faults::default());
        let inner = UdpSockets::bind(&["127.0.0.1:0".parse().unwrap()]).unwrap();
        (Box::new(Self { inner, faults: Arc::clone(&faults) }), faults)
    }

    fn check(&self) -> io::Result<()> {
        if self.faults.dead.load(Ordering::SeqCst) {
            return Err(io::Error::from_raw_os_error(rustix::io::Errno::BADF.raw_os_error()));
        }
        Ok(())
    }
}

impl Socket for Frail {
    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<usize> {
        self.check()?;
        self.inner.try_send(transmit)
    }

    fn poll_writable(&self, cx: &mut Context<'_>, to: SocketAddr) -> Poll<io::Result<()>> {
        self.inner.poll_writable(cx, to)
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        received: &mut [Received],
    ) -> Poll<io::Result<usize>> {
        assert!(!self.faults.panic.load(Ordering::SeqCst), "the socket broke");
        if self.check().is_err() {
            return Poll::Pending;
        }
        self.inner.poll_recv(cx, buffers, received)
    }

    fn max_segments(&self) -> usize {
        assert!(!self.faults.panic_before_send.load(Ordering::SeqCst), "the socket broke");
        self.inner.max_segments()
    }

    fn local_addrs(&self) -> Vec<SocketAddr> {
        self.inner.local_addrs()
    }

    fn rebind(&self, which: Rebind) -> io::Result<bool> {
        let dead = self.faults.dead.swap(false, Ordering::SeqCst);
        if !dead && which == Rebind::Dead {
            return Ok(false);
        }
        self.faults.rebinds.fetch_add(1, Ordering::SeqCst);
        self.inner.rebind(Rebind::All)
    }
}

/// Runs a future that waits for nothing, outside any runtime.
pub(crate) fn block_on_nothing<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(std::task::Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}
