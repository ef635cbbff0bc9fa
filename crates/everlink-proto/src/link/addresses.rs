//! Where a peer may be: hints, and which of them ever proved true.

use core::net::SocketAddr;

use crate::time::Instant;

/// Addresses kept for a peer. An address that ever authenticated gives way only to another such.
pub(crate) const MAX_ADDRESSES: usize = 16;

/// The addresses of one peer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Addresses(Vec<Entry>);

#[derive(Clone, Copy, Debug)]
struct Entry {
    address: SocketAddr,
    /// When it last proved true.
    proved: Option<Instant>,
}

impl Addresses {
    /// Takes a hint. Addresses at which nobody can be are refused (port 0, unspecified, multicast, broadcast).
    pub(crate) fn add(&mut self, address: SocketAddr) -> bool {
        if !is_possible(address) {
            return false;
        }
        if self.0.iter().any(|entry| entry.address == address) {
            return true;
        }
        self.insert(Entry { address, proved: None })
    }

    /// A packet from here opened.
    pub(crate) fn on_proved(&mut self, now: Instant, address: SocketAddr) {
        match self.0.iter_mut().find(|entry| entry.address == address) {
            Some(entry) => entry.proved = Some(now),
            None => {
                self.insert(Entry { address, proved: Some(now) });
            }
        }
    }

    /// Addresses that ever proved true (`true`), or never did (`false`).
    pub(crate) fn iter(&self, proved: bool) -> impl Iterator<Item = SocketAddr> + '_ {
        self.0.iter().filter(move |entry| entry.proved.is_some() == proved).map(|entry| entry.address)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn insert(&mut self, entry: Entry) -> bool {
        if self.0.len() == MAX_ADDRESSES {
            let oldest = self.0.iter().enumerate().min_by_key(|(_, entry)| entry.proved);
            match oldest.map(|(at, oldest)| (at, oldest.proved)) {
                Some((at, proved)) if proved.is_none() || entry.proved.is_some() => {
                    self.0.remove(at);
                }
                _ => return false,
            }
        }
        self.0.push(entry);
        true
    }
}

fn is_possible(address: SocketAddr) -> bool {
    let broadcast = matches!(address, SocketAddr::V4(v4) if v4.ip().is_broadcast());
    address.port() != 0 && !address.ip().is_unspecified() && !address.ip().is_multicast() && !broadcast
}
