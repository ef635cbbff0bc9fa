//! What a packet carried, and where the news of its fate goes.

use super::{CLOSE_AGAIN, Connection};
use crate::{
    recovery::{AckError, Outcome, Timeout},
    session,
    time::Instant,
    wire::frame::Ack,
};

/// A frame that somebody wants to hear of again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    /// Belongs to the session of this epoch.
    Session(u64, session::Record),
    /// Our half.
    Hello,
    /// What we acknowledged, up to this packet number.
    Ack(u64),
    /// Asks whether the peer is where it seems to be.
    Challenge([u8; 8]),
    /// Part of a farewell.
    Farewell,
}

impl Record {
    /// Whether it is of a session frame (SPEC 5, column S).
    pub(crate) const fn is_of_session(&self) -> bool {
        matches!(self, Self::Session(..))
    }
}

/// News for the session, in the order it happened.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    Acked(u64, session::Record),
    Lost(u64, session::Record),
}

/// What an acknowledgement or a timeout has shown.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct News {
    /// Packets were acknowledged for the first time.
    pub(crate) acked: bool,
    /// The path was in doubt and answers again.
    pub(crate) trusted_again: bool,
    /// The highest packet acknowledged.
    pub(crate) highest: Option<u64>,
}

impl Connection {
    /// Takes an ACK in.
    pub(crate) fn on_ack(
        &mut self,
        now: Instant,
        ack: &Ack,
        settled: &mut Vec<Settled>,
    ) -> Result<News, AckError> {
        let mut outcome = Outcome::default();
        let delay = crate::wire::codec::clamp_micros(ack.delay_micros);
        let ranges: Vec<_> = ack.ranges.iter().map(|(first, last)| *first..=*last).collect();
        self.path.recovery.on_ack(
            now,
            &ranges,
            core::time::Duration::from_micros(delay),
            true,
            &mut outcome,
        )?;
        let mut news = News { acked: !outcome.acked.is_empty(), ..News::default() };
        for (number, records) in outcome.acked.drain(..) {
            news.trusted_again |= self.path.on_acked(now, number);
            news.highest = news.highest.max(Some(number));
            for record in records {
                self.on_record_acked(record, settled);
            }
        }
        self.carried |= news.acked;
        self.stale_from = self.stale_from.filter(|first| news.highest < Some(*first));
        self.lose(&mut outcome, settled);
        Ok(news)
    }

    /// Does what the recovery's timer asks for.
    pub(crate) fn on_recovery_timeout(&mut self, now: Instant, settled: &mut Vec<Settled>) {
        let mut outcome = Outcome::default();
        if self.path.recovery.handle_timeout(now, &mut outcome) == Some(Timeout::Probe) {
            if self.path.is_silent(now) {
                self.path.suspect(now);
            } else {
                self.probe(settled);
            }
        }
        self.lose(&mut outcome, settled);
    }

    /// Lets two packets out past the window, with what the oldest under way carried: either may be the one
    /// that gets through, and then nothing waits for another round trip (RFC 9002 6.2.4).
    fn probe(&mut self, settled: &mut Vec<Settled>) {
        self.probes_due = 2;
        self.path.migration.repeat();
        self.repeat_farewell();
        let of_session = |record: &Record| match record {
            Record::Session(epoch, record) => Some(Settled::Lost(*epoch, *record)),
            Record::Hello | Record::Ack(_) | Record::Challenge(_) | Record::Farewell => None,
        };
        let mut under_way = self.path.recovery.records_mut();
        if let Some(oldest) = under_way.find(|records| records.iter().any(|it| of_session(it).is_some())) {
            settled.extend(oldest.iter().filter_map(of_session));
        }
    }

    /// Hands everything under way back as lost: the connection is given up.
    pub(crate) fn give_up(&mut self, settled: &mut Vec<Settled>) {
        let mut outcome = Outcome::default();
        self.path.recovery.declare_all_lost(&mut outcome);
        self.lose(&mut outcome, settled);
    }

    /// The peer has moved: hands back what went where it was, and asks afresh whatever was asked there (SPEC 4.4).
    pub(crate) fn follow(&mut self, now: Instant, settled: &mut Vec<Settled>) {
        let mut outcome = Outcome::default();
        self.path.recovery.declare_in_flight_lost(now, &mut outcome);
        self.lose(&mut outcome, settled);
        self.ping_due = true;
    }

    fn lose(&mut self, outcome: &mut Outcome<Vec<Record>>, settled: &mut Vec<Settled>) {
        for record in outcome.lost.drain(..).flat_map(|(_, records)| records) {
            match record {
                Record::Session(epoch, record) => {
                    self.under_way -= 1;
                    settled.push(Settled::Lost(epoch, record));
                }
                Record::Challenge(challenge) => self.path.migration.on_challenge_lost(challenge),
                Record::Farewell => self.repeat_farewell(),
                // HELLO rides on every packet anyway, and a newer ACK says all that the lost one said.
                Record::Hello | Record::Ack(_) => {}
            }
        }
    }

    fn on_record_acked(&mut self, record: Record, settled: &mut Vec<Settled>) {
        match record {
            Record::Session(epoch, record) => {
                self.under_way -= 1;
                settled.push(Settled::Acked(epoch, record));
            }
            Record::Hello => self.hello = None,
            Record::Ack(largest) => self.path.acks.on_ack_of_ack(largest),
            Record::Challenge(_) | Record::Farewell => {}
        }
    }

    /// Says the farewell once more, if it is time. Tells whether it was.
    pub(crate) fn repeat_farewell_if_due(&mut self, now: Instant) -> bool {
        let again_at = self.farewell.as_mut().and_then(|farewell| farewell.again_at.as_mut());
        let Some(again_at) = again_at.filter(|at| **at <= now) else { return false };
        *again_at = now + CLOSE_AGAIN;
        self.repeat_farewell();
        true
    }

    /// Says the farewell once more.
    pub(crate) fn repeat_farewell(&mut self) {
        if let Some(farewell) = &mut self.farewell {
            farewell.due = true;
            farewell.written = 0;
        }
    }
}
