use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_types::{Digest, Incarnation, Sequence};

use crate::client_link::Fate;
use crate::limits::{REQUEST_BYTES_MAX, RESULT_BYTES_MAX, RESULT_INLINE_BYTES_MAX};
use crate::vouches::FIRST;

/// What a request that waits for a gap takes beside its body, rounded up.
pub(crate) const HELD_BYTES_FIXED: usize = 128;
/// What a kept reply takes beside its result, rounded up.
pub(crate) const KEPT_BYTES_FIXED: usize = 128;

/// One life of a client's session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) incarnation: Incarnation,
    /// The number of the request that is executed next.
    pub(crate) next: Sequence,
    /// The commit time of the latest execution.
    pub(crate) active_ms: u64,
    /// Requests that wait for a gap to close.
    pub(crate) held: BTreeMap<Sequence, Held>,
    /// The latest executed requests, without gaps.
    pub(crate) replies: VecDeque<Kept>,
}

/// An authentic request that waits.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) digest: Option<Digest>,
    pub(crate) body: Bytes,
}

/// What is kept of an executed request.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) sequence: Sequence,
    pub(crate) position: u64,
    /// Of the request, unless it came in a batch with others.
    pub(crate) digest: Option<Digest>,
    /// None once it has been given up for newer ones.
    pub(crate) result: Option<Bytes>,
}

impl Held {
    pub(crate) fn cost(&self) -> usize {
        HELD_BYTES_FIXED + self.body.len()
    }
}

impl Kept {
    /// Bytes of its result, if that counts as a longer one.
    pub(crate) fn long(&self) -> Option<usize> {
        let length = self.result.as_ref().map(Bytes::len);
        length.filter(|length| *length > RESULT_INLINE_BYTES_MAX)
    }

    /// Whether the one asked for is known to be another request than this.
    pub(crate) fn is_other(&self, asked: Option<&Digest>) -> bool {
        matches!((&self.digest, asked), (Some(own), Some(asked)) if own != asked)
    }

    /// Bytes besides a longer result.
    pub(crate) fn cost(&self) -> usize {
        let short = match self.long() {
            Some(_) => 0,
            None => self.result.as_ref().map_or(0, Bytes::len),
        };
        KEPT_BYTES_FIXED + short
    }
}

impl Session {
    pub(crate) const fn open(incarnation: Incarnation, now_ms: u64) -> Self {
        Self {
            incarnation,
            next: FIRST,
            active_ms: now_ms,
            held: BTreeMap::new(),
            replies: VecDeque::new(),
        }
    }

    /// What became of an executed request.
    pub(crate) fn reply(&self, sequence: Sequence, digest: Option<&Digest>) -> Fate {
        match self
            .place(sequence)
            .and_then(|place| self.replies.get(place))
        {
            Some(kept) if kept.is_other(digest) => Fate::Other,
            Some(Kept {
                position,
                result: Some(result),
                ..
            }) => Fate::Executed {
                position: *position,
                result: result.clone(),
            },
            Some(_) | None => Fate::Forgotten,
        }
    }

    /// Gives up the result of an executed request. Gives its length.
    pub(crate) fn forget_result(&mut self, sequence: Sequence) -> Option<usize> {
        let place = self.place(sequence)?;
        let kept = self.replies.get_mut(place)?;
        kept.result.take().map(|result| result.len())
    }

    fn place(&self, sequence: Sequence) -> Option<usize> {
        let first = self.replies.front()?.sequence;
        usize::try_from(sequence.0.checked_sub(first.0)?).ok()
    }
}

/// Far more held requests or replies than any configuration allows.
const ITEMS_MAX: usize = 1 << 20;

fn encode_digest(digest: Option<&Digest>, writer: &mut Writer) {
    writer.bool(digest.is_some());
    if let Some(digest) = digest {
        writer.digest(digest);
    }
}

fn decode_digest(reader: &mut Reader) -> Result<Option<Digest>, DecodeError> {
    reader.bool()?.then(|| reader.digest()).transpose()
}

impl Wire for Session {
    fn encode(&self, writer: &mut Writer) {
        writer.incarnation(self.incarnation);
        writer.sequence(self.next);
        writer.u64(self.active_ms);
        writer.length(self.held.len());
        for (sequence, held) in &self.held {
            writer.sequence(*sequence);
            encode_digest(held.digest.as_ref(), writer);
            writer.bytes(&held.body);
        }
        writer.length(self.replies.len());
        for kept in &self.replies {
            writer.sequence(kept.sequence);
            writer.u64(kept.position);
            encode_digest(kept.digest.as_ref(), writer);
            writer.bool(kept.result.is_some());
            if let Some(result) = &kept.result {
                writer.bytes(result);
            }
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let mut session = Self::open(reader.incarnation()?, 0);
        session.next = reader.sequence()?;
        session.active_ms = reader.u64()?;
        for _ in 0..reader.length("held", ITEMS_MAX)? {
            let (sequence, digest) = (reader.sequence()?, decode_digest(reader)?);
            let body = copy(&reader.bytes("body", REQUEST_BYTES_MAX)?);
            session.held.insert(sequence, Held { digest, body });
        }
        for _ in 0..reader.length("replies", ITEMS_MAX)? {
            let (sequence, position) = (reader.sequence()?, reader.u64()?);
            let digest = decode_digest(reader)?;
            let result = match reader.bool()? {
                true => Some(copy(&reader.bytes("result", RESULT_BYTES_MAX)?)),
                false => None,
            };
            session.replies.push_back(Kept {
                sequence,
                position,
                digest,
                result,
            });
        }
        Ok(session)
    }
}

/// A slice would keep alive all of what it was cut from, which no bound counts.
pub(crate) fn copy(bytes: &Bytes) -> Bytes {
    Bytes::copy_from_slice(bytes)
}
