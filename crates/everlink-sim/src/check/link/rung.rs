//! How long a link that owes something and is not connected may be silent: the rung of the ladder it is on (SPEC 6.3).

use super::{Links, Seen};
use crate::clock::{MILLI, Micros, SECOND};
use crate::subject::LinkState;
use crate::world::LOOK;

/// The waits between probes of a path in doubt, and until how long after the link was connected last each is the longest.
const PROBES: [(Micros, Micros); 2] = [(250 * MILLI, 10 * SECOND), (500 * MILLI, 60 * SECOND)];

/// The wait between probes after that.
const LATE_PROBES: Micros = 1_800 * MILLI;

/// The longest wait between dials to an address that ever authenticated.
const KNOWN: Micros = 3 * SECOND;

/// The longest wait between dials to another.
const OTHER: Micros = 9_500 * MILLI;

/// How long a connection may last whose peer has not proved its address. Nothing but a challenge goes there until then
/// (SPEC 2.11), and copies from strangers may be challenged in its place.
const PROOF: Micros = 3 * SECOND;

/// What the clock of a machine may lose in the longest wait, 200 parts in a million, in whole milliseconds.
const SLACK: Micros = 2 * MILLI;

impl Links {
    /// For how long `process` may have sent nothing at all to `peer`, if it owes something and is not connected.
    pub(crate) fn longest_wait(&self, at: Micros, process: u32, peer: usize) -> Micros {
        let Some(seen) = self.seen.get(&(process, peer)) else { return OTHER + SLACK };
        let (since, leapt) = seen.searching.unwrap_or((at, 0));
        let searched = at.saturating_sub(since).saturating_add(leapt);
        SLACK
            + match seen.state {
                Some(LinkState::Suspect) if seen.may_be_unproved(at) => PROOF,
                Some(LinkState::Suspect) => probe_wait(searched),
                _ if seen.reached => KNOWN,
                _ => OTHER,
            }
    }

    /// The clock of `process` was set forward: by its own account it has searched for so much longer.
    pub(crate) fn on_clock_set(&mut self, process: u32, by: Micros) {
        for (_, seen) in self.seen.range_mut((process, 0)..(process + 1, 0)) {
            seen.searching = seen.searching.map(|(since, leapt)| (since, leapt.saturating_add(by)));
        }
    }
}

impl Seen {
    /// An address has authenticated that answered a dial, or on which one connection was seen for longer than it lasts
    /// without proof. Another may have taken its place since the last look.
    pub(super) fn note_reached(&mut self, at: Micros, (from, to): (LinkState, LinkState), cause: &str) {
        let has_connection = |state| matches!(state, LinkState::Connected | LinkState::Suspect);
        if has_connection(to) && !has_connection(from) {
            self.joined = at;
        }
        let since = self.joined.max(self.path_since);
        let lasted = has_connection(from) && at > since + PROOF + LOOK + SLACK;
        self.reached |= lasted || (to == LinkState::Connected && cause == "Dialled");
    }

    /// Whether the connection on which it sends is so young that the peer's address may not be proved.
    fn may_be_unproved(&self, at: Micros) -> bool {
        self.path.is_accepted() && at <= self.path_since + PROOF
    }
}

fn probe_wait(searched: Micros) -> Micros {
    PROBES.iter().find(|(_, until)| searched < *until).map_or(LATE_PROBES, |(wait, _)| *wait)
}
