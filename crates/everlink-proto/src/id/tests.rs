use super::*;

const TEXT: &str = "aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dypq";

fn peer() -> PeerId {
    let mut byte = 0;
    PeerId::from_bytes([(); 32].map(|()| {
        byte += 1;
        byte - 1
    }))
}

#[test]
fn a_peer_id_is_52_characters_and_10_in_logs() {
    assert_eq!(peer().to_string(), TEXT);
    assert_eq!(format!("{:#}", peer()), TEXT[..10]);
}

#[test]
fn a_peer_id_is_read_in_either_case() {
    assert_eq!(TEXT.parse(), Ok(peer()));
    assert_eq!(TEXT.to_ascii_uppercase().parse(), Ok(peer()));
}

#[test]
fn each_error_says_what_is_wrong() {
    assert_eq!(TEXT[..51].parse::<PeerId>(), Err(PeerIdError::Length(51)));
    assert_eq!(TEXT[..50].parse::<PeerId>(), Err(PeerIdError::Length(50)));
    assert_eq!("".parse::<PeerId>(), Err(PeerIdError::Length(0)));
    assert_eq!(
        TEXT.replace('e', "1").parse::<PeerId>(),
        Err(PeerIdError::Character { position: 5, found: '1' })
    );
    assert_eq!(format!("{}r", &TEXT[..51]).parse::<PeerId>(), Err(PeerIdError::LastCharacter));
}
