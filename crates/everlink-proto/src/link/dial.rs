//! Handshake control: which attempts are under way.
//!
//! An attempt is one message 1, sent again and again for 6 s to every address that is tried, and
//! answered for 10 s (SPEC 2.11). When its sending time is over and the ladder asks for another try, a fresh attempt
//! takes its place, while the old one still takes a late answer: on a path of several seconds the answer
//! to the first attempt is the one that comes.

use core::time::Duration;

/// For how long an attempt sends.
pub const SENDS_FOR: Duration = Duration::from_secs(6);

/// For how long an attempt takes an answer, counted from its start.
pub const LISTENS_FOR: Duration = Duration::from_secs(10);

/// Names an attempt within its link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptKey(pub u64);

/// What the control has to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// The ladder says that it is time for a try.
    TryDue,
    /// The attempt has sent for [`SENDS_FOR`].
    SendsOver(AttemptKey),
    /// The attempt has listened for [`LISTENS_FOR`].
    ListensOver(AttemptKey),
    /// A message 2 opened.
    Answered(AttemptKey),
    /// No connection is wanted any more, or another way was found.
    Stop,
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Make a fresh message 1 and send it.
    Start(AttemptKey),
    /// Send the same message 1 again.
    Repeat(AttemptKey),
    /// Forget the attempt and its secrets.
    Forget(AttemptKey),
}

/// The attempts of one link.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Dial {
    made: u64,
    sending: Option<AttemptKey>,
    listening: Option<AttemptKey>,
}

impl Dial {
    /// Whether an attempt is under way.
    pub fn is_active(&self) -> bool {
        self.sending.is_some() || self.listening.is_some()
    }

    /// Takes an input in and says what follows, in order.
    pub fn on(&mut self, input: Input) -> Vec<Step> {
        match input {
            Input::TryDue => match self.sending {
                Some(attempt) => vec![Step::Repeat(attempt)],
                None => {
                    self.made = self.made.saturating_add(1);
                    let attempt = AttemptKey(self.made);
                    self.sending = Some(attempt);
                    vec![Step::Start(attempt)]
                }
            },
            Input::SendsOver(attempt) if self.sending == Some(attempt) => {
                self.sending = None;
                self.listening.replace(attempt).map(Step::Forget).into_iter().collect()
            }
            Input::ListensOver(attempt) if self.listening == Some(attempt) => {
                self.listening = None;
                vec![Step::Forget(attempt)]
            }
            Input::SendsOver(_) | Input::ListensOver(_) => Vec::new(),
            Input::Answered(_) | Input::Stop => {
                [self.sending.take(), self.listening.take()].into_iter().flatten().map(Step::Forget).collect()
            }
        }
    }
}
