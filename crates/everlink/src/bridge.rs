//! The bridge: all that operations see of the network.
//!
//! An operation knows *whom* to tell and *what*; how, over which connection, and whether there is
//! one at this moment is not its business. So there is one call, whose errors are about policy only,
//! and whose receipt says later what became of the message.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use everlink_proto::id::PeerId;

use crate::endpoint::Endpoint;
use crate::error::SendError;
use crate::receipt::Receipt;

/// Sends messages to peers.
pub trait NetworkBridge: Send + Sync {
    /// Accepts `message` for `peer`, waiting for room if there is none.
    ///
    /// Cancel safe: a future dropped before it is ready has accepted nothing.
    fn send(&self, peer: &PeerId, message: Bytes) -> impl Future<Output = Result<Receipt, SendError>> + Send;
}

impl NetworkBridge for Endpoint {
    async fn send(&self, peer: &PeerId, message: Bytes) -> Result<Receipt, SendError> {
        self.link(*peer).send(message).await
    }
}

impl<B: NetworkBridge> NetworkBridge for Arc<B> {
    async fn send(&self, peer: &PeerId, message: Bytes) -> Result<Receipt, SendError> {
        B::send(self, peer, message).await
    }
}
