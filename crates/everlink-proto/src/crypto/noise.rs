//! The handshake as two datagrams of exactly 1,200 bytes, one type per state.
//!
//! ```text
//! message 1   header 12 | e 32 | enc(e1) 816 | enc(s) 48 | enc(payload 244) 260 | mac1 16 | mac2 16
//! message 2   header 20 | e 32 | enc(ekem1) 784 | enc(payload 316) 332 | mac1 16 | mac2 16
//! ```
//!
//! The part between header and macs is the *body*, and the only part made here. The pattern is
//! Noise IKpsk2 with one ephemeral ML-KEM-512 (hfs extension): `-> e, es, e1, s, ss` and
//! `<- e, ee, ekem1, se, psk`. One round trip gives keys that are secret from whoever steals both
//! identities later and from whoever builds a quantum computer later.
//!
//! Whatever is wrong with a message, nothing has changed and nothing is to be answered.

use core::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

pub use super::handshake::HandshakeError;
use super::handshake::{DH_LEN, Handshake, IK_HFS_PSK2, KEM_CIPHERTEXT_LEN, KEM_KEY_LEN};
use super::identity::{Identity, montgomery};
use super::symmetric::SymmetricState;
use super::{TAG_LEN, macs};
use crate::id::PeerId;
use crate::rng::Rng;

/// The version of everything on the wire, as bound into the handshake.
pub const WIRE_VERSION: u8 = 1;

/// Bytes of messages 1 and 2: the smallest datagram that every path of the internet carries with
/// room to spare (RFC 9000 14.1), so that neither is a hint on path MTU nor amplifies the other.
pub const MESSAGE_LEN: usize = 1200;

/// Bytes of message 1 before its body.
pub const HEADER_1_LEN: usize = 12;

/// Bytes of message 2 before its body.
pub const HEADER_2_LEN: usize = 20;

/// Bytes of message 1 between its header and its macs.
pub const BODY_1_LEN: usize = MESSAGE_LEN - HEADER_1_LEN - macs::MACS_LEN;

/// Bytes of message 2 between its header and its macs.
pub const BODY_2_LEN: usize = MESSAGE_LEN - HEADER_2_LEN - macs::MACS_LEN;

/// Bytes of the encrypted payload of message 1: what the tokens leave.
pub const PAYLOAD_1_LEN: usize = BODY_1_LEN - (DH_LEN + KEM_KEY_LEN + DH_LEN + 3 * TAG_LEN);

/// Bytes of the encrypted payload of message 2: what the tokens leave.
pub const PAYLOAD_2_LEN: usize = BODY_2_LEN - (DH_LEN + KEM_CIPHERTEXT_LEN + 2 * TAG_LEN);

/// Bytes at the start of payload 1 that name the initiator.
pub const PEER_ID_LEN: usize = 32;

const _: () = assert!(PAYLOAD_1_LEN == 244 && PAYLOAD_2_LEN == 316);

/// Which network a handshake is for. Peers of different networks do not open each other's
/// messages.
#[derive(Clone, Default, ZeroizeOnDrop)]
pub struct Network {
    /// The public name of the network; zeros for the open one.
    #[zeroize(skip)]
    pub id: [u8; 16],
    /// The secret of a private network; zeros if there is none.
    pub psk: [u8; 32],
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What both sides know after the handshake, and nobody else.
#[derive(ZeroizeOnDrop)]
pub struct Secrets {
    /// Names this handshake: the hash of all that either side said in it.
    pub handshake_hash: [u8; 32],
    /// The secret of packets from the initiator.
    pub initiator_to_responder: [u8; 32],
    /// The secret of packets from the responder.
    pub responder_to_initiator: [u8; 32],
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(..)")
    }
}

impl Secrets {
    fn from_finished(symmetric: &SymmetricState) -> Self {
        let mut keys = symmetric.split();
        let secrets = Self {
            handshake_hash: *symmetric.handshake_hash(),
            initiator_to_responder: keys[0],
            responder_to_initiator: keys[1],
        };
        keys.zeroize();
        secrets
    }
}

/// The initiator, once message 1 is made: it waits for message 2.
#[derive(Clone)]
pub struct Initiator {
    handshake: Handshake,
}

impl Initiator {
    /// Makes the body of message 1 to `responder`. `header` is what will stand before it.
    ///
    /// The first [`PEER_ID_LEN`] bytes of `payload` are room for our id, which is filled in here.
    pub fn start(
        identity: &Identity,
        responder: &PeerId,
        network: &Network,
        header: &[u8; HEADER_1_LEN],
        payload: &[u8; PAYLOAD_1_LEN],
        rng: &mut Rng,
    ) -> Result<(Self, [u8; BODY_1_LEN]), HandshakeError> {
        if *responder == identity.peer_id() {
            return Err(HandshakeError::OwnIdentity);
        }
        let remote = montgomery(responder)?;
        let prologue = prologue(network, responder, header);
        let mut handshake = Handshake::initiator(&IK_HFS_PSK2, identity, &remote, &network.psk, &prologue);
        let mut named = *payload;
        named[..PEER_ID_LEN].copy_from_slice(identity.peer_id().as_bytes());
        let mut body = [0; BODY_1_LEN];
        handshake.write(&named, &mut body, rng)?;
        Ok((Self { handshake }, body))
    }

    /// Reads the body of message 2. One that does not open changes nothing: the true one may still
    /// come.
    pub fn read(
        &self,
        header: &[u8; HEADER_2_LEN],
        body: &[u8; BODY_2_LEN],
    ) -> Result<([u8; PAYLOAD_2_LEN], Secrets), HandshakeError> {
        let mut handshake = self.handshake.clone();
        let mut message = *body;
        handshake.mix_hash(header);
        let payload = *handshake.read(&mut message)?.first_chunk().ok_or(HandshakeError::Open)?;
        Ok((payload, Secrets::from_finished(handshake.finish())))
    }
}

impl fmt::Debug for Initiator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Initiator(..)")
    }
}

/// What message 1 said. It may be a replay: nothing may be changed on its word, until a packet
/// under the new keys confirms it.
#[derive(Debug)]
pub struct Received {
    /// Who sent it, proved.
    pub peer: PeerId,
    /// Its payload; the first [`PEER_ID_LEN`] bytes are the peer's id.
    pub payload: [u8; PAYLOAD_1_LEN],
    /// What can answer it.
    pub responder: Responder,
}

/// The responder, once it has read message 1.
pub struct Responder {
    handshake: Handshake,
}

impl Responder {
    /// Reads the body of message 1, which stood behind `header`.
    pub fn read(
        identity: &Identity,
        network: &Network,
        header: &[u8; HEADER_1_LEN],
        body: &[u8; BODY_1_LEN],
    ) -> Result<Received, HandshakeError> {
        let own = identity.peer_id();
        let prologue = prologue(network, &own, header);
        let mut handshake = Handshake::responder(&IK_HFS_PSK2, identity, &network.psk, &prologue);
        let mut message = *body;
        let payload: [u8; PAYLOAD_1_LEN] =
            *handshake.read(&mut message)?.first_chunk().ok_or(HandshakeError::Open)?;
        let peer = named_peer(&payload, handshake.remote_static())?;
        if peer == own {
            return Err(HandshakeError::OwnIdentity);
        }
        Ok(Received { peer, payload, responder: Self { handshake } })
    }

    /// Makes the body of message 2. `header` is what will stand before it.
    pub fn reply(
        mut self,
        header: &[u8; HEADER_2_LEN],
        payload: &[u8; PAYLOAD_2_LEN],
        rng: &mut Rng,
    ) -> Result<([u8; BODY_2_LEN], Secrets), HandshakeError> {
        let mut body = [0; BODY_2_LEN];
        self.handshake.mix_hash(header);
        self.handshake.write(payload, &mut body, rng)?;
        Ok((body, Secrets::from_finished(self.handshake.finish())))
    }
}

impl fmt::Debug for Responder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Responder(..)")
    }
}

/// What both sides must agree on before the first byte: else not one message opens.
fn prologue<'a>(
    network: &'a Network,
    responder: &'a PeerId,
    header: &'a [u8; HEADER_1_LEN],
) -> [&'a [u8]; 5] {
    [b"everlink", &[WIRE_VERSION], &network.id, responder.as_bytes(), header]
}

/// The peer named by payload 1, if it holds the static key that the handshake proved. The key
/// alone would leave open which of two identities it is.
fn named_peer(payload: &[u8; PAYLOAD_1_LEN], proved: &[u8; DH_LEN]) -> Result<PeerId, HandshakeError> {
    let id = payload.first_chunk::<PEER_ID_LEN>().ok_or(HandshakeError::Open)?;
    let peer = PeerId::from_bytes(*id);
    if montgomery(&peer)? != *proved {
        return Err(HandshakeError::NotItsIdentity);
    }
    Ok(peer)
}

#[cfg(test)]
mod tests;
