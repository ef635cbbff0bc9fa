//! Standard input, read by a thread of its own: a read that waits for a person blocks neither the network nor the
//! end of the process.

use std::io::{self, BufRead, Read};
use std::thread;

use bytes::Bytes;
use tokio::runtime::Handle;

use crate::queue::{Taker, queue};

/// The longest line: more than the longest message, so that its sender learns what is too long.
const LONGEST_LINE: u64 = (16 << 20) + 2;
/// How much of a byte stream is read at once.
const PIECE: usize = 64 << 10;

/// The lines of standard input without their ends. The last need not have one.
pub(crate) fn lines() -> Taker<io::Result<Bytes>> {
    read_with(|input| {
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
pub(crate) fn pieces() -> Taker<io::Result<Bytes>> {
    read_with(|input| {
        let mut piece = vec![0; PIECE];
        let count = input.read(&mut piece)?;
        piece.truncate(count);
        Ok(Some(Bytes::from(piece)).filter(|piece| !piece.is_empty()))
    })
}

fn read_with(
    mut next: impl FnMut(&mut io::StdinLock<'static>) -> io::Result<Option<Bytes>> + Send + 'static,
) -> Taker<io::Result<Bytes>> {
    let (give, items) = queue();
    let runtime = Handle::current();
    thread::spawn(move || {
        let mut input = io::stdin().lock();
        // It ends with the input, with an error, or when nobody takes what it reads.
        while let Some(item) = retried(&mut input, &mut next).transpose() {
            let length = item.as_ref().ok().map(Bytes::len);
            if !runtime.block_on(give.give(item, length.unwrap_or(0))) || length.is_none() {
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
