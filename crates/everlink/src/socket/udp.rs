//! UDP: one socket for IPv4 and one for IPv6, each bound again when it dies.
//!
//! Two sockets rather than one of both kinds: systems differ in what a dual socket can do, and each
//! address has one spelling only (no IPv4 in the clothes of IPv6).

use std::io::{self, ErrorKind, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::task::{Context, Poll, ready};

use quinn_udp::{RecvMeta, UdpSockRef, UdpSocketState};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::errors::{is_fatal, says_interface_is_gone};
use super::{MAX_BATCH, Rebind, Received, Socket, Transmit};

/// What is asked of the kernel for each direction, which gives less where its own limit is lower:
/// room for a 10 ms pause of the driver at 1.6 Gbit/s.
const KERNEL_BUFFER: usize = 2 << 20;

/// The sockets of one endpoint.
#[derive(Debug)]
pub struct UdpSockets {
    v4: Option<Half>,
    v6: Option<Half>,
    /// Whose turn it is to be asked first, so that a flood on one cannot silence the other.
    v6_first: AtomicBool,
}

impl UdpSockets {
    /// Binds one socket for each address, at most one of each family. Must be called inside a tokio
    /// runtime.
    pub fn bind(addresses: &[SocketAddr]) -> io::Result<Self> {
        let one = |is_v6: bool| -> io::Result<Option<Half>> {
            let mut matching = addresses.iter().filter(|address| address.is_ipv6() == is_v6);
            let half = matching.next().map(|address| Half::bind(*address)).transpose()?;
            match matching.next() {
                Some(_) => Err(io::Error::new(ErrorKind::InvalidInput, "two addresses of one family")),
                None => Ok(half),
            }
        };
        Ok(Self { v4: one(false)?, v6: one(true)?, v6_first: AtomicBool::new(false) })
    }

    /// Binds all addresses of the machine: IPv4 at any port, and IPv6, if there is any, preferably
    /// at the same.
    pub fn bind_everywhere() -> io::Result<Self> {
        let v4 = Half::bind((Ipv4Addr::UNSPECIFIED, 0).into());
        let port = v4.as_ref().map_or(0, |half| half.local_addr().port());
        let v6 = Half::bind((Ipv6Addr::UNSPECIFIED, port).into())
            .or_else(|_| Half::bind((Ipv6Addr::UNSPECIFIED, 0).into()));
        match (v4, v6) {
            (Err(error), Err(_)) => Err(error),
            (v4, v6) => Ok(Self { v4: v4.ok(), v6: v6.ok(), v6_first: AtomicBool::new(false) }),
        }
    }

    fn halves(&self) -> impl Iterator<Item = &Half> {
        [&self.v4, &self.v6].into_iter().flatten()
    }

    fn half_for(&self, to: SocketAddr) -> io::Result<&Half> {
        let half = if to.is_ipv6() { &self.v6 } else { &self.v4 };
        half.as_ref().ok_or_else(|| ErrorKind::NetworkUnreachable.into())
    }
}

impl Socket for UdpSockets {
    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<usize> {
        self.half_for(transmit.to)?.try_send(transmit)
    }

    fn poll_writable(&self, cx: &mut Context<'_>, to: SocketAddr) -> Poll<io::Result<()>> {
        self.half_for(to)?.poll_writable(cx)
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        received: &mut [Received],
    ) -> Poll<io::Result<usize>> {
        let v6_first = self.v6_first.fetch_xor(true, Ordering::Relaxed);
        let order = if v6_first { [&self.v6, &self.v4] } else { [&self.v4, &self.v6] };
        for half in order.into_iter().flatten() {
            if let Poll::Ready(result) = half.poll_recv(cx, buffers, received) {
                return Poll::Ready(result);
            }
        }
        Poll::Pending
    }

    fn max_segments(&self) -> usize {
        self.halves().map(Half::max_segments).max().unwrap_or(1)
    }

    fn local_addrs(&self) -> Vec<SocketAddr> {
        self.halves().map(Half::local_addr).collect()
    }

    fn rebind(&self, which: Rebind) -> io::Result<bool> {
        let (mut replaced, mut failure) = (false, None);
        for half in self.halves() {
            if which == Rebind::All || half.dead.load(Ordering::Acquire) {
                match half.rebind() {
                    Ok(()) => replaced = true,
                    Err(error) => failure = Some(error),
                }
            }
        }
        failure.filter(|_| !replaced).map_or(Ok(replaced), Err)
    }
}

/// The socket of one family.
#[derive(Debug)]
struct Half {
    /// Read for every call, written only to bind again; empty if that failed.
    bound: RwLock<Option<Bound>>,
    /// Where it is or last was.
    address: Mutex<SocketAddr>,
    dead: AtomicBool,
}

#[derive(Debug)]
struct Bound {
    io: UdpSocket,
    state: UdpSocketState,
}

impl Half {
    fn bind(address: SocketAddr) -> io::Result<Self> {
        let bound = Bound::new(address)?;
        let address = Mutex::new(bound.io.local_addr()?);
        Ok(Self { bound: RwLock::new(Some(bound)), address, dead: AtomicBool::new(false) })
    }

    /// Binds the same port again, or any if it was taken in between. Dead if that fails.
    fn rebind(&self) -> io::Result<()> {
        let mut bound = self.bound.write().unwrap_or_else(PoisonError::into_inner);
        let address = self.local_addr();
        self.dead.store(true, Ordering::Release);
        *bound = None; // The port is free only once the old socket is closed.
        let fresh = Bound::new(address).or_else(|_| Bound::new(SocketAddr::new(address.ip(), 0)))?;
        *self.address.lock().unwrap_or_else(PoisonError::into_inner) = fresh.io.local_addr()?;
        *bound = Some(fresh);
        self.dead.store(false, Ordering::Release);
        Ok(())
    }

    fn local_addr(&self) -> SocketAddr {
        *self.address.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<usize> {
        let bound = self.bound();
        let bound = bound.as_ref().ok_or(ErrorKind::NotConnected)?;
        bound.try_send(transmit).inspect_err(|error| self.note_unsent(error))
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let bound = self.bound();
        let bound = bound.as_ref().ok_or(ErrorKind::NotConnected)?;
        bound.io.poll_send_ready(cx).map_err(|error| {
            self.note_unsent(&error);
            error
        })
    }

    /// A half that is dead stays silent here: whoever found it dead has told the driver.
    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        received: &mut [Received],
    ) -> Poll<io::Result<usize>> {
        let bound = self.bound();
        let Some(bound) = bound.as_ref().filter(|_| !self.dead.load(Ordering::Acquire)) else {
            return Poll::Pending;
        };
        bound.poll_recv(cx, buffers, received).map_err(|error| {
            self.note_deaf(&error);
            error
        })
    }

    fn max_segments(&self) -> usize {
        self.bound().as_ref().map_or(1, |bound| bound.state.max_gso_segments())
    }

    fn bound(&self) -> RwLockReadGuard<'_, Option<Bound>> {
        self.bound.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What says that there is no way to one destination says nothing about the others.
    fn note_unsent(&self, error: &io::Error) {
        let is_bound_to_one = !self.local_addr().ip().is_unspecified();
        if is_fatal(error) || (is_bound_to_one && says_interface_is_gone(error)) {
            self.dead.store(true, Ordering::Release);
        }
    }

    fn note_deaf(&self, error: &io::Error) {
        if is_fatal(error) || says_interface_is_gone(error) {
            self.dead.store(true, Ordering::Release);
        }
    }
}

impl Bound {
    fn new(address: SocketAddr) -> io::Result<Self> {
        use socket2::{Domain, Protocol, Type};
        let socket = socket2::Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        let io = UdpSocket::from_std(socket.into())?;
        let state = UdpSocketState::new(UdpSockRef::from(&io))?;
        // Less is granted where the kernel's limit is lower, and that is no reason not to start.
        let _ = state.set_send_buffer_size(UdpSockRef::from(&io), KERNEL_BUFFER);
        let _ = state.set_recv_buffer_size(UdpSockRef::from(&io), KERNEL_BUFFER);
        Ok(Self { io, state })
    }

    /// One system call a turn of the loop, usually one in all. The limit of segments is asked for
    /// each time: the first failure of an interface without segmentation lowers it to one.
    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<usize> {
        let mut sent = 0;
        while sent < transmit.contents.len() {
            let limit = self.state.max_gso_segments();
            match self.send_some(transmit, sent, limit) {
                Ok(taken) => sent += taken,
                Err(_) if self.state.max_gso_segments() < limit => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock && sent > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(sent)
    }

    fn send_some(&self, transmit: &Transmit<'_>, from: usize, max_segments: usize) -> io::Result<usize> {
        let segment = transmit.segment.max(1);
        let most = max_segments.min(MAX_BATCH / segment).max(1) * segment;
        let rest = &transmit.contents[from..];
        let contents = &rest[..rest.len().min(most)];
        let transmit = quinn_udp::Transmit {
            destination: transmit.to,
            ecn: None,
            contents,
            segment_size: (contents.len() > segment).then_some(segment),
            src_ip: None,
        };
        let send = || self.state.try_send(UdpSockRef::from(&self.io), &transmit);
        self.io.try_io(Interest::WRITABLE, send).map(|()| contents.len())
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        received: &mut [Received],
    ) -> Poll<io::Result<usize>> {
        let mut meta = [RecvMeta::default(); quinn_udp::BATCH_SIZE];
        let most = buffers.len().min(received.len()).min(meta.len());
        loop {
            ready!(self.io.poll_recv_ready(cx))?;
            let recv =
                || self.state.recv(UdpSockRef::from(&self.io), &mut buffers[..most], &mut meta[..most]);
            match self.io.try_io(Interest::READABLE, recv) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
                Ok(count) => {
                    for (to, from) in received.iter_mut().zip(&meta[..count]) {
                        *to = Received { from: canonical(from.addr), len: from.len, segment: from.stride };
                    }
                    return Poll::Ready(Ok(count));
                }
            }
        }
    }
}

/// The one spelling of an address: no IPv4 inside IPv6, no flow label.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    match (address.ip().to_canonical(), address) {
        (IpAddr::V6(ip), SocketAddr::V6(v6)) => {
            std::net::SocketAddrV6::new(ip, v6.port(), 0, v6.scope_id()).into()
        }
        (ip, _) => SocketAddr::new(ip, address.port()),
    }
}

#[cfg(test)]
mod tests;
