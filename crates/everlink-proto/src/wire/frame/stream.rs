//! Bytes of streams.

use super::FrameKind;
use crate::wire::codec::{Counter, MAX_VARINT, Malformed, NoRoom, Reader, Sink, Writer, count, fitting};

/// Bytes of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream<'a> {
    /// The stream.
    pub id: u64,
    /// Where the bytes belong.
    pub offset: u64,
    /// Whether the stream ends after these bytes.
    pub fin: bool,
    /// The bytes; none only with `fin`.
    pub bytes: &'a [u8],
}

/// The low bit of the length, which says `fin`.
const FIN_BITS: u32 = 1;

impl<'a> Stream<'a> {
    pub(super) fn decode(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        let id = reader.varint()?;
        let offset = reader.varint()?;
        let len_and_fin = reader.varint()?;
        let (len, fin) = (len_and_fin >> FIN_BITS, len_and_fin & 1 == 1);
        if !is_legal(offset, len, fin) {
            return Err(Malformed::OutOfRange);
        }
        Ok(Self { id, offset, fin, bytes: reader.bytes(len)? })
    }

    pub(super) fn encode<S: Sink>(&self, out: &mut S) -> Result<(), NoRoom> {
        let len = count(self.bytes.len());
        if !is_legal(self.offset, len, self.fin) {
            return Err(NoRoom);
        }
        self.encode_head(out)?;
        out.varint(len << FIN_BITS | u64::from(self.fin))?;
        out.put(self.bytes)
    }

    fn encode_head<S: Sink>(&self, out: &mut S) -> Result<(), NoRoom> {
        out.varint(self.id)?;
        out.varint(self.offset)
    }
}

/// Whether the bytes end within a stream's space, and the frame says anything at all.
const fn is_legal(offset: u64, len: u64, fin: bool) -> bool {
    (len > 0 || fin) && offset.saturating_add(len) <= MAX_VARINT
}

/// Writes a STREAM with as many of the bytes as fit, and tells how many. `fin` goes out only with
/// the last of them. An error if there are bytes and not one fits, or nothing to say.
pub fn write_stream(writer: &mut Writer<'_>, stream: &Stream<'_>) -> Result<usize, NoRoom> {
    let head = Counter::measure(|counter| stream.encode_head(counter)).saturating_add(1);
    let taken = fitting(writer.remaining().saturating_sub(head), stream.bytes.len(), FIN_BITS);
    let bytes = stream.bytes.get(..taken).ok_or(NoRoom)?;
    let fin = stream.fin && taken == stream.bytes.len();
    if taken == 0 && !fin {
        return Err(NoRoom);
    }
    writer.all_or_nothing(|out| {
        out.put(&[FrameKind::Stream.type_byte()])?;
        Stream { bytes, fin, ..*stream }.encode(out)
    })?;
    Ok(taken)
}
