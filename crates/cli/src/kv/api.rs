//! The store's requests and answers as the agent's JSON has them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use ureq::http::Method;

use super::percent::{encode, key_path};
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
#[derive(Debug, Deserialize)]
pub(crate) struct Page {
    pub(crate) revision: u64,
    pub(crate) more: bool,
    pub(crate) kvs: Vec<Entry>,
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
    Put { key: Base64, value: Base64 },
    Get { key: Base64 },
    Delete { key: Base64 },
}

/// What a transaction's action gave.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    Put(serde::de::IgnoredAny),
    Get(Option<Entry>),
    Delete(serde::de::IgnoredAny),
}

#[derive(Debug, Serialize)]
struct Txn<'a> {
    compare: [(); 0],
    success: &'a [Action],
    failure: [(); 0],
}

#[derive(Debug, Deserialize)]
struct TxnAnswer {
    responses: Vec<Outcome>,
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

    pub(crate) fn list(&self, listing: &Listing<'_>) -> Result<Page, Problem> {
        let mut target = format!(
            "/v1/kv?prefix={}&limit={}",
            encode(listing.prefix, b""),
            listing.limit
        );
        if let Some(after) = listing.after {
            target += &format!("&after={}", encode(after, b""));
        }
        if listing.keys_only {
            target += "&keys_only=true";
        }
        let page: Page = self.read(target)?.json()?;
        let within = |entry: &Entry| entry.key.0.starts_with(listing.prefix);
        let ends = page.kvs.is_empty() && page.more;
        if ends || !page.kvs.iter().all(within) {
            return Err(Problem::failed(
                "bad-answer",
                "the agent listed other keys than asked",
            ));
        }
        Ok(page)
    }

    /// Does actions together, all or none.
    pub(crate) fn together(
        &self,
        actions: &[Action],
        effect: Effect,
    ) -> Result<Vec<Outcome>, Problem> {
        let body = serde_json::to_vec(&Txn {
            compare: [],
            success: actions,
            failure: [],
        })
        .map_err(|error| Problem::failed("json", error.to_string()))?;
        let answer: TxnAnswer = self.txn(&body, effect, None)?.json()?;
        if answer.responses.len() != actions.len() {
            return Err(Problem::failed(
                "bad-answer",
                "the agent answered other actions",
            ));
        }
        Ok(answer.responses)
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
