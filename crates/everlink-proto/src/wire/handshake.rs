//! The two messages of a handshake (SPEC 2.4, 2.5): where their parts are, and what their payloads
//! say. What the bodies mean is for the cryptography; here they are bytes.

use core::time::Duration;

use super::MAX_DATAGRAM;
use super::codec::{Counter, MAX_DURATION, Malformed, Reader, Writer};
use super::frame::Hello;
use super::header::{DatagramError, MESSAGE_1_CLEAR, MESSAGE_2_CLEAR, check_clear_header, concat};
use crate::id::{ConnectionId, PeerId, Token};

/// Bytes of either message, so that a completed handshake proves the size both ways (SPEC 1.3).
pub const MESSAGE: usize = MAX_DATAGRAM;

/// Bytes of mac1, and of mac2.
pub const MAC: usize = 16;

/// Bytes of message 1 before its body.
pub const HEADER_1: usize = 12;

/// Bytes of message 2 before its body.
pub const HEADER_2: usize = 20;

/// Bytes between the header and the macs of message 1: e, e1, s and the payload.
pub const BODY_1: usize = MESSAGE - HEADER_1 - 2 * MAC;

/// Bytes between the header and the macs of message 2: e, ekem1 and the payload.
pub const BODY_2: usize = MESSAGE - HEADER_2 - 2 * MAC;

/// Bytes of payload 1 before sealing: what is left of 1,200.
pub const PAYLOAD_1: usize = 244;

/// Bytes of payload 2 before sealing: what is left of 1,200.
pub const PAYLOAD_2: usize = 316;

const ACCEPTED: u8 = 0;
const REFUSED: u8 = 1;

/// The parts of a message 1 of our version. Nothing in it is authenticated yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message1<'a> {
    /// The whole datagram; mac1 and mac2 are over its front.
    pub datagram: &'a [u8; MESSAGE],
    /// What the Noise prologue ends with.
    pub header: &'a [u8; HEADER_1],
    /// The initiator's connection id for path 0.
    pub id: ConnectionId,
    /// What the handshake pattern made.
    pub body: &'a [u8; BODY_1],
    /// Shows that the sender knows whom it writes to; the name of this very message.
    pub mac1: &'a [u8; MAC],
    /// Shows that the sender receives at its address; zeros if it was not asked to.
    pub mac2: &'a [u8; MAC],
}

impl<'a> Message1<'a> {
    /// The header of a message 1.
    pub fn encode_header(id: ConnectionId) -> [u8; HEADER_1] {
        concat(&[&MESSAGE_1_CLEAR, &id.0])
    }

    /// A message 1 whose macs are still zeros.
    pub fn encode(id: ConnectionId, body: &[u8; BODY_1]) -> [u8; MESSAGE] {
        concat(&[&Self::encode_header(id), body])
    }

    pub(super) fn parse(datagram: &'a [u8]) -> Result<Self, DatagramError> {
        let (header, body, [mac1, mac2]) =
            split::<HEADER_1, BODY_1>(datagram).ok_or(DatagramError::Length)?;
        check_clear_header(datagram)?;
        let [_, _, _, _, id @ ..] = *header;
        let datagram = datagram.try_into().map_err(|_| DatagramError::Length)?;
        Ok(Self { datagram, header, id: ConnectionId(id), body, mac1, mac2 })
    }
}

/// The parts of a message 2 of our version. Nothing in it is authenticated yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message2<'a> {
    /// The whole datagram; mac1 is over its front.
    pub datagram: &'a [u8; MESSAGE],
    /// What is mixed into the hash before the tokens.
    pub header: &'a [u8; HEADER_2],
    /// The initiator's connection id, from message 1.
    pub initiator: ConnectionId,
    /// The responder's connection id for path 0.
    pub responder: ConnectionId,
    /// What the handshake pattern made.
    pub body: &'a [u8; BODY_2],
    /// Shows that the sender knows whom it writes to.
    pub mac1: &'a [u8; MAC],
}

impl<'a> Message2<'a> {
    /// The header of a message 2.
    pub fn encode_header(initiator: ConnectionId, responder: ConnectionId) -> [u8; HEADER_2] {
        concat(&[&MESSAGE_2_CLEAR, &initiator.0, &responder.0])
    }

    /// A message 2 whose mac1 is still zeros.
    pub fn encode(initiator: ConnectionId, responder: ConnectionId, body: &[u8; BODY_2]) -> [u8; MESSAGE] {
        concat(&[&Self::encode_header(initiator, responder), body])
    }

    pub(super) fn parse(datagram: &'a [u8]) -> Result<Self, DatagramError> {
        let (header, body, [mac1, zeros]) =
            split::<HEADER_2, BODY_2>(datagram).ok_or(DatagramError::Length)?;
        check_clear_header(datagram)?;
        if *zeros != [0; MAC] {
            return Err(DatagramError::Reserved);
        }
        let [_, _, _, _, a, b, c, d, e, f, g, h, responder @ ..] = *header;
        let initiator = ConnectionId([a, b, c, d, e, f, g, h]);
        let datagram = datagram.try_into().map_err(|_| DatagramError::Length)?;
        Ok(Self { datagram, header, initiator, responder: ConnectionId(responder), body, mac1 })
    }
}

/// What can be said of a message 1 of another version: where the connection id and the macs are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherVersion<'a> {
    /// The whole datagram; mac1 and mac2 are over its front.
    pub datagram: &'a [u8; MESSAGE],
    /// The version it is in.
    pub version: u8,
    /// The initiator's connection id, for the answer.
    pub id: ConnectionId,
    /// Shows that the sender knows whom it writes to, in every version (SPEC 2.6).
    pub mac1: &'a [u8; MAC],
}

impl<'a> OtherVersion<'a> {
    pub(super) fn parse(datagram: &'a [u8]) -> Result<Self, DatagramError> {
        let (header, _, [mac1, _]) = split::<HEADER_1, BODY_1>(datagram).ok_or(DatagramError::Length)?;
        let [_, version, _, _, id @ ..] = *header;
        let datagram = datagram.try_into().map_err(|_| DatagramError::Length)?;
        Ok(Self { datagram, version, id: ConnectionId(id), mac1 })
    }
}

/// The header, the body and the two macs that a handshake message consists of.
type Parts<'a, const H: usize, const B: usize> = (&'a [u8; H], &'a [u8; B], [&'a [u8; MAC]; 2]);

fn split<const H: usize, const B: usize>(datagram: &[u8]) -> Option<Parts<'_, H, B>> {
    let (header, rest) = datagram.split_first_chunk()?;
    let (body, rest) = rest.split_first_chunk()?;
    let (mac1, mac2) = rest.split_first_chunk()?;
    Some((header, body, [mac1, mac2.try_into().ok()?]))
}

/// What a side can do; bits that are not known are ignored (SPEC 2.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Capabilities(pub u32);

impl Capabilities {
    /// The CPU has AES instructions.
    pub const AES: Self = Self(1);

    /// Whether all of `other` are among these.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// What the initiator says in message 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message1Payload {
    /// Who the initiator is.
    pub peer: PeerId,
    /// The generation it proposes (SPEC 2.12).
    pub generation: u64,
    /// What it can do.
    pub capabilities: Capabilities,
    /// The token of its connection id (SPEC 4.6).
    pub token: Token,
}

impl Message1Payload {
    /// The payload before sealing.
    pub fn encode(&self) -> [u8; PAYLOAD_1] {
        concat(&[
            self.peer.as_bytes(),
            &self.generation.to_be_bytes(),
            &self.capabilities.0.to_be_bytes(),
            &self.token.0,
        ])
    }

    /// The payload after opening. What follows the fields is for later versions and ignored.
    pub fn decode(payload: &[u8; PAYLOAD_1]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(payload);
        Ok(Self {
            peer: PeerId::from_bytes(reader.array()?),
            generation: reader.u64()?,
            capabilities: Capabilities(reader.u32()?),
            token: Token(reader.array()?),
        })
    }
}

/// What the responder says in message 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message2Payload {
    /// There is a connection now.
    Accepted(Accepted),
    /// There is not.
    Refused {
        /// Why.
        code: u64,
        /// When to try again; sent in whole milliseconds, at most a day when it comes from a peer.
        retry_after: Duration,
    },
}

/// The terms of an accepted handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The generation of the connection (SPEC 2.12).
    pub generation: u64,
    /// What the responder can do.
    pub capabilities: Capabilities,
    /// The token of the responder's connection id (SPEC 4.6).
    pub token: Token,
    /// The responder's half of the session.
    pub hello: Hello,
}

impl Message2Payload {
    /// The payload before sealing.
    pub fn encode(&self) -> [u8; PAYLOAD_2] {
        match self {
            Self::Accepted(accepted) => concat(&[
                &[ACCEPTED],
                &accepted.generation.to_be_bytes(),
                &accepted.capabilities.0.to_be_bytes(),
                &accepted.token.0,
                &hello_body(&accepted.hello),
            ]),
            Self::Refused { code, retry_after } => {
                let millis = u64::try_from(retry_after.as_millis()).unwrap_or(u64::MAX);
                concat(&[&[REFUSED], &code.to_be_bytes(), &millis.to_be_bytes()])
            }
        }
    }

    /// The payload after opening. What follows the fields is for later versions and ignored.
    pub fn decode(payload: &[u8; PAYLOAD_2]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(payload);
        match reader.byte()? {
            ACCEPTED => Accepted::decode(&mut reader).map(Self::Accepted),
            REFUSED => {
                let code = reader.u64()?;
                let retry_after = Duration::from_millis(reader.u64()?).min(MAX_DURATION);
                Ok(Self::Refused { code, retry_after })
            }
            _ => Err(Malformed::OutOfRange),
        }
    }
}

impl Accepted {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            generation: reader.u64()?,
            capabilities: Capabilities(reader.u32()?),
            token: Token(reader.array()?),
            hello: Hello::decode(reader)?,
        })
    }
}

fn hello_body(hello: &Hello) -> Vec<u8> {
    let len = Counter::measure(|counter| hello.encode(counter));
    let mut body = Vec::with_capacity(len);
    let _ = hello.encode(&mut Writer::new(&mut body, len)); // the room is what was just measured
    body
}

#[cfg(test)]
mod tests;
