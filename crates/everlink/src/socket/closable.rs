//! The socket of an endpoint, which ends with it and not with the last handle.

use std::io::{self, ErrorKind, IoSliceMut};
use std::net::SocketAddr;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use std::task::{Context, Poll};

use super::{Rebind, Received, Socket, Transmit};

/// A socket until it is closed, and from then on silence.
#[derive(Debug)]
pub(crate) struct Closable(RwLock<Option<Box<dyn Socket>>>);

impl Closable {
    pub(crate) fn new(socket: Box<dyn Socket>) -> Self {
        Self(RwLock::new(Some(socket)))
    }

    /// Drops the socket, after the calls that are under way; none of them blocks.
    pub(crate) fn close(&self) {
        let socket = self.0.write().unwrap_or_else(PoisonError::into_inner).take();
        drop(socket);
    }

    pub(crate) fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<usize> {
        self.open().as_ref().ok_or(ErrorKind::NotConnected)?.try_send(transmit)
    }

    pub(crate) fn poll_writable(&self, cx: &mut Context<'_>, to: SocketAddr) -> Poll<io::Result<()>> {
        self.open().as_ref().ok_or(ErrorKind::NotConnected)?.poll_writable(cx, to)
    }

    pub(crate) fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        received: &mut [Received],
    ) -> Poll<io::Result<usize>> {
        self.open().as_ref().map_or(Poll::Pending, |socket| socket.poll_recv(cx, buffers, received))
    }

    pub(crate) fn max_segments(&self) -> usize {
        self.open().as_ref().map_or(1, |socket| socket.max_segments())
    }

    pub(crate) fn local_addrs(&self) -> Vec<SocketAddr> {
        self.open().as_ref().map_or_else(Vec::new, |socket| socket.local_addrs())
    }

    pub(crate) fn rebind(&self, which: Rebind) -> io::Result<bool> {
        self.open().as_ref().map_or(Ok(false), |socket| socket.rebind(which))
    }

    fn open(&self) -> RwLockReadGuard<'_, Option<Box<dyn Socket>>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}
