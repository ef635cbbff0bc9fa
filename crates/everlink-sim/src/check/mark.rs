//! Coverage marks: that a run really was where its seed was meant to lead it.

use std::collections::BTreeMap;

/// How often each mark was passed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks(pub(crate) BTreeMap<String, u64>);

impl Marks {
    /// What observers mark themselves, next to the marks of the core. A large swarm passes each of them.
    pub(crate) const DECLARED: [&str; 25] = [
        "changed to another process of the peer",
        "dials crossed in a calm",
        "duplicate identity told",
        "link refused for want of room",
        "message 1 repeated to a slot",
        "more than one connection",
        "new connections in a calm",
        "pair compared at rest",
        "possible duplicate read",
        "read on over another connection",
        "send budget full",
        "session began",
        "session ended: CloseUnconfirmed",
        "session ended: ClosedByPeer",
        "session ended: ClosedHere",
        "session ended: Evicted",
        "session ended: PeerForgot",
        "session ended: PeerRestarted",
        "session forgotten to make room",
        "stream opened",
        "stream read ended by an error",
        "stream read to its end",
        "stream stopped by its reader",
        "stream write refused",
        "world compared at rest",
    ];

    /// Passes `mark`.
    pub(crate) fn pass(&mut self, mark: &str) {
        if let Some(count) = self.0.get_mut(mark) {
            *count += 1;
        } else {
            self.0.insert(mark.to_owned(), 1);
        }
    }
}
