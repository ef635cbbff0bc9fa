//! Standard input, read by a thread of its own: a read that waits for a person blocks neither the network nor the
//! end of the process.

use std::io::{self, BufRead, Read};
use std::thread;

use bytes::Bytes;
use tokio::sync::mpsc;

/// Lines that were read and not yet taken.
const LINES_AHEAD: usize = 64;
/// The longest line: more than the longest message, so that its sender learns what is too long.
const LONGEST_LINE: u64 = (16 << 20) + 2;
/// Pieces of a byte stream that were read and not yet taken, and their size: 1 MiB in all.
const PIECES_AHEAD: usize = 16;
const PIECE: usize = 64 << 10;

/// The lines of standard input without their ends. The last need not have one.
pub(crate) fn lines() -> mpsc::Receiver<io::Result<Bytes>> {
    read_with(LINES_AHEAD, |input| {
        let mut line = Vec::new();
        input.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(None);
        }
        if line.ends_with(b"\n") {
            line.pop();
        }
        Ok(Some(line.into()))
    })
}

/// The bytes of standard input.
pub(crate) fn pieces() -> mpsc::Receiver<io::Result<Bytes>> {
    read_with(PIECES_AHEAD, |input| {
        let mut piece = vec![0; PIECE];
        let count = input.read(&mut piece)?;
        piece.truncate(count);
        Ok(Some(Bytes::from(piece)).filter(|piece| !piece.is_empty()))
    })
}

fn read_with(
    ahead: usize,
    mut next: impl FnMut(&mut io::StdinLock<'static>) -> io::Result<Option<Bytes>> + Send + 'static,
) -> mpsc::Receiver<io::Result<Bytes>> {
    let (taken, items) = mpsc::channel(ahead);
    thread::spawn(move || {
        let mut input = io::stdin().lock();
        // It ends with the input, with an error, or when nobody takes what it reads.
        while let Some(item) = retried(&mut input, &mut next).transpose() {
            let failed = item.is_err();
            if taken.blocking_send(item).is_err() || failed {
                return;
            }
        }
    });
    items
}

fn retried<T>(
    input: &mut io::StdinLock<'static>,
    next: &mut impl FnMut(&mut io::StdinLock<'static>) -> io::Result<T>,
) -> io::Result<T> {
    loop {
        match next(input) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
