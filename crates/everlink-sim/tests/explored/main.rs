//! The machines of the core whose states are too many to list: every state that can be reached with a few names is
//! visited, every input is given to each, and what must never happen is looked for. The pairs are counted by kind: each
//! kind does what its row says, or its row says why it cannot occur.

#![allow(clippy::disallowed_types, reason = "of the set of states seen nobody asks the order")]

mod dial;
mod election;
mod hello;
mod slots;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::Hash;

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
