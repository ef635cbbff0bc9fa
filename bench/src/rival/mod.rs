//! Those who are compared. Each is a file here and a row of [`Name`].

pub(crate) mod everlink;
pub(crate) mod quinn;

use std::fmt;
use std::future::Future;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::Result;

/// Whom to measure.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, clap::ValueEnum)]
pub(crate) enum Name {
    Everlink,
    Quinn,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Everlink => "everlink",
            Self::Quinn => "quinn",
        })
    }
}

/// An endpoint with streams, on the runtime of the calling thread.
///
/// All use datagrams of 1,200 bytes and AES-256-GCM, and are otherwise as they are by default.
pub(crate) trait Rival: Sized {
    type Read: AsyncRead + Unpin;
    type Write: AsyncWrite + Unpin;

    /// An endpoint that takes connections from everybody, and what leads to it.
    fn listen() -> impl Future<Output = Result<(Self, String)>>;

    /// An endpoint that knows nobody.
    fn start() -> impl Future<Output = Result<Self>>;

    /// Ready when data may be sent under keys.
    fn connect(&mut self, ticket: &str) -> impl Future<Output = Result<()>>;

    /// Opens a stream to whom it is connected.
    fn open(&mut self) -> impl Future<Output = Result<(Self::Read, Self::Write)>>;

    /// The next stream of anybody.
    fn accept(&mut self) -> impl Future<Output = Result<(Self::Read, Self::Write)>>;

    /// Ends in an orderly way.
    fn stop(self) -> impl Future<Output = Result<()>>;
}
