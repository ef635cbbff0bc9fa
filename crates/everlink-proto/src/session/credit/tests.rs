use super::*;

#[test]
fn a_grant_follows_what_the_application_takes() {
    let mut grant = Grant::new(100, 1000);
    grant.see(60).expect("within the start");
    assert!(grant.is_due(0), "a quarter of the start is used");
    assert_eq!(grant.announce(), 1000);
    grant.see(900).expect("within the grant");
    assert!(!grant.is_due(0), "nothing was taken, so nothing can be granted");
    grant.consume(200);
    assert!(!grant.is_due(0), "a fifth of the window is not worth a frame");
    grant.consume(100);
    assert!(grant.is_due(0));
    assert_eq!(grant.announce(), 1300);
}

#[test]
fn an_announced_message_makes_the_first_top_up_due_at_once() {
    let mut grant = Grant::new(100, 1000);
    grant.see(10).expect("within the start");
    assert!(!grant.is_due(0));
    assert!(grant.is_due(91));
}

#[test]
fn more_than_was_granted_is_an_offence() {
    let mut grant = Grant::new(100, 1000);
    assert_eq!(grant.see(100), Ok(()));
    assert_eq!(grant.see(1), Err(Exceeded));
}

#[test]
fn a_reservation_is_granted_and_spent_without_taking_anything_back() {
    let mut grant = Grant::new(100, 100);
    grant.see(50).expect("within the start");
    grant.reserve(500);
    assert_eq!(grant.announce(), 600);
    grant.see(450).expect("within the reservation");
    grant.consume(500);
    grant.reserve(0);
    assert_eq!(grant.wanted(), 600);
}

#[test]
fn what_an_earlier_session_left_unread_leaves_less_room() {
    let mut grant = Grant::new(100, 1000);
    grant.set_backlog(950);
    assert!(grant.has_room(50));
    assert!(!grant.has_room(51));
    assert_eq!(grant.wanted(), 100);
    grant.set_backlog(0);
    assert!(grant.has_room(5000), "the credit alone decides");
    assert_eq!(grant.wanted(), 1000);
}

#[test]
fn an_old_or_repeated_credit_changes_nothing() {
    let mut allowance = Allowance::new(100);
    allowance.spend(80);
    assert!(allowance.raise(200));
    assert!(!allowance.raise(200));
    assert!(!allowance.raise(150));
    assert_eq!(allowance.available(), 120);
}

// A quarter of the window was more than a large backlog leaves, and a peer that had spent all waited for ever.
#[test]
fn a_peer_that_has_spent_all_gets_what_a_large_backlog_leaves() {
    let mut grant = Grant::new(1_000, 16_000);
    grant.set_backlog(13_000);
    grant.see(1_000).unwrap();
    grant.consume(1_000);
    assert!(grant.is_due(0));
    assert_eq!(grant.announce(), 4_000);
    assert!(!grant.is_due(0));
    grant.see(3_000).unwrap();
    grant.consume(700);
    assert!(!grant.is_due(0));
    grant.consume(50);
    assert!(grant.is_due(0), "a quarter of what is left is free again");
}
