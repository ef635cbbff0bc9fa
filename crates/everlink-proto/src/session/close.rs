//! The last words of a session: what each side had received (SPEC 8.6).

use std::collections::BTreeMap;

use super::ProtocolError;
use super::channel::CHANNELS_MAX;
use crate::wire::frame::Received;

/// What the peer had received when it closed, channel by channel. Complete: a channel it does not
/// name received nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Positions {
    channels: BTreeMap<u64, Received>,
    nothing: Received,
}

impl Positions {
    pub(crate) fn of(&self, channel: u64) -> &Received {
        self.channels.get(&channel).unwrap_or(&self.nothing)
    }
}

/// Gathers the peer's RECEIVED frames, which may come before or after its CLOSE.
#[derive(Debug, Default)]
pub(crate) struct Gathering(BTreeMap<u64, Received>);

impl Gathering {
    pub(crate) fn add(&mut self, received: &Received) -> Result<(), ProtocolError> {
        if self.0.len() >= CHANNELS_MAX && !self.0.contains_key(&received.channel) {
            return Err(ProtocolError::TooManyChannels);
        }
        self.0.insert(received.channel, received.clone());
        Ok(())
    }

    /// The positions, once as many channels are there as the peer's CLOSE counts.
    pub(crate) fn complete(&self, count: u64) -> Option<Positions> {
        let is_complete = u64::try_from(self.0.len()).is_ok_and(|len| len >= count);
        let nothing = Received { channel: 0, floor: 0, ranges: Vec::new() };
        is_complete.then(|| Positions { channels: self.0.clone(), nothing })
    }
}
