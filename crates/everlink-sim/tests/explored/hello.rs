//! Halves: none is taken for that of another session.

use everlink_proto::id::{Half, Incarnation};
use everlink_proto::session::{CheckOutcome, Continuity, EndReason, HelloOutcome, Known, Order};
use everlink_proto::wire::frame::Hello;

use crate::Row::{Follows, Impossible};
use crate::{Rows, assert_rows, explore};

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
