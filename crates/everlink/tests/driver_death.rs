//! Whatever breaks the driver, every call that waits ends, and says why.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod common;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::OnceLock;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use common::{Frail, builder, endpoint};
use everlink::{
    Config, Endpoint, EndpointFailed, FailureCause, Identity, NotDelivered, PeerId, RecvError, SendError,
    Verdict,
};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

fn nobody() -> PeerId {
    Identity::from_seed(&[9; 32]).peer_id()
}

/// One task for each kind of waiting.
struct Waiting {
    /// Each gives the cause it ended with.
    calls: Vec<JoinHandle<FailureCause>>,
    receipt: JoinHandle<Result<Verdict, EndpointFailed>>,
}

async fn wait_for_everything(endpoint: &Endpoint, waiters: &Runtime) -> Waiting {
    let link = endpoint.link(nobody());
    let receipt = link.send("never").await.unwrap();
    while let Ok(receipt) = link.try_send(vec![0; 100_000]) {
        drop(receipt);
    }
    let mut receiver = endpoint.link(Identity::from_seed(&[8; 32]).peer_id()).receiver().unwrap().unwrap();
    let mut watcher = link.watch();
    let (for_inbox, for_streams) = (endpoint.clone(), link.clone());
    let sending = async move { failure(link.send(vec![0; 100_000]).await.unwrap_err()).cause };
    let receiving = async move { recv_failure(for_inbox.recv().await.unwrap_err()).cause };
    let receiving_here = async move { recv_failure(receiver.recv().await.unwrap_err()).cause };
    let watching = async move {
        loop {
            if let Err(error) = watcher.changed().await {
                return recv_failure(error).cause;
            }
        }
    };
    let accepting = async move {
        match for_streams.accept_stream().await.unwrap_err() {
            everlink::StreamError::EndpointFailed(failure) => failure.cause,
            other => panic!("{other}"),
        }
    };
    let calls = vec![
        parked(waiters, sending).await,
        parked(waiters, receiving).await,
        parked(waiters, receiving_here).await,
        parked(waiters, watching).await,
        parked(waiters, accepting).await,
    ];
    Waiting { calls, receipt: parked(waiters, receipt.verdict()).await }
}

/// Spawns `wait` and returns once it waits.
async fn parked<T: Send + 'static>(
    waiters: &Runtime,
    wait: impl Future<Output = T> + Send + 'static,
) -> JoinHandle<T> {
    let (waits, it_waits) = tokio::sync::oneshot::channel();
    let task = waiters.spawn(async move {
        let mut wait = pin!(wait);
        assert!(poll_fn(|cx| Poll::Ready(wait.as_mut().poll(cx).is_pending())).await);
        waits.send(()).unwrap();
        wait.await
    });
    it_waits.await.unwrap();
    task
}

fn failure(error: SendError) -> EndpointFailed {
    match error {
        SendError::EndpointFailed { failure, .. } => failure,
        other => panic!("{other}"),
    }
}

fn recv_failure(error: RecvError) -> EndpointFailed {
    match error {
        RecvError::EndpointFailed(failure) => failure,
        other => panic!("{other}"),
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// Starts an endpoint on a runtime of its own, lets everything wait, does `kill`, and gives what the waiters and a
/// later caller were told.
fn end(
    make: impl AsyncFnOnce() -> Endpoint,
    kill: impl FnOnce(&Endpoint, Runtime),
) -> (Vec<FailureCause>, Result<Verdict, EndpointFailed>) {
    let (drivers, waiters) = (runtime(), runtime());
    let endpoint = drivers.block_on(make());
    let waiting = waiters.block_on(wait_for_everything(&endpoint, &waiters));
    kill(&endpoint, drivers);
    let (mut causes, verdict) = waiters.block_on(async {
        let mut causes = Vec::new();
        for call in waiting.calls {
            causes.push(call.await.unwrap());
        }
        (causes, waiting.receipt.await.unwrap())
    });
    causes.push(failure(endpoint.link(nobody()).try_send("x").unwrap_err()).cause);
    (causes, verdict)
}

#[test]
fn a_runtime_that_is_shut_down_ends_every_wait() {
    let (causes, verdict) = end(async || endpoint(1).await, |_, drivers| drivers.shutdown_background());
    assert_eq!(causes, vec![FailureCause::RuntimeGone; 6]);
    assert_eq!(verdict, Ok(Verdict::NotDelivered(NotDelivered::EndpointFailed)));
}

#[test]
fn a_panic_in_the_driver_ends_every_wait_and_says_what_it_was() {
    let faults = OnceLock::new();
    let make = async || {
        let (socket, handle) = Frail::bind();
        faults.set(handle).unwrap();
        builder(1).socket(socket).start().await.unwrap()
    };
    let (causes, verdict) = end(make, |endpoint, drivers| {
        faults.get().unwrap().panic.store(true, Ordering::SeqCst);
        endpoint.rebind(); // Wakes the driver, which then receives.
        std::mem::forget(drivers);
    });
    let cause = FailureCause::Panicked("the socket broke".into());
    assert_eq!(causes, vec![cause.clone(); 6]);
    assert_eq!(verdict, Err(EndpointFailed { cause }));
}

#[test]
fn an_abort_ends_every_wait() {
    let (causes, verdict) = end(
        async || endpoint(1).await,
        |endpoint, drivers| {
            endpoint.abort();
            std::mem::forget(drivers);
        },
    );
    assert_eq!(causes, vec![FailureCause::Aborted; 6]);
    assert_eq!(verdict, Ok(Verdict::NotDelivered(NotDelivered::EndpointFailed)));
}

#[tokio::test(start_paused = true)]
async fn who_was_about_to_be_woken_when_something_panicked_is_woken() {
    let (socket, faults) = Frail::bind();
    let config = Config { linger: Duration::ZERO, ..Config::default() };
    let endpoint = builder(1).socket(socket).config(config).start().await.unwrap();
    let link = endpoint.link(nobody());
    let waiting = tokio::spawn(link.send("never").await.unwrap().verdict());
    tokio::task::yield_now().await;
    faults.panic_before_send.store(true, Ordering::SeqCst);
    link.close(0, ""); // Gives the verdict, and then breaks.
    let verdict = tokio::time::timeout(Duration::from_secs(1), waiting).await.expect("it was not woken");
    assert_eq!(verdict.unwrap(), Ok(Verdict::NotDelivered(NotDelivered::Closed)));
}
