use std::collections::{BTreeMap, BTreeSet};

use super::*;

mod late;

const START: Instant = Instant::from_micros(5_000_000);
const RTT: Duration = Duration::from_millis(100);

/// A path whose packets carry their own number.
struct Path {
    recovery: Recovery<u64>,
    out: Outcome<u64>,
    now: Instant,
}

impl Path {
    fn new() -> Self {
        Self { recovery: Recovery::new(Algorithm::NewReno, 1_200), out: Outcome::default(), now: START }
    }

    /// A path that has a round-trip time of 100 ms and nothing under way; the next number is 1.
    fn measured() -> Self {
        let mut path = Self::new();
        path.send(0..=0);
        path.pass(RTT);
        path.ack(&[0..=0]);
        path.out.acked.clear();
        path
    }

    fn send(&mut self, numbers: RangeInclusive<u64>) {
        for number in numbers {
            let packet = SentPacket { size: 1_200, ack_eliciting: true, in_flight: true, records: number };
            self.recovery.on_sent(self.now, number, packet);
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    fn try_ack(&mut self, ranges: &[RangeInclusive<u64>]) -> Result<(), AckError> {
        self.recovery.on_ack(self.now, ranges, Duration::ZERO, true, &mut self.out)
    }

    fn ack(&mut self, ranges: &[RangeInclusive<u64>]) {
        self.try_ack(ranges).expect("an honest acknowledgement");
    }

    fn timeout(&mut self) -> Option<Timeout> {
        self.now = self.recovery.poll_timeout().expect("a timer").max(self.now);
        self.recovery.handle_timeout(self.now, &mut self.out)
    }

    fn lost(&self) -> Vec<u64> {
        self.out.lost.iter().map(|(number, _)| *number).collect()
    }
}

#[test]
fn acknowledged_packets_hand_their_records_back_once() {
    let mut path = Path::new();
    path.send(0..=4);
    path.ack(&[4..=4, 2..=2]);
    path.ack(&[2..=4]);
    let acked: Vec<u64> = path.out.acked.iter().map(|(_, record)| *record).collect();
    assert_eq!(acked, [2, 4, 3]);
    assert_eq!(path.lost(), [0, 1]);
    assert_eq!(path.recovery.bytes_in_flight(), 0);
}

#[test]
fn a_packet_is_lost_when_the_third_after_it_arrives() {
    let mut path = Path::measured();
    path.send(1..=4);
    path.ack(&[3..=3]);
    assert_eq!(path.lost(), []);
    path.ack(&[3..=4]);
    assert_eq!(path.lost(), [1]);
    assert_eq!(path.recovery.bytes_in_flight(), 1_200);
}

#[test]
fn an_overtaken_packet_is_lost_after_nine_eighths_of_a_round_trip() {
    let mut path = Path::measured();
    path.send(1..=2);
    let sent_at = path.now;
    path.pass(RTT);
    path.ack(&[2..=2]);
    assert_eq!(path.recovery.poll_timeout(), Some(sent_at + RTT * 9 / 8));
    assert_eq!(path.recovery.handle_timeout(path.now, &mut path.out), None);
    assert_eq!(path.timeout(), Some(Timeout::LossDetected));
    assert_eq!(path.lost(), [1]);
    assert_eq!(path.recovery.poll_timeout(), None);
}

#[test]
fn probe_timeouts_double_until_something_is_heard() {
    let mut path = Path::measured();
    path.send(1..=1);
    let sent_at = path.now;
    let pto = RTT + RTT * 2 + MAX_ACK_DELAY;
    assert_eq!(path.recovery.poll_timeout(), Some(sent_at + pto));
    for (count, back_off) in [(1, 2), (2, 4), (3, 8)] {
        assert_eq!(path.timeout(), Some(Timeout::Probe));
        assert_eq!(path.recovery.probe_count(), count);
        path.send(u64::from(count) + 1..=u64::from(count) + 1);
        let wait = (pto * back_off).min(Duration::from_secs(2));
        assert_eq!(path.recovery.poll_timeout(), Some(path.now + wait));
    }
    assert_eq!(path.recovery.oldest_unacked(), Some(sent_at));
    path.ack(&[1..=1]);
    assert_eq!(path.recovery.probe_count(), 0);
    assert_eq!(path.lost(), []);
}

#[test]
fn a_suspect_path_gives_nothing_up_and_still_listens() {
    let mut path = Path::measured();
    path.send(1..=3);
    path.recovery.set_suspect(Some(path.now));
    assert_eq!(path.recovery.poll_timeout(), None);
    path.pass(Duration::from_secs(60));
    path.ack(&[1..=3]);
    assert_eq!((path.out.acked.len(), path.lost()), (3, vec![]));
    path.recovery.set_suspect(None);
    path.send(4..=4);
    assert!(path.recovery.poll_timeout().is_some());
}

#[test]
fn an_ack_of_a_packet_declared_lost_is_counted_and_hands_out_nothing() {
    let mut path = Path::measured();
    path.send(1..=5);
    path.ack(&[4..=5]);
    assert_eq!(path.lost(), [1, 2]);
    path.ack(&[1..=5]);
    path.ack(&[1..=5]);
    assert_eq!((path.recovery.stats().spurious, path.recovery.stats().lost), (2, 2));
    assert_eq!(path.out.acked.len(), 3);
}

#[test]
fn an_ack_of_what_was_not_sent_is_an_error_and_changes_nothing() {
    let mut path = Path::new();
    path.send(0..=3);
    assert_eq!(path.try_ack(&[4..=4]), Err(AckError::NeverSent(4)));
    assert_eq!(path.try_ack(&[0..=u64::MAX]), Err(AckError::NeverSent(u64::MAX)));
    assert!(path.out.acked.is_empty());
    assert_eq!(path.recovery.bytes_in_flight(), 4_800);
    assert_eq!(Path::new().try_ack(&[0..=0]), Err(AckError::NeverSent(0)));
}

#[test]
fn an_ack_of_a_skipped_number_is_an_error_until_an_ack_has_gone_past() {
    let mut path = Path::new();
    path.send(0..=3);
    path.send(5..=6);
    assert_eq!(path.try_ack(&[0..=6]), Err(AckError::Skipped(4)));
    assert_eq!(path.try_ack(&[4..=4]), Err(AckError::Skipped(4)));
    path.ack(&[5..=6, 0..=3]);
    path.ack(&[0..=6]);
    assert_eq!(path.out.acked.len(), 6);
}

#[test]
fn a_skip_is_remembered_when_all_before_it_is_given_up() {
    let mut path = Path::new();
    path.send(0..=3);
    path.send(5..=5);
    path.recovery.declare_all_lost(&mut path.out);
    assert_eq!(path.try_ack(&[4..=4]), Err(AckError::Skipped(4)));
}

#[test]
fn numbers_are_skipped_now_and_then() {
    let mut rng = Rng::from_seed([1; 32]);
    let mut recovery = Recovery::<()>::new(Algorithm::Cubic, 1_200);
    let numbers: Vec<u64> = (0..100_000).map(|_| recovery.next_packet_number(&mut rng)).collect();
    let skips: Vec<u64> =
        numbers.windows(2).filter(|pair| pair[1] != pair[0] + 1).map(|p| p[0] + 1).collect();
    assert!(numbers.windows(2).all(|pair| pair[1] - pair[0] <= 2));
    assert!(skips.windows(2).all(|pair| (64..=514).contains(&(pair[1] - pair[0]))));
    assert!((300..=400).contains(&skips.len()), "{}", skips.len());
}

#[test]
fn only_an_ack_on_its_own_path_is_a_sample() {
    let mut path = Path::new();
    path.send(0..=1);
    path.pass(RTT);
    let ack_delay = Duration::from_millis(5);
    path.recovery.on_ack(path.now, &[0..=0], ack_delay, false, &mut path.out).expect("it was sent");
    assert!(!path.recovery.rtt().is_measured());
    path.ack(&[0..=1]);
    assert_eq!(path.recovery.rtt().smoothed(), RTT);
}

#[test]
fn an_ack_delay_above_the_agreed_one_is_not_believed() {
    let mut path = Path::measured();
    path.send(1..=1);
    path.pass(Duration::from_millis(200));
    let claimed = Duration::from_millis(100);
    path.recovery.on_ack(path.now, &[1..=1], claimed, true, &mut path.out).expect("it was sent");
    // (7 * 100 + 200 - 20) / 8
    assert_eq!(path.recovery.rtt().smoothed(), Duration::from_millis(110));
}

#[test]
fn losses_without_a_break_over_three_probe_timeouts_are_persistent_congestion() {
    for break_at in [None, Some(6)] {
        let mut path = Path::measured();
        for number in 1..=12 {
            path.send(number..=number);
            path.pass(Duration::from_millis(200));
        }
        match break_at {
            None => path.ack(&[12..=12]),
            Some(number) => path.ack(&[12..=12, number..=number]),
        }
        let persistent = u64::from(break_at.is_none());
        assert_eq!(path.recovery.stats().persistent, persistent, "{break_at:?}");
        assert_eq!(path.recovery.window() == 2_400, persistent == 1);
    }
}

#[test]
fn the_window_and_the_pacer_limit_what_goes() {
    let mut path = Path::new();
    assert_eq!(path.recovery.can_send(path.now, 1_200), SendBudget::Ok(12_000));
    path.send(0..=9);
    assert_eq!(path.recovery.can_send(path.now, 1_200), SendBudget::Congestion);
    path.pass(Duration::from_millis(20));
    path.ack(&[0..=9]);
    // Window 24,000 in 20 ms, twice in slow start: the bucket of ten packets is full.
    path.pass(Duration::from_millis(20));
    assert_eq!(path.recovery.can_send(path.now, 1_200), SendBudget::Ok(12_000));
    path.send(10..=19);
    let next = path.now + Duration::from_micros(500);
    assert_eq!(path.recovery.can_send(path.now, 1_200), SendBudget::Paced(next));
}

#[test]
fn a_window_that_is_not_filled_does_not_grow() {
    let mut path = Path::new();
    path.send(0..=4);
    path.ack(&[0..=4]);
    assert_eq!(path.recovery.window(), 12_000);
    path.send(5..=14);
    path.ack(&[0..=14]);
    assert_eq!(path.recovery.window(), 24_000);
}

#[test]
fn giving_up_hands_everything_back_and_leaves_the_window() {
    let mut path = Path::measured();
    path.send(1..=6);
    path.recovery.declare_all_lost(&mut path.out);
    assert_eq!(path.lost(), [1, 2, 3, 4, 5, 6]);
    assert_eq!((path.recovery.bytes_in_flight(), path.recovery.window()), (0, 12_000));
    assert_eq!((path.recovery.poll_timeout(), path.recovery.oldest_unacked()), (None, None));
    path.ack(&[1..=6]);
    let stats = path.recovery.stats();
    assert_eq!((stats.given_up, stats.lost, stats.spurious), (6, 0, 0), "that they turn up tells nothing");
}

#[test]
fn after_an_outage_the_window_is_the_initial_one_and_old_losses_do_not_lower_it() {
    let mut path = Path::measured();
    path.send(1..=5);
    path.pass(Duration::from_secs(30));
    path.recovery.reset_after_outage(path.now);
    path.send(6..=6);
    path.ack(&[6..=6]);
    assert_eq!(path.lost(), [1, 2, 3, 4, 5]);
    assert_eq!((path.recovery.window(), path.recovery.probe_count()), (12_000, 0));
}

#[test]
fn a_new_path_can_start_from_an_old_one() {
    let mut old = Path::measured();
    old.send(1..=10);
    old.ack(&[1..=10]);
    let mut new = Recovery::<u64>::new(Algorithm::Cubic, 1_200);
    new.inherit(&old.recovery);
    assert_eq!((new.window(), new.rtt().smoothed()), (24_000, old.recovery.rtt().smoothed()));
}

#[test]
fn a_side_that_only_acknowledges_is_asked_to_elicit() {
    let mut recovery = Recovery::new(Algorithm::Cubic, 1_200);
    for number in 0..32 {
        assert!(!recovery.wants_elicitation());
        let packet = SentPacket { size: 60, ack_eliciting: false, in_flight: false, records: () };
        recovery.on_sent(START, number, packet);
    }
    assert!(recovery.wants_elicitation());
    assert_eq!((recovery.bytes_in_flight(), recovery.poll_timeout()), (0, None));
}

#[test]
fn a_full_ledger_blocks() {
    let mut path = Path::new();
    path.recovery.controller.inherit(u64::MAX, None);
    for number in 0..MAX_PACKETS as u64 {
        let packet = SentPacket { size: 1, ack_eliciting: true, in_flight: true, records: number };
        path.recovery.on_sent(path.now, number, packet);
    }
    assert!(path.recovery.is_full());
    assert_eq!(path.recovery.can_send(path.now, 1), SendBudget::Congestion);
    path.ack(&[0..=0]);
    assert!(!path.recovery.is_full());
}

#[test]
fn data_leaves_room_in_the_ledger_for_what_need_not_ask() {
    let mut path = Path::new();
    path.recovery.controller.inherit(u64::MAX, None);
    let packet = |number| SentPacket { size: 1, ack_eliciting: true, in_flight: true, records: number };
    let mut number = 0;
    while path.recovery.can_send(path.now, 1) != SendBudget::Congestion {
        path.recovery.on_sent(path.now, number, packet(number));
        number += 1;
    }
    assert!(!path.recovery.is_full());
    assert_eq!(number, 3 * MAX_PACKETS as u64 / 4);
}

/// What a path should look like, kept the slow way.
#[derive(Default)]
struct Model {
    under_way: BTreeMap<u64, u64>,
    sent: BTreeSet<u64>,
    received: BTreeSet<u64>,
    settled: BTreeSet<u64>,
}

impl Model {
    fn settle(&mut self, out: &mut Outcome<u64>) {
        let acked = out.acked.drain(..).inspect(|(number, _)| assert!(self.received.contains(number)));
        for (number, record) in acked.collect::<Vec<_>>().into_iter().chain(out.lost.drain(..)) {
            assert_eq!(number, record);
            assert!(self.under_way.remove(&number).is_some(), "{number} was settled twice");
            assert!(self.settled.insert(number));
        }
    }

    /// The received numbers as descending ranges, the newest few.
    fn ranges(&self) -> Vec<RangeInclusive<u64>> {
        let mut ranges: Vec<RangeInclusive<u64>> = Vec::new();
        for number in self.received.iter().rev() {
            match ranges.last_mut() {
                Some(range) if *range.start() == number + 1 => *range = *number..=*range.end(),
                _ => ranges.push(*number..=*number),
            }
        }
        ranges.truncate(MAX_ACK_RANGES);
        ranges
    }
}

#[test]
fn every_record_is_handed_back_exactly_once_whatever_happens() {
    for (seed, algorithm) in (0..24).zip([Algorithm::Cubic, Algorithm::NewReno].into_iter().cycle()) {
        let mut rng = Rng::from_seed([seed; 32]);
        let mut recovery = Recovery::new(algorithm, 1_200);
        let (mut model, mut out, mut now) = (Model::default(), Outcome::default(), START);
        for _ in 0..4_000 {
            let silence = if rng.below(40) == 0 { 20_000_000 } else { 20_000 };
            now += Duration::from_micros(rng.below(silence));
            random_step(&mut recovery, &mut model, &mut out, &mut rng, now);
            model.settle(&mut out);
            assert_eq!(recovery.bytes_in_flight(), model.under_way.values().sum::<u64>());
            assert!(recovery.window() >= 2_400);
            assert_eq!(recovery.oldest_unacked().is_some(), !model.under_way.is_empty());
        }
        recovery.declare_all_lost(&mut out);
        model.settle(&mut out);
        assert_eq!(model.settled, model.sent);
        let stats = recovery.stats();
        assert!(stats.lost > 0 && stats.spurious > 0 && stats.probes > 0, "{stats:?}");
        assert_eq!(stats.sent, stats.acked + stats.lost + stats.given_up);
    }
}

fn random_step(
    recovery: &mut Recovery<u64>,
    model: &mut Model,
    out: &mut Outcome<u64>,
    rng: &mut Rng,
    now: Instant,
) {
    match rng.below(10) {
        0..6 => {
            let number = recovery.next_packet_number(rng);
            let size = u16::try_from(rng.below(1_200) + 1).expect("small");
            let in_flight = rng.below(8) > 0;
            recovery.on_sent(
                now,
                number,
                SentPacket { size, ack_eliciting: true, in_flight, records: number },
            );
            model.under_way.insert(number, if in_flight { size.into() } else { 0 });
            model.sent.insert(number);
            if rng.below(5) > 0 {
                model.received.insert(number);
            }
        }
        6..8 => {
            let late = rng.below(model.sent.last().map_or(1, |number| number + 1));
            model.received.extend(model.sent.get(&late));
            recovery.on_ack(now, &model.ranges(), Duration::ZERO, rng.below(2) == 0, out).expect("honest");
        }
        8 => {
            recovery.handle_timeout(now, out);
        }
        _ => recovery.set_suspect((rng.below(3) == 0).then_some(now)),
    }
}
