//! Transactions and their outcomes in JSON.
//!
//! ```json
//! {
//!   "compare": [{"key": "bG9jaw==", "relation": "equal", "target": {"create_revision": 0}}],
//!   "success": [{"put": {"key": "bG9jaw==", "value": "bWU="}}],
//!   "failure": [{"get": {"key": "bG9jaw=="}}]
//! }
//! ```
//!
//! Relations are `equal`, `not_equal`, `greater`, `less`; targets are `value`, `version`,
//! `create_revision`, `mod_revision`; actions are `put`, `get`, `delete`, `range`, `count`,
//! `delete_range`. The last three take either `prefix`, or `start` and `end`, or all keys.

use maftia_activity::kv;
use serde::{Deserialize, Serialize};

use crate::encoding::Base64;

/// `POST /v1/kv/txn`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Txn {
    /// All must hold.
    #[serde(default)]
    pub compare: Vec<Compare>,
    /// What to do then.
    #[serde(default)]
    pub success: Vec<Action>,
    /// What to do otherwise.
    #[serde(default)]
    pub failure: Vec<Action>,
}

/// A condition on one key.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compare {
    /// The key.
    pub key: Base64,
    /// How its target must relate to the given one.
    pub relation: Relation,
    /// What of it, with what.
    pub target: Target,
}

/// See [`kv::Relation`].
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Relation {
    Equal,
    Greater,
    Less,
    NotEqual,
}

/// See [`kv::Target`].
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Target {
    CreateRevision(u64),
    ModRevision(u64),
    Value(Base64),
    Version(u64),
}

/// See [`kv::Action`].
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[allow(missing_docs)]
pub enum Action {
    Count(Keys),
    Delete {
        key: Base64,
        #[serde(default)]
        previous: bool,
    },
    DeleteRange(Keys),
    Get {
        key: Base64,
    },
    Put {
        key: Base64,
        value: Base64,
        #[serde(default)]
        previous: bool,
    },
    Range(Keys),
}

/// Some of the keys. All, if nothing is given.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// Those that begin with this. Not together with `start` or `end`.
    pub prefix: Option<Base64>,
    /// From this one on.
    pub start: Option<Base64>,
    /// To before this one.
    pub end: Option<Base64>,
    /// Only those above this one (`range`).
    pub after: Option<Base64>,
    /// At most so many (`range`, `delete_range`).
    pub limit: Option<u32>,
    /// Leave the values out (`range`).
    #[serde(default)]
    pub keys_only: bool,
}

/// The outcome of one action.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Outcome {
    Count(u64),
    Delete {
        deleted: bool,
        previous: Option<Entry>,
    },
    DeleteRange {
        deleted: u32,
        more: bool,
    },
    Get(Option<Entry>),
    Put {
        previous: Option<Entry>,
    },
    Range {
        entries: Vec<Entry>,
        more: bool,
    },
}

/// See [`kv::KeyValue`].
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct Entry {
    pub key: Base64,
    pub value: Base64,
    pub create_revision: u64,
    pub mod_revision: u64,
    pub version: u64,
}

/// Why a transaction in JSON is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("give either `prefix`, or `start` and `end`")]
pub struct TwoIntervals;

impl TryFrom<Txn> for kv::Txn {
    type Error = TwoIntervals;

    fn try_from(txn: Txn) -> Result<Self, TwoIntervals> {
        let actions = |list: Vec<Action>| {
            let actions = list.into_iter().map(Action::into_action);
            actions.collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            compares: txn.compare.into_iter().map(Compare::into_compare).collect(),
            success: actions(txn.success)?,
            failure: actions(txn.failure)?,
        })
    }
}

impl Compare {
    fn into_compare(self) -> kv::Compare {
        kv::Compare {
            key: self.key.0,
            relation: match self.relation {
                Relation::Equal => kv::Relation::Equal,
                Relation::Greater => kv::Relation::Greater,
                Relation::Less => kv::Relation::Less,
                Relation::NotEqual => kv::Relation::NotEqual,
            },
            target: match self.target {
                Target::CreateRevision(revision) => kv::Target::CreateRevision(revision),
                Target::ModRevision(revision) => kv::Target::ModRevision(revision),
                Target::Value(value) => kv::Target::Value(value.0),
                Target::Version(version) => kv::Target::Version(version),
            },
        }
    }
}

impl Action {
    fn into_action(self) -> Result<kv::Action, TwoIntervals> {
        Ok(match self {
            Self::Count(keys) => kv::Action::Count(keys.interval()?),
            Self::Delete { key, previous } => kv::Action::Delete {
                key: key.0,
                previous,
            },
            Self::DeleteRange(keys) => kv::Action::DeleteRange {
                limit: keys.limit.unwrap_or(kv::RANGE_LIMIT_MAX),
                interval: keys.interval()?,
            },
            Self::Get { key } => kv::Action::get(key.0),
            Self::Put {
                key,
                value,
                previous,
            } => kv::Action::Put {
                key: key.0,
                value: value.0,
                previous,
            },
            Self::Range(keys) => keys.range()?.into(),
        })
    }
}

impl Keys {
    /// A range read of these keys.
    pub(crate) fn range(self) -> Result<kv::Range, TwoIntervals> {
        Ok(kv::Range {
            after: self.after.clone().map(|after| after.0),
            limit: self.limit.unwrap_or(kv::RANGE_LIMIT_MAX),
            keys_only: self.keys_only,
            interval: self.interval()?,
        })
    }

    fn interval(self) -> Result<kv::Interval, TwoIntervals> {
        match (self.prefix, self.start, self.end) {
            (Some(prefix), None, None) => Ok(kv::Interval::prefix(prefix.0)),
            (None, start, end) => Ok(kv::Interval {
                start: start.unwrap_or_default().0,
                end: end.map(|end| end.0),
            }),
            (Some(_), _, _) => Err(TwoIntervals),
        }
    }
}

impl From<kv::Outcome> for Outcome {
    fn from(outcome: kv::Outcome) -> Self {
        match outcome {
            kv::Outcome::Count(count) => Self::Count(count),
            kv::Outcome::Delete { deleted, previous } => Self::Delete {
                deleted,
                previous: previous.map(Entry::from),
            },
            kv::Outcome::DeleteRange { deleted, more } => Self::DeleteRange { deleted, more },
            kv::Outcome::Get(found) => Self::Get(found.map(Entry::from)),
            kv::Outcome::Put(previous) => Self::Put {
                previous: previous.map(Entry::from),
            },
            kv::Outcome::Range { entries, more } => Self::Range {
                entries: entries.into_iter().map(Entry::from).collect(),
                more,
            },
        }
    }
}

impl From<kv::KeyValue> for Entry {
    fn from(entry: kv::KeyValue) -> Self {
        Self {
            key: Base64(entry.key),
            value: Base64(entry.value),
            create_revision: entry.create_revision,
            mod_revision: entry.mod_revision,
            version: entry.version,
        }
    }
}
