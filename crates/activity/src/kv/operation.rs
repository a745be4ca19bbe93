use bytes::Bytes;
use maftia_codec::{DecodeError, Reader, Wire, Writer};

use super::{
    KEY_BYTES_MAX, OPERATION_BYTES_MAX, RANGE_LIMIT_MAX, Refusal, TXN_COMPARES_MAX,
    TXN_OPERATIONS_MAX, VALUE_BYTES_MAX,
};

/// What a client asks of the store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Operation {
    /// One action.
    Action(Action),
    /// Several actions, all or none, depending on comparisons.
    Txn(Txn),
}

/// One read or write.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// How many keys an interval holds.
    Count(Interval),
    /// Removes a key.
    Delete {
        /// The key.
        key: Bytes,
        /// Whether the answer brings the removed entry.
        previous: bool,
    },
    /// Removes the first keys of an interval.
    DeleteRange {
        /// Where.
        interval: Interval,
        /// How many at most, 1 to [`RANGE_LIMIT_MAX`]. The answer says whether more are left.
        limit: u32,
    },
    /// Reads a key.
    Get {
        /// The key.
        key: Bytes,
    },
    /// Sets a key.
    Put {
        /// The key.
        key: Bytes,
        /// Its new value; may be empty.
        value: Bytes,
        /// Whether the answer brings the replaced entry.
        previous: bool,
    },
    /// Reads the first entries of an interval.
    Range(Range),
}

/// Keys from `start` (included) to `end` (excluded, or the end of the key space).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Interval {
    /// The least key included. Empty: from the first key.
    pub start: Bytes,
    /// The least key no longer included.
    pub end: Option<Bytes>,
}

/// A bounded read of an interval in key order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Range {
    /// Where.
    pub interval: Interval,
    /// Only keys above this one: the last key of the page before.
    pub after: Option<Bytes>,
    /// How many entries at most, 1 to [`RANGE_LIMIT_MAX`].
    pub limit: u32,
    /// Leave the values out (they are empty in the answer).
    pub keys_only: bool,
}

/// If all compares hold, `success` is executed, otherwise `failure`.
///
/// Actions are executed in order and see what earlier ones wrote; all writes share one revision.
/// Within a branch no key may be put twice, nor put and deleted.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Txn {
    /// At most [`TXN_COMPARES_MAX`].
    pub compares: Vec<Compare>,
    /// At most [`TXN_OPERATIONS_MAX`].
    pub success: Vec<Action>,
    /// At most [`TXN_OPERATIONS_MAX`].
    pub failure: Vec<Action>,
}

/// A condition on one key: "its target `relation` the given one".
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Compare {
    /// The key. Absent, its revisions and version are 0, and no comparison of its value holds.
    pub key: Bytes,
    /// How the key's target must relate to the given one.
    pub relation: Relation,
    /// What is compared, with what.
    pub target: Target,
}

/// How two things compare.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Relation {
    /// The key's is the given one.
    Equal,
    /// The key's is greater.
    Greater,
    /// The key's is less.
    Less,
    /// The key's is another.
    NotEqual,
}

/// What of a key is compared, and with what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    /// The revision that created it.
    CreateRevision(u64),
    /// The revision of its last put.
    ModRevision(u64),
    /// Its value, in byte order.
    Value(Bytes),
    /// How often it was put since it was created.
    Version(u64),
}

impl Operation {
    /// Sets a key.
    pub fn put(key: impl Into<Bytes>, value: impl Into<Bytes>) -> Self {
        Self::Action(Action::put(key, value))
    }

    /// Reads a key.
    pub fn get(key: impl Into<Bytes>) -> Self {
        Self::Action(Action::get(key))
    }

    /// Removes a key.
    pub fn delete(key: impl Into<Bytes>) -> Self {
        Self::Action(Action::delete(key))
    }

    /// Decodes an operation and checks every limit and rule that does not depend on the state.
    /// The store uses this and nothing else, so a client can learn a refusal before sending.
    ///
    /// # Errors
    /// The reason the store would answer with.
    pub fn read(bytes: &Bytes) -> Result<Self, Refusal> {
        if bytes.len() > OPERATION_BYTES_MAX {
            return Err(Refusal::OperationTooLarge);
        }
        let operation = Self::from_bytes(bytes.clone()).map_err(refusal)?;
        if let Self::Txn(txn) = &operation {
            super::rules::check(&txn.success)?;
            super::rules::check(&txn.failure)?;
        }
        Ok(operation)
    }
}

impl From<Action> for Operation {
    fn from(action: Action) -> Self {
        Self::Action(action)
    }
}

impl From<Range> for Operation {
    fn from(range: Range) -> Self {
        Self::Action(Action::Range(range))
    }
}

impl From<Txn> for Operation {
    fn from(txn: Txn) -> Self {
        Self::Txn(txn)
    }
}

impl From<Range> for Action {
    fn from(range: Range) -> Self {
        Self::Range(range)
    }
}

impl Action {
    /// Sets a key.
    pub fn put(key: impl Into<Bytes>, value: impl Into<Bytes>) -> Self {
        Self::Put {
            key: key.into(),
            value: value.into(),
            previous: false,
        }
    }

    /// Reads a key.
    pub fn get(key: impl Into<Bytes>) -> Self {
        Self::Get { key: key.into() }
    }

    /// Removes a key.
    pub fn delete(key: impl Into<Bytes>) -> Self {
        Self::Delete {
            key: key.into(),
            previous: false,
        }
    }
}

impl Interval {
    /// Every key.
    pub const fn all() -> Self {
        Self {
            start: Bytes::new(),
            end: None,
        }
    }

    /// From `start` to before `end`.
    pub fn between(start: impl Into<Bytes>, end: impl Into<Bytes>) -> Self {
        Self {
            start: start.into(),
            end: Some(end.into()),
        }
    }

    /// The keys that begin with `prefix`.
    pub fn prefix(prefix: impl Into<Bytes>) -> Self {
        let start = prefix.into();
        // The least string above all that begin with the prefix: its last byte that can grow, grown.
        let mut end = start.to_vec();
        while end.pop_if(|last| *last == u8::MAX).is_some() {}
        if let Some(last) = end.last_mut() {
            *last += 1;
        }
        let end = (!end.is_empty()).then(|| end.into());
        Self { start, end }
    }

    /// Whether `key` is in it.
    pub fn contains(&self, key: &[u8]) -> bool {
        self.start.as_ref() <= key && self.end.as_ref().is_none_or(|end| key < end.as_ref())
    }
}

impl Range {
    /// The entries of an interval, as many as one answer may hold.
    pub const fn over(interval: Interval) -> Self {
        Self {
            interval,
            after: None,
            limit: RANGE_LIMIT_MAX,
            keys_only: false,
        }
    }
}

impl Txn {
    /// Adds a condition.
    #[must_use]
    pub fn when(mut self, key: impl Into<Bytes>, relation: Relation, target: Target) -> Self {
        self.compares.push(Compare {
            key: key.into(),
            relation,
            target,
        });
        self
    }

    /// Adds an action for when all conditions hold.
    #[must_use]
    pub fn then(mut self, action: impl Into<Action>) -> Self {
        self.success.push(action.into());
        self
    }

    /// Adds an action for when one does not hold.
    #[must_use]
    pub fn otherwise(mut self, action: impl Into<Action>) -> Self {
        self.failure.push(action.into());
        self
    }
}

// Field names, by which a failed decoding becomes a refusal.
const COMPARES: &str = "compares";
const KEY: &str = "key";
const LIMIT: &str = "limit";
const OPERATIONS: &str = "operations";
const VALUE: &str = "value";

fn refusal(error: DecodeError) -> Refusal {
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
