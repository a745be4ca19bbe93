use bytes::Bytes;
use maftia_codec::{DecodeError, Reader, Wire, Writer};

use super::operation_wire::key;
use super::{RANGE_LIMIT_MAX, TXN_OPERATIONS_MAX, VALUE_BYTES_MAX};

/// The store's answer to an operation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Response {
    /// To a single action.
    Action {
        /// The store's revision after it.
        revision: u64,
        /// What it gave.
        outcome: Outcome,
    },
    /// Nothing was read or changed.
    Refused(Refusal),
    /// To a transaction.
    Txn {
        /// The store's revision after it.
        revision: u64,
        /// Whether all compares held, so that the success branch was executed.
        succeeded: bool,
        /// What each action of the executed branch gave.
        outcomes: Vec<Outcome>,
    },
}

/// What one action gave.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// How many keys the interval holds.
    Count(u64),
    /// The entry that was removed.
    Delete {
        /// Whether the key was there.
        deleted: bool,
        /// What was there, if asked for.
        previous: Option<KeyValue>,
    },
    /// How many entries were removed.
    DeleteRange {
        /// Their number.
        deleted: u32,
        /// Whether the interval still holds keys.
        more: bool,
    },
    /// The entry, if the key is there.
    Get(Option<KeyValue>),
    /// The entry that was replaced, if there was one and it was asked for.
    Put(Option<KeyValue>),
    /// Entries in key order.
    Range {
        /// They fit the limit and the size of an answer; inside a transaction that has used up its
        /// answer, there may be none.
        entries: Vec<KeyValue>,
        /// Whether the interval holds further keys: ask again `after` the last.
        more: bool,
    },
}

/// A key with its value and history, as etcd gives it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyValue {
    /// The key.
    pub key: Bytes,
    /// The value; empty in a range of keys only.
    pub value: Bytes,
    /// The revision at which the key last came into being.
    pub create_revision: u64,
    /// The revision of its last put.
    pub mod_revision: u64,
    /// Its puts since it last came into being.
    pub version: u64,
}

/// Why an operation was not executed. The state is unchanged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// A transaction puts a key twice, or puts and deletes it.
    #[error("a transaction may change a key only once")]
    DuplicateKey,
    /// A key has no byte.
    #[error("a key has at least one byte")]
    KeyEmpty,
    /// A key or a bound exceeds [`super::KEY_BYTES_MAX`].
    #[error("a key has at most {} bytes", super::KEY_BYTES_MAX)]
    KeyTooLong,
    /// A limit is 0 or too large, or a transaction's limits or counts are too many together.
    #[error(
        "limits are 1 to {RANGE_LIMIT_MAX}, those of a transaction's deletions together; \
         a transaction counts at most {} times",
        super::TXN_COUNTS_MAX
    )]
    LimitOutOfRange,
    /// The bytes are no operation.
    #[error("the bytes are not an operation")]
    Malformed,
    /// The store would exceed its quota. Deletions are still possible.
    #[error("the store is full; delete keys to make room")]
    NoSpace,
    /// The client lacks the power to operate.
    #[error("this client has not the power `operate`")]
    NotPermitted,
    /// The operation exceeds [`super::OPERATION_BYTES_MAX`].
    #[error("an operation has at most {} bytes", super::OPERATION_BYTES_MAX)]
    OperationTooLarge,
    /// The values asked for exceed [`super::RESPONSE_BYTES_MAX`].
    #[error(
        "the values asked for do not fit an answer of {} bytes",
        super::RESPONSE_BYTES_MAX
    )]
    ResponseTooLarge,
    /// More than [`super::TXN_COMPARES_MAX`] compares.
    #[error("a transaction has at most {} compares", super::TXN_COMPARES_MAX)]
    TooManyCompares,
    /// More than [`TXN_OPERATIONS_MAX`] actions in a branch.
    #[error("a branch of a transaction has at most {TXN_OPERATIONS_MAX} actions")]
    TooManyOperations,
    /// A value exceeds [`VALUE_BYTES_MAX`].
    #[error("a value has at most {VALUE_BYTES_MAX} bytes")]
    ValueTooLong,
}

impl Response {
    /// The store's revision after the operation, unless it was refused.
    pub const fn revision(&self) -> Option<u64> {
        match self {
            Self::Action { revision, .. } | Self::Txn { revision, .. } => Some(*revision),
            Self::Refused(_) => None,
        }
    }

    /// Why it was refused.
    pub const fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Refused(refusal) => Some(*refusal),
            Self::Action { .. } | Self::Txn { .. } => None,
        }
    }

    /// What a single action gave, or an action of a transaction by its index.
    pub fn outcome(&self, index: usize) -> Option<&Outcome> {
        match self {
            Self::Action { outcome, .. } => (index == 0).then_some(outcome),
            Self::Txn { outcomes, .. } => outcomes.get(index),
            Self::Refused(_) => None,
        }
    }

    /// The value that a single get found.
    pub fn value(&self) -> Option<&Bytes> {
        match self.outcome(0)? {
            Outcome::Get(found) => found.as_ref().map(|entry| &entry.value),
            _ => None,
        }
    }
}

const TAG_ACTION: u8 = 1;
const TAG_REFUSED: u8 = 2;
const TAG_TXN: u8 = 3;

const TAG_COUNT: u8 = 1;
const TAG_DELETE: u8 = 2;
const TAG_DELETE_RANGE: u8 = 3;
const TAG_GET: u8 = 4;
const TAG_PUT: u8 = 5;
const TAG_RANGE: u8 = 6;

/// The most an answer without entries takes: the tag, a flag and a count or two flags.
pub(super) const OUTCOME_BYTES_FIXED: usize = 9;

/// An entry's encoding without key and value: two lengths and three numbers.
pub(super) const KEY_VALUE_BYTES_FIXED: usize = 2 * 4 + 3 * 8;

/// The encoding of an answer without its outcomes: tag, revision, flag, number of outcomes.
pub(super) const RESPONSE_BYTES_FIXED: usize = 1 + 8 + 1 + 4;

/// Writes an answer's encoding from whatever holds the entries, so that the store need not copy
/// them into a [`Response`] first. The one place that knows the format.
pub(super) struct ResponseWriter<'a>(pub(super) &'a mut Writer);

/// An entry by reference.
#[derive(Clone, Copy)]
pub(super) struct EntryRef<'a> {
    pub(super) key: &'a [u8],
    pub(super) value: &'a [u8],
    pub(super) create_revision: u64,
    pub(super) mod_revision: u64,
    pub(super) version: u64,
}

impl ResponseWriter<'_> {
    pub(super) fn refused(&mut self, refusal: Refusal) {
        self.0.u8(TAG_REFUSED);
        self.0.u8(refusal.code());
    }

    pub(super) fn action(&mut self, revision: u64) {
        self.0.u8(TAG_ACTION);
        self.0.u64(revision);
    }

    pub(super) fn txn(&mut self, revision: u64, succeeded: bool, outcomes: usize) {
        self.0.u8(TAG_TXN);
        self.0.u64(revision);
        self.0.bool(succeeded);
        self.0.length(outcomes);
    }

    pub(super) fn count(&mut self, count: u64) {
        self.0.u8(TAG_COUNT);
        self.0.u64(count);
    }

    pub(super) fn delete(&mut self, deleted: bool, previous: Option<EntryRef<'_>>) {
        self.0.u8(TAG_DELETE);
        self.0.bool(deleted);
        self.option(previous);
    }

    pub(super) fn delete_range(&mut self, deleted: u32, more: bool) {
        self.0.u8(TAG_DELETE_RANGE);
        self.0.u32(deleted);
        self.0.bool(more);
    }

    pub(super) fn get(&mut self, found: Option<EntryRef<'_>>) {
        self.0.u8(TAG_GET);
        self.option(found);
    }

    pub(super) fn put(&mut self, previous: Option<EntryRef<'_>>) {
        self.0.u8(TAG_PUT);
        self.option(previous);
    }

    pub(super) fn range<'a>(
        &mut self,
        entries: impl ExactSizeIterator<Item = EntryRef<'a>>,
        more: bool,
    ) {
        self.0.u8(TAG_RANGE);
        self.0.length(entries.len());
        entries.for_each(|entry| entry.encode(self.0));
        self.0.bool(more);
    }

    fn option(&mut self, entry: Option<EntryRef<'_>>) {
        self.0.bool(entry.is_some());
        if let Some(entry) = entry {
            entry.encode(self.0);
        }
    }
}

impl EntryRef<'_> {
    pub(super) fn encode(&self, w: &mut Writer) {
        w.bytes(self.key);
        w.bytes(self.value);
        w.u64(self.create_revision);
        w.u64(self.mod_revision);
        w.u64(self.version);
    }
}

impl KeyValue {
    pub(super) fn as_entry(&self) -> EntryRef<'_> {
        EntryRef {
            key: &self.key,
            value: &self.value,
            create_revision: self.create_revision,
            mod_revision: self.mod_revision,
            version: self.version,
        }
    }
}

impl Wire for Response {
    fn encode(&self, w: &mut Writer) {
        let mut w = ResponseWriter(w);
        match self {
            Self::Action { revision, outcome } => {
                w.action(*revision);
                outcome.encode(w.0);
            }
            Self::Refused(refusal) => w.refused(*refusal),
            Self::Txn {
                revision,
                succeeded,
                outcomes,
            } => {
                w.txn(*revision, *succeeded, outcomes.len());
                outcomes.iter().for_each(|outcome| outcome.encode(w.0));
            }
        }
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        Ok(match r.u8()? {
            TAG_ACTION => Self::Action {
                revision: r.u64()?,
                outcome: Outcome::decode(r)?,
            },
            TAG_REFUSED => Self::Refused(Refusal::from_code(r.u8()?)?),
            TAG_TXN => Self::Txn {
                revision: r.u64()?,
                succeeded: r.bool()?,
                outcomes: r.list("outcomes", TXN_OPERATIONS_MAX)?,
            },
            _ => return Err(DecodeError::Invalid { field: "response" }),
        })
    }
}

impl Wire for Outcome {
    fn encode(&self, w: &mut Writer) {
        let mut w = ResponseWriter(w);
        match self {
            Self::Count(count) => w.count(*count),
            Self::Delete { deleted, previous } => {
                w.delete(*deleted, previous.as_ref().map(KeyValue::as_entry));
            }
            Self::DeleteRange { deleted, more } => w.delete_range(*deleted, *more),
            Self::Get(found) => w.get(found.as_ref().map(KeyValue::as_entry)),
            Self::Put(previous) => w.put(previous.as_ref().map(KeyValue::as_entry)),
            Self::Range { entries, more } => {
                w.range(entries.iter().map(KeyValue::as_entry), *more);
            }
        }
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        Ok(match r.u8()? {
            TAG_COUNT => Self::Count(r.u64()?),
            TAG_DELETE => Self::Delete {
                deleted: r.bool()?,
                previous: r.option()?,
            },
            TAG_DELETE_RANGE => Self::DeleteRange {
                deleted: r.u32()?,
                more: r.bool()?,
            },
            TAG_GET => Self::Get(r.option()?),
            TAG_PUT => Self::Put(r.option()?),
            TAG_RANGE => Self::Range {
                entries: r.list("entries", RANGE_LIMIT_MAX as usize)?,
                more: r.bool()?,
            },
            _ => return Err(DecodeError::Invalid { field: "outcome" }),
        })
    }
}

impl Wire for KeyValue {
    fn encode(&self, w: &mut Writer) {
        self.as_entry().encode(w);
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            key: key(r)?,
            value: r.bytes("value", VALUE_BYTES_MAX)?,
            create_revision: r.u64()?,
            mod_revision: r.u64()?,
            version: r.u64()?,
        })
    }
}

impl Refusal {
    const fn code(self) -> u8 {
        match self {
            Self::DuplicateKey => 1,
            Self::KeyEmpty => 2,
            Self::KeyTooLong => 3,
            Self::LimitOutOfRange => 4,
            Self::Malformed => 5,
            Self::NoSpace => 6,
            Self::OperationTooLarge => 7,
            Self::ResponseTooLarge => 8,
            Self::TooManyCompares => 9,
            Self::TooManyOperations => 10,
            Self::ValueTooLong => 11,
            Self::NotPermitted => 12,
        }
    }

    const fn from_code(code: u8) -> Result<Self, DecodeError> {
        Ok(match code {
            1 => Self::DuplicateKey,
            2 => Self::KeyEmpty,
            3 => Self::KeyTooLong,
            4 => Self::LimitOutOfRange,
            5 => Self::Malformed,
            6 => Self::NoSpace,
            7 => Self::OperationTooLarge,
            8 => Self::ResponseTooLarge,
            9 => Self::TooManyCompares,
            10 => Self::TooManyOperations,
            11 => Self::ValueTooLong,
            12 => Self::NotPermitted,
            _ => return Err(DecodeError::Invalid { field: "refusal" }),
        })
    }
}
