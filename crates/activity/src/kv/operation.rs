use bytes::Bytes;
use maftia_codec::Wire;

use super::{OPERATION_BYTES_MAX, RANGE_LIMIT_MAX, Refusal};

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
    /// At most [`super::TXN_COMPARES_MAX`].
    pub compares: Vec<Compare>,
    /// At most [`super::TXN_OPERATIONS_MAX`].
    pub success: Vec<Action>,
    /// At most [`super::TXN_OPERATIONS_MAX`].
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
        let operation = Self::from_bytes(bytes.clone()).map_err(super::operation_wire::refusal)?;
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
