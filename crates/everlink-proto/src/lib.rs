//! The everlink protocol as a deterministic, sans-IO state machine.
//!
//! A peer is an identity you can always send to: a *link* to it outlives every connection underneath. This crate
//! holds the whole protocol and touches nothing: no sockets, tasks, clocks, threads or randomness of its own. A driver
//! hands in datagrams, the time and commands, and takes datagrams, deadlines and events out; the rhythm of the
//! calls is told at [`Endpoint`]. The tokio driver (`everlink`) and the simulator (`everlink-sim`) drive the very same
//! code.
//!
//! ```text
//!  endpoint   who is meant; first contact              application calls
//!     |                                                      |
//!   link      lifecycle, election, tries, resume  <----------'
//!     |   \
//!  session  connection    channels, streams, receipts | keys, packets, what is under way
//!              |
//!            path         packet numbers, loss, congestion, address
//! ```
//!
//! The wire format and every constant are specified in `docs/SPEC.md`; comments cite its sections.
#![forbid(unsafe_code)]

mod base32;
pub mod config;
mod connection;
pub mod crypto;
mod endpoint;
pub mod error;
pub mod event;
pub mod id;
pub mod link;
mod path;
pub mod range_set;
pub mod recovery;
pub mod rng;
mod router;
pub mod session;
pub mod stats;
pub mod stream;
pub mod ticket;
pub mod time;
pub mod wire;

pub use crate::{
    config::Config,
    endpoint::{Endpoint, Footprint, OpenError, Transmit, places},
    error::SendError,
    event::{Deadline, Event, Reason},
    stream::{Read, StreamError, StreamId},
};
