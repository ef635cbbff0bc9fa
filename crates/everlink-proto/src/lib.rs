//! The everlink protocol as a deterministic, sans-IO state machine.
#![forbid(unsafe_code)]

mod base32;
pub mod crypto;
pub mod id;
pub mod range_set;
pub mod recovery;
pub mod rng;
pub mod ticket;
pub mod time;
pub mod wire;
