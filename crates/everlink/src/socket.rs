//! What carries datagrams: a trait, so that a test can put a simulated network in its place, and
//! the real thing on UDP.
//!
//! Datagrams travel in batches. What goes out in one call goes to one destination and is cut into
//! segments of one length, as generic segmentation offload wants it; what comes in may hold several
//! datagrams of one source a buffer, as generic receive offload gives it.

use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::task::{Context, Poll};

mod closable;
mod errors;
mod udp;

pub(crate) use closable::Closable;
pub(crate) use errors::hints_at_path;
pub use udp::UdpSockets;
pub(crate) use udp::canonical;

/// The longest batch in one system call: a UDP payload has at most 65,535 bytes, and the kernel
/// checks the whole batch against that before it cuts.
pub const MAX_BATCH: usize = 65_507;

/// Datagrams to one destination.
#[derive(Clone, Copy, Debug)]
pub struct Transmit<'a> {
    /// Where they go.
    pub to: SocketAddr,
    /// The datagrams, one after the other.
    pub contents: &'a [u8],
    /// The length of each datagram but the last, which may be shorter.
    pub segment: usize,
}

/// What a buffer holds after [`Socket::poll_recv`]: datagrams from one source.
#[derive(Clone, Copy, Debug)]
pub struct Received {
    /// Where they came from.
    pub from: SocketAddr,
    /// Bytes in the buffer.
    pub len: usize,
    /// The length of each datagram but the last, which may be shorter.
    pub segment: usize,
}

impl Received {
    /// A placeholder to be overwritten.
    pub const EMPTY: Self = Self {
        from: SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 0),
        len: 0,
        segment: 0,
    };
}

/// What a [`Socket::rebind`] is asked to replace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rebind {
    /// Only what an error has shown to be dead.
    Dead,
    /// Everything: the network has changed.
    All,
}

/// A network interface of one endpoint, of which only the endpoint's driver receives and to which
/// any thread sends.
///
/// No call blocks, and none may end the endpoint, which drops the socket when it ends. An error other than `WouldBlock` is never the end: the driver calls
/// [`Socket::rebind`] and goes on.
pub trait Socket: Send + Sync + fmt::Debug + 'static {
    /// Hands as many datagrams as possible to the network and tells how many bytes it took, always
    /// whole datagrams. `WouldBlock` if it took none and [`Socket::poll_writable`] will tell when it
    /// will.
    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<usize>;

    /// Ready when [`Socket::try_send`] to `to` may succeed.
    fn poll_writable(&self, cx: &mut Context<'_>, to: SocketAddr) -> Poll<io::Result<()>>;

    /// Fills buffers, tells how many, and describes each in `received`.
    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        received: &mut [Received],
    ) -> Poll<io::Result<usize>>;

    /// How many datagrams one [`Transmit`] should hold at most.
    fn max_segments(&self) -> usize;

    /// The addresses it is bound to. An unspecified IP address stands for all of the machine.
    fn local_addrs(&self) -> Vec<SocketAddr>;

    /// Binds again and tells whether anything was replaced. What could not be is dead; it is an error only if nothing
    /// was. The driver asks for what is dead until nothing is.
    fn rebind(&self, which: Rebind) -> io::Result<bool>;
}
