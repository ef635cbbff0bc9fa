use std::future::poll_fn;
use std::time::Duration;

use super::*;

#[test]
fn the_clock_does_not_run_backwards() {
    let first = SystemClock.now();
    assert!(SystemClock.now() >= first);
}

#[tokio::test]
async fn the_timer_fires_at_its_deadline_and_not_before() {
    let mut timer = SystemClock.timer().unwrap();
    let deadline = SystemClock.now() + Duration::from_millis(20);
    poll_fn(|cx| timer.poll_until(cx, deadline)).await.unwrap();
    assert!(SystemClock.now() >= deadline);
}

#[tokio::test]
async fn a_past_deadline_is_ready_and_a_later_one_can_follow() {
    let mut timer = SystemClock.timer().unwrap();
    poll_fn(|cx| timer.poll_until(cx, Instant::ZERO)).await.unwrap();
    let deadline = SystemClock.now() + Duration::from_millis(5);
    poll_fn(|cx| timer.poll_until(cx, deadline)).await.unwrap();
    assert!(SystemClock.now() >= deadline);
}

#[tokio::test]
async fn an_earlier_deadline_replaces_a_later_one() {
    let mut timer = SystemClock.timer().unwrap();
    let far = SystemClock.now() + Duration::from_secs(3_600);
    let near = SystemClock.now() + Duration::from_millis(5);
    let mut calls = 0;
    poll_fn(|cx| {
        calls += 1;
        if calls == 1 {
            assert!(timer.poll_until(cx, far).is_pending());
        }
        timer.poll_until(cx, near)
    })
    .await
    .unwrap();
    assert!(SystemClock.now() >= near);
}
