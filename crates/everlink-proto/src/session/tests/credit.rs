//! Back-pressure: nobody sends more than the other can hold, and everybody gets through.

use super::*;
use crate::session::credit::{CHANNEL_START, LINK_START};

const CARRY: OnRestart = OnRestart::Carry;

fn run_until_delivered(world: &mut World, ids: &[usize]) {
    for _ in 0..50_000 {
        world.tick();
        for side in 0..2 {
            world.drain(side);
        }
        if ids.iter().all(|id| world.messages[*id].verdicts == [Verdict::Delivered]) {
            return;
        }
    }
    panic!("stuck: {:#?}", [world.sides[0].snapshot(), world.sides[1].snapshot()]);
}

#[test]
fn a_message_of_16_mib_passes_through_a_small_window() {
    let mut world = World::new(1, tight());
    world.loss = 2;
    let id = world.send(0, 0, CARRY, MESSAGE_MAX, false).expect("it may pass alone");
    run_until_delivered(&mut world, &[id]);
}

#[test]
fn large_messages_on_many_channels_do_not_wait_for_each_other() {
    for seed in 0..5 {
        let config = SessionConfig { send_budget: 16 << 20, ..tight() };
        let mut world = World::new(seed, config);
        world.loss = 5;
        let send = |channel| world.send(0, channel, CARRY, 700_000, false).expect("there is room");
        let ids: Vec<_> = (0..12).map(send).collect();
        run_until_delivered(&mut world, &ids);
    }
}

// Each had credit of its channel, and the first part of the other held what it lacked of the link's.
#[test]
fn messages_as_large_as_the_window_of_the_link_do_not_wait_for_each_other() {
    for window in [256 << 10, 600 << 10, 1 << 20] {
        let config =
            SessionConfig { send_budget: 16 << 20, link_window: window, channel_window: window, ..tight() };
        let mut world = World::new(6, config);
        let len = usize::try_from(window).expect("small") - 144;
        let send = |channel| world.send(0, channel, CARRY, len, false).expect("there is room");
        let ids: Vec<_> = (0..8).map(send).collect();
        run_until_delivered(&mut world, &ids);
    }
}

#[test]
fn messages_opened_on_every_channel_at_once_do_not_wait_for_each_other() {
    let config = SessionConfig { send_budget: 32 << 20, channel_window: 256 << 10, ..tight() };
    let mut world = World::new(7, config);
    let send = |channel| world.send(0, channel, CARRY, 60_000, false).expect("there is room");
    let ids: Vec<_> = (0..256).map(send).collect();
    run_until_delivered(&mut world, &ids);
}

#[test]
fn a_large_message_gets_its_turn_among_small_ones_that_never_end() {
    let config = SessionConfig { send_budget: 2 << 20, ..tight() };
    let mut world = World::new(3, config);
    let large = world.send(0, 99, CARRY, 250_000, false).expect("there is room");
    for _ in 0..3_000 {
        for channel in 0..8 {
            let _ = world.send(0, channel, CARRY, 900, false);
        }
        world.tick();
        for _ in 0..20 {
            world.recv(1);
        }
        if !world.messages[large].verdicts.is_empty() {
            return;
        }
    }
    panic!("starved: {:#?}", [world.sides[0].snapshot(), world.sides[1].snapshot()]);
}

#[test]
fn a_slow_consumer_stops_its_sender_and_nothing_is_lost() {
    let mut world = World::new(4, tight());
    let mut ids = Vec::new();
    for _ in 0..2_000 {
        ids.extend(world.send(0, 0, CARRY, 5_000, false).ok());
        world.tick();
    }
    let (sender, receiver) = (world.sides[0].snapshot(), world.sides[1].snapshot());
    assert!(receiver.inbox_cost <= tight().channel_window, "{receiver:#?}");
    assert!(sender.blocked_by_credit && world.sides[0].owes());
    assert!(!world.sides[0].has_pending(true), "nothing may go out");
    let refused = world.send(0, 0, CARRY, 5_000, false);
    assert_eq!(refused, Err(SendRefused::Full));
    world.events[0].clear();
    run_until_delivered(&mut world, &ids);
    assert!(world.events[0].contains(&SessionEvent::SendRoom));
    world.check();
}

#[test]
fn a_channel_that_nobody_could_pay_for_does_not_stop_the_others() {
    let mut world = World::new(5, SessionConfig { send_budget: 4 << 20, link_window: 1 << 20, ..tight() });
    for _ in 0..100 {
        world.send(0, 0, CARRY, 1_000, false).expect("there is room");
    }
    for _ in 0..500 {
        world.tick(); // nobody reads, so channel 0 runs out of credit
    }
    assert!(world.sides[0].blocked_by_credit());
    let id = world.send(0, 1, CARRY, 1_000, false).expect("there is room");
    for _ in 0..200 {
        world.tick();
    }
    assert_eq!(world.messages[id].verdicts, [Verdict::Delivered]);
}

#[test]
fn credit_never_leaks_over_the_ends_of_sessions() {
    let mut world = World::new(6, tight());
    world.loss = 10;
    for _ in 0..20 {
        for _ in 0..150 {
            random_step(&mut world);
        }
        world.sides[0].end(EndReason::PeerForgot, None);
        world.sides[1].end(EndReason::PeerForgot, None);
        world.begin();
        for side in &world.sides {
            let snapshot = side.snapshot();
            assert_eq!(snapshot.link_credit, LINK_START);
            for channel in snapshot.channels {
                match channel {
                    ChannelSnapshot::Sending { bound, next, credit, .. } => {
                        assert_eq!((bound, next, credit), (0, 0, CHANNEL_START));
                    }
                    ChannelSnapshot::Receiving { .. } => panic!("channels begin anew"),
                }
            }
        }
    }
    world.settle();
    world.check();
    for side in &world.sides {
        let snapshot = side.snapshot();
        assert_eq!((snapshot.open_messages, snapshot.open_cost, snapshot.inbox_cost), (0, 0, 0));
    }
}

#[test]
fn an_unread_inbox_stays_bounded_over_many_sessions() {
    let mut world = World::new(7, tight());
    for _ in 0..30 {
        for _ in 0..100 {
            let _ = world.send(0, 0, CARRY, 1_000, false);
            let _ = world.send(0, 1, CARRY, 20_000, false);
            world.tick();
        }
        let snapshot = world.sides[1].snapshot();
        assert!(snapshot.inbox_cost <= tight().link_window, "{snapshot:#?}");
        world.sides[0].end(EndReason::PeerForgot, None);
        world.sides[1].end(EndReason::PeerForgot, None);
        world.begin();
    }
    world.settle();
    world.check();
}
