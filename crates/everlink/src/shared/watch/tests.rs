use super::*;

fn refused(seconds: u64) -> Notice {
    Notice::Refused { retry_after: Duration::from_secs(seconds) }
}

#[test]
fn a_watcher_sees_each_notice_once_and_in_order() {
    let (mut watch, mut wakes) = (Watch::default(), Wakes::default());
    watch.on_notice(refused(1), &mut wakes);
    let late = watch.seen().notices;
    watch.on_notice(refused(2), &mut wakes);
    assert_eq!(watch.notice_after(0), Some((1, refused(1))));
    assert_eq!(watch.notice_after(1), Some((2, refused(2))));
    assert_eq!(watch.notice_after(2), None);
    assert_eq!(watch.notice_after(late), Some((2, refused(2))));
}

#[test]
fn of_many_notices_a_slow_watcher_sees_the_last() {
    let (mut watch, mut wakes) = (Watch::default(), Wakes::default());
    (0..20).for_each(|number| watch.on_notice(refused(number), &mut wakes));
    let mut seen = 0;
    let numbers = std::iter::from_fn(|| {
        let (now, notice) = watch.notice_after(seen)?;
        seen = now;
        Some(notice)
    });
    assert!(numbers.eq((12..20).map(refused)));
}

#[test]
fn a_notice_is_no_change_of_state() {
    let (mut watch, mut wakes) = (Watch::default(), Wakes::default());
    watch.on_notice(Notice::DuplicateIdentity { ours: false }, &mut wakes);
    assert_eq!(watch.change_after(0), None);
}
