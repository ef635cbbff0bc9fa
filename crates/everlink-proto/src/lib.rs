//! The everlink protocol as a deterministic, sans-IO state machine.
#![forbid(unsafe_code)]

pub mod crypto;
pub mod id;
pub mod rng;
pub mod time;
