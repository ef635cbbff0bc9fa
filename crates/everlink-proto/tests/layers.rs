//! The layers of the crate: who may name whom, and what nobody may name.
//!
//! Dependencies between modules point one way, so that each can be read, tested and changed knowing only what lies
//! below it. This reads the sources and holds every `crate::` path against the list.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// From the bottom up. A module may name those of lower layers, and itself.
const LAYERS: [&[&str]; 6] = [
    &["base32", "id", "range_set", "rng", "ticket", "time", "wire"],
    &["crypto", "recovery"],
    &["path", "session", "stream"],
    &["connection"],
    &["link"],
    &["endpoint"],
];

/// The words in which the core speaks to its driver. Links and what is above them use these, and they may
/// name what they report.
const SURFACE: [&str; 5] = ["config", "error", "event", "router", "stats"];

/// Who may name a neighbour or somebody above it, and why.
const EXCEPTIONS: [(&str, &str, &str); 7] = [
    ("ticket", "wire", "a ticket is bytes, read by the same cursor as packets"),
    ("wire", "id", "identifiers are fields of frames"),
    ("id", "base32", "identifiers are written as text"),
    ("ticket", "id", "a ticket names a peer"),
    ("ticket", "base32", "a ticket is text"),
    ("stream", "session", "streams end with their session and live on its credit"),
    ("session", "stream", "the session owns the streams"),
];

/// The order of connections is a pure table of the link's, and a connection knows its place in it.
const TABLES: [&str; 1] = ["link::election"];

/// What would make a run depend on something that was not handed in.
const FOREIGN: [&str; 12] = [
    "std::time",
    "std::thread",
    "std::env",
    "std::fs",
    "std::process",
    "thread_local!",
    "UdpSocket",
    "HashMap",
    "HashSet",
    "getrandom",
    "OsRng",
    "tokio",
];

#[test]
fn modules_name_only_what_lies_below_them() {
    let mut wrong = Vec::new();
    for (module, path, code) in sources() {
        for named in crate_paths(&code) {
            if !may_name(&module, &named) {
                wrong.push(format!("{}: {module} names {named}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "the other way round:\n{}", wrong.join("\n"));
}

#[test]
fn every_module_has_its_layer() {
    for (module, path, _) in sources() {
        let known = layer(&module).is_some() || SURFACE.contains(&module.as_str()) || module == "lib";
        assert!(known, "{}: give {module} its place in the list of layers", path.display());
    }
}

#[test]
fn the_core_asks_nobody_for_time_chance_threads_or_sockets() {
    for (_, path, code) in sources() {
        for word in FOREIGN {
            assert!(!code.contains(word), "{} names {word}", path.display());
        }
    }
}

fn may_name(module: &str, named: &str) -> bool {
    let target = named.split("::").next().unwrap_or_default();
    if module == target || module == "lib" || SURFACE.contains(&module) {
        return true;
    }
    let (Some(own), other) = (layer(module), layer(target)) else { return false };
    match other {
        Some(other) if other < own => true,
        Some(_) => {
            EXCEPTIONS.iter().any(|(from, to, _)| (*from, *to) == (module, target))
                || TABLES.iter().any(|table| named.starts_with(table))
        }
        // Types that the crate's root shows again count for nobody: inside, each thing has one name.
        None => SURFACE.contains(&target) && own >= 3,
    }
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// Each source file without tests and comments, and the module at the root of the crate that it belongs to.
fn sources() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files
        .into_iter()
        .filter(|file| !file.ends_with("tests.rs"))
        .map(|file| {
            let inside = file.strip_prefix(&root).unwrap();
            let first = inside.iter().next().unwrap().to_str().unwrap();
            let code = strip(&fs::read_to_string(&file).unwrap());
            (first.trim_end_matches(".rs").to_owned(), inside.to_owned(), code)
        })
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The code without comments, and without the tests at its end.
fn strip(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Every path that begins with `crate::`, braces opened up.
fn crate_paths(code: &str) -> BTreeSet<String> {
    let starts = code.match_indices("crate::").map(|(at, start)| &code[at + start.len()..]);
    starts.flat_map(|rest| expand(String::new(), rest).0).collect()
}

/// The paths of one `use` tree, or the one path of an expression, and what follows them.
fn expand(prefix: String, code: &str) -> (Vec<String>, &str) {
    let mut rest = code.trim_start();
    let Some(inner) = rest.strip_prefix('{') else {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let path = format!("{prefix}{}", &rest[..end]);
        return match rest[end..].strip_prefix("::") {
            Some(after) => expand(format!("{path}::"), after),
            None => (vec![path], &rest[end..]),
        };
    };
    rest = inner;
    let mut paths = Vec::new();
    loop {
        rest = rest.trim_start_matches(|c: char| c == ',' || c.is_whitespace());
        if let Some(after) = rest.strip_prefix('}') {
            return (paths, after);
        }
        let (found, after) = expand(prefix.clone(), rest);
        paths.extend(found);
        assert!(after.len() < rest.len(), "not a tree of names: {}", &rest[..rest.len().min(60)]);
        // A new name: `as x` is of no interest.
        rest = after.trim_start_matches(|c: char| c != ',' && c != '}');
    }
}

#[test]
fn paths_are_found_in_trees_and_expressions() {
    let code = "use crate::{id::{PeerId, Token as T}, time::Instant};\nlet x: crate::wire::Frame<'_> = y;";
    let found = crate_paths(code).into_iter().collect::<Vec<_>>();
    assert_eq!(found, ["id::PeerId", "id::Token", "time::Instant", "wire::Frame"]);
}
