//! Streams as tokio sees them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod common;

use std::io::ErrorKind;

use common::pair;
use everlink::{StreamEnd, StreamError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn cause(error: &std::io::Error) -> &StreamError {
    error.get_ref().and_then(|source| source.downcast_ref()).expect("stream errors carry their cause")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_arrive_whole_both_ways_while_connections_are_replaced() {
    const LEN: usize = 5_000_000;
    let (a, b) = pair().await;
    let echo = tokio::spawn(async move {
        let (mut read, mut write) =
            b.link(common::identity(1).peer_id()).accept_stream().await.unwrap().split();
        tokio::io::copy(&mut read, &mut write).await.unwrap();
        write.shutdown().await.unwrap();
        b
    });
    let link = a.link(common::identity(2).peer_id());
    let (mut read, mut write) = link.open_stream().await.unwrap().split();
    let sent: Vec<u8> = (0..LEN).map(|n| (n % 251) as u8).collect();
    let expected = sent.clone();
    let writer = tokio::spawn(async move {
        for piece in sent.chunks(1_000_000) {
            write.write_all(piece).await.unwrap();
            link.redial();
        }
        write.shutdown().await.unwrap();
    });
    let mut back = Vec::new();
    read.read_to_end(&mut back).await.unwrap();
    assert!(back == expected);
    writer.await.unwrap();
    echo.await.unwrap();
}

#[tokio::test]
async fn the_end_of_file_comes_only_from_finish() {
    let (a, b) = pair().await;
    let mut finished = a.link(b.peer_id()).open_stream().await.unwrap();
    finished.write_all(b"all").await.unwrap();
    finished.finish().unwrap();
    let mut text = String::new();
    let mut theirs = b.link(a.peer_id()).accept_stream().await.unwrap();
    theirs.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "all");

    let mut dropped = a.link(b.peer_id()).open_stream().await.unwrap();
    dropped.write_all(b"some").await.unwrap();
    let mut theirs = b.link(a.peer_id()).accept_stream().await.unwrap();
    drop(dropped);
    let error = theirs.read_to_end(&mut Vec::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
    assert_eq!(*cause(&error), StreamError::Stream(StreamEnd::Reset { code: 0 }));
}

#[tokio::test]
async fn a_dropped_reader_stops_the_writer() {
    let (a, b) = pair().await;
    let mut ours = a.link(b.peer_id()).open_stream().await.unwrap();
    ours.write_all(b"hello").await.unwrap();
    let (read, _write) = b.link(a.peer_id()).accept_stream().await.unwrap().split();
    drop(read);
    let error = loop {
        if let Err(error) = ours.write_all(&[0; 10_000]).await {
            break error;
        }
    };
    assert_eq!(*cause(&error), StreamError::Stream(StreamEnd::StoppedByReader { code: 0 }));
}

#[tokio::test]
async fn a_stream_says_that_its_session_ended() {
    let (a, b) = pair().await;
    let mut ours = a.link(b.peer_id()).open_stream().await.unwrap();
    ours.write_all(b"hello").await.unwrap();
    let mut theirs = b.link(a.peer_id()).accept_stream().await.unwrap();
    let mut start = [0; 5];
    theirs.read_exact(&mut start).await.unwrap();
    a.link(b.peer_id()).close(7, "enough");
    let error = theirs.read_to_end(&mut Vec::new()).await.unwrap_err();
    assert!(matches!(cause(&error), StreamError::Stream(StreamEnd::SessionEnded { .. })), "{error}");
}

#[tokio::test]
async fn a_stream_says_that_its_own_endpoint_was_stopped() {
    let (a, b) = pair().await;
    let mut ours = a.link(b.peer_id()).open_stream().await.unwrap();
    ours.write_all(b"hello").await.unwrap();
    let _theirs = b.link(a.peer_id()).accept_stream().await.unwrap();
    a.stop().await.unwrap();
    for error in
        [ours.write_all(b"more").await.unwrap_err(), ours.read_to_end(&mut Vec::new()).await.unwrap_err()]
    {
        assert_eq!(*cause(&error), StreamError::Stopped);
    }
    assert_eq!(ours.finish(), Err(StreamError::Stopped));
}

#[tokio::test]
async fn a_slow_reader_makes_its_writer_wait() {
    let (a, b) = pair().await;
    let mut ours = a.link(b.peer_id()).open_stream().await.unwrap();
    let writer = tokio::spawn(async move {
        ours.write_all(&vec![3; 8_000_000]).await.unwrap();
        ours.shutdown().await.unwrap();
        ours
    });
    let mut theirs = b.link(a.peer_id()).accept_stream().await.unwrap();
    let mut total = 0;
    let mut piece = vec![0; 1_000];
    while let count @ 1.. = theirs.read(&mut piece).await.unwrap() {
        total += count;
    }
    assert_eq!(total, 8_000_000);
    writer.await.unwrap();
}
