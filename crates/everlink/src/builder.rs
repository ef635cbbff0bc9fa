//! Making an endpoint.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use everlink_proto::crypto::Provider;
use everlink_proto::crypto::identity::Identity;
use everlink_proto::rng::Rng;
use everlink_proto::{Config, Endpoint as Core};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::runtime::Handle;

use crate::clock::{Clock, SystemClock};
use crate::driver::Driver;
use crate::endpoint::Endpoint;
use crate::error::StartError;
use crate::key_file::{KeyFile, KeyFileError};
use crate::provider::Ring;
use crate::shared::Shared;
use crate::socket::{Socket, UdpSockets};

/// Makes an [`Endpoint`]. Nothing is needed; an endpoint that others are to find again needs a key file, or an identity
/// that is kept otherwise.
#[must_use = "an endpoint is made by `start`"]
pub struct Builder {
    identity: Option<Identity>,
    addresses: Vec<SocketAddr>,
    config: Config,
    socket: Option<Box<dyn Socket>>,
    clock: Arc<dyn Clock>,
    provider: Arc<dyn Provider>,
    seed: Option<[u8; 32]>,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            identity: None,
            addresses: Vec::new(),
            config: Config::default(),
            socket: None,
            clock: Arc::new(SystemClock),
            provider: Arc::new(Ring),
            seed: None,
        }
    }

    /// Who the endpoint is. Without an identity or a key file it is somebody new, whose key is gone when it ends.
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Who the endpoint is, from a file, which is made if it does not exist.
    pub fn key_file(self, path: impl Into<PathBuf>) -> Result<Self, KeyFileError> {
        Ok(self.identity(KeyFile::at(path).load_or_create()?))
    }

    /// Binds this address; once for IPv4 and once for IPv6, at most. Without any, all addresses of
    /// the machine are bound, at any port.
    pub fn bind(mut self, address: SocketAddr) -> Self {
        self.addresses.push(address);
        self
    }

    /// Settings of the protocol.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Sends and receives through this instead of UDP; what is to be bound is then ignored.
    pub fn socket(mut self, socket: Box<dyn Socket>) -> Self {
        self.socket = Some(socket);
        self
    }

    /// Lives by this clock instead of the system's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Protects packets by this instead of `ring`.
    pub fn provider(mut self, provider: Arc<dyn Provider>) -> Self {
        self.provider = provider;
        self
    }

    /// Draws all randomness from this instead of the system: for simulations, since whoever knows
    /// the seed can read everything.
    pub fn insecure_seed(mut self, seed: [u8; 32]) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Binds, and starts to drive the endpoint on the current tokio runtime.
    pub async fn start(self) -> Result<Endpoint, StartError> {
        let runtime = Handle::try_current().map_err(|_| StartError::NoRuntime)?;
        let mut rng = Rng::from_seed(self.seed.map_or_else(random_seed, Ok)?);
        let identity = self.identity.unwrap_or_else(|| Identity::generate(&mut rng));
        let socket = self.socket.map_or_else(|| bind(&self.addresses), Ok)?;
        let timer = self.clock.timer().map_err(StartError::Timer)?;
        let core = Core::new(self.clock.now(), identity, self.config, self.provider, rng.bytes());
        let shared = Shared::new(core, socket, self.clock);
        runtime.spawn(Driver::new(Arc::clone(&shared), timer));
        Ok(Endpoint::new(shared))
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("identity", &self.identity)
            .field("addresses", &self.addresses)
            .field("socket", &self.socket)
            .finish_non_exhaustive()
    }
}

fn bind(addresses: &[SocketAddr]) -> Result<Box<dyn Socket>, StartError> {
    let bound = match addresses {
        [] => UdpSockets::bind_everywhere(),
        addresses => UdpSockets::bind(addresses),
    };
    let wanted = || match addresses {
        [] => "any address".to_owned(),
        addresses => addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and "),
    };
    let bound = bound.map_err(|source| StartError::Bind { wanted: wanted(), source })?;
    Ok(Box::new(bound))
}

fn random_seed() -> Result<[u8; 32], StartError> {
    let mut seed = [0; 32];
    SystemRandom::new().fill(&mut seed).map_err(|_| StartError::NoRandomness)?;
    Ok(seed)
}
