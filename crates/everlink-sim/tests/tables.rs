//! The tables of the core, pair by pair: each pair of state and input is an edge or says why it is none.

use everlink_proto::link::close::{Closing, Progress, Turn};
use everlink_proto::link::election::ConnectionKey;
use everlink_proto::link::lifecycle::{Fact, Health, LinkState, Row};
use std::collections::BTreeSet;

const HERE: ConnectionKey = ConnectionKey(1);
const THERE: ConnectionKey = ConnectionKey(2);

#[test]
fn every_state_of_a_link_answers_every_fact_or_says_why_it_cannot_occur() {
    for state in LinkState::ALL {
        for fact in Fact::ALL {
            match state.row(fact) {
                Row::Edge(to) => assert_ne!(to, state, "{state:?} on {fact:?} goes nowhere"),
                Row::Impossible(why) => assert!(!why.is_empty(), "{state:?} on {fact:?}"),
            }
        }
    }
}

#[test]
fn the_facts_that_a_link_tells_itself_are_edges_and_all_edges_are_told() {
    let mut told = BTreeSet::new();
    for state in LinkState::ALL {
        for needed in [false, true] {
            for health in [Health::None, Health::Usable, Health::Suspect] {
                if let Some(fact) = state.fact(needed, health) {
                    assert!(matches!(state.row(fact), Row::Edge(_)), "{state:?} on {fact:?}");
                    told.insert((state, fact));
                }
            }
        }
    }
    let pairs = LinkState::ALL.into_iter().flat_map(|state| Fact::ALL.map(|fact| (state, fact)));
    let edges: BTreeSet<_> = pairs.filter(|(state, fact)| matches!(state.row(*fact), Row::Edge(_))).collect();
    assert_eq!(told, edges);
}

#[test]
fn every_phase_of_a_close_answers_every_turn() {
    use Closing::{Flushing, Leaving, Open, Settling};
    use Progress::{Goes, Over};
    use Turn::{Asked, Flushed, Late, Moved, Settled};
    // (phase, turn, what follows, why nothing does)
    let table = [
        (Open, Asked, Goes(Flushing), ""),
        (Open, Flushed, Goes(Open), "nobody asked"),
        (Open, Settled(HERE), Goes(Open), "nobody asked"),
        (Open, Late(None), Goes(Open), "nobody asked"),
        (Open, Late(Some(HERE)), Goes(Open), "nobody asked"),
        (Open, Moved(None), Goes(Open), "nobody asked"),
        (Open, Moved(Some(THERE)), Goes(Open), "nobody asked"),
        (Flushing, Asked, Goes(Flushing), "it was asked before"),
        (Flushing, Flushed, Goes(Settling), ""),
        (Flushing, Settled(HERE), Goes(Flushing), "what is still to go out comes first"),
        (Flushing, Late(None), Over, ""),
        (Flushing, Late(Some(HERE)), Goes(Settling), ""),
        (Flushing, Moved(None), Goes(Flushing), "CLOSE is not out yet"),
        (Flushing, Moved(Some(THERE)), Goes(Flushing), "CLOSE is not out yet"),
        (Settling, Asked, Goes(Settling), "it was asked before"),
        (Settling, Flushed, Goes(Settling), "it was flushed before"),
        (Settling, Settled(HERE), Goes(Leaving(HERE)), ""),
        (Settling, Late(None), Over, ""),
        (Settling, Late(Some(HERE)), Goes(Leaving(HERE)), ""),
        (Settling, Moved(None), Goes(Settling), "CLOSE is not out yet"),
        (Settling, Moved(Some(THERE)), Goes(Settling), "CLOSE is not out yet"),
        (Leaving(HERE), Asked, Goes(Leaving(HERE)), "it was asked before"),
        (Leaving(HERE), Flushed, Goes(Leaving(HERE)), "it was flushed before"),
        (Leaving(HERE), Settled(THERE), Goes(Leaving(HERE)), "CLOSE is out already"),
        (Leaving(HERE), Late(None), Over, ""),
        (Leaving(HERE), Late(Some(HERE)), Over, ""),
        (Leaving(HERE), Moved(None), Over, ""),
        (Leaving(HERE), Moved(Some(THERE)), Goes(Leaving(THERE)), ""),
    ];
    for (phase, turn, follows, why) in table {
        assert_eq!(phase.on(turn), follows, "{phase:?} on {turn:?}");
        assert_eq!(
            follows == Goes(phase),
            !why.is_empty(),
            "{phase:?} on {turn:?} does nothing, or says why"
        );
    }
    let pairs: BTreeSet<_> = table.iter().map(|(phase, turn, ..)| format!("{phase:?} {turn:?}")).collect();
    assert_eq!(pairs.len(), 4 * 7, "four phases, five turns of which two come with and without a connection");
}
