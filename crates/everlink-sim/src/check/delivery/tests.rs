use super::*;
use crate::check::Sight;
use crate::subject::{ConnectionView, LinkState, Standing, View};

const SENDER: Process = Process { number: 1, machine: 0, identity: 0 };
const RECEIVER: Process = Process { number: 2, machine: 1, identity: 1 };

/// A sender that has accepted three messages, and a receiver in a session with it.
struct Books {
    deliveries: Deliveries,
    findings: Findings,
}

impl Books {
    fn new() -> Self {
        let mut books = Self { deliveries: Deliveries::default(), findings: Findings::default() };
        for place in 0..3 {
            let accepted = Accepted {
                name: name(place),
                sender: SENDER,
                at: 0,
                len: SHORTEST,
                wants_done: false,
                may_resend: false,
                session: 0,
            };
            books.deliveries.on_accepted(accepted, u64::from(place), &mut books.findings);
        }
        books.deliveries.on_started(1, RECEIVER, 0, &mut books.findings);
        books
    }

    /// The receiver reads a message.
    fn reads(&mut self, place: u32) {
        let taken = Taken {
            receiver: RECEIVER,
            peer: 0,
            channel: 0,
            body: &body_of(name(place), SHORTEST),
            flagged: false,
            wants_done: false,
            prompt: true,
            doubled: false,
        };
        self.deliveries.on_taken(2, &taken, &mut self.findings);
    }

    /// A look at one end, which sends on the connection of this generation and knows of so many open messages.
    fn looks(&mut self, process: Process, generation: u64, open_messages: u64) {
        let connection = ConnectionView {
            hash: [0; 32],
            generation,
            by_us: true,
            standing: Standing::Sending,
            bound: true,
            in_flight: 0,
            pto: 0,
            lost: 0,
        };
        let view = View {
            state: LinkState::Connected,
            mine: None,
            theirs: None,
            in_session: true,
            session: 0,
            connections: vec![connection],
            open_messages,
            queued: 0,
            gauges: Vec::new(),
        };
        let sight = Sight { at: 2, process, peer: 1 - process.identity, view };
        self.deliveries.on_view(&sight, &mut self.findings);
    }

    /// The invariants that are broken, the end of the run included, but for verdicts that nobody told.
    fn broken(mut self) -> Vec<&'static str> {
        self.deliveries.finish(3, &mut self.findings);
        let all = self.findings.list().iter().map(|finding| finding.invariant);
        all.filter(|invariant| *invariant != "D2").collect()
    }
}

fn name(place: u32) -> Name {
    Name { process: SENDER.number, to: RECEIVER.identity, channel: 0, place }
}

#[test]
fn what_is_read_in_order_over_two_connections_is_counted_and_breaks_nothing() {
    let mut books = Books::new();
    books.looks(RECEIVER, 1, 0);
    books.reads(0);
    books.looks(RECEIVER, 2, 0);
    books.reads(1);
    books.reads(2);
    assert_eq!(books.deliveries.carried_on, 1);
    assert_eq!(books.broken(), [""; 0]);
}

#[test]
fn a_gap_across_a_change_of_connection_is_told_as_such() {
    let mut books = Books::new();
    books.looks(RECEIVER, 1, 0);
    books.reads(0);
    books.looks(RECEIVER, 2, 0);
    books.reads(2);
    assert_eq!(books.broken(), ["D10"]);
}

#[test]
fn a_step_back_across_a_change_of_connection_is_told_as_such() {
    let mut books = Books::new();
    books.looks(RECEIVER, 1, 0);
    books.reads(0);
    books.reads(1);
    books.looks(RECEIVER, 2, 0);
    books.reads(1);
    assert_eq!(books.broken(), ["D10", "D4"]);
}

#[test]
fn a_gap_on_one_connection_is_one_of_order() {
    let mut books = Books::new();
    books.looks(RECEIVER, 1, 0);
    books.reads(0);
    books.reads(2);
    assert_eq!(books.broken(), ["D1"]);
}

#[test]
fn a_message_that_its_endpoint_no_longer_knows_was_dropped_silently() {
    let mut books = Books::new();
    books.looks(SENDER, 1, 3);
    books.looks(SENDER, 1, 2);
    assert_eq!(books.broken(), ["D8"]);
}

#[test]
fn a_message_that_is_forgotten_with_its_link_was_dropped_silently() {
    let mut books = Books::new();
    books.deliveries.on_forgotten(2, SENDER, RECEIVER.identity, &mut books.findings);
    assert_eq!(books.broken(), ["D8"]);
}

#[test]
fn a_message_is_in_doubt_once_it_was_on_the_wire_and_its_session_has_ended() {
    let unknown = || Outcome::Unknown("SessionEnded".to_owned());
    let told = |on_wire: usize, session| {
        let mut books = Books::new();
        books.deliveries.on_packet(SENDER.number, RECEIVER.identity, on_wire);
        books.deliveries.on_end_known(SENDER, RECEIVER.identity);
        let verdict = (unknown(), session);
        books.deliveries.on_verdict(2, SENDER, RECEIVER.identity, 0, verdict, &mut books.findings);
        books.broken()
    };
    assert_eq!(told(SHORTEST, 1), [""; 0]);
    assert_eq!(told(SHORTEST, 0), ["D3"]);
    assert_eq!(told(SHORTEST - 1, 1), ["D3"]);
}
