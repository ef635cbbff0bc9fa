//! Where this machine can be reached, as far as it knows itself.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// The addresses others may use to reach sockets bound to `bound`. For one bound to all addresses:
/// the one that the way to the internet begins at. A machine without such a way reaches itself.
pub(crate) fn reachable_at(bound: &[SocketAddr]) -> Vec<SocketAddr> {
    let reachable: Vec<_> = bound.iter().filter_map(|address| with_ip(*address, outbound)).collect();
    match reachable.as_slice() {
        [] => bound.iter().filter_map(|address| with_ip(*address, |any| Ok(loopback(any)))).collect(),
        _ => reachable,
    }
}

/// `bound` with an unspecified IP address replaced.
fn with_ip(bound: SocketAddr, ip: impl FnOnce(IpAddr) -> io::Result<IpAddr>) -> Option<SocketAddr> {
    if !bound.ip().is_unspecified() {
        return Some(bound);
    }
    ip(bound.ip()).ok().map(|ip| SocketAddr::new(ip, bound.port()))
}

fn loopback(any: IpAddr) -> IpAddr {
    if any.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() }
}

/// Addresses that belong to nobody (RFC 5737, RFC 3849); nothing is sent to them.
const ANYWHERE_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const ANYWHERE_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);

/// The source address the system would choose on the way to the internet, of the kind of `any`.
/// Connecting a UDP socket makes it choose, and sends nothing.
fn outbound(any: IpAddr) -> io::Result<IpAddr> {
    let to: IpAddr = if any.is_ipv4() { ANYWHERE_V4.into() } else { ANYWHERE_V6.into() };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect((to, 9))?;
    Ok(socket.local_addr()?.ip())
}

#[cfg(test)]
mod tests;
