use super::*;

#[test]
fn a_bound_address_is_where_others_reach_it() {
    let bound = ["192.0.2.7:4000".parse().unwrap(), "[2001:db8::7]:4001".parse().unwrap()];
    assert_eq!(reachable_at(&bound), bound);
}

#[test]
fn all_addresses_become_one_that_can_be_dialled_at_the_same_port() {
    let reachable = reachable_at(&["0.0.0.0:4000".parse().unwrap()]);
    assert_eq!(reachable.len(), 1);
    assert!(reachable.iter().all(|address| !address.ip().is_unspecified() && address.port() == 4000));
}
