use super::*;

#[test]
fn tokens_survive_a_restart_and_differ_by_identity_and_id() {
    let key = TokenKey::new(&Identity::from_seed(&[1; 32]));
    let token = key.token(&ConnectionId([1; 8]));
    let restarted = TokenKey::new(&Identity::from_seed(&[1; 32]));
    assert!(verify(&token, &restarted.token(&ConnectionId([1; 8]))));
    assert!(!verify(&token, &key.token(&ConnectionId([2; 8]))));
    let other = TokenKey::new(&Identity::from_seed(&[2; 32]));
    assert!(!verify(&token, &other.token(&ConnectionId([1; 8]))));
}

// A token has to outlive the process that issued it, and its version.
#[test]
fn a_token_is_made_as_specified() {
    let token = TokenKey::new(&Identity::from_seed(&[7; 32])).token(&ConnectionId(*b"12345678"));
    assert_eq!(data_encoding::HEXLOWER.encode(&token.0), "4641f749cc94104e55268866b1edd7b0");
}
