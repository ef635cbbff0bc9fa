use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

use super::*;

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A queue with `n` parked tasks.
fn line(n: usize) -> (WaitQueue, Vec<(Ticket, Arc<Count>)>) {
    let mut queue = WaitQueue::default();
    let tasks = (0..n)
        .map(|_| {
            let (ticket, count) = (queue.join(), Arc::new(Count::default()));
            let waker = Waker::from(Arc::clone(&count));
            queue.park(ticket, &Context::from_waker(&waker), &mut Wakes::default());
            (ticket, count)
        })
        .collect();
    (queue, tasks)
}

fn woken(tasks: &[(Ticket, Arc<Count>)]) -> Vec<usize> {
    tasks.iter().map(|(_, count)| count.0.load(Ordering::Relaxed)).collect()
}

#[test]
fn only_the_first_is_woken_however_often_something_happens() {
    let (mut queue, tasks) = line(3);
    let mut wakes = Wakes::default();
    queue.wake_first(&mut wakes);
    queue.wake_first(&mut wakes);
    wakes.deliver();
    assert_eq!(woken(&tasks), [1, 0, 0]);
}

#[test]
fn who_leaves_from_the_front_wakes_the_next() {
    let (mut queue, tasks) = line(3);
    let mut wakes = Wakes::default();
    queue.leave(tasks[0].0, &mut wakes);
    wakes.deliver();
    assert_eq!(woken(&tasks), [0, 1, 0]);
    assert!(queue.is_first(tasks[1].0));
}

#[test]
fn who_leaves_from_the_middle_wakes_nobody() {
    let (mut queue, tasks) = line(3);
    let mut wakes = Wakes::default();
    queue.leave(tasks[1].0, &mut wakes);
    wakes.deliver();
    assert_eq!(woken(&tasks), [0, 0, 0]);
}

#[test]
fn all_are_woken_when_it_is_over() {
    let (mut queue, tasks) = line(3);
    let mut wakes = Wakes::default();
    queue.wake_all(&mut wakes);
    wakes.deliver();
    assert_eq!(woken(&tasks), [1, 1, 1]);
}
