//! The ledger of keys: no nonce seals twice, no key is used too much, no packet is accepted twice, nothing is
//! sealed too early (C1 to C4), and both ends of a connection id use one key (S4). It also counts confirmed connections
//! for L5.
//!
//! Every provider handed to an endpoint is wrapped, so the ledger sees what the keys do, whatever
//! the code above them believes.

use super::{Findings, Process};
use crate::clock::{Micros, SECOND};
use crate::net::rule::Kind;
use everlink_proto::crypto::{HeaderKey, OpenError, PacketKey, Provider, Suite};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What all keys of all processes of a run did.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger(Arc<Mutex<Book>>);

#[derive(Debug, Default)]
struct Book {
    now: Micros,
    handling: Option<Kind>,
    scene: u64,
    confirmed: BTreeSet<u64>,
    /// How many packets a key may seal, and how many it may fail to open.
    limits: Option<(u64, u64)>,
    /// After how many packets sealed, and how many that do not open, a key has to be replaced.
    worn_at: Option<(u64, u64)>,
    rows: BTreeMap<[u8; 32], usize>,
    keys: Vec<Row>,
    early: Vec<(Micros, Process)>,
}

#[derive(Debug, Default)]
struct Row {
    sealed: Vec<(u128, Process)>,
    /// Which nonce was opened by whom, and in which scene: a first packet is opened once to find out whether it
    /// confirms a handshake, and again by the connection that it makes.
    opened: Vec<(u128, Process, u64)>,
    /// How many packets each process failed to open with it.
    failed: BTreeMap<u32, u64>,
    first_opened: Option<(Micros, Process)>,
    /// When it had been used so much that it had to be replaced.
    worn: Option<Micros>,
    /// The connection ids of packets that were sealed or opened with it.
    ids: BTreeSet<ConnectionId>,
    /// The cipher of each process that has it.
    suites: BTreeMap<u32, Suite>,
}

/// What names a connection on the wire, towards the side that drew it (SPEC 4.1).
type ConnectionId = [u8; 8];

/// The connection id in the header of a packet, which is what its key authenticates besides the payload.
fn id_of(header: &[u8]) -> Option<ConnectionId> {
    header.get(1..9)?.try_into().ok()
}

impl Ledger {
    /// A provider for `process` that does what `inner` does and writes it down.
    pub(crate) fn watch(&self, process: Process, inner: Arc<dyn Provider>) -> Arc<dyn Provider> {
        Arc::new(Watched { inner, process, ledger: self.clone() })
    }

    /// A ledger that knows how much a key may be used, packets sealed and packets that do not open, and after how many
    /// of them it has to be replaced.
    pub(crate) fn with_limits(limits: Option<(u64, u64)>, worn_at: Option<(u64, u64)>) -> Self {
        let ledger = Self::default();
        ledger.book().limits = limits;
        ledger.book().worn_at = worn_at;
        ledger
    }

    /// Tells the ledger what the machine is doing while it does it.
    pub(crate) fn set_scene(&self, now: Micros, handling: Option<Kind>) {
        let mut book = self.book();
        book.now = now;
        book.handling = handling;
        book.scene += 1;
    }

    /// When each pair of identities confirmed connections: (moment, one, the other), ordered.
    pub(crate) fn confirmations(&self) -> Vec<(Micros, usize, usize)> {
        let book = self.book();
        let mut list: Vec<_> = book.keys.iter().filter_map(Row::confirmation).collect();
        list.sort_unstable();
        list
    }

    /// When keys of a pair of identities had to be replaced because they were used so much: (moment, one, the other).
    pub(crate) fn worn_out(&self) -> Vec<(Micros, usize, usize)> {
        let book = self.book();
        let worn = book.keys.iter().filter_map(|row| {
            let (_, one, other) = row.confirmation()?;
            Some((row.worn?, one, other))
        });
        worn.collect()
    }

    /// The run is over: goes through the books.
    pub(crate) fn finish(&self, findings: &mut Findings) {
        let mut book = self.book();
        let now = book.now;
        for (at, process) in std::mem::take(&mut book.early) {
            let text = format!("process {} sealed as a responder before confirmation", process.number);
            findings.complain("C3", at, (process.machine, process.machine), text);
        }
        let limits = book.limits;
        for row in &mut book.keys {
            if let (Some(limits), Some((_, process))) = (limits, row.sealed.first()) {
                row.check_limits(now, limits, *process, findings);
            }
            row.sealed.sort_unstable();
            let sealed_twice = row.sealed.windows(2).find(|pair| pair[0].0 == pair[1].0);
            if let Some(&[(nonce, one), (_, other)]) = sealed_twice {
                let text = format!("nonce {nonce:024x} sealed by {} and {}", one.number, other.number);
                findings.complain("C1", now, (one.machine, other.machine), text);
            }
            row.opened.sort_unstable();
            row.opened.dedup();
            let opened_twice =
                row.opened.windows(2).find(|pair| pair[0].0 == pair[1].0 && pair[0].1 == pair[1].1);
            if let Some((nonce, one, _)) = opened_twice.map(|pair| pair[0]) {
                let text = format!("nonce {nonce:024x} opened twice by process {}", one.number);
                findings.complain("C4", now, (one.machine, one.machine), text);
            }
            row.check_ends(now, findings);
        }
        book.check_ids(findings);
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn row(&mut self, key: &[u8; 32]) -> usize {
        let next = self.keys.len();
        let row = *self.rows.entry(*key).or_insert(next);
        if row == next {
            self.keys.push(Row::default());
        }
        row
    }

    /// Keys follow from the whole handshake, so that the ends of a connection id that use one key agree on its hash.
    fn check_ids(&self, findings: &mut Findings) {
        let mut keys: BTreeMap<ConnectionId, &Row> = BTreeMap::new();
        for row in &self.keys {
            for id in &row.ids {
                let Some(other) = keys.insert(*id, row) else { continue };
                let text = format!("connection id {id:02x?} has two keys: {}, {}", other.show(), row.show());
                findings.complain("S4", self.now, row.machines(), text);
            }
        }
    }
}

impl Row {
    /// A key has one process that seals and one that opens, of two identities, with one cipher and one connection id
    /// (S4).
    fn check_ends(&self, at: Micros, findings: &mut Findings) {
        let sealers: BTreeSet<_> = self.sealed.iter().map(|(_, process)| *process).collect();
        let openers: BTreeSet<_> = self.opened.iter().map(|(_, process, _)| *process).collect();
        let identities: BTreeSet<_> =
            sealers.iter().chain(&openers).map(|process| process.identity).collect();
        let suites = self.suites.values().any(|suite| Some(suite) != self.suites.values().next());
        if sealers.len() > 1
            || openers.len() > 1
            || identities.len() < sealers.len() + openers.len()
            || self.ids.len() > 1
            || suites
        {
            let text = format!("the ends of a key differ: {}", self.show());
            findings.complain("S4", at, self.machines(), text);
        }
    }

    /// Between which machines, as findings name them.
    fn machines(&self) -> (usize, usize) {
        let sealer = self.sealed.first().map(|(_, process)| *process);
        let opener = self.first_opened.map(|(_, process)| process);
        let one = sealer.or(opener).map_or(0, |process| process.machine);
        (one, opener.map_or(one, |process| process.machine))
    }

    fn show(&self) -> String {
        let sealers: BTreeSet<_> = self.sealed.iter().map(|(_, process)| process.number).collect();
        let openers: BTreeSet<_> = self.opened.iter().map(|(_, process, _)| process.number).collect();
        format!("sealed by {sealers:?}, opened by {openers:?}, {:?}, ids {:02x?}", self.suites, self.ids)
    }

    /// C2.
    fn check_limits(&self, at: Micros, limits: (u64, u64), process: Process, findings: &mut Findings) {
        let sealed = self.sealed.len() as u64;
        let failed = self.failed.values().copied().max().unwrap_or(0);
        if sealed > limits.0 || failed > limits.1 {
            let text = format!("a key sealed {sealed} packets and failed to open {failed}: {limits:?}");
            findings.complain("C2", at, (process.machine, process.machine), text);
        }
    }

    fn note_wear(&mut self, now: Micros, worn_at: Option<(u64, u64)>) {
        let Some((sealed, failed)) = worn_at else { return };
        let worn = self.sealed.len() as u64 >= sealed || self.failed.values().any(|count| *count >= failed);
        if worn {
            self.worn.get_or_insert(now);
        }
    }

    fn confirmation(&self) -> Option<(Micros, usize, usize)> {
        let (at, opener) = self.first_opened?;
        let (_, sealer) = self.sealed.first()?;
        let (one, other) = (opener.identity.min(sealer.identity), opener.identity.max(sealer.identity));
        Some((at, one, other))
    }
}

/// The most handshakes that a pair completed in any minute, less what each of `events` in it explains.
pub(crate) fn busiest_minute(confirmed: &[Micros], events: &[(Micros, usize)]) -> (usize, Micros) {
    let mut worst = (0, 0);
    for (index, &end) in confirmed.iter().enumerate() {
        let begin = end.saturating_sub(60 * SECOND);
        let count = confirmed[..=index].iter().filter(|at| **at > begin || begin == 0).count();
        // An event up to ten seconds earlier may still be the reason of the first of them.
        let from = begin.saturating_sub(10 * SECOND);
        let excused: usize =
            events.iter().filter(|(at, _)| (from..=end).contains(at)).map(|(_, each)| each).sum();
        let rest = count.saturating_sub(excused);
        if rest > worst.0 {
            worst = (rest, end);
        }
    }
    worst
}

struct Watched {
    inner: Arc<dyn Provider>,
    process: Process,
    ledger: Ledger,
}

impl Provider for Watched {
    fn has_aes(&self) -> bool {
        self.inner.has_aes()
    }

    fn packet_key(&self, suite: Suite, key: &[u8; 32]) -> Box<dyn PacketKey> {
        let inner = self.inner.packet_key(suite, key);
        let mut book = self.ledger.book();
        // A responder makes its keys while it handles message 1, and may seal with one only after
        // it has opened something with the other.
        let awaits = (book.handling == Some(Kind::Message1)).then_some(book.scene);
        let row = book.row(key);
        book.keys[row].suites.insert(self.process.number, suite);
        Box::new(WatchedKey { inner, row, process: self.process, awaits, ledger: self.ledger.clone() })
    }

    fn header_key(&self, suite: Suite, key: &[u8; 32]) -> Box<dyn HeaderKey> {
        self.inner.header_key(suite, key)
    }
}

struct WatchedKey {
    inner: Box<dyn PacketKey>,
    row: usize,
    process: Process,
    awaits: Option<u64>,
    ledger: Ledger,
}

impl PacketKey for WatchedKey {
    fn seal(&self, nonce: &[u8; 12], aad: &[u8], buf: &mut [u8]) {
        self.inner.seal(nonce, aad, buf);
        let mut book = self.ledger.book();
        let now = book.now;
        if self.awaits.is_some_and(|scene| !book.confirmed.contains(&scene)) {
            book.early.push((now, self.process));
        }
        let worn_at = book.worn_at;
        let row = &mut book.keys[self.row];
        row.ids.extend(id_of(aad));
        row.sealed.push((number(nonce), self.process));
        row.note_wear(now, worn_at);
    }

    fn open(&self, nonce: &[u8; 12], aad: &[u8], buf: &mut [u8]) -> Result<usize, OpenError> {
        let opened = self.inner.open(nonce, aad, buf);
        let mut book = self.ledger.book();
        let (now, scene) = (book.now, book.scene);
        let Ok(len) = opened else {
            let worn_at = book.worn_at;
            let row = &mut book.keys[self.row];
            row.ids.extend(id_of(aad));
            *row.failed.entry(self.process.number).or_default() += 1;
            row.note_wear(now, worn_at);
            return Err(OpenError);
        };
        book.confirmed.extend(self.awaits);
        let row = &mut book.keys[self.row];
        row.ids.extend(id_of(aad));
        row.opened.push((number(nonce), self.process, scene));
        row.first_opened.get_or_insert((now, self.process));
        Ok(len)
    }
}

fn number(nonce: &[u8; 12]) -> u128 {
    nonce.iter().fold(0, |number, byte| number << 8 | u128::from(*byte))
}
