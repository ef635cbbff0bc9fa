//! The everlink protocol as a deterministic, sans-IO state machine.
#![forbid(unsafe_code)]

pub mod id;
pub mod range_set;
pub mod recovery;
pub mod rng;
pub mod time;
