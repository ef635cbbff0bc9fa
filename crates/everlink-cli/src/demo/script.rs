//! The script of a demonstration: what is done to the network and when, drawn from a seed.
//!
//! A script is a list of steps in order of time. Between two of them the network is left alone for long
//! enough that the recovery from the first is seen before the second begins, and for more than two seconds
//! before an endpoint is torn down abruptly, so that what is in doubt then is the doing of that step alone.
//! When the time is too short for every step, the least important ones are left out.

use std::time::Duration;

use everlink_proto::rng::Rng;

use super::Side;

/// The lead-in: both sides find each other and traffic is flowing before anything is done to it.
const LEAD_IN: Duration = Duration::from_millis(1_200);
/// The lead-out: the last recovery is seen before the senders stop.
const LEAD_OUT: Duration = Duration::from_millis(2_000);
/// What is in doubt after an abrupt restart shall be its own doing: 2 s after the end of any other disturbance, and a
/// little for the time that a step takes to be carried out.
const QUIET_BEFORE_ABRUPT: Duration = Duration::from_millis(2_300);

const SHORT_CUT: (Duration, Duration) = (Duration::from_millis(300), Duration::from_millis(5_000));
const LONG_CUT: (Duration, Duration) = (Duration::from_millis(5_050), Duration::from_millis(8_000));
const SLEEP: (Duration, Duration) = (Duration::from_millis(3_000), Duration::from_millis(8_000));
/// How long a restarted process is away. With the up to 0.3 s before a path is suspect, everything that was
/// sent into the void is sent within the second before the new endpoint is there.
const DOWN: (Duration, Duration) = (Duration::from_millis(300), Duration::from_millis(500));

/// What can be done to the two peers and the network between them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Kind {
    /// Nothing passes for a while, in either direction.
    Cut,
    /// One side is seen from another port, as after a NAT forgot its mapping.
    Rebind,
    /// Both sides dial at the same moment.
    CrossingDial,
    /// One side makes a new connection though the old one works.
    Replace,
    /// One side's socket fails.
    Socket,
    /// One side's endpoint is torn down without a word and made again with the same key.
    RestartAbrupt,
    /// One side's endpoint says goodbye and is made again with the same key.
    RestartGraceful,
    /// One side stands still, as a suspended machine does.
    Sleep,
}

impl Kind {
    /// All of them.
    pub(crate) const ALL: [Self; 8] = [
        Self::Cut,
        Self::Rebind,
        Self::CrossingDial,
        Self::Replace,
        Self::Socket,
        Self::RestartAbrupt,
        Self::RestartGraceful,
        Self::Sleep,
    ];

    /// The name under which it is counted.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Rebind => "rebind",
            Self::CrossingDial => "crossing_dial",
            Self::Replace => "replace",
            Self::Socket => "socket",
            Self::RestartAbrupt | Self::RestartGraceful => "restart",
            Self::Sleep => "sleep",
        }
    }

    /// How much quiet this needs after it, so that its recovery is seen.
    fn quiet_after(self) -> Duration {
        Duration::from_millis(match self {
            Self::Cut | Self::Sleep => 1_500,
            Self::RestartAbrupt | Self::RestartGraceful => 1_200,
            Self::Rebind | Self::CrossingDial | Self::Replace | Self::Socket => 900,
        })
    }

    /// How much quiet this needs before it.
    fn quiet_before(self) -> Duration {
        if self == Self::RestartAbrupt { QUIET_BEFORE_ABRUPT } else { Duration::ZERO }
    }
}

/// One disturbance.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Step {
    /// When it begins, counted from the start of the traffic.
    pub(crate) at: Duration,
    /// How long the cut, the sleep or the absence of the restarted side lasts; zero for the others.
    pub(crate) lasts: Duration,
    /// What is done.
    pub(crate) kind: Kind,
    /// To whom it is done; without meaning for `Cut` and `CrossingDial`.
    pub(crate) side: Side,
}

/// The steps that belong to `seed`, in order of time, for traffic that flows for `total`.
pub(crate) fn draw(seed: u64, total: Duration) -> Vec<Step> {
    let mut rng = seeded(seed, b"script");
    let room = total.saturating_sub(LEAD_IN + LEAD_OUT);
    let mut plans = wishes(total);
    shuffle(&mut rng, &mut plans);
    while needed(&plans, Plan::least) > room && !plans.is_empty() {
        leave_out_least_important(&mut plans);
    }
    for plan in &mut plans {
        plan.lasts = between(&mut rng, plan.range);
    }
    shorten(&mut plans, room);
    place(&mut rng, &plans, room)
}

/// A generator for one purpose of one run.
pub(crate) fn seeded(seed: u64, purpose: &[u8]) -> Rng {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    bytes.iter_mut().skip(8).zip(purpose).for_each(|(to, from)| *to = *from);
    Rng::from_seed(bytes)
}

/// A step that has no time yet.
#[derive(Clone, Copy)]
struct Plan {
    kind: Kind,
    range: (Duration, Duration),
    lasts: Duration,
    /// The round of wishes that it belongs to; later ones are the first to be left out.
    round: u32,
}

impl Plan {
    fn new(kind: Kind, round: u32, range: (Duration, Duration)) -> Self {
        Self { kind, range, lasts: range.0, round }
    }

    fn least(&self) -> Duration {
        self.range.0
    }

    fn lasts(&self) -> Duration {
        self.lasts
    }
}

/// Every kind twice a minute, cuts and the quick ones once more, two of the cuts longer than five seconds.
fn wishes(total: Duration) -> Vec<Plan> {
    let instant = (Duration::ZERO, Duration::ZERO);
    let rounds = u32::try_from(total.as_millis().div_ceil(30_000)).unwrap_or(u32::MAX);
    let mut plans = Vec::new();
    for round in 0..rounds {
        plans.push(Plan::new(Kind::Cut, round, LONG_CUT));
        plans.push(Plan::new(Kind::Sleep, round, SLEEP));
        plans.push(Plan::new(Kind::RestartAbrupt, round, DOWN));
        plans.push(Plan::new(Kind::RestartGraceful, round, DOWN));
        for kind in [Kind::Socket, Kind::CrossingDial, Kind::Replace, Kind::Rebind] {
            plans.push(Plan::new(kind, round, instant));
        }
    }
    for round in 0..rounds / 2 {
        plans.push(Plan::new(Kind::Cut, rounds + round, SHORT_CUT));
        for kind in [Kind::Socket, Kind::CrossingDial, Kind::Replace, Kind::Rebind] {
            plans.push(Plan::new(kind, rounds + round, instant));
        }
    }
    plans
}

/// Leaves out the step of the latest round that takes the most time; of a long cut a short one remains.
fn leave_out_least_important(plans: &mut Vec<Plan>) {
    let last = plans.iter().enumerate().max_by_key(|(_, plan)| (plan.round, plan.least(), plan.kind));
    if let Some((at, plan)) = last {
        if plan.range == LONG_CUT {
            plans[at].range = SHORT_CUT;
        } else {
            plans.remove(at);
        }
    }
}

/// The time that the steps take with the quiet between them.
fn needed(plans: &[Plan], lasts: fn(&Plan) -> Duration) -> Duration {
    let steps: Duration = plans.iter().map(lasts).sum();
    let gaps: Duration = (0..plans.len()).map(|at| quiet_before(plans, at)).sum();
    steps + gaps + plans.last().map_or(Duration::ZERO, |plan| plan.kind.quiet_after())
}

/// The least quiet before step `at`.
fn quiet_before(plans: &[Plan], at: usize) -> Duration {
    let after_last = at.checked_sub(1).map_or(Duration::ZERO, |before| plans[before].kind.quiet_after());
    after_last.max(plans[at].kind.quiet_before())
}

/// Takes from every step the same share of what it lasts beyond its least, until all fit.
fn shorten(plans: &mut [Plan], room: Duration) {
    let least = needed(plans, Plan::least);
    let drawn = needed(plans, Plan::lasts);
    if drawn <= room {
        return;
    }
    let share = room.saturating_sub(least).as_secs_f64() / (drawn - least).as_secs_f64();
    for plan in plans {
        plan.lasts = plan.range.0 + (plan.lasts - plan.range.0).mul_f64(share);
    }
}

/// Gives every step its time; what is left over lengthens the gaps by random shares.
fn place(rng: &mut Rng, plans: &[Plan], room: Duration) -> Vec<Step> {
    let spare = room.saturating_sub(needed(plans, Plan::lasts));
    let shares: Vec<u64> = plans.iter().map(|_| rng.below(1_000)).collect();
    let all = shares.iter().sum::<u64>().max(1);
    let first_side = if rng.below(2) == 0 { Side::Alice } else { Side::Bob };
    let mut at = LEAD_IN;
    let mut steps: Vec<Step> = Vec::with_capacity(plans.len());
    for (index, plan) in plans.iter().enumerate() {
        at += quiet_before(plans, index) + spare.mul_f64(shares[index] as f64 / all as f64);
        let before = steps.iter().filter(|step| step.kind == plan.kind).count();
        let side = if before.is_multiple_of(2) { first_side } else { first_side.other() };
        steps.push(Step { at, lasts: plan.lasts, kind: plan.kind, side });
        at += plan.lasts;
    }
    steps
}

fn between(rng: &mut Rng, (least, most): (Duration, Duration)) -> Duration {
    let span = u64::try_from((most - least).as_micros()).unwrap_or(u64::MAX);
    least + Duration::from_micros(rng.below(span.saturating_add(1)))
}

/// Fisher and Yates.
fn shuffle<T>(rng: &mut Rng, items: &mut [T]) {
    for last in (1..items.len()).rev() {
        let other = usize::try_from(rng.below(last as u64 + 1)).unwrap_or(0);
        items.swap(last, other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(steps: &[Step], kind: Kind) -> usize {
        steps.iter().filter(|step| step.kind == kind).count()
    }

    #[test]
    fn every_kind_comes_twice_in_45_and_60_seconds() {
        for seconds in [45, 60] {
            for seed in 0..500 {
                let steps = draw(seed, Duration::from_secs(seconds));
                for kind in Kind::ALL {
                    assert!(count(&steps, kind) >= 2, "seed {seed}, {seconds} s: {kind:?}");
                }
                let long = steps.iter().filter(|s| s.kind == Kind::Cut && s.lasts > Duration::from_secs(5));
                assert!(long.count() >= 2, "seed {seed}, {seconds} s");
            }
        }
    }

    #[test]
    fn steps_never_overlap_and_fit_the_time() {
        for seconds in 5..120 {
            let steps = draw(seconds, Duration::from_secs(seconds));
            for pair in steps.windows(2) {
                let quiet = pair[1].at - (pair[0].at + pair[0].lasts);
                assert!(quiet >= pair[0].kind.quiet_after().max(pair[1].kind.quiet_before()));
            }
            let end = steps.last().map_or(Duration::ZERO, |step| step.at + step.lasts);
            assert!(end + LEAD_OUT <= Duration::from_secs(seconds), "{seconds} s: {end:?}");
        }
    }

    #[test]
    fn a_short_run_has_a_short_cut_rather_than_none() {
        assert!((0..100).all(|seed| count(&draw(seed, Duration::from_secs(15)), Kind::Cut) > 0));
    }

    #[test]
    fn durations_stay_in_their_ranges() {
        for seed in 0..200 {
            for step in draw(seed, Duration::from_secs(90)) {
                let millis = step.lasts.as_millis();
                match step.kind {
                    Kind::Cut => assert!((300..=8_000).contains(&millis)),
                    Kind::Sleep => assert!((3_000..=8_000).contains(&millis)),
                    Kind::RestartAbrupt | Kind::RestartGraceful => assert!((300..=500).contains(&millis)),
                    _ => assert_eq!(millis, 0),
                }
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_script() {
        let minute = Duration::from_secs(60);
        assert_eq!(draw(7, minute), draw(7, minute));
        assert_ne!(draw(7, minute), draw(8, minute));
    }
}
