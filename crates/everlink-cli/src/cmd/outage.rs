//! Outages, as a person at standard error hears of them: when the other side cannot be reached for some time, why, and
//! when it is back.

use std::future::pending;
use std::time::Duration;

use everlink::{Link, LinkState};
use tokio::time::{Instant, sleep_until};

use crate::output::say;

/// Silence that a person would begin to wonder about.
pub(super) const WORTH_A_WORD: Duration = Duration::from_secs(3);

/// Tells of each outage of `link` that is longer than `patience`. Never ends before the endpoint does.
pub(super) async fn tell(link: &Link, patience: Duration) {
    let mut watcher = link.watch();
    let mut outage = Outage::default();
    outage.state_is(link.state());
    loop {
        tokio::select! {
            change = watcher.changed() => {
                let Ok(change) = change else { return };
                if let Some(lasted) = outage.state_is(change.to) {
                    say(format!("{:#} is back after {:.1} s", link.peer(), lasted.as_secs_f64()));
                }
            }
            () = outage.worth_a_word(patience) => {
                outage.told = true;
                if let Ok(Some(explanation)) = link.explain() {
                    say(format!("waiting for {:#}: {explanation}", link.peer()));
                }
            }
        }
    }
}

/// What a person knows of an outage.
#[derive(Default)]
struct Outage {
    since: Option<Instant>,
    told: bool,
}

impl Outage {
    /// If an outage that was told of has ended with a connection, how long it lasted.
    fn state_is(&mut self, state: LinkState) -> Option<Duration> {
        match state {
            LinkState::Connecting | LinkState::Suspect => {
                self.since.get_or_insert_with(Instant::now);
                None
            }
            // Nothing is wanted of the other side.
            LinkState::Idle => {
                *self = Self::default();
                None
            }
            LinkState::Connected => {
                let Self { since, told } = std::mem::take(self);
                since.filter(|_| told).map(|since| since.elapsed())
            }
        }
    }

    /// Ready when there is an outage that has not been told of, and has lasted for so long.
    async fn worth_a_word(&self, patience: Duration) {
        match self.since.filter(|_| !self.told) {
            Some(since) => sleep_until(since + patience).await,
            None => pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, timeout};

    use super::*;

    async fn is_told(outage: &Outage) -> bool {
        timeout(WORTH_A_WORD, outage.worth_a_word(WORTH_A_WORD)).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn a_link_of_which_nothing_is_wanted_has_no_outage() {
        let mut outage = Outage::default();
        outage.state_is(LinkState::Idle);
        assert!(!is_told(&outage).await);
        advance(Duration::from_secs(60)).await;
        outage.state_is(LinkState::Connecting);
        let began = Instant::now();
        outage.worth_a_word(WORTH_A_WORD).await;
        assert_eq!(began.elapsed().as_secs(), WORTH_A_WORD.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_lasts_from_the_first_doubt_and_is_told_once() {
        let mut outage = Outage::default();
        outage.state_is(LinkState::Suspect);
        advance(Duration::from_secs(2)).await;
        outage.state_is(LinkState::Connecting);
        assert!(is_told(&outage).await);
        outage.told = true;
        assert!(!is_told(&outage).await);
        let lasted = outage.state_is(LinkState::Connected).unwrap();
        assert!(lasted >= Duration::from_secs(2));
        assert_eq!(outage.state_is(LinkState::Connected), None);
    }
}
