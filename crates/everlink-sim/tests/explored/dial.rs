//! Attempts: one sends, one more listens, and each is forgotten once.

use everlink_proto::link::dial::{AttemptKey, Dial, Input, Step};

use crate::Row::{self, Follows, Impossible};
use crate::{Rows, assert_rows, explore};

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
