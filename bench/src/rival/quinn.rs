//! quinn: datagrams of 1,200 bytes, AES-256-GCM of `ring`, the rest as it is by default.

use std::net::SocketAddr;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{ClientConfig, Connection, Endpoint, RecvStream, SendStream, ServerConfig, TransportConfig};
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::cipher_suite::{TLS13_AES_128_GCM_SHA256, TLS13_AES_256_GCM_SHA384};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::quic::Suite;
use tokio::sync::mpsc;

use super::Rival;
use crate::Result;

/// The name in the certificate.
const HOST: &str = "localhost";

/// Streams accepted and not taken yet; the workloads have one at a time.
const ACCEPTED: usize = 16;

pub(crate) struct Quinn {
    endpoint: Endpoint,
    connection: Option<Connection>,
    accepted: Option<mpsc::Receiver<(SendStream, RecvStream)>>,
}

impl Rival for Quinn {
    type Read = RecvStream;
    type Write = SendStream;

    async fn listen() -> Result<(Self, String)> {
        let made = rcgen::generate_simple_self_signed([HOST.to_owned()])?;
        let certificate = made.cert.der().clone();
        let ticket_end = HEXLOWER.encode(&certificate);
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())?;
        let endpoint = Endpoint::server(server_config(certificate, key)?, any_port())?;
        let ticket = format!("{} {ticket_end}", endpoint.local_addr()?);
        let (give, accepted) = mpsc::channel(ACCEPTED);
        tokio::spawn(accept_from_all(endpoint.clone(), give));
        Ok((Self { endpoint, connection: None, accepted: Some(accepted) }, ticket))
    }

    async fn start() -> Result<Self> {
        Ok(Self { endpoint: Endpoint::client(any_port())?, connection: None, accepted: None })
    }

    async fn connect(&mut self, ticket: &str) -> Result<()> {
        let (address, certificate) =
            ticket.split_once(' ').ok_or("a ticket is an address and a certificate")?;
        let certificate = CertificateDer::from(HEXLOWER.decode(certificate.as_bytes())?);
        let connecting = self.endpoint.connect_with(client_config(certificate)?, address.parse()?, HOST)?;
        self.connection = Some(connecting.await?);
        Ok(())
    }

    async fn open(&mut self) -> Result<(RecvStream, SendStream)> {
        let (write, read) = self.connection.as_ref().ok_or("not connected")?.open_bi().await?;
        Ok((read, write))
    }

    async fn accept(&mut self) -> Result<(RecvStream, SendStream)> {
        let accepted = self.accepted.as_mut().ok_or("not listening")?;
        let (write, read) = accepted.recv().await.ok_or("the listener ended")?;
        Ok((read, write))
    }

    async fn stop(self) -> Result<()> {
        self.endpoint.close(0u32.into(), b"");
        self.endpoint.wait_idle().await;
        Ok(())
    }
}

async fn accept_from_all(endpoint: Endpoint, give: mpsc::Sender<(SendStream, RecvStream)>) {
    while let Some(incoming) = endpoint.accept().await {
        let give = give.clone();
        tokio::spawn(async move {
            let Ok(connection) = incoming.await else { return };
            while let Ok(stream) = connection.accept_bi().await {
                if give.send(stream).await.is_err() {
                    return;
                }
            }
        });
    }
}

fn any_port() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

fn server_config(certificate: CertificateDer<'static>, key: PrivateKeyDer<'static>) -> Result<ServerConfig> {
    let tls = rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    let crypto = QuicServerConfig::with_initial(Arc::new(tls), initial_suite()?)?;
    let mut config = ServerConfig::with_crypto(Arc::new(crypto));
    config.transport_config(transport());
    Ok(config)
}

fn client_config(certificate: CertificateDer<'static>) -> Result<ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate)?;
    let tls = rustls::ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let crypto = QuicClientConfig::with_initial(Arc::new(tls), initial_suite()?)?;
    let mut config = ClientConfig::new(Arc::new(crypto));
    config.transport_config(transport());
    Ok(config)
}

/// The cipher that everlink uses on this kind of CPU, and no other.
fn provider() -> Arc<CryptoProvider> {
    let ring = rustls::crypto::ring::default_provider();
    Arc::new(CryptoProvider { cipher_suites: vec![TLS13_AES_256_GCM_SHA384], ..ring })
}

/// RFC 9001, 5.2: what comes before the first keys is always under this one.
fn initial_suite() -> Result<Suite> {
    let suite = TLS13_AES_128_GCM_SHA256.tls13().and_then(|suite| suite.quic_suite());
    Ok(suite.ok_or("ring has no suite for QUIC")?)
}

fn transport() -> Arc<TransportConfig> {
    let mut transport = TransportConfig::default();
    transport.initial_mtu(1200).mtu_discovery_config(None);
    Arc::new(transport)
}
