//! The command as its users meet it: exit codes, standard output, and one clear line when something is wrong.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use everlink::{Endpoint, Receipt, Verdict};
use tokio::task::spawn_blocking;

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn everlink(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_everlink"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs a command to its end; one that does not come to it fails the test instead of blocking it.
fn finish(child: Child) -> Output {
    let id = child.id();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(child.wait_with_output()));
    match receiver.recv_timeout(PATIENCE) {
        Ok(output) => output.unwrap(),
        Err(_) => {
            Command::new("kill").args(["-9", &id.to_string()]).status().unwrap();
            panic!("the command did not end");
        }
    }
}

/// The same, with its standard input open all the time.
fn finish_with_open_input(mut child: Child) -> Output {
    let _input = child.stdin.take();
    finish(child)
}

fn output(arguments: &[&str]) -> Output {
    finish(everlink(arguments).spawn().unwrap())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A directory of one test, removed at its end.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("everlink-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A running listener, killed at the end of its test.
struct Listener {
    child: Option<Child>,
    lines: mpsc::Receiver<String>,
    ticket: String,
}

impl Listener {
    fn start(arguments: &[&str]) -> Self {
        let arguments = [&["listen"], arguments].concat();
        let mut child = everlink(&arguments).stderr(Stdio::null()).spawn().unwrap();
        let lines = follow(child.stdout.take().unwrap());
        let ticket = lines.recv_timeout(PATIENCE).unwrap();
        assert!(ticket.starts_with("everlink1"), "{ticket:?}");
        Self { child: Some(child), lines, ticket }
    }

    fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).unwrap()
    }

    fn signal(&self, name: &str) {
        let id = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    /// What it still wrote, and its exit code.
    fn finish(mut self) -> (Vec<String>, Option<i32>) {
        let status = finish(self.child.take().unwrap()).status;
        (self.lines.iter().collect(), status.code())
    }
}

/// The lines of an output as they come.
fn follow(output: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        let mut all = BufReader::new(output).lines().map_while(Result::ok);
        all.try_for_each(|line| sender.send(line))
    });
    lines
}

/// Waits until a command says `words`.
fn says(told: &mpsc::Receiver<String>, words: &str) {
    while !told.recv_timeout(PATIENCE).unwrap().contains(words) {}
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A sender whose lines are written one by one, and that says what becomes of them.
struct Sender {
    child: Child,
    input: ChildStdin,
    told: mpsc::Receiver<String>,
}

impl Sender {
    fn start(ticket: &str, flags: &[&str]) -> Self {
        let arguments = [&["send", "--verbose", ticket], flags].concat();
        let mut child = everlink(&arguments).stdin(Stdio::piped()).spawn().unwrap();
        let (input, told) = (child.stdin.take().unwrap(), follow(child.stderr.take().unwrap()));
        Self { child, input, told }
    }

    fn write(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
    }

    /// Waits until it says `words`.
    fn says(&self, words: &str) {
        says(&self.told, words);
    }

    /// What it said last, and its exit code.
    fn finish(self) -> (String, Option<i32>) {
        drop(self.input);
        let status = finish(self.child).status;
        (self.told.iter().last().unwrap(), status.code())
    }
}

fn send(ticket: &str, lines: &str) -> Output {
    let mut child = everlink(&["send", ticket]).stdin(Stdio::piped()).spawn().unwrap();
    feed(child.stdin.take().unwrap(), lines.as_bytes().to_vec());
    finish(child)
}

fn feed(mut input: ChildStdin, bytes: Vec<u8>) {
    // A command that ends early closes its input, which its test sees otherwise.
    thread::spawn(move || drop(input.write_all(&bytes)));
}

fn write(path: &str, content: &[u8], mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, content).unwrap();
    std::fs::set_permissions(Path::new(path), std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn bad_input_gets_one_line_and_the_right_exit_code() {
    let place = Place::new("bad-input");
    let (garbage, exposed, missing) = (place.file("garbage"), place.file("exposed"), place.file("missing"));
    write(&garbage, b"\xff\x00 this is no key", 0o600);
    write(&exposed, b"everlink-key1", 0o644);
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().to_string();
    let directory = place.0.to_str().unwrap();
    let ticket = Listener::start(&["--bind", "127.0.0.1:0"]).ticket.clone();
    let mistyped = ticket.replacen(&ticket[12..13], if &ticket[12..13] == "a" { "b" } else { "a" }, 1);
    let nowhere = place.file("no/such/directory/key");
    for (arguments, exit, expected) in [
        (&["fly"] as &[&str], 2, "fly"),
        (&["demo", "--seconds", "soon"], 2, "whole number of seconds"),
        (&["demo", "--seconds", "99999999999999999999"], 2, "whole number of seconds"),
        (&["demo", "--colour"], 2, "--colour"),
        (&["key"], 2, "expected"),
        (&["key", "new"], 2, "<FILE>"),
        (&["key", "show", &missing], 8, "does not exist"),
        (&["key", "show", &garbage], 8, "expected"),
        (&["key", "show", &exposed], 8, "chmod 600"),
        (&["key", "show", directory], 8, directory),
        (&["key", "new", &garbage], 8, "exists"),
        (&["key", "new", &nowhere], 8, "no/such/directory"),
        (&["listen", "--bind", "localhost"], 2, "an IP address and a port"),
        (&["listen", "--bind", "127.0.0.1:70000"], 2, "an IP address and a port"),
        (&["listen", "--bind", &port], 8, &port),
        (&["listen", "--bind", "203.0.113.77:1"], 8, "203.0.113.77:1"),
        (&["listen", "--bind", "127.0.0.1:0", "--bind", "127.0.0.2:0"], 8, "two addresses of one family"),
        (&["listen", "--key", &garbage], 8, "garbage"),
        (&["send"], 2, "<TICKET>"),
        (&["send", "everlink1"], 2, "everlink listen"),
        (&["send", "https://example.org"], 2, "everlink listen"),
        (&["send", &mistyped], 2, "everlink listen"),
        (&["send", &ticket[..ticket.len() - 3]], 2, "everlink listen"),
        (&["send", &ticket, "--key", &missing], 8, "does not exist"),
        (&["pipe", "x"], 2, "everlink listen"),
        (&["pipe", &ticket, "more"], 2, "more"),
        (&["sim", "swarm", "--seeds", "5..5"], 2, "A..B"),
        (&["sim", "swarm", "--seeds", "many"], 2, "A..B"),
        (&["sim", "replay", "-3"], 2, "-3"),
    ] {
        let output = output(arguments);
        let complaint = text(&output.stderr);
        assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {complaint}");
        assert!(complaint.contains(expected), "{arguments:?}: {complaint}");
        assert_eq!(complaint.lines().count(), 1, "{arguments:?}: {complaint}");
        assert!(!complaint.contains("panicked"), "{arguments:?}: {complaint}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn help_goes_to_standard_output() {
    for arguments in [&["--help"] as &[&str], &["help"], &["send", "--help"], &["--version"]] {
        let output = output(arguments);
        assert_eq!(output.status.code(), Some(0));
        assert!(!output.stdout.is_empty() && output.stderr.is_empty());
    }
}

#[test]
fn a_key_is_made_once_and_shown_as_it_was_made() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new("key");
    let file = place.file("me.key");
    let made = output(&["key", "new", &file]);
    let shown = output(&["key", "show", &file]);
    assert_eq!((made.status.code(), shown.status.code()), (Some(0), Some(0)));
    assert_eq!(text(&made.stdout), text(&shown.stdout));
    assert_eq!(text(&made.stdout).trim().len(), 52);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let content = std::fs::read(&file).unwrap();
    assert_eq!(output(&["key", "new", &file]).status.code(), Some(8));
    assert_eq!(std::fs::read(&file).unwrap(), content);
}

#[test]
fn lines_that_are_sent_are_printed_in_order() {
    let listener = Listener::start(&["--bind", "127.0.0.1:0"]);
    let lines: Vec<String> = (0..2_000).map(|number| format!("line {number}")).collect();
    let sent = send(&listener.ticket, &(lines.join("\n") + "\n\nthe end"));
    assert_eq!((sent.status.code(), text(&sent.stderr).as_str()), (Some(0), ""));
    for line in lines.iter().map(String::as_str).chain(["", "the end"]) {
        assert_eq!(listener.line(), line);
    }
    listener.signal("-INT");
    assert_eq!(listener.finish(), (Vec::new(), Some(130)));
}

#[test]
fn nothing_to_send_is_no_failure() {
    let listener = Listener::start(&["--bind", "127.0.0.1:0"]);
    assert_eq!(send(&listener.ticket, "").status.code(), Some(0));
}

/// A listener whose output nobody reads, and at which more has arrived than a pipe holds.
struct Stuck {
    child: Child,
    out: BufReader<ChildStdout>,
    told: mpsc::Receiver<String>,
    receipts: Vec<Receipt>,
    /// Lives as long as its receipts are of interest.
    _sender: Endpoint,
}

impl Stuck {
    async fn new() -> Self {
        let mut child = everlink(&["listen", "--bind", "127.0.0.1:0"]).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let told = follow(child.stderr.take().unwrap());
        let mut ticket = String::new();
        out.read_line(&mut ticket).unwrap();
        let sender = Endpoint::builder().bind("127.0.0.1:0".parse().unwrap()).start().await.unwrap();
        let link = sender.add_ticket(&ticket.trim().parse().unwrap());
        let line = "x".repeat(1_000);
        let mut receipts = Vec::new();
        for _ in 0..200 {
            receipts.push(link.message(line.clone()).processed().send().await.unwrap());
        }
        // What is delivered has arrived, and so has all before it.
        let last = link.send(line).await.unwrap().verdict().await.unwrap();
        assert_eq!(last, Verdict::Delivered);
        Self { child, out, told, receipts, _sender: sender }
    }

    /// Interrupts the listener and waits until that has had its effect.
    fn interrupt(&self) {
        interrupt(&self.child);
        says(&self.told, "interrupt again");
    }
}

fn interrupt(child: &Child) {
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
}

#[tokio::test]
async fn an_interrupted_listener_still_prints_what_it_has_and_says_so() {
    let stuck = Stuck::new().await;
    stuck.interrupt();
    let Stuck { child, out, receipts, .. } = stuck;
    let ending = spawn_blocking(|| (out.lines().map_while(Result::ok).count(), finish(child).status.code()));
    assert_eq!(ending.await.unwrap(), (201, Some(130)));
    for receipt in receipts {
        assert_eq!(receipt.verdict().await.unwrap(), Verdict::Processed);
    }
}

#[tokio::test]
async fn a_second_interrupt_ends_a_listener_that_cannot_print() {
    let stuck = Stuck::new().await;
    stuck.interrupt();
    interrupt(&stuck.child);
    says(&stuck.told, "left at once");
    assert_eq!(finish(stuck.child).status.code(), Some(130));
}

#[test]
fn a_line_that_is_too_long_is_the_last_and_the_others_are_accounted_for() {
    let listener = Listener::start(&["--bind", "127.0.0.1:0"]);
    let lines = ["one", "two", &"x".repeat(17_000_000), "three"].join("\n");
    let sent = send(&listener.ticket, &lines);
    let complaint = text(&sent.stderr);
    assert_eq!(sent.status.code(), Some(1), "{complaint}");
    let told: Vec<&str> = complaint.lines().collect();
    assert_eq!(told.len(), 2, "{complaint}");
    assert!(told[0].contains("line 3") && told[0].contains("16777216 allowed"), "{complaint}");
    assert!(told[1].contains("of 2 messages 2 were processed"), "{complaint}");
    assert_eq!([listener.line(), listener.line()], ["one", "two"]);
    listener.signal("-INT");
    assert_eq!(listener.finish().0, Vec::<String>::new());
}

#[test]
fn an_input_that_cannot_be_read_is_accounted_for() {
    let listener = Listener::start(&["--bind", "127.0.0.1:0"]);
    // A directory opens, and cannot be read.
    let directory = std::fs::File::open(std::env::temp_dir()).unwrap();
    let sent = finish(everlink(&["send", &listener.ticket]).stdin(directory).spawn().unwrap());
    let complaint = text(&sent.stderr);
    assert_eq!(sent.status.code(), Some(1), "{complaint}");
    assert!(complaint.contains("standard input") && complaint.contains("of 0 messages"), "{complaint}");
}

#[test]
fn two_senders_at_once_are_both_heard() {
    let listener = Listener::start(&["--bind", "127.0.0.1:0"]);
    let tickets = [listener.ticket.clone(), listener.ticket.clone()];
    let senders =
        tickets.map(|ticket| thread::spawn(move || send(&ticket, &"hello\n".repeat(100)).status.code()));
    assert_eq!(senders.map(|sender| sender.join().unwrap()), [Some(0), Some(0)]);
    (0..200).for_each(|_| assert_eq!(listener.line(), "hello"));
}

/// A listener that is killed and comes back with the same key at the same address: what it prints then, and how its
/// sender ends.
fn kill_and_return(name: &str, flags: &[&str]) -> (Vec<String>, (String, Option<i32>)) {
    let place = Place::new(name);
    let key = place.file("key");
    assert_eq!(output(&["key", "new", &key]).status.code(), Some(0));
    let address = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let first = Listener::start(&["--key", &key, "--bind", &address]);
    let mut sender = Sender::start(&first.ticket, flags);
    sender.write("before");
    assert_eq!(first.line(), "before");
    sender.says("message 1 was processed");
    first.signal("-KILL");
    sender.write("meanwhile");
    // It was on its way, for only an unanswered packet tells the sender that its listener is gone.
    sender.says("waiting for");
    let second = Listener::start(&["--key", &key, "--bind", &address]);
    assert_eq!(first.ticket, second.ticket);
    sender.write("after");
    let ended = sender.finish();
    second.signal("-INT");
    (second.finish().0, ended)
}

#[test]
fn a_sender_goes_on_by_itself_and_says_what_is_in_doubt_after_a_crash() {
    let (lines, (complaint, code)) = kill_and_return("goes-on", &[]);
    assert_eq!(lines, ["after"]);
    assert_eq!(code, Some(1));
    assert!(complaint.contains("of 3 messages 2 were processed"), "{complaint}");
    assert!(complaint.contains("1 are in doubt"), "{complaint}");
}

#[test]
fn at_least_once_sends_what_is_in_doubt_again() {
    let (lines, (told, code)) = kill_and_return("at-least-once", &["--at-least-once"]);
    assert_eq!(lines, ["meanwhile", "after"]);
    assert_eq!(code, Some(0), "{told}");
}

#[test]
fn a_sender_that_is_interrupted_says_what_it_knows() {
    let nobody = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let ticket = Listener::start(&["--bind", &nobody]).ticket.clone();
    let mut sender = Sender::start(&ticket, &[]);
    sender.write("one");
    sender.write("two");
    sender.says("message 2 is accepted");
    interrupt(&sender.child);
    let (complaint, code) = sender.finish();
    assert_eq!(code, Some(130));
    assert!(complaint.contains("of 2 messages 0 were processed"), "{complaint}");
}

#[test]
fn a_pipe_ends_where_its_input_ends() {
    for length in [0, 1, 1_000, 3_000_000] {
        let there: Vec<u8> =
            (0..length).map(|at: u32| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let back: Vec<u8> = there.iter().rev().copied().collect();
        let mut listener = everlink(&["listen", "--pipe", "--bind", "127.0.0.1:0"]);
        let mut listener = listener.stdin(Stdio::piped()).spawn().unwrap();
        feed(listener.stdin.take().unwrap(), back.clone());
        let mut out = BufReader::new(listener.stdout.take().unwrap());
        let mut ticket = String::new();
        out.read_line(&mut ticket).unwrap();
        let arriving = thread::spawn(move || {
            let mut arrived = Vec::new();
            out.read_to_end(&mut arrived).map(|_| arrived).unwrap()
        });
        let mut dialler = everlink(&["pipe", ticket.trim()]).stdin(Stdio::piped()).spawn().unwrap();
        feed(dialler.stdin.take().unwrap(), there.clone());
        let dialled = finish(dialler);
        assert_eq!(dialled.status.code(), Some(0), "{}", text(&dialled.stderr));
        let listened = finish(listener);
        assert_eq!(listened.status.code(), Some(0), "{}", text(&listened.stderr));
        assert!(arriving.join().unwrap() == there && dialled.stdout == back, "{length} bytes");
    }
}

#[test]
fn a_pipe_to_a_listener_of_messages_is_told_so() {
    let listener = Listener::start(&["--bind", "127.0.0.1:0"]);
    let piped = everlink(&["pipe", &listener.ticket]).stdin(Stdio::piped()).spawn().unwrap();
    let complaint = finish_with_open_input(piped);
    assert_eq!(complaint.status.code(), Some(1));
    assert!(text(&complaint.stderr).contains("everlink listen --pipe"), "{}", text(&complaint.stderr));
    assert_eq!(send(&listener.ticket, "still here").status.code(), Some(0));
    assert_eq!(listener.line(), "still here");
}

#[test]
fn lines_to_a_listener_of_a_pipe_are_accounted_for() {
    let listener = Listener::start(&["--pipe", "--bind", "127.0.0.1:0"]);
    let mut sender = Sender::start(&listener.ticket, &[]);
    sender.write("one");
    sender.says("it needs `everlink pipe`");
    let (complaint, code) = sender.finish();
    assert_eq!(code, Some(1));
    assert!(complaint.contains("of 1 messages 0 were processed"), "{complaint}");
    assert!(complaint.contains("0 had no verdict"), "{complaint}");
    let piped = output(&["pipe", &listener.ticket]);
    assert_eq!(piped.status.code(), Some(0), "{}", text(&piped.stderr));
}

#[test]
fn the_listener_of_a_pipe_may_speak_first() {
    let mut listener = everlink(&["listen", "--pipe", "--bind", "127.0.0.1:0"]);
    let mut listener = listener.stdin(Stdio::piped()).spawn().unwrap();
    let lines = follow(listener.stdout.take().unwrap());
    let ticket = lines.recv_timeout(PATIENCE).unwrap();
    feed(listener.stdin.take().unwrap(), b"hello\n".to_vec());
    let mut caller = everlink(&["pipe", &ticket]).stdin(Stdio::piped()).spawn().unwrap();
    let heard = follow(caller.stdout.take().unwrap());
    assert_eq!(heard.recv_timeout(PATIENCE).unwrap(), "hello");
    feed(caller.stdin.take().unwrap(), b"good bye\n".to_vec());
    assert_eq!(lines.recv_timeout(PATIENCE).unwrap(), "good bye");
    assert_eq!([caller, listener].map(|child| finish(child).status.code()), [Some(0); 2]);
}

#[test]
fn closed_standard_output_is_no_panic() {
    let mut child = everlink(&["listen", "--bind", "127.0.0.1:0"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut ticket = String::new();
    lines.read_line(&mut ticket).unwrap();
    drop(lines);
    let mut sender = everlink(&["send", ticket.trim()]).stdin(Stdio::piped()).spawn().unwrap();
    sender.stdin.take().unwrap().write_all(b"to nobody\n").unwrap();
    let ended = finish(child);
    assert_eq!(ended.status.code(), Some(1));
    assert!(text(&ended.stderr).ends_with("standard output was closed by its reader\n"));
    sender.kill().unwrap();
    sender.wait().unwrap();
}

#[test]
fn a_short_demonstration_passes_and_prints_one_object() {
    let run = output(&["demo", "--json", "--seconds", "12", "--seed", "1"]);
    let lines = text(&run.stdout);
    assert_eq!(lines.lines().count(), 1, "{lines}");
    let object: serde_json::Value = serde_json::from_str(&lines).unwrap();
    assert_eq!(run.status.code(), Some(0), "{lines}{}", text(&run.stderr));
    let sum = ["delivered", "not_delivered", "unknown"].map(|field| object[field].as_u64().unwrap());
    assert_eq!(object["accepted"].as_u64().unwrap(), sum.iter().sum::<u64>());
    assert_eq!(object["stream"]["hash_ok"], true);
}
