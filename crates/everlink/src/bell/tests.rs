use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::task::Wake;

use super::*;

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn bell() -> (Bell, Arc<Count>) {
    let (bell, count) = (Bell::default(), Arc::new(Count::default()));
    bell.listen(&Context::from_waker(&Waker::from(Arc::clone(&count))));
    (bell, count)
}

#[test]
fn a_resting_driver_is_woken_once() {
    let (bell, count) = bell();
    bell.ring();
    bell.ring();
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
}

#[test]
fn a_driver_at_work_is_not_woken_but_does_not_rest() {
    let (bell, count) = bell();
    bell.begin_round();
    bell.ring();
    assert_eq!(count.0.load(Ordering::Relaxed), 0);
    assert!(!bell.rest());
    bell.begin_round();
    assert!(bell.rest());
}
