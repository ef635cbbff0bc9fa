use super::*;

const NOW: Instant = Instant::from_micros(0);
const CHOSEN: ConnectionId = ConnectionId([7; 8]);

/// A connection of a link, to whose peer it sends with `remote`, and the id that it gave out itself.
fn connect(router: &mut Router, rng: &mut Rng, number: u64, remote: ConnectionId) -> ConnectionId {
    let (link, connection) = (LinkKey(u32::try_from(number).expect("small")), ConnectionKey(number));
    let local = router.issue(rng, Target::Slot(number));
    router.point(local, Target::Connection(link, connection));
    router.note_remote(remote, link, connection);
    local
}

fn senders(router: &Router, id: ConnectionId) -> Vec<u64> {
    router.senders(id).map(|(_, connection)| connection.0).collect()
}

#[test]
fn a_peer_that_chooses_the_id_of_another_does_not_take_its_place() {
    let (mut router, mut rng) = (Router::default(), Rng::from_seed([1; 32]));
    let honest = connect(&mut router, &mut rng, 1, CHOSEN);
    let copy = connect(&mut router, &mut rng, 2, CHOSEN);
    assert_eq!(senders(&router, CHOSEN), [1, 2]);
    router.retire(NOW, copy, CHOSEN);
    assert_eq!(senders(&router, CHOSEN), [1], "the copy takes nothing with it");
    connect(&mut router, &mut rng, 3, CHOSEN);
    router.retire(NOW, honest, CHOSEN);
    assert_eq!(senders(&router, CHOSEN), [3]);
}

#[test]
fn many_that_choose_one_id_are_not_all_remembered() {
    let (mut router, mut rng) = (Router::default(), Rng::from_seed([3; 32]));
    for number in 1..=100 {
        connect(&mut router, &mut rng, number, CHOSEN);
    }
    assert_eq!(senders(&router, CHOSEN), [1, 2, 3, 4]);
}

#[test]
fn nothing_is_left_of_connections_that_are_retired() {
    let (mut router, mut rng) = (Router::default(), Rng::from_seed([2; 32]));
    for number in 0..20 {
        let remote = ConnectionId([u8::try_from(number % 3).expect("small"); 8]);
        let local = connect(&mut router, &mut rng, number, remote);
        router.retire(NOW, local, remote);
        assert_eq!((router.target(local), senders(&router, remote)), (Some(Target::Retired), vec![]));
    }
    router.handle_timeout(NOW + REMEMBERED);
    assert_eq!((router.len(), router.deadline()), (0, None));
}
