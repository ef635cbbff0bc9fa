//! The session as a whole, over a network that is not kind.

mod close;
mod credit;
mod pieces;
mod rules;
mod streams;
mod world;

use world::World;

use super::*;
use crate::wire::codec::Writer;
use crate::wire::frame::{CloseCode, Frame};

const RESTARTS: [OnRestart; 3] = [OnRestart::Carry, OnRestart::Drop, OnRestart::Resend];

/// Windows as small as they may be, so that credit matters.
fn tight() -> SessionConfig {
    SessionConfig {
        send_budget: 300 << 10,
        link_window: 512 << 10,
        channel_window: 64 << 10,
        stream_window: 64 << 10,
        stream_buffer: 32 << 10,
    }
}

/// Mostly small messages, some of a few packets, few that are larger than every window.
fn random_len(world: &mut World) -> usize {
    let bound = match world.rng.below(100) {
        0..80 => 200,
        80..95 => 3_000,
        95..99 => 60_000,
        _ => 290_000,
    };
    usize::try_from(world.rng.below(bound)).expect("small")
}

fn random_step(world: &mut World) {
    let side = usize::from(world.chance(50));
    match world.rng.below(10) {
        0..5 => {
            let channel = world.rng.below(3);
            let on_restart = RESTARTS[usize::try_from(channel).expect("small")];
            let (len, wants_done) = (random_len(world), world.chance(20));
            let _ = world.send(side, channel, on_restart, len, wants_done);
        }
        5..8 => {
            for _ in 0..world.rng.below(8) {
                world.recv(side);
            }
        }
        8 => {
            if let Some(token) = world.tokens[side].pop() {
                world.sides[side].done(token);
            }
        }
        _ => world.tick(),
    }
    world.tick();
}

/// Thousands of random steps, with `disturb` now and then; then everything must settle and be true.
fn random_run(seed: u8, loss: u64, disturb: impl Fn(&mut World)) {
    let mut world = World::new(seed, tight());
    world.loss = loss;
    for _ in 0..3_000 {
        random_step(&mut world);
        if world.rng.below(300) == 0 {
            disturb(&mut world);
        }
    }
    world.settle();
    world.check();
    let large = world.messages.iter().filter(|message| message.is_large && !message.entered.is_empty());
    assert!(large.count() > 3, "the run reached its subject");
}

#[test]
fn every_message_arrives_once_and_in_order_whatever_the_network_does() {
    for seed in 0..6 {
        random_run(seed, u64::from(seed) * 6, |_| {});
    }
}

#[test]
fn verdicts_are_true_when_a_peer_restarts_at_any_instant() {
    for seed in 0..8 {
        random_run(seed, 10, |world| {
            let side = usize::from(world.chance(50));
            world.restart(side);
        });
    }
}

#[test]
fn verdicts_are_true_when_a_peer_forgets_at_any_instant() {
    for seed in 0..8 {
        random_run(seed, 10, |world| {
            let side = usize::from(world.chance(50));
            world.sides[side].end(EndReason::ClosedHere, None);
            world.sides[1 - side].end(EndReason::PeerForgot, None);
            world.begin();
        });
    }
}

#[test]
fn verdicts_are_true_when_a_side_closes_at_any_instant() {
    for seed in 0..8 {
        random_run(seed, 10, |world| {
            let side = usize::from(world.chance(50));
            let code = if world.chance(50) { CloseCode::Idle } else { CloseCode::Application };
            world.close(side, code);
        });
    }
}
