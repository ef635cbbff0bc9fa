//! Which connection carries: one winner, and nothing that works is given up for something that might.

use everlink_proto::link::election::{Ballot, ConnectionKey, Effect, Election, MAX_CONNECTIONS};
use everlink_proto::session::Order;

use crate::Row::{Follows, Impossible};
use crate::{Rows, assert_rows, explore};

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
