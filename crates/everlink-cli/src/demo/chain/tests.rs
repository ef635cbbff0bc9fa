use everlink::{Endpoint, EndpointFailed, FailureCause};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

fn content(offset: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    fill(5, offset, &mut bytes);
    bytes
}

#[test]
fn a_chain_that_goes_on_where_the_log_ends_is_intact() {
    let mut log = ChainLog::new(5);
    log.log(0, &content(0, 1_000));
    log.log(1_000, &content(1_000, 500));
    log.ended(1_500, 1_500);
    assert!(log.hash_ok());
    assert_eq!(log.logged(), 1_500);
}

#[test]
fn bytes_that_come_again_are_compared_and_not_counted() {
    let mut log = ChainLog::new(5);
    log.log(0, &content(0, 1_000));
    log.log(600, &content(600, 900));
    log.log(700, &content(700, 10));
    assert!(log.hash_ok());
    assert_eq!(log.logged(), 1_500);
}

#[test]
fn a_chain_of_which_nothing_arrived_is_not_intact() {
    assert!(!ChainLog::new(5).hash_ok());
}

#[test]
fn a_stream_that_was_written_and_did_not_arrive_is_missed() {
    let mut log = ChainLog::new(5);
    log.log(0, &content(0, 100));
    log.ended(100, 100);
    log.under_way = true;
    assert!(!log.is_at_rest());
    log.close();
    assert!(!log.hash_ok());
}

#[test]
fn a_chain_at_rest_is_closed_without_loss() {
    let mut log = ChainLog::new(5);
    log.log(0, &content(0, 100));
    log.close();
    assert!(log.hash_ok());
}

#[test]
fn a_wrong_byte_a_gap_and_a_false_end_are_found() {
    let mut wrong = ChainLog::new(5);
    wrong.log(0, &content(1, 100));
    let mut gap = ChainLog::new(5);
    gap.log(8, &content(8, 100));
    let mut end = ChainLog::new(5);
    end.log(0, &content(0, 100));
    end.ended(100, 200);
    assert_eq!([wrong, gap, end].map(|log| log.hash_ok()), [false; 3]);
}

fn breaks(error: impl Into<io::Error>, phase: Phase) -> bool {
    let mut log = ChainLog::new(5);
    log.log(0, &content(0, 100));
    log.broke("reading", &error.into(), phase);
    assert_eq!(log.hash_ok(), log.fault().is_none());
    log.fault().is_some()
}

#[test]
fn a_stream_may_break_with_its_session() {
    let stopped = EndReason::ClosedByPeer { code: CloseCode::Stopped, application: 0 };
    for phase in [Phase::Running, Phase::Ending, Phase::Finishing] {
        for end in [ended(EndReason::PeerRestarted), ended(stopped), StreamEnd::Reset { code: ENDING }] {
            assert!(!breaks(StreamError::Stream(end), phase));
        }
    }
}

fn ended(reason: EndReason) -> StreamEnd {
    StreamEnd::SessionEnded { reason, acked: 7 }
}

#[test]
fn a_stream_that_breaks_with_a_session_that_nobody_ended_is_a_fault() {
    let closed = |code| EndReason::ClosedByPeer { code, application: 0 };
    for reason in [
        EndReason::PeerForgot,
        EndReason::Evicted,
        EndReason::ProtocolViolation,
        closed(CloseCode::Idle),
        closed(CloseCode::Application),
    ] {
        for phase in [Phase::Running, Phase::Ending, Phase::Finishing] {
            assert!(breaks(StreamError::Stream(ended(reason)), phase), "{reason}");
        }
    }
    for reason in [EndReason::ClosedHere, EndReason::CloseUnconfirmed, EndReason::EndpointFailed] {
        assert!(!breaks(StreamError::Stream(ended(reason)), Phase::Ending));
        assert!(breaks(StreamError::Stream(ended(reason)), Phase::Running), "{reason}");
    }
}

#[test]
fn a_stream_may_break_with_its_own_endpoint_only_when_that_was_to_end() {
    let failed = EndpointFailed { cause: FailureCause::Aborted };
    for error in [StreamError::Stopped, failed.into(), StreamEnd::Closing.into()] {
        assert!(!breaks(error.clone(), Phase::Ending));
        assert!(breaks(error.clone(), Phase::Running), "{error}");
        assert!(breaks(error.clone(), Phase::Finishing), "{error}");
    }
}

#[test]
fn a_stream_that_breaks_in_a_session_that_goes_on_is_a_fault() {
    for end in [
        StreamEnd::Reset { code: 0 },
        StreamEnd::StoppedByReader { code: 0 },
        StreamEnd::NoSuchStream,
        StreamEnd::Finished,
        StreamEnd::TooMany,
    ] {
        for phase in [Phase::Running, Phase::Ending, Phase::Finishing] {
            assert!(breaks(StreamError::Stream(end), phase), "{end}");
        }
    }
    assert!(breaks(io::ErrorKind::UnexpectedEof, Phase::Running));
}

#[test]
fn what_went_wrong_first_is_said() {
    let mut log = ChainLog::new(5);
    log.log(0, &content(0, 100));
    log.broke("reading", &StreamError::Stream(StreamEnd::Reset { code: 3 }).into(), Phase::Running);
    log.ended(100, 200);
    let fault = log.fault().unwrap();
    assert_eq!(fault, "reading a stream behind byte 100 failed: the writer reset the stream with code 3");
}

/// Two endpoints, and an application that writes or reads the chain on the first of them.
struct Pair {
    own: Endpoint,
    other: Endpoint,
    ledger: Arc<Ledger>,
    phase: watch::Sender<Phase>,
}

impl Pair {
    async fn new() -> Self {
        let start = || Endpoint::builder().bind("127.0.0.1:0".parse().unwrap()).start();
        let (own, other) = (start().await.unwrap(), start().await.unwrap());
        own.add_ticket(&other.ticket());
        other.add_ticket(&own.ticket());
        let (phase, _) = watch::channel(Phase::Running);
        Self { own, other, ledger: Arc::new(Ledger::new(5)), phase }
    }

    /// The application's link, and the other end of it.
    fn links(&self) -> (Link, Link) {
        (self.own.link(self.other.peer_id()), self.other.link(self.own.peer_id()))
    }

    fn write(&self) -> JoinHandle<()> {
        let rng = Rng::from_seed([7; 32]);
        tokio::spawn(write(self.links().0, Arc::clone(&self.ledger), rng, Life(self.phase.subscribe())))
    }

    fn read(&self, link: Link) -> JoinHandle<()> {
        tokio::spawn(read(link, Arc::clone(&self.ledger), Life(self.phase.subscribe())))
    }

    async fn until(&self, what: &str, is_so: impl Fn(&ChainLog) -> bool) {
        let so = async {
            while !is_so(&self.ledger.chain()) {
                tokio::time::sleep(PACE).await;
            }
        };
        assert!(timeout(PATIENCE, so).await.is_ok(), "{what}");
    }
}

/// Writes the head of a stream of 1000 bytes, and the first 100 of them.
async fn begin(link: &Link) -> Stream {
    let mut stream = link.open_stream().await.unwrap();
    stream.write_u64(0).await.unwrap();
    stream.write_u64(1_000).await.unwrap();
    stream.write_all(&content(0, 100)).await.unwrap();
    stream
}

#[tokio::test]
async fn a_reader_that_gives_a_stream_up_is_noticed_by_the_writer() {
    let pair = Pair::new().await;
    let writer = pair.write();
    let mut stream = pair.links().1.accept_stream().await.unwrap();
    stream.read_u64().await.unwrap();
    drop(stream);
    assert!(timeout(PATIENCE, writer).await.is_ok());
    let fault = pair.ledger.chain().fault().unwrap().to_owned();
    assert!(fault.contains("the reader stopped the stream with code 0"), "{fault}");
    pair.ledger.chain().log_as_written(100);
    assert!(!pair.ledger.chain().hash_ok());
}

#[tokio::test]
async fn a_writer_that_gives_a_stream_up_is_noticed_by_the_reader() {
    let pair = Pair::new().await;
    let reader = pair.read(pair.links().0);
    let mut stream = begin(&pair.links().1).await;
    pair.until("something arrives", |chain| chain.logged() == 100).await;
    assert!(pair.ledger.chain().hash_ok());
    stream.reset(0).unwrap();
    pair.until("the reset is noticed", |chain| !chain.hash_ok()).await;
    reader.abort();
}

#[tokio::test]
async fn the_end_of_a_session_breaks_streams_without_fault() {
    let pair = Pair::new().await;
    let reader = pair.read(pair.links().0);
    let stream = begin(&pair.links().1).await;
    pair.until("something arrives", |chain| chain.logged() == 100).await;
    pair.other.stop().await.unwrap();
    pair.until("its end is noticed", ChainLog::is_at_rest).await;
    assert_eq!(pair.ledger.chain().fault(), None);
    drop(stream);
    pair.phase.send_replace(Phase::Ending);
    pair.own.abort();
    assert!(timeout(PATIENCE, reader).await.is_ok());
    assert!(pair.ledger.chain().hash_ok());
}

#[tokio::test]
async fn a_chain_is_whole_when_its_writer_finishes_and_broken_when_its_endpoint_does_so_unasked() {
    let pair = Pair::new().await;
    let (writer, reader) = (pair.write(), pair.read(pair.links().1));
    pair.until("something arrives", |chain| chain.logged() > 0).await;
    pair.phase.send_replace(Phase::Finishing);
    assert!(timeout(PATIENCE, writer).await.is_ok());
    assert!(pair.ledger.chain().hash_ok() && pair.ledger.chain().is_at_rest());
    pair.other.abort();
    assert!(timeout(PATIENCE, reader).await.is_ok());
    let fault = pair.ledger.chain().fault().unwrap().to_owned();
    assert!(fault.contains("waiting for a stream"), "{fault}");
}

#[tokio::test]
async fn a_writer_whose_endpoint_is_to_end_says_so() {
    let pair = Pair::new().await;
    let (writer, reader) = (pair.write(), pair.read(pair.links().1));
    pair.until("something arrives", |chain| chain.logged() > 0).await;
    pair.phase.send_replace(Phase::Ending);
    assert!(timeout(PATIENCE, writer).await.is_ok());
    pair.until("the reader knows", ChainLog::is_at_rest).await;
    assert!(pair.ledger.chain().hash_ok());
    reader.abort();
}
