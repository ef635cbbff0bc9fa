//! everlink as it is by default.

use std::collections::BTreeSet;

use everlink::{Endpoint, Identity, ItemKind, Link, LinkState, PeerId, ReadHalf, Ticket, WriteHalf};
use tokio::sync::mpsc;

use super::Rival;
use crate::Result;

/// Streams accepted and not taken yet; the workloads have one at a time.
const ACCEPTED: usize = 16;

pub(crate) struct Everlink {
    pub(crate) endpoint: Endpoint,
    pub(crate) link: Option<Link>,
    accepted: Option<mpsc::Receiver<(ReadHalf, WriteHalf)>>,
}

impl Rival for Everlink {
    type Read = ReadHalf;
    type Write = WriteHalf;

    async fn listen() -> Result<(Self, String)> {
        let mut listener = Self::start().await?;
        let (give, accepted) = mpsc::channel(ACCEPTED);
        tokio::spawn(accept_from_all(listener.endpoint.clone(), give));
        listener.accepted = Some(accepted);
        let ticket = listener.ticket();
        Ok((listener, ticket))
    }

    async fn start() -> Result<Self> {
        let mut seed = [0; 32];
        rustls::crypto::ring::default_provider()
            .secure_random
            .fill(&mut seed)
            .map_err(|_| "no randomness")?;
        let builder =
            Endpoint::builder().identity(Identity::from_seed(&seed)).bind(([127, 0, 0, 1], 0).into());
        Ok(Self { endpoint: builder.start().await?, link: None, accepted: None })
    }

    async fn connect(&mut self, ticket: &str) -> Result<()> {
        let link = self.endpoint.add_ticket(&ticket.parse::<Ticket>()?);
        let mut watcher = link.watch();
        link.connect()?;
        while watcher.changed().await?.to != LinkState::Connected {}
        self.link = Some(link);
        Ok(())
    }

    async fn open(&mut self) -> Result<(ReadHalf, WriteHalf)> {
        Ok(self.link.as_ref().ok_or("not connected")?.open_stream().await?.split())
    }

    async fn accept(&mut self) -> Result<(ReadHalf, WriteHalf)> {
        let accepted = self.accepted.as_mut().ok_or("not listening")?;
        Ok(accepted.recv().await.ok_or("the listener ended")?)
    }

    async fn stop(self) -> Result<()> {
        self.endpoint.stop().await?;
        Ok(())
    }
}

impl Everlink {
    pub(crate) fn ticket(&self) -> String {
        self.endpoint.ticket().to_string()
    }
}

async fn accept_from_all(endpoint: Endpoint, give: mpsc::Sender<(ReadHalf, WriteHalf)>) {
    let mut known = BTreeSet::new();
    while let Ok(item) = endpoint.recv().await {
        if matches!(item.kind, ItemKind::SessionStarted) && known.insert(item.peer) {
            tokio::spawn(accept_from(endpoint.clone(), item.peer, give.clone()));
        }
    }
}

async fn accept_from(endpoint: Endpoint, peer: PeerId, give: mpsc::Sender<(ReadHalf, WriteHalf)>) {
    while let Ok(stream) = endpoint.link(peer).accept_stream().await {
        if give.send(stream.split()).await.is_err() {
            return;
        }
    }
}
