use super::*;

fn message(inbox: &mut Inbox, number: u64) {
    let token = DoneToken { epoch: 0, channel: 0, number, wanted: false };
    inbox.push_message(token, Bytes::from_static(b"body"), MessageFlags::default());
}

#[test]
fn items_come_out_in_the_order_in_which_things_happened() {
    let mut inbox = Inbox::default();
    inbox.push_started();
    message(&mut inbox, 0);
    inbox.push_ended(EndReason::PeerForgot);
    inbox.push_started();
    assert_eq!(inbox.cost(), 36);
    let items: Vec<_> = core::iter::from_fn(|| inbox.pop()).map(|(item, _)| item).collect();
    assert!(matches!(
        items[..],
        [
            InboxItem::SessionStarted,
            InboxItem::Message { .. },
            InboxItem::SessionEnded(EndReason::PeerForgot),
            InboxItem::SessionStarted
        ]
    ));
    assert_eq!(inbox.cost(), 0);
}

#[test]
fn a_peer_that_restarts_for_ever_does_not_fill_the_memory() {
    let mut inbox = Inbox::default();
    for _ in 0..10_000 {
        inbox.push_started();
        inbox.push_ended(EndReason::PeerRestarted);
    }
    assert!(inbox.len() <= NOTICES_MAX + 2, "{} items", inbox.len());
    inbox.push_started();
    message(&mut inbox, 0);
    inbox.push_ended(EndReason::PeerRestarted);
    let last = core::iter::from_fn(|| inbox.pop()).last().map(|(item, _)| item);
    assert_eq!(last, Some(InboxItem::SessionEnded(EndReason::PeerRestarted)), "with messages, ends count");
}

#[test]
fn an_inbox_that_was_full_gives_its_memory_back() {
    let mut inbox = Inbox::default();
    for _ in 0..100_000 {
        message(&mut inbox, 0);
    }
    while inbox.pop().is_some() {}
    assert!(inbox.items.capacity() <= ITEMS_KEPT, "{}", inbox.items.capacity());
}
