//! Frames: what one write puts on the disk. A frame is a header, whole records, and padding up to
//! the next block.

use bytes::Bytes;

use crate::Position;
use crate::disk::widen;

/// Frames start at multiples of this: the physical sector of current disks, so that no write ever
/// touches a sector that holds something durable already. A smaller unit would not be faster: the
/// page cache writes whole pages of this size anyway.
pub(super) const BLOCK_BYTES: u64 = 4096;

/// The largest record: bounds the memory that one record costs at recovery.
pub const RECORD_BYTES_MAX: usize = 4 << 20;

/// The largest sequence of records in one frame: the largest record fits.
pub(super) const BODY_BYTES_MAX: usize = RECORD_BYTES_MAX + PREFIX_BYTES;

/// The length in front of a record.
pub(super) const PREFIX_BYTES: usize = 4;

/// A frame's header.
pub(super) const HEADER_BYTES: usize = FIELD_BYTES + SUM_BYTES;

const FIELD_BYTES: usize = 4 + 4 + 8 * 4 + 2 * SUM_BYTES;
const SUM_BYTES: usize = 16;
const MAGIC: u32 = u32::from_le_bytes(*b"MFR1");

/// A truncated BLAKE3 under one of the log's [`Keys`].
pub(super) type Sum = [u8; SUM_BYTES];

/// Checksum keys, different in every log, so that frames of another log never verify.
#[derive(Clone)]
pub(super) struct Keys {
    header: [u8; 32],
    body: [u8; 32],
}

impl Keys {
    pub(super) fn new(id: &[u8; 16]) -> Self {
        Self {
            header: blake3::derive_key("maftia-storage 1 frame header", id),
            body: blake3::derive_key("maftia-storage 1 frame body", id),
        }
    }

    /// The checksum of a header, or of the manifest.
    pub(super) fn header_sum(&self, bytes: &[u8]) -> Sum {
        truncate(blake3::keyed_hash(&self.header, bytes))
    }

    fn body_sum(&self, bytes: &[u8]) -> Sum {
        truncate(blake3::keyed_hash(&self.body, bytes))
    }
}

fn truncate(hash: blake3::Hash) -> Sum {
    let (sum, _) = hash
        .as_bytes()
        .split_first_chunk()
        .expect("a hash is longer than a checksum");
    *sum
}

/// Where a frame lies. The checksum covers it: a frame found anywhere else does not verify.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    /// Number of the segment.
    pub(super) segment: u64,
    /// Offset in the segment's file, in bytes; a multiple of [`BLOCK_BYTES`].
    pub(super) offset: u64,
}

/// A frame's header, verified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Header {
    /// Length of the records, prefixes included.
    pub(super) body_bytes: usize,
    /// Position of the first byte of the body.
    pub(super) start: Position,
    /// Everything below was durable before the first byte of this frame was written. This is what
    /// tells damage from a torn write: a bad frame below it had been synced.
    pub(super) durable: Position,
    /// The checksum of the frame before: frames form a chain.
    pub(super) previous: Sum,
    /// The checksum of the body.
    body_sum: Sum,
    /// The checksum of this header.
    pub(super) sum: Sum,
}

impl Header {
    /// Reads the header at `place`. `None` if no frame was ever written there.
    pub(super) fn decode(keys: &Keys, place: Place, bytes: &[u8]) -> Option<Self> {
        let (fields, rest) = bytes.split_at_checked(FIELD_BYTES)?;
        let sum = *rest.first_chunk::<SUM_BYTES>()?;
        let mut reader = Fields(fields);
        let magic = reader.u32()?;
        let body_bytes = usize::try_from(reader.u32()?).ok()?;
        let written_at = Place {
            segment: reader.u64()?,
            offset: reader.u64()?,
        };
        let wanted = magic == MAGIC && written_at == place && body_bytes <= BODY_BYTES_MAX;
        // The cheap comparisons first: recovery asks this at every block of a segment.
        if !wanted || keys.header_sum(fields) != sum {
            return None;
        }
        Some(Self {
            body_bytes,
            start: Position(reader.u64()?),
            durable: Position(reader.u64()?),
            previous: reader.sum()?,
            body_sum: reader.sum()?,
            sum,
        })
    }

    /// Whether this is the body that was written under this header.
    pub(super) fn covers(&self, keys: &Keys, body: &[u8]) -> bool {
        body.len() == self.body_bytes && keys.body_sum(body) == self.body_sum
    }

    /// The position after the last record.
    pub(super) fn end(&self) -> Position {
        Position(self.start.0.saturating_add(widen(self.body_bytes)))
    }

    /// The length on disk.
    pub(super) fn frame_bytes(&self) -> u64 {
        frame_bytes(self.body_bytes)
    }
}

/// Where a frame goes and what it follows.
pub(super) struct Link {
    pub(super) place: Place,
    pub(super) start: Position,
    pub(super) durable: Position,
    pub(super) previous: Sum,
}

/// Completes a frame in place: `buffer` is room for the header followed by the body. Returns the
/// checksum that the next frame refers to.
pub(super) fn seal(keys: &Keys, link: &Link, buffer: &mut Vec<u8>) -> Sum {
    let (room, body) = buffer
        .split_at_mut_checked(HEADER_BYTES)
        .expect("a frame's buffer starts with room for the header");
    let body_bytes = u32::try_from(body.len()).expect("a body is at most BODY_BYTES_MAX");
    let mut fields = Vec::with_capacity(HEADER_BYTES);
    fields.extend_from_slice(&MAGIC.to_le_bytes());
    fields.extend_from_slice(&body_bytes.to_le_bytes());
    fields.extend_from_slice(&link.place.segment.to_le_bytes());
    fields.extend_from_slice(&link.place.offset.to_le_bytes());
    fields.extend_from_slice(&link.start.0.to_le_bytes());
    fields.extend_from_slice(&link.durable.0.to_le_bytes());
    fields.extend_from_slice(&link.previous);
    fields.extend_from_slice(&keys.body_sum(body));
    let sum = keys.header_sum(&fields);
    fields.extend_from_slice(&sum);
    room.copy_from_slice(&fields);
    let padded = usize::try_from(frame_bytes(body.len())).expect("a frame fits in memory");
    buffer.resize(padded, 0);
    sum
}

/// The length on disk of a frame with a body of this length.
pub(super) fn frame_bytes(body_bytes: usize) -> u64 {
    widen(body_bytes.saturating_add(HEADER_BYTES)).next_multiple_of(BLOCK_BYTES)
}

/// The records of a verified body with the position after each; `None` in place of a record whose
/// length disagrees with the body, after which nothing follows.
pub(super) fn records(
    start: Position,
    mut body: Bytes,
) -> impl Iterator<Item = Option<(Position, Bytes)>> {
    let mut position = start.0;
    std::iter::from_fn(move || {
        if body.is_empty() {
            return None;
        }
        let Some(total) = first_record_bytes(&body).filter(|&total| total <= body.len()) else {
            body.clear();
            return Some(None);
        };
        let record = body.split_to(total).split_off(PREFIX_BYTES);
        position = position.saturating_add(widen(total));
        Some(Some((Position(position), record)))
    })
}

/// The length of the record that a body starts with, prefix included.
pub(super) fn first_record_bytes(body: &[u8]) -> Option<usize> {
    let prefix = body.first_chunk::<PREFIX_BYTES>()?;
    let length = usize::try_from(u32::from_le_bytes(*prefix)).ok()?;
    length.checked_add(PREFIX_BYTES)
}

/// Reads fixed fields in order.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl Fields<'_> {
    pub(super) fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*field)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    pub(super) fn sum(&mut self) -> Option<Sum> {
        self.take()
    }
}
