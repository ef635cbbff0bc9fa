//! How a path follows a peer whose address changes (SPEC 4.4).
//!
//! Like a letter from a friend with a new return address: before anything is sent there, a card goes to the new
//! address and one to the old, and only an answer from the new one, with no newer letter from the old
//! one since, moves the entry in the address book. A copyist who forwards our friend's letters faster than the
//! post loses, because the friend still writes from the old address.

use core::{net::SocketAddr, time::Duration};
use std::collections::VecDeque;

use crate::{rng::Rng, time::Instant};

/// Candidates looked at in [`WINDOW`]; further ones wait (SPEC 4.4).
const MAX_CANDIDATES: u32 = 5;

/// See [`MAX_CANDIDATES`].
const WINDOW: Duration = Duration::from_secs(10);

/// How often a candidate is challenged: enough where a third is lost each way, and the end of it where nobody is
/// (RFC 9000, 8.2.4). A newer packet from there begins anew.
const MAX_CHALLENGES: u32 = 8;

/// Answers that wait to be sent; the newest wins. A peer needs two outstanding at most.
const MAX_RESPONSES: usize = 4;

/// The address of a path and the one that may follow it.
#[derive(Debug)]
pub(crate) struct Migration {
    remote: SocketAddr,
    /// Whether the peer is known to be at `remote`: until then only the challenge goes there.
    proved: bool,
    /// The newest packet number that came from `remote`.
    newest: Option<u64>,
    candidate: Option<Candidate>,
    responses: VecDeque<([u8; 8], SocketAddr)>,
    window_began: Instant,
    in_window: u32,
}

#[derive(Debug)]
struct Candidate {
    address: SocketAddr,
    challenge: [u8; 8],
    newest: u64,
    /// Bytes that came from there, less those that went there.
    budget: u64,
    due: bool,
    /// How often the challenge may still go there.
    left: u32,
    /// The challenge to the address in use.
    old_due: bool,
}

/// What must go to a certain address, in one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Errand {
    pub(crate) to: SocketAddr,
    pub(crate) challenge: Option<[u8; 8]>,
    pub(crate) response: Option<[u8; 8]>,
}

/// How the address changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moved {
    /// It is the one in use, and proved now.
    Nowhere,
    /// The same host or NAT, another port: what is known of the path still holds.
    Port,
    /// Another host address.
    Host,
}

impl Migration {
    pub(crate) const fn new(remote: SocketAddr, proved: bool) -> Self {
        Self {
            remote,
            proved,
            newest: None,
            candidate: None,
            responses: VecDeque::new(),
            window_began: Instant::ZERO,
            in_window: 0,
        }
    }

    /// Where packets go.
    pub(crate) const fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// Whether anything but a challenge may go to the address.
    pub(crate) const fn is_proved(&self) -> bool {
        self.proved
    }

    /// A packet of `size` bytes opened; `newest` says that its number is the highest so far.
    pub(crate) fn on_authentic(
        &mut self,
        now: Instant,
        from: SocketAddr,
        number: u64,
        newest: bool,
        size: usize,
        rng: &mut Rng,
    ) {
        if from == self.remote && self.proved {
            self.newest = self.newest.max(Some(number));
            return;
        }
        let size = u64::try_from(size).unwrap_or(0);
        let known = |candidate: &&mut Candidate| candidate.address == from && !candidate.is_given_up();
        if let Some(candidate) = self.candidate.as_mut().filter(known) {
            candidate.budget = candidate.budget.saturating_add(size);
            candidate.newest = candidate.newest.max(number);
            return;
        }
        if !newest || !self.admits(now) {
            return;
        }
        self.candidate = Some(Candidate {
            address: from,
            challenge: rng.bytes(),
            newest: number,
            budget: size,
            due: true,
            left: MAX_CHALLENGES,
            old_due: true,
        });
    }

    fn admits(&mut self, now: Instant) -> bool {
        if now.saturating_since(self.window_began) >= WINDOW {
            self.window_began = now;
            self.in_window = 0;
        }
        self.in_window = self.in_window.saturating_add(1);
        self.in_window <= MAX_CANDIDATES
    }

    /// The peer asks whether we are where `from` says.
    pub(crate) fn on_challenge(&mut self, challenge: [u8; 8], from: SocketAddr) {
        // Elsewhere nobody is expected, and a peer could name any address as its own.
        if from != self.remote && self.candidate.as_ref().is_none_or(|it| it.address != from) {
            return;
        }
        if self.responses.len() == MAX_RESPONSES {
            self.responses.pop_front();
        }
        self.responses.push_back((challenge, from));
    }

    /// The peer proves that it is where the challenge went.
    pub(crate) fn on_response(&mut self, response: [u8; 8]) -> Option<Moved> {
        let candidate = self.candidate.take_if(|candidate| candidate.challenge == response)?;
        if self.newest.is_some_and(|newest| newest > candidate.newest) {
            return None;
        }
        let moved = match candidate.address {
            address if address == self.remote => Moved::Nowhere,
            address if address.ip() == self.remote.ip() => Moved::Port,
            _ => Moved::Host,
        };
        self.proved = true;
        self.remote = candidate.address;
        self.newest = Some(candidate.newest);
        Some(moved)
    }

    /// A packet with a challenge was lost.
    pub(crate) fn on_challenge_lost(&mut self, challenge: [u8; 8]) {
        if let Some(candidate) = self.candidate.as_mut().filter(|candidate| candidate.challenge == challenge)
        {
            candidate.due = candidate.left > 0;
        }
    }

    /// Sends the challenge again: nothing was heard.
    pub(crate) fn repeat(&mut self) {
        if let Some(candidate) = &mut self.candidate {
            candidate.due = candidate.left > 0;
        }
    }

    /// Whether something waits for an address of its own, in a packet of `size` bytes.
    pub(crate) fn has_errand(&self, size: usize) -> bool {
        self.next_errand(size).is_some()
    }

    /// What must go to a certain address, in a packet of `size` bytes.
    pub(crate) fn take_errand(&mut self, size: usize) -> Option<Errand> {
        let errand = self.next_errand(size)?;
        if let Some(response) = errand.response {
            self.responses.retain(|waiting| *waiting != (response, errand.to));
        }
        if let Some(candidate) = &mut self.candidate {
            if errand.to == candidate.address {
                candidate.budget = candidate.budget.saturating_sub(as_u64(size));
                if errand.challenge.is_some() {
                    candidate.due = false;
                    candidate.left = candidate.left.saturating_sub(1);
                }
            } else if errand.challenge.is_some() {
                candidate.old_due = false;
            }
        }
        Some(errand)
    }

    /// Answers first. What goes to the candidate shares a packet, so that no more goes there than came from there.
    fn next_errand(&self, size: usize) -> Option<Errand> {
        let candidate = self.candidate.as_ref();
        // An address that is not proved gets no challenge as the old one.
        let old_due = candidate.is_some_and(|it| it.old_due && self.proved && it.address != self.remote);
        let affordable =
            |to: SocketAddr| candidate.is_none_or(|it| it.address != to || it.budget >= as_u64(size));
        let challenge_to = |to: SocketAddr| match candidate {
            Some(it) if it.address == to && it.due => Some(it.challenge),
            // The old address gets a challenge of its own making: its answer shows as a newer packet from there.
            Some(it) if self.remote == to && old_due => Some(it.challenge.map(|byte| !byte)),
            Some(_) | None => None,
        };
        let answer = self.responses.iter().find(|(_, to)| affordable(*to));
        if let Some((response, to)) = answer {
            return Some(Errand { to: *to, challenge: challenge_to(*to), response: Some(*response) });
        }
        let candidate = candidate?;
        [candidate.address, self.remote].into_iter().filter(|to| affordable(*to)).find_map(|to| {
            challenge_to(to).map(|challenge| Errand { to, challenge: Some(challenge), response: None })
        })
    }
}

impl Candidate {
    /// Whether it was challenged often enough.
    const fn is_given_up(&self) -> bool {
        self.left == 0 && !self.due
    }
}

fn as_u64(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}
