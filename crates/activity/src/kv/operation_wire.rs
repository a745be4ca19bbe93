//! The encoding of operations.

use bytes::Bytes;
use maftia_codec::{DecodeError, Reader, Wire, Writer};

use super::{
    Action, Compare, Interval, KEY_BYTES_MAX, Operation, RANGE_LIMIT_MAX, Range, Refusal, Relation,
    TXN_COMPARES_MAX, TXN_OPERATIONS_MAX, Target, Txn, VALUE_BYTES_MAX,
};

// Field names, by which a failed decoding becomes a refusal.
const COMPARES: &str = "compares";
const KEY: &str = "key";
const LIMIT: &str = "limit";
const OPERATIONS: &str = "operations";
const VALUE: &str = "value";

/// What the store answers to bytes that do not decode.
pub(super) fn refusal(error: DecodeError) -> Refusal {
    match error {
        DecodeError::TooLong { field: KEY, .. } => Refusal::KeyTooLong,
        DecodeError::TooLong { field: VALUE, .. } => Refusal::ValueTooLong,
        DecodeError::TooLong {
            field: COMPARES, ..
        } => Refusal::TooManyCompares,
        DecodeError::TooLong {
            field: OPERATIONS, ..
        } => Refusal::TooManyOperations,
        DecodeError::Invalid { field: KEY } => Refusal::KeyEmpty,
        DecodeError::Invalid { field: LIMIT } => Refusal::LimitOutOfRange,
        _ => Refusal::Malformed,
    }
}

const TAG_COUNT: u8 = 1;
const TAG_DELETE: u8 = 2;
const TAG_DELETE_RANGE: u8 = 3;
const TAG_GET: u8 = 4;
const TAG_PUT: u8 = 5;
const TAG_RANGE: u8 = 6;
const TAG_TXN: u8 = 7;

impl Wire for Operation {
    fn encode(&self, w: &mut Writer) {
        match self {
            Self::Action(action) => action.encode(w),
            Self::Txn(txn) => {
                w.u8(TAG_TXN);
                w.list(&txn.compares);
                w.list(&txn.success);
                w.list(&txn.failure);
            }
        }
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        let tag = r.u8()?;
        if tag != TAG_TXN {
            return Action::decode_tagged(tag, r).map(Self::Action);
        }
        Ok(Self::Txn(Txn {
            compares: r.list(COMPARES, TXN_COMPARES_MAX)?,
            success: r.list(OPERATIONS, TXN_OPERATIONS_MAX)?,
            failure: r.list(OPERATIONS, TXN_OPERATIONS_MAX)?,
        }))
    }
}

impl Wire for Action {
    fn encode(&self, w: &mut Writer) {
        match self {
            Self::Count(interval) => {
                w.u8(TAG_COUNT);
                interval.encode(w);
            }
            Self::Delete { key, previous } => {
                w.u8(TAG_DELETE);
                w.bytes(key);
                w.bool(*previous);
            }
            Self::DeleteRange { interval, limit } => {
                w.u8(TAG_DELETE_RANGE);
                interval.encode(w);
                w.u32(*limit);
            }
            Self::Get { key } => {
                w.u8(TAG_GET);
                w.bytes(key);
            }
            Self::Put {
                key,
                value,
                previous,
            } => {
                w.u8(TAG_PUT);
                w.bytes(key);
                w.bytes(value);
                w.bool(*previous);
            }
            Self::Range(range) => {
                w.u8(TAG_RANGE);
                range.interval.encode(w);
                encode_bound(w, range.after.as_ref());
                w.u32(range.limit);
                w.bool(range.keys_only);
            }
        }
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        let tag = r.u8()?;
        Self::decode_tagged(tag, r)
    }
}

impl Action {
    fn decode_tagged(tag: u8, r: &mut Reader) -> Result<Self, DecodeError> {
        Ok(match tag {
            TAG_COUNT => Self::Count(Interval::decode(r)?),
            TAG_DELETE => Self::Delete {
                key: key(r)?,
                previous: r.bool()?,
            },
            TAG_DELETE_RANGE => Self::DeleteRange {
                interval: Interval::decode(r)?,
                limit: limit(r)?,
            },
            TAG_GET => Self::Get { key: key(r)? },
            TAG_PUT => Self::Put {
                key: key(r)?,
                value: r.bytes(VALUE, VALUE_BYTES_MAX)?,
                previous: r.bool()?,
            },
            TAG_RANGE => Self::Range(Range {
                interval: Interval::decode(r)?,
                after: bound(r)?,
                limit: limit(r)?,
                keys_only: r.bool()?,
            }),
            _ => return Err(DecodeError::Invalid { field: "action" }),
        })
    }
}

impl Wire for Interval {
    fn encode(&self, w: &mut Writer) {
        w.bytes(&self.start);
        encode_bound(w, self.end.as_ref());
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            start: r.bytes(KEY, KEY_BYTES_MAX)?,
            end: bound(r)?,
        })
    }
}

impl Wire for Compare {
    fn encode(&self, w: &mut Writer) {
        w.bytes(&self.key);
        w.u8(match self.relation {
            Relation::Equal => 1,
            Relation::Greater => 2,
            Relation::Less => 3,
            Relation::NotEqual => 4,
        });
        match &self.target {
            Target::CreateRevision(revision) => {
                w.u8(1);
                w.u64(*revision);
            }
            Target::ModRevision(revision) => {
                w.u8(2);
                w.u64(*revision);
            }
            Target::Value(value) => {
                w.u8(3);
                w.bytes(value);
            }
            Target::Version(version) => {
                w.u8(4);
                w.u64(*version);
            }
        }
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            key: key(r)?,
            relation: match r.u8()? {
                1 => Relation::Equal,
                2 => Relation::Greater,
                3 => Relation::Less,
                4 => Relation::NotEqual,
                _ => return Err(DecodeError::Invalid { field: "relation" }),
            },
            target: match r.u8()? {
                1 => Target::CreateRevision(r.u64()?),
                2 => Target::ModRevision(r.u64()?),
                3 => Target::Value(r.bytes(VALUE, VALUE_BYTES_MAX)?),
                4 => Target::Version(r.u64()?),
                _ => return Err(DecodeError::Invalid { field: "target" }),
            },
        })
    }
}

/// A key: 1 to [`KEY_BYTES_MAX`] bytes.
pub(super) fn key(r: &mut Reader) -> Result<Bytes, DecodeError> {
    let key = r.bytes(KEY, KEY_BYTES_MAX)?;
    if key.is_empty() {
        return Err(DecodeError::Invalid { field: KEY });
    }
    Ok(key)
}

fn limit(r: &mut Reader) -> Result<u32, DecodeError> {
    match r.u32()? {
        limit @ 1..=RANGE_LIMIT_MAX => Ok(limit),
        _ => Err(DecodeError::Invalid { field: LIMIT }),
    }
}

fn encode_bound(w: &mut Writer, bound: Option<&Bytes>) {
    w.bool(bound.is_some());
    if let Some(bound) = bound {
        w.bytes(bound);
    }
}

fn bound(r: &mut Reader) -> Result<Option<Bytes>, DecodeError> {
    if r.bool()? {
        r.bytes(KEY, KEY_BYTES_MAX).map(Some)
    } else {
        Ok(None)
    }
}
