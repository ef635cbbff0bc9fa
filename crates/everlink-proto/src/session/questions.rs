//! What the link asks of its session before it closes, forgets or waits.

use super::Session;

impl Session {
    /// Whether everything that this side accepted has arrived, and is processed where that was asked for.
    pub(crate) fn is_flushed(&self) -> bool {
        !self.outbound.owes() && !self.outbound.awaits_done() && !self.streams.owes()
    }

    /// Whether a receipt waits for the peer's application.
    pub(crate) fn awaits_processing(&self) -> bool {
        self.outbound.awaits_done()
    }

    /// Whether the application is done with everything that it was given and asked to be done with, and the peer
    /// knows.
    pub(crate) fn is_settled(&self) -> bool {
        !self.inbound.owes_done() && !self.inbound.has_control()
    }

    /// Whether the inbox holds anything.
    pub(crate) fn has_unread(&self) -> bool {
        self.inbound.inbox.len() > 0
    }

    /// Whether something that this side accepted has not arrived yet.
    pub(crate) fn has_to_deliver(&self) -> bool {
        self.outbound.owes() || self.streams.has_to_deliver()
    }

    /// Whether nothing would be lost if the session were forgotten: no unread item, no open stream, no message
    /// half arrived. Of a peer that is gone only what the application has in hand, or waits for, is a loss.
    pub(crate) fn is_free_of_debt(&self, peer_is_gone: bool) -> bool {
        if self.has_unread() || self.awaits_processing() {
            return false;
        }
        let mut channels = self.inbound.channels();
        if peer_is_gone {
            return !self.streams.is_used() && channels.all(|(_, channel)| !channel.is_in_hand());
        }
        self.streams.len() == 0 && channels.all(|(_, channel)| !channel.owes_done() && channel.early() == 0)
    }
}
