//! The life of links as both ends tell it: states, connections, sessions (S1 to S4, S6, S10).

use super::{Findings, Process, Sight, later};
use crate::clock::Micros;
use crate::subject::{ConnectionView, End, LinkState, Standing, View, declared};
use double::{Double, Untold};
use doubt::Path;
use std::collections::{BTreeMap, BTreeSet};

mod double;
mod doubt;
mod rung;

/// The most connections a link may receive on (SPEC 8.5).
const MOST_CONNECTIONS: usize = 4;

/// The longest packet that carries nothing of the session: HELLO, RECEIVED, and an ACK of many ranges.
const LONGEST_ERRAND: usize = 700;

/// What is known of one link, seen from one process.
#[derive(Debug, Default)]
struct Seen {
    state: Option<LinkState>,
    last_heard: Micros,
    last_sent: Micros,
    /// The last look that saw nothing under way.
    owed_since: Option<Micros>,
    /// What the last look saw of the connection that sends.
    path: Path,
    /// The look that saw that more packets were lost.
    lost_at: Micros,
    /// When the link was connected last, or its path found to be alive after a doubt.
    connected: Micros,
    /// When the path began or ceased to be in doubt.
    suspected: Option<Micros>,
    /// Since when it is not connected, and by how much its clock was set forward since.
    searching: Option<(Micros, Micros)>,
    /// When it was connected last after it had no connection.
    joined: Micros,
    /// Whether an address of the peer has authenticated since the link was made.
    reached: bool,
    /// When a look saw first that the link sends on this connection.
    path_since: Micros,
    /// Which process of the peer's the session is with, and which ones it was with, since when.
    partner: Option<u32>,
    partners: Vec<(Micros, u32)>,
    /// When it was last looked at which process that is.
    partner_seen: Option<Micros>,
    /// The half of the last process that was found to have one that the link means.
    partner_half: Option<[u8; 16]>,
    untold: Option<Untold>,
    ends: Ends,
}

/// How sessions of a link ended, as their process was told.
#[derive(Clone, Copy, Debug, Default)]
struct Ends {
    restarts: u32,
    /// By CLOSE from the peer, by a new half of the peer's, by a close of the process itself, and to make room.
    left: u32,
    forgotten: u32,
    closed: u32,
    evicted: u32,
    /// How often the process did forget the link, in a session, to make room.
    evictions: u32,
}

/// The books on every link of a run.
#[derive(Debug, Default)]
pub(crate) struct Links {
    seen: BTreeMap<(u32, usize), Seen>,
    /// How often an application closed its session with a peer, and how often all of its identity did.
    closes: BTreeMap<(u32, usize), u32>,
    all_closes: BTreeMap<(usize, usize), u32>,
    /// Processes of an identity, in the order of their start.
    lives: BTreeMap<usize, Vec<(Micros, u32)>>,
    /// Transitions taken, by name.
    pub(crate) edges: BTreeMap<String, u64>,
    /// When which identity was told that another runs twice, or that it does so itself.
    duplicates: Vec<(Micros, usize, usize)>,
    addressed: BTreeSet<(u32, usize)>,
    dead: BTreeSet<u32>,
    /// Second processes of an identity: since when, and until when if they are dead.
    doubles: Vec<Double>,
}

impl Links {
    /// A process began.
    pub(crate) fn on_birth(&mut self, at: Micros, process: Process) {
        self.lives.entry(process.identity).or_default().push((at, process.number));
    }

    /// Whether an application ever closed the session of this pair.
    pub(crate) fn was_closed(&self, one: usize, other: usize) -> bool {
        [(one, other), (other, one)].iter().any(|pair| self.all_closes.contains_key(pair))
    }

    /// An application closed its session with `peer`.
    pub(crate) fn on_close(&mut self, process: Process, peer: usize) {
        *self.closes.entry((process.number, peer)).or_default() += 1;
        *self.all_closes.entry((process.identity, peer)).or_default() += 1;
    }

    /// A link told of a transition (S3).
    pub(crate) fn on_state(
        &mut self,
        at: Micros,
        process: Process,
        peer: usize,
        step: (LinkState, LinkState),
        cause: &str,
        findings: &mut Findings,
    ) {
        let (from, to) = step;
        let seen = self.seen.entry((process.number, peer)).or_default();
        let before = seen.state.unwrap_or(LinkState::Idle);
        if before != from || !declared(from, to) {
            let text = format!("{from:?} to {to:?} ({cause}) after {before:?}");
            findings.complain("S3", at, (process.machine, peer), text);
        }
        seen.state = Some(to);
        if to == LinkState::Connected {
            seen.connected = at;
            seen.searching = None;
        } else {
            seen.searching.get_or_insert((at, 0));
        }
        seen.note_reached(at, step, cause);
        if from == LinkState::Suspect || to == LinkState::Suspect {
            seen.suspected = Some(at);
        }
        *self.edges.entry(format!("{from:?} > {to:?}: {cause}")).or_default() += 1;
    }

    /// `process` has forgotten its link with `peer` to make room, and perhaps a session: for the peer that is its end.
    pub(crate) fn on_forgotten(&mut self, process: Process, peer: usize, in_session: bool) {
        if in_session {
            *self.all_closes.entry((process.identity, peer)).or_default() += 1;
        }
        // The last that is told of the link may come yet.
        let seen = self.seen.entry((process.number, peer)).or_default();
        *seen = Seen { state: seen.state, ends: seen.ends, ..Seen::default() };
        seen.ends.evictions += u32::from(in_session);
    }

    /// A session ended at `process` (S6). `crowded` says that the peer has little room for links: the half that it shows
    /// is that of a stranger, until it has room, and kept for a minute.
    pub(crate) fn on_ended(
        &mut self,
        at: Micros,
        process: Process,
        peer: usize,
        end: End,
        crowded: bool,
        findings: &mut Findings,
    ) {
        let (doubled, changing) = (self.was_doubled(process.identity), self.was_doubled(peer));
        let closes = self.closes.get(&(process.number, peer)).copied().unwrap_or_default();
        let their_closes = self.all_closes.get(&(peer, process.identity)).copied().unwrap_or_default();
        let begun = self.born(process);
        let restarts = self
            .lives
            .get(&peer)
            .map_or(0, |lives| lives.iter().skip(1).filter(|(born, _)| *born >= begun).count() as u32);
        let seen = self.seen.entry((process.number, peer)).or_default();
        seen.ends.restarts += u32::from(end == End::PeerRestarted);
        seen.ends.left += u32::from(matches!(end, End::ClosedByPeer(_)));
        seen.ends.forgotten += u32::from(end == End::PeerForgot);
        seen.ends.closed += u32::from(end.is_own());
        seen.ends.evicted += u32::from(end == End::Evicted);
        // A copy that was left is told SessionGone and draws another half (SPEC 8.2): that is to forget, and its peer
        // may have begun anew with the old one meanwhile.
        let forgotten = if doubled || changing || crowded { 0 } else { seen.ends.forgotten };
        let excused = match end {
            End::PeerRestarted => seen.ends.restarts <= restarts || changing,
            // One for each close of the peer's: this side is told of it, or finds out.
            End::ClosedByPeer(_) => seen.ends.left + forgotten <= their_closes,
            End::PeerForgot => doubled || changing || crowded || seen.ends.left + forgotten <= their_closes,
            End::ClosedHere | End::CloseUnconfirmed => seen.ends.closed <= closes,
            End::Evicted => seen.ends.evicted <= seen.ends.evictions,
            End::ProtocolViolation | End::Failed => false,
        };
        if !excused {
            let text = format!(
                "the session ended with {end:?}: {restarts} restarts, {closes} closes here, {their_closes} there, {seen:?}"
            );
            findings.complain("S6", at, (process.machine, peer), text);
        }
    }

    /// A process ended.
    pub(crate) fn on_death(&mut self, at: Micros, process: u32) {
        self.dead.insert(process);
        for double in self.doubles.iter_mut().filter(|double| double.process == process) {
            double.end = at;
        }
    }

    /// A process was told an address of `peer`.
    pub(crate) fn on_told(&mut self, process: u32, peer: usize) {
        self.addressed.insert((process, peer));
    }

    /// Whether a process ever had an address to reach `peer` at.
    pub(crate) fn has_address(&self, process: u32, peer: usize) -> bool {
        self.addressed.contains(&(process, peer))
    }

    /// A datagram of `peer` arrived.
    pub(crate) fn on_heard(&mut self, at: Micros, process: u32, peer: usize) {
        self.seen.entry((process, peer)).or_default().last_heard = at;
    }

    /// A datagram for `peer` went out; `len` is the length of a packet. A path in doubt gets nothing new (S10).
    pub(crate) fn on_sent(
        &mut self,
        at: Micros,
        process: Process,
        peer: usize,
        len: Option<usize>,
        findings: &mut Findings,
    ) {
        let seen = self.seen.entry((process.number, peer)).or_default();
        seen.last_sent = at;
        if seen.state == Some(LinkState::Suspect) && len.is_some_and(|len| len > LONGEST_ERRAND) {
            let text = format!("a packet of {len:?} bytes on a path in doubt");
            findings.complain("S10", at, (process.machine, peer), text);
        }
    }

    /// The machine of `process` was not itself for so long: that time does not count.
    pub(crate) fn forgive(&mut self, at: Micros, process: u32, lasted: Micros) {
        for (_, seen) in self.seen.range_mut((process, 0)..(process + 1, 0)) {
            seen.last_heard = later(seen.last_heard, lasted, at);
            seen.last_sent = later(seen.last_sent, lasted, at);
            seen.connected = later(seen.connected, lasted, at);
            seen.joined = later(seen.joined, lasted, at);
            seen.path_since = later(seen.path_since, lasted, at);
            seen.lost_at = later(seen.lost_at, lasted, at);
            seen.owed_since = seen.owed_since.map(|since| later(since, lasted, at));
            // By a clock that was set, it may be long ago that a process was left.
            seen.partners.retain(|_| lasted < Micros::MAX);
        }
    }

    /// The state that was told last.
    pub(crate) fn state(&self, process: u32, peer: usize) -> LinkState {
        self.seen.get(&(process, peer)).and_then(|seen| seen.state).unwrap_or(LinkState::Idle)
    }

    /// Looks at what one end of a link holds, which is bounded whatever its clock does (S1, S4).
    pub(crate) fn on_view(&self, sight: &Sight, findings: &mut Findings) {
        let connections = &sight.view.connections;
        let sending = connections.iter().filter(|one| one.standing == Standing::Sending).count();
        if sending > 1 || connections.len() > MOST_CONNECTIONS {
            let text = format!("connections: {connections:?}");
            findings.complain("S1", sight.at, sight.machines(), text);
        }
        let orders: BTreeSet<_> = connections.iter().map(|one| (one.generation, one.by_us)).collect();
        if orders.len() < connections.len() {
            let text = format!("two connections in one place: {connections:?}");
            findings.complain("S4", sight.at, sight.machines(), text);
        }
    }

    /// Looks for how long one end of a link has waited (S10). The worst round trip of the network bounds nothing here:
    /// `doubt` says why.
    pub(crate) fn on_wait(&mut self, sight: &Sight, findings: &mut Findings) {
        let (at, view) = (sight.at, &sight.view);
        let seen = self.seen.entry(sight.key()).or_default();
        let connected = view.state == LinkState::Connected;
        let sending = view.connections.iter().find(|one| one.standing == Standing::Sending);
        if let Some(path) = sending.map(Path::from) {
            seen.lost_at = if path.lost == seen.path.lost { seen.lost_at } else { at };
            seen.last_heard = if path.tells_news(&seen.path) { at } else { seen.last_heard };
            seen.path_since = if path.is_same(&seen.path) { seen.path_since } else { at };
            seen.path = path;
        }
        let Some(path) = sending.filter(|one| connected && one.in_flight > 0) else {
            seen.owed_since = Some(at);
            return;
        };
        let since = *seen.owed_since.get_or_insert(at);
        let silent =
            at.saturating_sub(doubt::began(since.max(seen.connected), seen.last_heard, seen.lost_at));
        let patience = doubt::patience(path.pto);
        if silent > patience {
            let text =
                format!("connected, data in flight, and nothing heard for {silent} us, not {patience}");
            findings.complain("S10", at, sight.machines(), text);
            seen.last_heard = at;
        }
    }

    /// Compares what both ends of a pair say of the connections that both have (S4, S6). What is one connection shows in
    /// its hash and, unless one key is in use twice, in its place among those of the pair; that a connection id has one key, the ledger knows.
    pub(crate) fn agree(&self, one: &Sight, other: &Sight, findings: &mut Findings) {
        let (a, b) = (&one.view, &other.view);
        let cloned = self.is_cloned(one.process.identity, one.peer);
        for here in &a.connections {
            let place = (here.generation, !here.by_us);
            let is_same = |there: &&ConnectionView| {
                there.hash == here.hash || (!cloned && (there.generation, there.by_us) == place)
            };
            let Some(there) = b.connections.iter().find(is_same) else { continue };
            if here.hash != there.hash || (there.generation, there.by_us) != place {
                let text = format!("one handshake, two results:\n  {here:?}\n  {there:?}");
                findings.complain("S4", one.at, one.machines(), text);
            }
            if here.bound && there.bound && (a.mine != b.theirs || a.theirs != b.mine) {
                let text = format!("one connection, two sessions:\n  {a:?}\n  {b:?}");
                findings.complain("S6", one.at, one.machines(), text);
            }
        }
    }

    /// How long `process` has sent nothing at all to `peer`.
    pub(crate) fn silence(&self, at: Micros, process: u32, peer: usize) -> Micros {
        self.seen.get(&(process, peer)).map_or(0, |seen| at.saturating_sub(seen.last_sent))
    }

    /// Compares both ends of a pair that has come to rest (S2), or that had time to agree (S7).
    pub(crate) fn compare(
        &self,
        invariant: &'static str,
        one: &Sight,
        other: &Sight,
        findings: &mut Findings,
    ) {
        let (a, b) = (&one.view, &other.view);
        let agree = a.mine.is_some() && a.mine == b.theirs && a.theirs == b.mine;
        let name = |view: &View| {
            let sending = view.connections.iter().find(|one| one.standing == Standing::Sending);
            sending.map(|one| (one.generation, one.by_us))
        };
        let same = match (name(a), name(b)) {
            (Some((here, by_us)), Some((there, by_them))) => here == there && by_us != by_them,
            (None, None) => true,
            _ => false,
        };
        if !agree || !same {
            let text = format!("the ends differ:\n  {a:?}\n  {b:?}");
            findings.complain(invariant, one.at, one.machines(), text);
        }
    }

    fn born(&self, process: Process) -> Micros {
        let lives = self.lives.get(&process.identity).map(Vec::as_slice).unwrap_or_default();
        lives.iter().find(|(_, number)| *number == process.number).map_or(0, |(born, _)| *born)
    }
}

/// A pair of identities, in order.
pub(crate) fn pair(one: usize, other: usize) -> (usize, usize) {
    (one.min(other), one.max(other))
}
