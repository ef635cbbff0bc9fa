//! Which session it is: what a HELLO means to a side that remembers, or does not (SPEC 8.2, 8.4).
//!
//! Each side shows only its own half, so a name cannot be stolen by looking at one. Everything here
//! is a pure function of what was remembered and what came, without keys or clocks, so that a model
//! checker can explore all of it.

use core::time::Duration;

use super::EndReason;
use crate::id::{Half, Incarnation};
use crate::wire::frame::Hello;

/// How long after a restart of the peer its former process is refused (SPEC 8.4).
pub const SWITCH_SETTLES: Duration = Duration::from_secs(30);

/// How many ended halves are remembered (SPEC 8.2).
const ENDED: usize = 8;

/// The place of a connection among those of a pair (SPEC 2.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Order {
    /// The settled generation.
    pub generation: u64,
    /// Whether the side with the smaller `PeerId` initiated it.
    pub by_smaller: bool,
}

/// What is known of the process in the session, when another shows its half, and when a duplicate check ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Known {
    /// Its path is suspect, or there is no connection to tell by.
    Silent,
    /// It has a connection, which is not suspect; or it has answered the check.
    Alive,
    /// It lived after the other had dialled: the other is not its successor.
    Later,
}

/// What a HELLO means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HelloOutcome {
    /// The session begins.
    Begin,
    /// The session goes on.
    Continue,
    /// The half belongs to a session that ended: that connection gets CLOSE(SessionGone), and
    /// nothing else happens.
    Gone,
    /// A process that was taken for dead comes back: two run with one key. That connection gets
    /// CLOSE(DuplicateIdentity).
    Duplicate,
    /// Overtaken by a newer connection: ignored, and the session frames of that connection are not
    /// kept.
    Stale,
    /// The session ends for this reason; the next one begins.
    EndThenBegin(EndReason),
    /// Restart or second process? A PING must go out on the connection before, and
    /// [`Continuity::on_check_result`] be told. Until then no session frame of either is kept.
    CheckDuplicate,
    /// The check that runs already will answer this one too.
    CheckRunning,
}

/// How a duplicate check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CheckOutcome {
    /// Two processes run with one key: the connection at this place gets CLOSE(DuplicateIdentity).
    Duplicate(Order),
    /// The other had dialled before the one in the session last lived: the connection at this place is ignored.
    Stale(Order),
    /// The process before is gone: its session ends for this reason; the next one begins on the
    /// connection at this place.
    EndThenBegin(EndReason, Order),
}

/// What a side remembers of the names of its sessions with one peer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Continuity {
    mine: Option<Half>,
    theirs: Option<Hello>,
    /// With whom this side ended a session since it drew `mine`, oldest first.
    ended: [Option<Half>; ENDED],
    /// Who was left when the peer restarted, oldest first.
    left: [Option<Incarnation>; ENDED],
    /// The last of these restarts is not long ago: see [`Self::on_switch_settled`].
    switched: bool,
    /// Who the peer was in the last session, though that is forgotten.
    last: Option<Incarnation>,
    /// The newest connection whose HELLO was believed.
    newest: Option<Order>,
    check: Option<Check>,
}

/// A HELLO that waits for the duplicate check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Check {
    hello: Hello,
    order: Order,
}

impl Continuity {
    /// Nothing remembered.
    pub const fn new() -> Self {
        Self {
            mine: None,
            theirs: None,
            ended: [None; ENDED],
            left: [None; ENDED],
            switched: false,
            last: None,
            newest: None,
            check: None,
        }
    }

    /// This side's half towards the peer, drawn on first use.
    pub fn mine(&mut self, draw: impl FnOnce() -> Half) -> Half {
        *self.mine.get_or_insert_with(draw)
    }

    /// This side's half, if one is drawn.
    pub const fn drawn(&self) -> Option<Half> {
        self.mine
    }

    /// The peer's half, if it is known: only then a session exists.
    pub fn theirs(&self) -> Option<Half> {
        self.theirs.map(|hello| hello.half)
    }

    /// The peer's incarnation, if it is known.
    pub fn their_incarnation(&self) -> Option<Incarnation> {
        self.theirs.map(|hello| hello.incarnation)
    }

    /// Whether a duplicate check runs: nothing is newly bound meanwhile (SPEC 7.1).
    pub const fn is_checking(&self) -> bool {
        self.check.is_some()
    }

    /// The table of SPEC 8.2, row by row, for a HELLO under confirmed keys. `order` is the place of
    /// the connection that brought it.
    pub fn on_hello(&mut self, hello: Hello, order: Order, known: Known) -> HelloOutcome {
        if self.theirs() == Some(hello.half) {
            self.newest = self.newest.max(Some(order));
            return HelloOutcome::Continue;
        }
        if self.ended.contains(&Some(hello.half)) {
            return HelloOutcome::Gone;
        }
        let Some(theirs) = self.theirs else { return self.begin(hello, order) };
        if self.was_left(&hello) {
            return HelloOutcome::Duplicate;
        }
        if self.check.is_some_and(|check| check.hello.half == hello.half) {
            return self.repeat_check(order);
        }
        let doubtful = is_doubtful(&theirs, &hello);
        let overtaken = known == Known::Later && doubtful;
        if overtaken || Some(order) < self.newest.max(self.check.map(|check| check.order)) {
            return HelloOutcome::Stale;
        }
        if known == Known::Alive && doubtful {
            self.check = Some(Check { hello, order });
            return HelloOutcome::CheckDuplicate;
        }
        HelloOutcome::EndThenBegin(self.replace(theirs, hello, order))
    }

    /// The place of the connection whose HELLO waits for the check.
    pub fn checked(&self) -> Option<Order> {
        self.check.map(|check| check.order)
    }

    /// The PING of the duplicate check was acknowledged in time, or it was not: UNKNOWN for the
    /// connection before, its end, or silence; or what came meanwhile tells who lived later. `None` if no check runs.
    pub fn on_check_result(&mut self, known: Known) -> Option<CheckOutcome> {
        let Check { hello, order } = self.check.take()?;
        let theirs = self.theirs?;
        Some(match known {
            Known::Later => CheckOutcome::Stale(order),
            Known::Alive => CheckOutcome::Duplicate(order),
            Known::Silent => CheckOutcome::EndThenBegin(self.replace(theirs, hello, order), order),
        })
    }

    /// The last restart of the peer is [`SWITCH_SETTLES`] ago. Until then an incarnation that was left does
    /// not come back: a process that restarted never does, so it is a second one with the same key, and taking turns
    /// between them would help neither (SPEC 8.4).
    pub const fn on_switch_settled(&mut self) {
        self.switched = false;
    }

    /// The peer has closed the session, so it draws a new half for the next one, and this side keeps its own: whoever
    /// was shown that meanwhile would else begin a session that is none.
    pub fn on_peer_closed(&mut self) {
        if let Some(theirs) = self.theirs.take() {
            self.end(theirs.half);
            self.last = Some(theirs.incarnation);
        }
        self.check = None;
    }

    /// Forgets the session: after this side's close or eviction, or SessionGone. The next use draws a new half. Which
    /// process the peer was is remembered.
    pub fn forget(&mut self) {
        let last = self.their_incarnation().or(self.last);
        *self = Self { newest: self.newest, left: self.left, switched: self.switched, last, ..Self::new() };
    }

    /// Whom this side left for another process last.
    pub const fn left(&self) -> Option<Incarnation> {
        let [.., last] = self.left;
        last
    }

    /// There is no session. Another process than in the last one is a switch all the same.
    fn begin(&mut self, hello: Hello, order: Order) -> HelloOutcome {
        if self.was_left(&hello) {
            return HelloOutcome::Duplicate;
        }
        if let Some(last) = self.last.filter(|last| *last != hello.incarnation) {
            self.leave(last);
        }
        self.adopt(hello, order);
        HelloOutcome::Begin
    }

    /// The session ends because the peer shows a new half. `mine` is kept: if both sides redrew on
    /// news of the other's, they would never agree.
    fn replace(&mut self, theirs: Hello, hello: Hello, order: Order) -> EndReason {
        self.end(theirs.half);
        self.adopt(hello, order);
        if theirs.incarnation == hello.incarnation {
            return EndReason::PeerForgot;
        }
        self.leave(theirs.incarnation);
        EndReason::PeerRestarted
    }

    fn end(&mut self, half: Half) {
        self.ended.rotate_left(1);
        if let Some(newest) = self.ended.last_mut() {
            *newest = Some(half);
        }
    }

    fn leave(&mut self, process: Incarnation) {
        // Each is remembered once: who was left longest ago gives way, or who is left once more.
        let place = self.left.iter().position(|left| *left == Some(process)).unwrap_or(0);
        if let Some(younger) = self.left.get_mut(place..) {
            younger.rotate_left(1);
        }
        if let Some(newest) = self.left.last_mut() {
            *newest = Some(process);
        }
        self.switched = true;
    }

    /// Whether it comes from a process that was left, and the last switch is not long ago.
    fn was_left(&self, hello: &Hello) -> bool {
        let present = self.their_incarnation().or(self.last) == Some(hello.incarnation);
        self.switched && !present && self.left.contains(&Some(hello.incarnation))
    }

    fn adopt(&mut self, hello: Hello, order: Order) {
        self.theirs = Some(hello);
        self.newest = self.newest.max(Some(order));
        self.check = None;
    }

    fn repeat_check(&mut self, order: Order) -> HelloOutcome {
        if let Some(check) = &mut self.check {
            check.order = check.order.max(order);
        }
        HelloOutcome::CheckRunning
    }
}

/// Whether two lives of the peer may be running at once (SPEC 8.4). A higher counter proves that
/// the later one began after the other had ended.
fn is_doubtful(theirs: &Hello, hello: &Hello) -> bool {
    let restarted = theirs.counter != 0 && hello.counter > theirs.counter;
    theirs.incarnation != hello.incarnation && !restarted
}

#[cfg(test)]
mod tests;
