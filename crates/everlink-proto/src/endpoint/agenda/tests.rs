use super::*;
use crate::{rng::Rng, time::Instant};

/// The agenda without its order: the first is looked for among all.
fn first_of(model: &[Option<Instant>]) -> Option<(Instant, LinkKey)> {
    let keys = (0..).map(LinkKey);
    model.iter().zip(keys).filter_map(|(at, key)| at.map(|at| (at, key))).min()
}

#[test]
fn the_first_is_the_earliest_of_what_was_entered_last() {
    let mut rng = Rng::from_seed([7; 32]);
    let mut agenda = Agenda::default();
    let mut model = [None; 16];
    for _ in 0..10_000 {
        let at = Instant::from_micros(rng.next_u64() % 64);
        let at = Some(at).filter(|_| !rng.next_u64().is_multiple_of(3));
        let link = rng.next_u64() % 16;
        agenda.set(LinkKey(u32::try_from(link).unwrap()), at);
        model[usize::try_from(link).unwrap()] = at;
        assert_eq!(agenda.first(), first_of(&model));
        assert_eq!(agenda.len(), model.iter().flatten().count());
        assert!((0..).map(LinkKey).zip(model).all(|(key, at)| agenda.get(key) == at));
    }
}
