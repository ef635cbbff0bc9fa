//! The machines of the core whose states are too many to list: every state that can be reached with a few names is
//! visited, every input is given to each, and what must never happen is looked for. The pairs are counted by kind: each
//! kind does what its row says, or its row says why it cannot occur.

#![allow(clippy::disallowed_types, reason = "of the set of states seen nobody asks the order")]

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::Hash;

use everlink_proto::id::{Half, Incarnation};
use everlink_proto::link::dial::{AttemptKey, Dial, Input, Step};
use everlink_proto::link::election::{Ballot, ConnectionKey, Effect, Election, MAX_CONNECTIONS};
use everlink_proto::session::{CheckOutcome, Continuity, EndReason, HelloOutcome, Known, Order};
use everlink_proto::wire::frame::Hello;

/// Visits every state that `steps` leads to, once.
fn explore<S: Clone + Eq + Hash>(start: S, mut steps: impl FnMut(&S) -> Vec<S>) -> usize {
    let mut seen = HashSet::from([start.clone()]);
    let mut ahead = vec![start];
    while let Some(state) = ahead.pop() {
        ahead.extend(steps(&state).into_iter().filter(|next| seen.insert(next.clone())));
    }
    seen.len()
}

/// Pairs of kinds of state and input, with all that was seen to follow.
type Rows = BTreeMap<(&'static str, &'static str), BTreeSet<&'static str>>;

/// Holds what was seen against a table, whose rows name what follows, or why the pair cannot occur.
fn assert_rows(seen: &Rows, table: &[(&'static str, &'static str, Row)]) {
    for (state, input, row) in table {
        let seen = seen.get(&(*state, *input)).cloned().unwrap_or_default();
        match row {
            Follows(all) => assert_eq!(seen, all.iter().copied().collect(), "{state} on {input}"),
            Impossible(why) => assert!(seen.is_empty() && !why.is_empty(), "{state} on {input}: {seen:?}"),
        }
    }
    let states: BTreeSet<_> = table.iter().map(|(state, ..)| *state).collect();
    let inputs: BTreeSet<_> = table.iter().map(|(_, input, _)| *input).collect();
    assert_eq!(table.len(), states.len() * inputs.len(), "every pair has a row");
    let named: BTreeSet<_> = table.iter().map(|(state, input, _)| (*state, *input)).collect();
    assert_eq!(named.len(), table.len(), "and only one");
    assert!(seen.keys().all(|pair| named.contains(pair)), "nothing was seen that has no row");
}

enum Row {
    Follows(&'static [&'static str]),
    Impossible(&'static str),
}

use Row::{Follows, Impossible};

// --- The election -----------------------------------------------------------------------------------------------------

/// What an observer knows of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Life {
    Unheard,
    Candidate { carried: bool, draining: bool },
    Gone,
}

impl Life {
    const fn kind(self) -> &'static str {
        match self {
            Self::Unheard => "unheard",
            Self::Candidate { draining: true, .. } => "draining",
            Self::Candidate { carried: true, .. } => "carried",
            Self::Candidate { .. } => "candidate",
            Self::Gone => "gone",
        }
    }

    const fn is_candidate(self) -> bool {
        matches!(self, Self::Candidate { .. })
    }

    const fn is_draining(self) -> bool {
        matches!(self, Self::Candidate { draining: true, .. })
    }
}

/// One more connection than a link holds, of which two have the same place, as after a crossing dial with a clone.
const ORDERS: [Order; MAX_CONNECTIONS + 1] = [
    Order { generation: 2, by_smaller: false },
    Order { generation: 1, by_smaller: false },
    Order { generation: 2, by_smaller: true },
    Order { generation: 3, by_smaller: false },
    Order { generation: 3, by_smaller: false },
];

type Contest = (Election, [Life; ORDERS.len()]);

fn key(of: usize) -> ConnectionKey {
    ConnectionKey(of as u64)
}

/// Gives one ballot to an election and to the observer's books, and compares.
fn vote((before, lives): &Contest, of: usize, ballot: Ballot) -> (Contest, &'static str) {
    let (mut election, mut lives) = (before.clone(), *lives);
    let effects = election.on(ballot);
    match ballot {
        Ballot::Heard(..) if lives[of] == Life::Unheard => {
            lives[of] = Life::Candidate { carried: false, draining: false };
        }
        Ballot::Carried(_) => {
            if let Life::Candidate { carried, .. } = &mut lives[of] {
                *carried = true;
            }
        }
        Ballot::Gone(_) if lives[of].is_candidate() => lives[of] = Life::Gone,
        Ballot::Heard(..) | Ballot::Gone(_) => {}
    }
    for effect in &effects {
        match effect {
            Effect::Drain(ConnectionKey(at)) => {
                let at = *at as usize;
                let Life::Candidate { draining, .. } = &mut lives[at] else { panic!("drains what is none") };
                assert!(!std::mem::replace(draining, true), "a connection drains once");
                let above = |other: usize| (ORDERS[other], other) > (ORDERS[at], at);
                let carried = |life: Life| matches!(life, Life::Candidate { carried: true, .. });
                let reason = (0..ORDERS.len()).any(|other| above(other) && carried(lives[other]));
                assert!(reason, "nothing that works is given up for what only might");
            }
            Effect::Drop(ConnectionKey(at)) => {
                let at = *at as usize;
                assert!(lives[at].is_candidate(), "drops what is none");
                let is_lowest = |other: usize| (ORDERS[other], other) >= (ORDERS[at], at);
                assert!((0..ORDERS.len()).all(|other| !lives[other].is_candidate() || is_lowest(other)));
                lives[at] = Life::Gone;
            }
        }
    }
    let follows = match effects.last() {
        Some(Effect::Drain(_)) => "drains others",
        Some(Effect::Drop(_)) => "drops the lowest",
        None if election == *before => "nothing",
        None => "is noted",
    };
    ((election, lives), follows)
}

fn assert_elected((election, lives): &Contest) {
    let candidates = || (0..ORDERS.len()).filter(|at| lives[*at].is_candidate());
    assert!(candidates().count() <= MAX_CONNECTIONS);
    for (at, life) in lives.iter().enumerate() {
        assert_eq!(election.is_draining(key(at)), life.is_draining());
    }
    let highest = candidates().max_by_key(|at| (ORDERS[*at], *at));
    // What comes late and below one that drains waits for its end: the peer, too, sends nothing on it.
    let winner = highest.filter(|at| !lives[*at].is_draining());
    assert_eq!(election.winner(), winner.map(key), "one winner, the highest, and never one that drained");
}

#[test]
fn an_election_has_one_winner_and_gives_up_nothing_that_works_for_something_that_might() {
    let mut seen = Rows::new();
    let start = (Election::default(), [Life::Unheard; ORDERS.len()]);
    let states = explore(start, |contest| {
        let mut after = Vec::new();
        for (of, order) in ORDERS.into_iter().enumerate() {
            let (life, key) = (contest.1[of], key(of));
            for (name, ballot) in [
                ("heard", Ballot::Heard(key, order)),
                ("carried", Ballot::Carried(key)),
                ("gone", Ballot::Gone(key)),
            ] {
                // The keys of connections are not used again.
                if matches!((life, ballot), (Life::Gone, Ballot::Heard(..))) {
                    continue;
                }
                let (next, follows) = vote(contest, of, ballot);
                assert_elected(&next);
                seen.entry((life.kind(), name)).or_default().insert(follows);
                after.push(next);
            }
        }
        after
    });
    assert!(states > 1_000, "{states} states are few");
    // A candidate that drains others has carried; one that is heard below such a one drains at once.
    assert_rows(
        &seen,
        &[
            ("unheard", "heard", Follows(&["is noted", "drains others", "drops the lowest"])),
            ("unheard", "carried", Follows(&["nothing"])), // Its HELLO waits for a check: told when it is bound.
            ("unheard", "gone", Follows(&["nothing"])),    // It was refused or dropped before it was heard.
            ("candidate", "heard", Follows(&["nothing"])),
            ("candidate", "carried", Follows(&["is noted", "drains others"])),
            ("candidate", "gone", Follows(&["is noted"])),
            ("carried", "heard", Follows(&["nothing"])),
            ("carried", "carried", Follows(&["nothing"])), // Everything below it drains already.
            ("carried", "gone", Follows(&["is noted"])),
            ("draining", "heard", Follows(&["nothing"])),
            ("draining", "carried", Follows(&["is noted", "nothing", "drains others"])), // Those that came late and below it.
            ("draining", "gone", Follows(&["is noted"])),
            ("gone", "heard", Impossible("the keys of connections are not used again")),
            ("gone", "carried", Follows(&["nothing"])), // An acknowledgement that arrives while it leaves.
            ("gone", "gone", Follows(&["nothing"])),    // It left the election first, and was dropped later.
        ],
    );
}

// --- Dialling ---------------------------------------------------------------------------------------------------------

/// Attempts of one exploration: two more than there are places.
const ATTEMPTS: u64 = 4;

/// What an observer knows of attempts: the one that sends, and the one that only listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
struct Attempts {
    made: u64,
    sends: Option<AttemptKey>,
    listens: Option<AttemptKey>,
}

/// Gives one input to a dial and to the observer's books, and compares.
fn dial((before, attempts): &(Dial, Attempts), input: Input) -> ((Dial, Attempts), &'static str) {
    let (mut dial, mut now) = (before.clone(), *attempts);
    let steps = dial.on(input);
    match input {
        Input::SendsOver(over) if now.sends == Some(over) => {
            let older = now.listens.replace(over);
            now.sends = None;
            assert_eq!(steps, Vec::from_iter(older.map(Step::Forget)), "at most one listens");
        }
        _ => {}
    }
    for step in &steps {
        match *step {
            Step::Start(attempt) => {
                assert_eq!((now.sends, input), (None, Input::TryDue), "at most one attempt sends");
                assert!(attempt.0 > now.made, "an attempt is a fresh one");
                (now.made, now.sends) = (attempt.0, Some(attempt));
            }
            Step::Repeat(attempt) => assert_eq!((now.sends, input), (Some(attempt), Input::TryDue)),
            Step::Forget(gone) => {
                let older = matches!(input, Input::SendsOver(_)) && attempts.listens == Some(gone);
                let held = now.sends == Some(gone) || now.listens == Some(gone) || older;
                assert!(held, "an attempt is forgotten once");
                now.sends = now.sends.filter(|it| *it != gone);
                now.listens = now.listens.filter(|it| *it != gone);
            }
        }
    }
    let follows = match steps.last() {
        Some(Step::Start(_)) => "starts",
        Some(Step::Repeat(_)) => "repeats",
        Some(Step::Forget(_)) => "forgets",
        None if dial == *before => "nothing",
        None => "goes on listening",
    };
    ((dial, now), follows)
}

impl Attempts {
    /// Which kind of state it is.
    const fn phase(&self) -> &'static str {
        match (self.sends, self.listens) {
            (None, None) => "none",
            (Some(_), None) => "sending",
            (None, Some(_)) => "listening",
            (Some(_), Some(_)) => "both",
        }
    }

    /// Every input that may come, and its kind.
    fn inputs(&self) -> Vec<(&'static str, Input)> {
        let mut inputs = vec![("stop", Input::Stop)];
        if self.made < ATTEMPTS {
            inputs.push(("try due", Input::TryDue));
        }
        for key in (1..=self.made).map(AttemptKey) {
            let (sends, listens) = match key {
                _ if self.sends == Some(key) => ("sends over: sending", "listens over: sending"),
                _ if self.listens == Some(key) => ("sends over: listening", "listens over: listening"),
                _ => ("sends over: gone", "listens over: gone"),
            };
            inputs.extend([(sends, Input::SendsOver(key)), (listens, Input::ListensOver(key))]);
            if [self.sends, self.listens].contains(&Some(key)) {
                inputs.push(("answered", Input::Answered(key)));
            }
        }
        inputs
    }
}

/// What follows in each phase of a dial.
const DIAL: &[(&str, &str, Row)] = &[
    ("none", "try due", Follows(&["starts"])),
    ("none", "sends over: sending", Impossible("none sends")),
    ("none", "sends over: listening", Impossible("none listens")),
    ("none", "sends over: gone", Follows(&["nothing"])),
    ("none", "listens over: sending", Impossible("none sends")),
    ("none", "listens over: listening", Impossible("none listens")),
    ("none", "listens over: gone", Follows(&["nothing"])),
    ("none", "answered", Impossible("an answer is opened with the secrets of an attempt that is kept")),
    ("none", "stop", Follows(&["nothing"])),
    ("sending", "try due", Follows(&["repeats"])),
    ("sending", "sends over: sending", Follows(&["goes on listening"])),
    ("sending", "sends over: listening", Impossible("none listens")),
    ("sending", "sends over: gone", Follows(&["nothing"])),
    ("sending", "listens over: sending", Follows(&["nothing"])), // Its time to send is over first.
    ("sending", "listens over: listening", Impossible("none listens")),
    ("sending", "listens over: gone", Follows(&["nothing"])),
    ("sending", "answered", Follows(&["forgets"])),
    ("sending", "stop", Follows(&["forgets"])),
    ("listening", "try due", Follows(&["starts"])),
    ("listening", "sends over: sending", Impossible("none sends")),
    ("listening", "sends over: listening", Follows(&["nothing"])), // It is over already.
    ("listening", "sends over: gone", Follows(&["nothing"])),
    ("listening", "listens over: sending", Impossible("none sends")),
    ("listening", "listens over: listening", Follows(&["forgets"])),
    ("listening", "listens over: gone", Follows(&["nothing"])),
    ("listening", "answered", Follows(&["forgets"])),
    ("listening", "stop", Follows(&["forgets"])),
    ("both", "try due", Follows(&["repeats"])),
    ("both", "sends over: sending", Follows(&["forgets"])), // The older one makes place.
    ("both", "sends over: listening", Follows(&["nothing"])),
    ("both", "sends over: gone", Follows(&["nothing"])),
    ("both", "listens over: sending", Follows(&["nothing"])),
    ("both", "listens over: listening", Follows(&["forgets"])),
    ("both", "listens over: gone", Follows(&["nothing"])),
    ("both", "answered", Follows(&["forgets"])),
    ("both", "stop", Follows(&["forgets"])),
];

#[test]
fn a_dial_has_one_attempt_that_sends_and_forgets_each_once() {
    let mut seen = Rows::new();
    let states = explore((Dial::default(), Attempts::default()), |state| {
        let phase = state.1.phase();
        let mut after = Vec::new();
        for (name, input) in state.1.inputs() {
            let (next, follows) = dial(state, input);
            let is_active = next.1.sends.is_some() || next.1.listens.is_some();
            assert_eq!(next.0.is_active(), is_active, "{phase} on {name}");
            if matches!(input, Input::Stop | Input::Answered(_)) {
                assert!(!is_active, "nothing is left after {name}");
            }
            seen.entry((phase, name)).or_default().insert(follows);
            after.push(next);
        }
        after
    });
    assert!(states > 10, "{states} states are few");
    assert_rows(&seen, DIAL);
}

// --- HELLO ------------------------------------------------------------------------------------------------------------

/// Three lives of a peer, the third of which proves that it came after the second; the first forgets twice.
const HELLOS: [Hello; 5] = [hello(1, 1, 0), hello(2, 1, 0), hello(3, 1, 0), hello(4, 2, 1), hello(5, 3, 2)];
const PLACES: [Order; 3] = [place(1), place(2), place(3)];
const KNOWN: [Known; 3] = [Known::Silent, Known::Alive, Known::Later];
const MINE: Half = Half([0xff; 16]);

const fn hello(half: u8, incarnation: u8, counter: u64) -> Hello {
    Hello { half: Half([half; 16]), incarnation: Incarnation([incarnation; 16]), counter }
}

const fn place(generation: u64) -> Order {
    Order { generation, by_smaller: false }
}

/// What an observer knows of the sessions with a peer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
struct Past {
    present: Option<usize>,
    /// By number of the HELLO; nobody minds in which order they ended.
    ended: [bool; HELLOS.len()],
    /// The highest place of a HELLO that was believed, and is remembered.
    believed: Option<Order>,
    asked: Option<(usize, Order)>,
}

impl Past {
    fn phase(&self) -> &'static str {
        match (self.present, self.asked) {
            (None, _) => "no session",
            (Some(_), None) => "session",
            (Some(_), Some(_)) => "check",
        }
    }

    fn kind(&self, at: usize) -> &'static str {
        let present = self.present.map(|present| HELLOS[present]);
        match present {
            Some(it) if it == HELLOS[at] => "the same half",
            _ if self.ended[at] => "an ended half",
            _ if self.asked.is_some_and(|(asked, _)| asked == at) => "the half in question",
            Some(it) if it.incarnation == HELLOS[at].incarnation => "a new half of the same life",
            Some(_) | None => "a new half",
        }
    }

    fn replace(&mut self, at: usize, order: Order, reason: EndReason) {
        let before = self.present.replace(at).expect("a session ends that was one");
        assert!(!self.ended[at], "an ended half does not come back");
        let same = HELLOS[before].incarnation == HELLOS[at].incarnation;
        assert_eq!(reason, if same { EndReason::PeerForgot } else { EndReason::PeerRestarted });
        self.ended[before] = true;
        self.believe(order);
        self.asked = None;
    }

    fn believe(&mut self, order: Order) {
        self.believed = self.believed.max(Some(order));
    }
}

type History = (Continuity, Past);

fn meet((before, past): &History, at: usize, order: Order, known: Known) -> (History, &'static str) {
    let (mut continuity, mut now) = (before.clone(), past.clone());
    let follows = match continuity.on_hello(HELLOS[at], order, known) {
        HelloOutcome::Begin => {
            assert_eq!(now.present.replace(at), None);
            now.believe(order);
            "begins"
        }
        HelloOutcome::Continue => {
            assert_eq!(now.present, Some(at));
            now.believe(order);
            "goes on"
        }
        HelloOutcome::EndThenBegin(reason) => {
            assert!(now.believed <= Some(order), "nothing older than what was believed replaces it");
            now.replace(at, order, reason);
            "replaces"
        }
        HelloOutcome::CheckDuplicate => {
            assert_eq!(known, Known::Alive, "there is somebody to ask");
            assert!(now.believed <= Some(order));
            now.asked = Some((at, order));
            "asks"
        }
        HelloOutcome::CheckRunning => {
            let (asked, first) = now.asked.expect("a check runs");
            assert_eq!(asked, at);
            now.asked = Some((at, first.max(order)));
            "waits for the answer"
        }
        refused @ (HelloOutcome::Gone | HelloOutcome::Duplicate | HelloOutcome::Stale) => {
            assert_eq!(continuity, *before, "{refused:?} changes nothing");
            let present = now.present.map(|present| HELLOS[present].incarnation);
            let is_present = present == Some(HELLOS[at].incarnation);
            assert!(!is_present || refused != HelloOutcome::Duplicate, "no process is its own double");
            match refused {
                HelloOutcome::Gone => "is gone",
                HelloOutcome::Duplicate => "is a double",
                _ => "is stale",
            }
        }
    };
    ((continuity, now), follows)
}

/// Everything but a HELLO that changes what is remembered.
fn others(state: &History, seen: &mut Rows) -> Vec<History> {
    let mut after = Vec::new();
    let phase = state.1.phase();
    for (name, known) in
        [("an answer", Known::Alive), ("silence", Known::Silent), ("a later life", Known::Later)]
    {
        let (mut continuity, mut past) = state.clone();
        let follows = match (continuity.on_check_result(known), past.asked) {
            (None, None) => {
                assert_eq!(continuity, state.0);
                "nothing"
            }
            (Some(CheckOutcome::Duplicate(order)), Some((_, asked))) => {
                assert!(known == Known::Alive && order == asked);
                past.asked = None;
                "is a double"
            }
            (Some(CheckOutcome::Stale(order)), Some((_, asked))) => {
                assert!(known == Known::Later && order == asked);
                past.asked = None;
                "is stale"
            }
            (Some(CheckOutcome::EndThenBegin(reason, order)), Some((at, asked))) => {
                assert!(known == Known::Silent && order == asked);
                past.replace(at, order, reason);
                "replaces"
            }
            (outcome, asked) => panic!("{outcome:?} after {asked:?}"),
        };
        seen.entry((phase, name)).or_default().insert(follows);
        after.push((continuity, past));
    }
    let (mut settled, past) = state.clone();
    settled.on_switch_settled();
    seen.entry((phase, "the switch settled")).or_default().insert("is noted");
    after.push((settled, past));
    let (mut closed, mut past) = state.clone();
    closed.on_peer_closed();
    assert_eq!((closed.drawn(), closed.theirs(), closed.is_checking()), (Some(MINE), None, false));
    if let Some(before) = past.present.take() {
        past.ended[before] = true;
    }
    past.asked = None;
    seen.entry((phase, "a close of the peer's")).or_default().insert("is remembered");
    after.push((closed, past));
    let (mut forgot, past) = state.clone();
    forgot.forget();
    assert_eq!((forgot.drawn(), forgot.theirs(), forgot.is_checking()), (None, None, false));
    seen.entry((phase, "the end of it")).or_default().insert("is forgotten");
    forgot.mine(|| MINE);
    after.push((forgot, Past { believed: past.believed, ..Past::default() }));
    after
}

#[test]
fn a_hello_is_never_taken_for_another_session_than_it_names() {
    let mut seen = Rows::new();
    let mut start = Continuity::new();
    start.mine(|| MINE);
    let states = explore((start, Past::default()), |state| {
        let (continuity, past) = state;
        assert_eq!(continuity.drawn(), Some(MINE), "its own half is kept until the session is forgotten");
        assert_eq!(continuity.theirs(), past.present.map(|at| HELLOS[at].half));
        assert_eq!(continuity.their_incarnation(), past.present.map(|at| HELLOS[at].incarnation));
        assert_eq!(continuity.is_checking(), past.asked.is_some());
        let mut after = others(state, &mut seen);
        for at in 0..HELLOS.len() {
            for (order, known) in PLACES.into_iter().flat_map(|order| KNOWN.map(|known| (order, known))) {
                let (next, follows) = meet(state, at, order, known);
                seen.entry((past.phase(), past.kind(at))).or_default().insert(follows);
                after.push(next);
            }
        }
        after
    });
    assert!(states > 500, "{states} states are few");
    assert_rows(
        &seen,
        &[
            ("no session", "the same half", Impossible("nothing is remembered to be the same as")),
            ("no session", "an ended half", Follows(&["is gone"])),
            ("no session", "the half in question", Impossible("without a session nobody is asked")),
            ("no session", "a new half of the same life", Impossible("no life is remembered")),
            ("no session", "a new half", Follows(&["begins", "is a double"])),
            ("no session", "an answer", Follows(&["nothing"])),
            ("no session", "a later life", Follows(&["nothing"])),
            ("no session", "silence", Follows(&["nothing"])),
            ("no session", "the switch settled", Follows(&["is noted"])),
            ("no session", "a close of the peer's", Follows(&["is remembered"])),
            ("no session", "the end of it", Follows(&["is forgotten"])),
            ("session", "the same half", Follows(&["goes on"])),
            ("session", "an ended half", Follows(&["is gone"])),
            ("session", "the half in question", Impossible("nobody is in question")),
            ("session", "a new half of the same life", Follows(&["replaces", "is stale"])),
            ("session", "a new half", Follows(&["replaces", "asks", "is stale", "is a double"])),
            ("session", "an answer", Follows(&["nothing"])),
            ("session", "a later life", Follows(&["nothing"])),
            ("session", "silence", Follows(&["nothing"])),
            ("session", "the switch settled", Follows(&["is noted"])),
            ("session", "a close of the peer's", Follows(&["is remembered"])),
            ("session", "the end of it", Follows(&["is forgotten"])),
            ("check", "the same half", Follows(&["goes on"])),
            ("check", "an ended half", Follows(&["is gone"])),
            ("check", "the half in question", Follows(&["waits for the answer"])),
            ("check", "a new half of the same life", Follows(&["replaces", "is stale"])),
            ("check", "a new half", Follows(&["replaces", "asks", "is stale", "is a double"])),
            ("check", "an answer", Follows(&["is a double"])),
            ("check", "a later life", Follows(&["is stale"])),
            ("check", "silence", Follows(&["replaces"])),
            ("check", "the switch settled", Follows(&["is noted"])),
            ("check", "a close of the peer's", Follows(&["is remembered"])),
            ("check", "the end of it", Follows(&["is forgotten"])),
        ],
    );
}
