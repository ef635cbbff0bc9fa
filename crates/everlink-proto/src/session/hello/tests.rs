use super::*;

const A: Incarnation = Incarnation([0xa; 16]);
const B: Incarnation = Incarnation([0xb; 16]);

fn hello(half: u8, incarnation: Incarnation) -> Hello {
    Hello { half: Half([half; 16]), incarnation, counter: 0 }
}

fn counted(half: u8, incarnation: Incarnation, counter: u64) -> Hello {
    Hello { counter, ..hello(half, incarnation) }
}

fn order(generation: u64) -> Order {
    Order { generation, by_smaller: false }
}

fn begun() -> Continuity {
    let mut continuity = Continuity::new();
    continuity.mine(|| Half([0xff; 16]));
    assert_eq!(continuity.on_hello(hello(1, A), order(5), Known::Silent), HelloOutcome::Begin);
    continuity
}

#[test]
fn the_first_half_begins_the_session() {
    assert_eq!(begun().theirs(), Some(Half([1; 16])));
}

#[test]
fn the_same_half_goes_on_on_whatever_connection() {
    let mut continuity = begun();
    assert_eq!(continuity.on_hello(hello(1, A), order(6), Known::Alive), HelloOutcome::Continue);
    assert_eq!(continuity.on_hello(hello(1, A), order(2), Known::Alive), HelloOutcome::Continue);
}

#[test]
fn a_half_of_an_ended_session_is_gone_and_changes_nothing() {
    let mut continuity = begun();
    let ended = HelloOutcome::EndThenBegin(EndReason::PeerForgot);
    assert_eq!(continuity.on_hello(hello(2, A), order(6), Known::Alive), ended);
    let before = continuity.clone();
    assert_eq!(continuity.on_hello(hello(1, A), order(9), Known::Alive), HelloOutcome::Gone);
    assert_eq!(continuity, before);
}

#[test]
fn another_half_on_an_older_connection_is_stale_and_changes_nothing() {
    let mut continuity = begun();
    let before = continuity.clone();
    assert_eq!(continuity.on_hello(hello(2, A), order(4), Known::Silent), HelloOutcome::Stale);
    assert_eq!(continuity, before);
}

#[test]
fn a_half_of_a_process_that_dialled_while_the_present_one_lived_later_is_stale() {
    let mut continuity = begun();
    let before = continuity.clone();
    assert_eq!(continuity.on_hello(hello(2, B), order(6), Known::Later), HelloOutcome::Stale);
    assert_eq!(continuity, before);
    let ended = HelloOutcome::EndThenBegin(EndReason::PeerForgot);
    assert_eq!(continuity.on_hello(hello(3, A), order(7), Known::Later), ended, "it is the same process");
}

#[test]
fn crossing_connections_of_one_generation_are_ordered_by_their_initiator() {
    let mut continuity = Continuity::new();
    let by_smaller = Order { generation: 1, by_smaller: true };
    continuity.on_hello(hello(1, A), by_smaller, Known::Silent);
    assert_eq!(continuity.on_hello(hello(2, A), order(1), Known::Silent), HelloOutcome::Stale);
}

#[test]
fn another_half_of_the_same_incarnation_means_that_the_peer_forgot() {
    let mut continuity = begun();
    let ended = HelloOutcome::EndThenBegin(EndReason::PeerForgot);
    assert_eq!(continuity.on_hello(hello(2, A), order(6), Known::Alive), ended);
    assert_eq!(continuity.theirs(), Some(Half([2; 16])));
    assert_eq!(continuity.drawn(), Some(Half([0xff; 16])), "its own half is kept");
}

#[test]
fn another_half_of_another_incarnation_means_a_restart_if_the_old_connection_is_dead() {
    let mut continuity = begun();
    let ended = HelloOutcome::EndThenBegin(EndReason::PeerRestarted);
    assert_eq!(continuity.on_hello(hello(2, B), order(6), Known::Silent), ended);
}

#[test]
fn a_process_that_was_left_is_refused_until_the_switch_has_settled() {
    for known in [Known::Silent, Known::Alive] {
        let mut continuity = begun();
        continuity.on_hello(hello(2, B), order(6), Known::Silent);
        assert_eq!(continuity.on_hello(hello(3, A), order(7), known), HelloOutcome::Duplicate);
        continuity.on_switch_settled();
        assert_ne!(continuity.on_hello(hello(3, A), order(8), known), HelloOutcome::Duplicate);
    }
}

#[test]
fn a_process_that_forgot_twice_after_its_restart_is_no_double_of_itself() {
    let mut continuity = begun();
    continuity.on_hello(hello(2, B), order(6), Known::Silent);
    let ended = HelloOutcome::EndThenBegin(EndReason::PeerForgot);
    assert_eq!(continuity.on_hello(hello(3, B), order(7), Known::Alive), ended);
    assert_eq!(continuity.on_hello(hello(4, B), order(8), Known::Alive), ended);
}

#[test]
fn another_incarnation_is_checked_while_the_old_connection_is_alive() {
    let mut continuity = begun();
    assert_eq!(continuity.on_hello(hello(2, B), order(6), Known::Alive), HelloOutcome::CheckDuplicate);
    assert!(continuity.is_checking());
    assert_eq!(continuity.theirs(), Some(Half([1; 16])));
}

#[test]
fn an_answer_on_the_old_connection_means_two_processes_with_one_key() {
    let mut continuity = begun();
    let before = continuity.clone();
    continuity.on_hello(hello(2, B), order(6), Known::Alive);
    assert_eq!(continuity.on_check_result(Known::Alive), Some(CheckOutcome::Duplicate(order(6))));
    assert_eq!(continuity, before);
}

#[test]
fn whoever_dialled_before_the_present_process_last_lived_is_ignored() {
    let mut continuity = begun();
    let before = continuity.clone();
    continuity.on_hello(hello(2, B), order(6), Known::Alive);
    assert_eq!(continuity.checked(), Some(order(6)));
    assert_eq!(continuity.on_check_result(Known::Later), Some(CheckOutcome::Stale(order(6))));
    assert_eq!(continuity, before);
}

#[test]
fn silence_on_the_old_connection_means_a_restart() {
    let mut continuity = begun();
    continuity.on_hello(hello(2, B), order(6), Known::Alive);
    let ended = CheckOutcome::EndThenBegin(EndReason::PeerRestarted, order(6));
    assert_eq!(continuity.on_check_result(Known::Silent), Some(ended));
    assert_eq!(continuity.theirs(), Some(Half([2; 16])));
    assert_eq!(continuity.on_check_result(Known::Silent), None, "a check has one result");
}

#[test]
fn repeats_of_a_checked_half_wait_for_the_same_answer() {
    let mut continuity = begun();
    continuity.on_hello(hello(2, B), order(6), Known::Alive);
    assert_eq!(continuity.on_hello(hello(2, B), order(7), Known::Alive), HelloOutcome::CheckRunning);
    let ended = CheckOutcome::EndThenBegin(EndReason::PeerRestarted, order(7));
    assert_eq!(continuity.on_check_result(Known::Silent), Some(ended));
}

#[test]
fn a_third_half_during_a_check_starts_it_anew_unless_it_is_older() {
    let mut continuity = begun();
    continuity.on_hello(hello(2, B), order(6), Known::Alive);
    assert_eq!(continuity.on_hello(hello(3, B), order(5), Known::Alive), HelloOutcome::Stale);
    assert_eq!(continuity.on_hello(hello(4, B), order(7), Known::Alive), HelloOutcome::CheckDuplicate);
    continuity.on_check_result(Known::Silent);
    assert_eq!(continuity.theirs(), Some(Half([4; 16])));
}

#[test]
fn a_higher_counter_proves_the_restart_without_a_check() {
    let mut continuity = Continuity::new();
    continuity.on_hello(counted(1, A, 7), order(5), Known::Silent);
    let ended = HelloOutcome::EndThenBegin(EndReason::PeerRestarted);
    assert_eq!(continuity.on_hello(counted(2, B, 8), order(6), Known::Alive), ended);
}

#[test]
fn a_counter_that_is_not_higher_or_not_kept_proves_nothing() {
    for (old, new) in [(7, 7), (7, 6), (0, 8), (7, 0)] {
        let mut continuity = Continuity::new();
        continuity.on_hello(counted(1, A, old), order(5), Known::Silent);
        let outcome = continuity.on_hello(counted(2, B, new), order(6), Known::Alive);
        assert_eq!(outcome, HelloOutcome::CheckDuplicate);
    }
}

#[test]
fn forgetting_makes_the_next_use_draw_a_new_half() {
    let mut continuity = begun();
    continuity.on_hello(hello(2, A), order(6), Known::Alive);
    continuity.forget();
    assert_eq!(continuity.mine(|| Half([0xee; 16])), Half([0xee; 16]));
    assert_eq!(
        continuity.on_hello(hello(1, A), order(7), Known::Alive),
        HelloOutcome::Begin,
        "nothing ended since"
    );
}

#[test]
fn a_close_of_the_peers_leaves_our_half_and_ends_its_own() {
    let mut continuity = begun();
    let mine = continuity.mine(|| Half([0xaa; 16]));
    continuity.on_peer_closed();
    assert_eq!((continuity.drawn(), continuity.theirs()), (Some(mine), None));
    assert_eq!(continuity.on_hello(hello(1, A), order(6), Known::Silent), HelloOutcome::Gone);
    assert_eq!(continuity.on_hello(hello(2, A), order(7), Known::Silent), HelloOutcome::Begin);
}

#[test]
fn eight_ended_halves_are_remembered_and_the_ninth_is_not() {
    let mut continuity = begun();
    for half in 2..=10 {
        continuity.on_hello(hello(half, A), order(u64::from(half) + 10), Known::Alive);
    }
    assert_eq!(continuity.on_hello(hello(2, A), order(30), Known::Alive), HelloOutcome::Gone);
    let ended = HelloOutcome::EndThenBegin(EndReason::PeerForgot);
    assert_eq!(continuity.on_hello(hello(1, A), order(30), Known::Alive), ended);
}

#[test]
fn a_higher_counter_is_a_restart_whatever_the_dates_say() {
    let mut continuity = Continuity::new();
    continuity.on_hello(counted(1, A, 7), order(5), Known::Silent);
    let ended = HelloOutcome::EndThenBegin(EndReason::PeerRestarted);
    assert_eq!(continuity.on_hello(counted(2, B, 8), order(6), Known::Later), ended);
}

#[test]
fn a_process_that_came_back_is_not_its_own_double_after_a_close() {
    let mut continuity = begun();
    continuity.on_hello(hello(2, B), order(6), Known::Silent);
    continuity.on_switch_settled();
    continuity.on_hello(hello(3, A), order(7), Known::Silent);
    continuity.forget();
    assert_eq!(continuity.on_hello(hello(4, A), order(8), Known::Silent), HelloOutcome::Begin);
}

#[test]
fn a_process_that_was_left_over_a_close_does_not_come_back_at_once() {
    let mut continuity = begun();
    continuity.forget();
    assert_eq!(continuity.on_hello(hello(2, B), order(6), Known::Silent), HelloOutcome::Begin);
    assert_eq!(continuity.on_hello(hello(3, A), order(7), Known::Silent), HelloOutcome::Duplicate);
    continuity.forget();
    assert_eq!(continuity.on_hello(hello(4, A), order(8), Known::Silent), HelloOutcome::Duplicate);
    continuity.on_switch_settled();
    assert_eq!(continuity.on_hello(hello(5, A), order(9), Known::Silent), HelloOutcome::Begin);
}

#[test]
fn whoever_was_left_before_the_last_switch_does_not_come_back_after_it_either() {
    let mut continuity = begun();
    continuity.on_hello(hello(2, B), order(6), Known::Silent);
    continuity.on_switch_settled();
    let third = Incarnation([0xc; 16]);
    continuity.on_hello(hello(3, third), order(7), Known::Silent);
    assert_eq!(continuity.on_hello(hello(4, A), order(8), Known::Silent), HelloOutcome::Duplicate);
}
