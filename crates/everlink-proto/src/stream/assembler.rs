//! Puts bytes that arrive in any order, more than once and in overlapping pieces, back in order.

use std::collections::{BTreeMap, VecDeque};

/// The most pieces of one stream or message. A peer could otherwise make every second byte a piece
/// of its own, and a piece costs far more to hold than a byte. Loss makes one gap a lost packet, so
/// this is a window of a thousand losses.
const PIECES_MAX: usize = 1024;

/// One piece for so many bytes that a link may hold: 8,192 for 4 MiB. These are 3,650 packets of
/// 1,150 bytes, each of which may end one message and begin another, so what is honest has room even
/// if it arrives in reverse. And a piece costs less than so much beyond its bytes (alone in its map
/// it has a node of 400 bytes), so all of them cost at most the window again.
const BYTES_A_PIECE: u64 = 512;

/// How many pieces all streams and messages of a link hold.
#[derive(Debug)]
pub(crate) struct Pieces {
    held: usize,
    most: usize,
}

impl Pieces {
    /// None yet, on a link that may hold `window` bytes.
    pub(crate) fn new(window: u64) -> Self {
        Self { held: 0, most: to_len(window / BYTES_A_PIECE) }
    }

    #[cfg(test)]
    pub(crate) const fn held(&self) -> usize {
        self.held
    }
}

/// There are too many gaps to hold another piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooManyGaps;

/// The bytes of one stream or message, from the first that was not read on.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    /// The offset of the first byte of `ready`.
    start: u64,
    /// What can be read.
    ready: VecDeque<u8>,
    /// Pieces beyond the first gap, by offset; they neither overlap nor are empty. What begins where
    /// one ends becomes part of it.
    early: BTreeMap<u64, Vec<u8>>,
}

impl Assembler {
    /// The offset up to which there is no gap.
    pub(crate) fn contiguous(&self) -> u64 {
        self.start + to_u64(self.ready.len())
    }

    /// How many bytes can be read.
    pub(crate) fn readable(&self) -> usize {
        self.ready.len()
    }

    /// The offset up to which everything was read.
    pub(crate) const fn taken(&self) -> u64 {
        self.start
    }

    /// Adds bytes and says how many of them are new. On an error nothing was added. What begins where
    /// the first gap does is always taken, so that whoever sends again what was not gets on.
    pub(crate) fn insert(
        &mut self,
        offset: u64,
        bytes: &[u8],
        pieces: &mut Pieces,
    ) -> Result<u64, TooManyGaps> {
        let contiguous = self.contiguous();
        let (offset, bytes) = skip_to(contiguous, offset, bytes);
        if bytes.is_empty() {
            return Ok(0);
        }
        if offset > contiguous {
            return self.insert_early(offset, bytes, pieces);
        }
        let before = self.early_bytes_below(offset.saturating_add(to_u64(bytes.len())));
        self.ready.extend(bytes);
        self.join(pieces);
        Ok(to_u64(bytes.len()).saturating_sub(before))
    }

    /// Reads what is there into `out`, and says how much that was.
    pub(crate) fn read(&mut self, out: &mut [u8]) -> usize {
        let len = out.len().min(self.ready.len());
        // Two copies of a run of bytes each: byte by byte this was a third of all work in a bulk transfer.
        let (front, back) = self.ready.as_slices();
        let first = len.min(front.len());
        out[..first].copy_from_slice(&front[..first]);
        out[first..len].copy_from_slice(&back[..len - first]);
        self.ready.drain(..len);
        super::shrink(&mut self.ready);
        self.start += to_u64(len);
        len
    }

    /// Everything that can be read, without a copy if nothing was read before, and without the memory that it does not
    /// need: the peer chose how it grew.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::from(self.ready);
        bytes.shrink_to(bytes.len() + bytes.len() / 8);
        bytes
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self, pieces: &mut Pieces) {
        pieces.held -= self.early.len();
        *self = Self::default();
    }

    /// The session ended, and the count of its pieces with it: nobody will close the gaps.
    pub(crate) fn end(&mut self) {
        self.early.clear();
    }

    fn insert_early(&mut self, offset: u64, bytes: &[u8], pieces: &mut Pieces) -> Result<u64, TooManyGaps> {
        let before = self.early.range(..=offset).next_back();
        if before.is_none_or(|(at, piece)| at + to_u64(piece.len()) < offset) {
            if self.early.len() >= PIECES_MAX || pieces.held >= pieces.most {
                return Err(TooManyGaps);
            }
            pieces.held += 1;
            self.early.insert(offset, Vec::new());
        }
        // Now every gap begins where a piece ends.
        let mut new = 0;
        for (from, to) in self.gaps(offset, offset.saturating_add(to_u64(bytes.len()))) {
            let fresh = bytes.get(to_len(from - offset)..to_len(to - offset)).unwrap_or_default();
            if let Some((_, piece)) = self.early.range_mut(..=from).next_back() {
                piece.extend_from_slice(fresh);
                new += to - from;
            }
        }
        Ok(new)
    }

    /// The stretches of `offset..end` that no piece covers.
    fn gaps(&self, offset: u64, end: u64) -> Vec<(u64, u64)> {
        let before = self.early.range(..=offset).next_back();
        let mut from = before.map_or(offset, |(at, piece)| offset.max(at + to_u64(piece.len())));
        let mut gaps = Vec::new();
        for (at, piece) in self.early.range(offset..end) {
            if from < *at {
                gaps.push((from, *at));
            }
            from = from.max(at + to_u64(piece.len()));
        }
        if from < end {
            gaps.push((from, end));
        }
        gaps
    }

    fn early_bytes_below(&self, end: u64) -> u64 {
        self.early.range(..end).map(|(at, piece)| (at + to_u64(piece.len())).min(end) - at).sum()
    }

    /// Moves the pieces that no gap separates any more.
    fn join(&mut self, pieces: &mut Pieces) {
        while let Some(piece) = self.early.first_entry() {
            let contiguous = self.start + to_u64(self.ready.len());
            if *piece.key() > contiguous {
                return;
            }
            let (offset, bytes) = piece.remove_entry();
            pieces.held -= 1;
            self.ready.extend(skip_to(contiguous, offset, &bytes).1);
        }
    }
}

/// Cuts off what lies before `start`.
fn skip_to(start: u64, offset: u64, bytes: &[u8]) -> (u64, &[u8]) {
    let known = start.saturating_sub(offset);
    (offset.saturating_add(known), bytes.get(to_len(known)..).unwrap_or_default())
}

fn to_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

fn to_len(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
