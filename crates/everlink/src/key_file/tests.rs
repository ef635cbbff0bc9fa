use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;

/// A path in a directory of its own, which goes away with the test.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("everlink-key-{}-{name}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    fn key(&self) -> KeyFile {
        KeyFile::at(self.0.join("me.key"))
    }

    fn with(&self, text: &str) -> KeyFile {
        fs::write(self.key().path(), text).unwrap();
        fs::set_permissions(self.key().path(), PermissionsExt::from_mode(0o600)).unwrap();
        self.key()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn what_was_created_loads_as_the_same_identity() {
    let place = Place::new("same");
    let made = place.key().create().unwrap();
    assert_eq!(place.key().load().unwrap().peer_id(), made.peer_id());
    assert_eq!(place.key().load_or_create().unwrap().peer_id(), made.peer_id());
}

#[test]
fn a_key_is_readable_by_its_owner_only() {
    let place = Place::new("mode");
    place.key().create().unwrap();
    let mode = fs::metadata(place.key().path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    fs::set_permissions(place.key().path(), PermissionsExt::from_mode(0o644)).unwrap();
    assert!(matches!(place.key().load(), Err(KeyFileError::Exposed { mode: 0o644, .. })));
}

#[test]
fn an_identity_is_never_overwritten() {
    let place = Place::new("exists");
    let made = place.key().create().unwrap();
    assert!(matches!(place.key().create(), Err(KeyFileError::Exists(_))));
    assert_eq!(place.key().load().unwrap().peer_id(), made.peer_id());
}

#[test]
fn processes_that_make_a_key_at_once_agree_on_it() {
    for round in 0..20 {
        let place = Place::new(&format!("race-{round}"));
        let makers: Vec<_> = (0..8)
            .map(|_| place.key())
            .map(|key| std::thread::spawn(move || key.load_or_create().map(|identity| identity.peer_id())))
            .collect();
        let mut made: Vec<_> = makers.into_iter().map(|maker| maker.join().unwrap().unwrap()).collect();
        made.dedup();
        assert_eq!(made.len(), 1);
        let left: Vec<_> = fs::read_dir(&place.0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["me.key"]);
    }
}

#[test]
fn a_key_that_could_not_be_made_leaves_nothing_behind() {
    let place = Place::new("nowhere");
    let nowhere = KeyFile::at(place.0.join("no/such/directory/me.key"));
    assert!(matches!(nowhere.create(), Err(KeyFileError::Io { .. })));
    assert_eq!(fs::read_dir(&place.0).unwrap().count(), 0);
}

#[test]
fn what_is_not_a_key_says_what_was_expected() {
    let place = Place::new("malformed");
    assert!(matches!(place.key().load(), Err(KeyFileError::Missing(_))));
    for text in ["", "everlink-key2", "everlink-key1abc", &format!("everlink-key1{}", "g".repeat(64))] {
        let error = place.with(text).load().unwrap_err();
        assert!(matches!(error, KeyFileError::Malformed { .. }), "{text}");
        assert!(error.to_string().contains("64 hexadecimal digits"));
    }
}
