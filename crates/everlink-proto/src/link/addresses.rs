//! Where a peer may be: hints, which of them ever proved true, and where nobody is dialled for now.

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
    /// A process answered here that was left for another one (SPEC 8.4).
    shunned: bool,
}

impl Addresses {
    /// Takes a hint. Addresses at which nobody can be are refused (port 0, unspecified, multicast, broadcast).
    pub(crate) fn add(&mut self, address: SocketAddr) -> bool {
        if !is_possible(address) {
            return false;
        }
        if self.contains(address) {
            return true;
        }
        self.insert(Entry { address, proved: None, shunned: false })
    }

    /// A packet from here opened.
    pub(crate) fn on_proved(&mut self, now: Instant, address: SocketAddr) {
        match self.0.iter_mut().find(|entry| entry.address == address) {
            Some(entry) => entry.proved = Some(now),
            None => {
                self.insert(Entry { address, proved: Some(now), shunned: false });
            }
        }
    }

    /// Whether this address is among them.
    pub(crate) fn contains(&self, address: SocketAddr) -> bool {
        self.0.iter().any(|entry| entry.address == address)
    }

    /// Addresses to dial: those that ever proved true (`true`), or never did (`false`).
    pub(crate) fn to_dial(&self, proved: bool) -> impl Iterator<Item = SocketAddr> + '_ {
        let due = move |entry: &&Entry| !entry.shunned && entry.proved.is_some() == proved;
        self.0.iter().filter(due).map(|entry| entry.address)
    }

    /// Addresses that are not to be dialled for now.
    pub(crate) fn shunned(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.0.iter().filter(|entry| entry.shunned).map(|entry| entry.address)
    }

    /// Somebody answers here whom this side would refuse, or no longer.
    pub(crate) fn shun(&mut self, address: SocketAddr, shunned: bool) {
        if let Some(entry) = self.0.iter_mut().find(|entry| entry.address == address) {
            entry.shunned = shunned;
        }
    }

    /// Every address may be dialled again. Whether there was one that might not.
    pub(crate) fn shun_none(&mut self) -> bool {
        self.0.iter_mut().fold(false, |any, entry| any | core::mem::take(&mut entry.shunned))
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
