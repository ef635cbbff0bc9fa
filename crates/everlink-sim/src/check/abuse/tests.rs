use super::*;

const WHO: Process = Process { number: 1, machine: 0, identity: 0 };

/// The books on one process that handles datagrams: what it has done, and what is said of that.
#[derive(Default)]
struct Books {
    abuse: Abuse,
    computed: u64,
    slots: u64,
    findings: Findings,
}

impl Books {
    /// It handles a datagram, computes so many handshakes and holds so many slots then. Tells whether that was a repeat.
    fn handle(&mut self, message: Option<u8>, computed: u64, slots: u64) -> bool {
        let before = Work { computed: self.computed, slots: self.slots };
        let after = Work { computed: self.computed + computed, slots };
        (self.computed, self.slots) = (after.computed, after.slots);
        let message = message.map(|message| [message; 16]);
        self.abuse.check_work(0, WHO, message, [before, after], &mut self.findings)
    }

    fn complaints(&self) -> usize {
        self.findings.total
    }
}

#[test]
fn one_handshake_may_be_computed_for_a_message_1() {
    let mut books = Books::default();
    books.handle(Some(1), 1, 1);
    books.handle(Some(2), 1, 1);
    assert_eq!(books.complaints(), 0);
    books.handle(Some(3), 2, 2);
    assert_eq!(books.complaints(), 1);
}

#[test]
fn none_may_be_computed_for_anything_else() {
    let mut books = Books::default();
    books.handle(None, 0, 0);
    assert_eq!(books.complaints(), 0);
    books.handle(None, 1, 0);
    assert_eq!(books.complaints(), 1);
}

#[test]
fn none_may_be_computed_for_a_repeat_while_its_slot_is_held() {
    let mut books = Books::default();
    assert!(!books.handle(Some(1), 1, 1));
    books.handle(Some(2), 1, 2);
    books.handle(None, 0, 2);
    assert!(books.handle(Some(1), 0, 2));
    assert_eq!(books.complaints(), 0);
    assert!(books.handle(Some(2), 1, 2));
    assert_eq!(books.complaints(), 1);
}

#[test]
fn a_repeat_is_a_message_like_any_other_once_its_slot_may_be_gone() {
    // A packet confirms it, another message takes its place, its time is over.
    let ends: [fn(&mut Books); 3] = [
        |books| _ = books.handle(None, 0, 0),
        |books| _ = books.handle(Some(2), 1, 1),
        |books| books.slots = 0,
    ];
    for end in ends {
        let mut books = Books::default();
        books.handle(Some(1), 1, 1);
        end(&mut books);
        let slots = books.slots + 1;
        assert!(!books.handle(Some(1), 1, slots));
        assert_eq!(books.complaints(), 0);
    }
}

#[test]
fn what_was_computed_without_a_datagram_is_found_in_the_sum() {
    let mut books = Books::default();
    books.handle(Some(1), 1, 1);
    books.abuse.check_computed(0, WHO, 1, &mut books.findings);
    assert_eq!(books.complaints(), 0);
    books.abuse.check_computed(0, WHO, 2, &mut books.findings);
    assert_eq!(books.complaints(), 1);
}
