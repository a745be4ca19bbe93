//! The store's requests and answers as the agent's JSON has them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use ureq::http::Method;

use super::percent::key_path;
use crate::http::{Answer, Body, Client, Effect, Problem, Request};

/// The longest key.
pub(crate) const KEY_BYTES_MAX: usize = 1024;
/// The longest value.
pub(crate) const VALUE_BYTES_MAX: usize = 1024 * 1024;
/// The most entries of a page.
pub(crate) const PAGE_ENTRIES_MAX: u32 = 1000;
/// The most actions of a transaction.
pub(crate) const TXN_ACTIONS_MAX: usize = 128;

/// Bytes, as base64 in JSON.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Base64(pub(crate) Vec<u8>);

/// One page of keys in order.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) revision: u64,
    pub(crate) more: bool,
    pub(crate) entries: Vec<Entry>,
}

/// A key with its value and history.
#[derive(Debug, Deserialize)]
pub(crate) struct Entry {
    pub(crate) key: Base64,
    #[serde(default)]
    pub(crate) value: Base64,
    pub(crate) create_revision: u64,
    pub(crate) mod_revision: u64,
    pub(crate) version: u64,
}

/// One action of a transaction.
#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Action {
    Put {
        key: Base64,
        value: Base64,
    },
    Get {
        key: Base64,
    },
    Delete {
        key: Base64,
    },
    Range {
        prefix: Base64,
        #[serde(skip_serializing_if = "Option::is_none")]
        after: Option<Base64>,
        limit: u32,
        keys_only: bool,
    },
}

/// What a transaction's action gave.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    Put(IgnoredAny),
    Get(Option<Entry>),
    Delete(IgnoredAny),
    Range { entries: Vec<Entry>, more: bool },
}

#[derive(Debug, Serialize)]
struct Txn<'a> {
    success: &'a [Action],
}

#[derive(Debug, Deserialize)]
struct TxnAnswer {
    revision: u64,
    outcomes: Vec<Outcome>,
}

/// Which part of a listing is asked for.
#[derive(Debug)]
pub(crate) struct Listing<'a> {
    pub(crate) prefix: &'a [u8],
    pub(crate) after: Option<&'a [u8]>,
    pub(crate) limit: u32,
    pub(crate) keys_only: bool,
}

impl Client {
    pub(crate) fn put(
        &self,
        key: &[u8],
        value: &[u8],
        effect: Effect,
        request_id: Option<String>,
    ) -> Result<Answer, Problem> {
        self.send(&Request {
            method: Method::PUT,
            target: key_path(key),
            body: Some(Body::Bytes(value)),
            effect,
            request_id,
        })
    }

    pub(crate) fn get(&self, key: &[u8]) -> Result<Answer, Problem> {
        self.read(key_path(key))
    }

    pub(crate) fn delete(&self, key: &[u8], request_id: Option<String>) -> Result<Answer, Problem> {
        self.send(&Request {
            method: Method::DELETE,
            target: key_path(key),
            body: None,
            effect: Effect::WritesOnce,
            request_id,
        })
    }

    /// The next entries of a listing. If there are more, at least one.
    ///
    /// Asked for as a transaction: only there values can be left out.
    pub(crate) fn list(&self, listing: &Listing<'_>) -> Result<Page, Problem> {
        let range = Action::Range {
            prefix: Base64(listing.prefix.to_vec()),
            after: listing.after.map(|after| Base64(after.to_vec())),
            limit: listing.limit,
            keys_only: listing.keys_only,
        };
        let answer = self.actions(&[range], Effect::Reads)?;
        let mut page = Page {
            revision: answer.revision,
            ..Page::default()
        };
        for outcome in answer.outcomes {
            if let Outcome::Range { entries, more } = outcome {
                (page.entries, page.more) = (entries, more);
            }
        }
        let mut previous = listing.after;
        for Entry {
            key: Base64(key), ..
        } in &page.entries
        {
            if !key.starts_with(listing.prefix) || previous.is_some_and(|last| last >= &key[..]) {
                return Err(unasked());
            }
            previous = Some(key);
        }
        if page.entries.is_empty() && page.more {
            return Err(unasked());
        }
        Ok(page)
    }

    /// Does actions together, all or none.
    pub(crate) fn together(
        &self,
        actions: &[Action],
        effect: Effect,
    ) -> Result<Vec<Outcome>, Problem> {
        Ok(self.actions(actions, effect)?.outcomes)
    }

    fn actions(&self, actions: &[Action], effect: Effect) -> Result<TxnAnswer, Problem> {
        let body = serde_json::to_vec(&Txn { success: actions })
            .map_err(|error| Problem::failed("json", error.to_string()))?;
        let answer: TxnAnswer = self.txn(&body, effect, None)?.json()?;
        let fits = |(action, outcome): (&Action, &Outcome)| {
            matches!(
                (action, outcome),
                (Action::Put { .. }, Outcome::Put(_))
                    | (Action::Get { .. }, Outcome::Get(_))
                    | (Action::Delete { .. }, Outcome::Delete(_))
                    | (Action::Range { .. }, Outcome::Range { .. })
            )
        };
        let has_all = answer.outcomes.len() == actions.len();
        if !has_all || !actions.iter().zip(&answer.outcomes).all(fits) {
            return Err(unasked());
        }
        Ok(answer)
    }

    pub(crate) fn txn(
        &self,
        body: &[u8],
        effect: Effect,
        request_id: Option<String>,
    ) -> Result<Answer, Problem> {
        self.send(&Request {
            method: Method::POST,
            target: "/v1/kv/txn".into(),
            body: Some(Body::Json(body)),
            effect,
            request_id,
        })
    }

    /// Reads something.
    pub(crate) fn read(&self, target: String) -> Result<Answer, Problem> {
        self.send(&Request {
            method: Method::GET,
            target,
            body: None,
            effect: Effect::Reads,
            request_id: None,
        })
    }
}

fn unasked() -> Problem {
    Problem::failed(
        "bad-answer",
        "the agent answered something else than was asked",
    )
}

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text.as_ref());
        Ok(Self(bytes.map_err(serde::de::Error::custom)?))
    }
}
