//! The store's operations and answers as JSON. Keys and values are base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use maftia_activity::kv::{Action, Compare, KeyValue, Outcome, Relation, Target, Txn};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use crate::error::Problem;

/// Bytes as base64.
#[derive(Debug)]
pub(crate) struct Base64(Bytes);

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text).map_err(serde::de::Error::custom)?;
        Ok(Self(bytes.into()))
    }
}

/// A transaction as it is posted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TxnBody {
    #[serde(default)]
    compare: Vec<CompareBody>,
    #[serde(default)]
    success: Vec<ActionBody>,
    #[serde(default)]
    failure: Vec<ActionBody>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CompareBody {
    key: Base64,
    target: String,
    op: String,
    value: Value,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum ActionBody {
    Put { key: Base64, value: Base64 },
    Get { key: Base64 },
    Delete { key: Base64 },
}

impl TxnBody {
    pub(crate) fn txn(self) -> Result<Txn, Problem> {
        let compares = self.compare.into_iter().map(CompareBody::compare);
        Ok(Txn {
            compares: compares.collect::<Result<_, _>>()?,
            success: self.success.into_iter().map(ActionBody::action).collect(),
            failure: self.failure.into_iter().map(ActionBody::action).collect(),
        })
    }
}

impl CompareBody {
    fn compare(self) -> Result<Compare, Problem> {
        let number = || {
            self.value
                .as_u64()
                .ok_or_else(|| Problem::malformed("`value` of a compare must be a number here"))
        };
        let target = match self.target.as_str() {
            "create" => Target::CreateRevision(number()?),
            "mod" => Target::ModRevision(number()?),
            "version" => Target::Version(number()?),
            "value" => {
                let text = self
                    .value
                    .as_str()
                    .and_then(|text| STANDARD.decode(text).ok());
                let bytes = text.ok_or_else(|| Problem::malformed("`value` is not base64"))?;
                Target::Value(bytes.into())
            }
            _ => {
                return Err(Problem::malformed(
                    "`target` is create, mod, version or value",
                ));
            }
        };
        let relation = match self.op.as_str() {
            "=" => Relation::Equal,
            "!=" => Relation::NotEqual,
            "<" => Relation::Less,
            ">" => Relation::Greater,
            _ => return Err(Problem::malformed("`op` is =, !=, < or >")),
        };
        Ok(Compare {
            key: self.key.0,
            relation,
            target,
        })
    }
}

impl ActionBody {
    fn action(self) -> Action {
        match self {
            Self::Put { key, value } => Action::put(key.0, value.0),
            Self::Get { key } => Action::get(key.0),
            Self::Delete { key } => Action::delete(key.0),
        }
    }
}

/// An entry of the store.
pub(crate) fn entry(entry: &KeyValue) -> Value {
    json!({
        "key": STANDARD.encode(&entry.key),
        "value": STANDARD.encode(&entry.value),
        "create_revision": entry.create_revision,
        "mod_revision": entry.mod_revision,
        "version": entry.version,
    })
}

/// What one action of a transaction gave.
pub(crate) fn outcome(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Put(_) => json!({"put": {}}),
        Outcome::Get(found) => json!({"get": found.as_ref().map(entry)}),
        Outcome::Delete { deleted, .. } => json!({"delete": {"deleted": deleted}}),
        Outcome::Count(count) => json!({"count": count}),
        Outcome::DeleteRange { deleted, more } => {
            json!({"delete_range": {"deleted": deleted, "more": more}})
        }
        Outcome::Range { entries, more } => {
            let entries: Vec<Value> = entries.iter().map(entry).collect();
            json!({"range": {"kvs": entries, "more": more}})
        }
    }
}
