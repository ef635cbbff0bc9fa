//! everlink: send to an identity.
//!
//! A peer is a public key. [`Endpoint::link`] gives the [`Link`] to it, and [`Link::send`] accepts a
//! message for it, whether there is a connection at this moment or not; connections, addresses and
//! keys come and go underneath. What was accepted is delivered once and in order, or its
//! [`Receipt`] says what became of it.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use everlink::{Endpoint, ItemKind};
//!
//! let alice = Endpoint::builder().start().await?; // a new identity; key_file(path) keeps one
//! let bob = Endpoint::builder().start().await?;
//!
//! let receipt = alice.add_ticket(&bob.ticket()).send("hello").await?;
//! loop {
//!     if let ItemKind::Message(message) = bob.recv().await?.kind {
//!         assert_eq!(message.body, "hello");
//!         break;
//!     }
//! }
//! receipt.verdict().await?;
//! # Ok(())
//! # }
//! ```
//!
//! An endpoint is driven by one task on the tokio runtime where it was started; its handles work
//! from every thread, inside a runtime or not. Nothing here is unbounded, and no future loses
//! anything when it is dropped.
#![forbid(unsafe_code)]

mod bell;
mod bridge;
mod builder;
pub mod clock;
mod driver;
mod endpoint;
mod error;
mod inbox;
mod interfaces;
mod key_file;
mod line;
mod link;
mod provider;
mod receipt;
mod shared;
pub mod socket;
mod stream;
mod wait;
mod watch;

/// What another [`Provider`] is made of.
pub mod crypto {
    pub use everlink_proto::crypto::{HeaderKey, OpenError, PacketKey, Suite, TAG_LEN};
}

pub use bridge::NetworkBridge;
pub use builder::Builder;
pub use endpoint::{Endpoint, StopReport};
pub use error::{EndpointFailed, FailureCause, RecvError, SendError, StartError, StreamError};
pub use inbox::{Item, ItemKind, LinkReceiver, Message};
pub use key_file::{KeyFile, KeyFileError};
pub use link::{Draft, Link, Sending};
pub use provider::Ring;
pub use receipt::Receipt;
pub use shared::{Notice, StateChange};
pub use stream::{ReadHalf, Stream, WriteHalf};
pub use watch::Watcher;

pub use everlink_proto::crypto::Provider;
pub use everlink_proto::crypto::identity::Identity;
pub use everlink_proto::crypto::keys::KeyLimits;
pub use everlink_proto::crypto::noise::Network;
pub use everlink_proto::event::Reason;
pub use everlink_proto::id::{PeerId, PeerIdError};
pub use everlink_proto::link::history::{Cause, Transition};
pub use everlink_proto::link::lifecycle::LinkState;
pub use everlink_proto::link::{ConnectionSnapshot, Explanation, LinkSnapshot};
pub use everlink_proto::recovery::congestion::Algorithm;
pub use everlink_proto::session::{
    ChannelOptions, EndReason, MessageId, NotDelivered, OnRestart, SessionConfig, Unknown, Verdict,
};
pub use everlink_proto::stats::Stats;
pub use everlink_proto::ticket::{Ticket, TicketError};
pub use everlink_proto::wire::frame::CloseCode;
pub use everlink_proto::{Config, Deadline, StreamError as StreamEnd, StreamId};

/// The README's lines are compiled and run with the tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct ReadmeExamples;
