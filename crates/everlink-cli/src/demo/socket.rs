//! A socket that can be killed: the real UDP socket of an endpoint, which the demonstration closes behind the
//! endpoint's back, as systems do to programs in the background.

use std::io::{self, ErrorKind, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::task::{Context, Poll, Waker};

use everlink::socket::{Rebind, Received, Socket, Transmit, UdpSockets};

use super::ledger::lock;

/// Called as soon as a killed socket has been replaced.
type Bound = Box<dyn FnOnce() + Send>;

/// The socket of one endpoint; its clones are the same socket.
#[derive(Clone)]
pub(crate) struct MortalSocket(Arc<Inner>);

struct Inner {
    /// Empty while dead.
    live: RwLock<Option<UdpSockets>>,
    death: Mutex<Death>,
}

#[derive(Default)]
struct Death {
    /// The driver, waiting for datagrams; it has to be told of the death.
    reader: Option<Waker>,
    on_bound: Option<Bound>,
}

impl MortalSocket {
    /// Binds any port of the loopback interface. Must be called inside a tokio runtime.
    pub(crate) fn bind() -> io::Result<Self> {
        let live = RwLock::new(Some(bind()?));
        Ok(Self(Arc::new(Inner { live, death: Mutex::default() })))
    }

    /// Closes the socket; `on_bound` is called when the endpoint has bound another.
    pub(crate) fn kill(&self, on_bound: impl FnOnce() + Send + 'static) {
        self.death().on_bound = Some(Box::new(on_bound));
        *self.0.live.write().unwrap_or_else(PoisonError::into_inner) = None;
        // Only now: a reader that looks again before would wait on a socket that is about to go.
        let reader = self.death().reader.take();
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    fn live(&self) -> RwLockReadGuard<'_, Option<UdpSockets>> {
        self.0.live.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn death(&self) -> MutexGuard<'_, Death> {
        lock(&self.0.death)
    }
}

fn bind() -> io::Result<UdpSockets> {
    UdpSockets::bind(&[(Ipv4Addr::LOCALHOST, 0).into()])
}

fn dead() -> io::Error {
    ErrorKind::NotConnected.into()
}

impl Socket for MortalSocket {
    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<usize> {
        self.live().as_ref().ok_or_else(dead)?.try_send(transmit)
    }

    fn poll_writable(&self, cx: &mut Context<'_>, to: SocketAddr) -> Poll<io::Result<()>> {
        self.live().as_ref().ok_or_else(dead)?.poll_writable(cx, to)
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        received: &mut [Received],
    ) -> Poll<io::Result<usize>> {
        // Before the look at the socket, so that a death right after it is not missed.
        self.death().reader = Some(cx.waker().clone());
        self.live().as_ref().ok_or_else(dead)?.poll_recv(cx, buffers, received)
    }

    fn max_segments(&self) -> usize {
        self.live().as_ref().map_or(1, Socket::max_segments)
    }

    fn local_addrs(&self) -> Vec<SocketAddr> {
        self.live().as_ref().map_or_else(Vec::new, Socket::local_addrs)
    }

    fn rebind(&self, which: Rebind) -> io::Result<bool> {
        let mut live = self.0.live.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(live) = live.as_ref() {
            return live.rebind(which);
        }
        *live = Some(bind()?);
        drop(live);
        let on_bound = self.death().on_bound.take();
        if let Some(on_bound) = on_bound {
            on_bound();
        }
        Ok(true)
    }
}

impl std::fmt::Debug for MortalSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = if self.live().is_some() { "alive" } else { "dead" };
        f.debug_tuple("MortalSocket").field(&state).finish()
    }
}
