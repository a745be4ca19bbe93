//! The keys that the sites hold together.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use maftia_activity::keys::sealing::{CIPHERTEXT_BYTES_MAX, Recipient};
use maftia_activity::keys::sessions::{Answer as Used, Request};
use maftia_activity::keys::{KeySummary, Operation, Reply, State as Life};
use maftia_client::RequestId;
use maftia_codec::Wire;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::ApiError;
use crate::encoding::Base64;
use crate::error::name as mark;
use crate::kv::{read, unfit};
use crate::serve::Shared;

mod ask;
mod audit;
mod manage;
mod refusal;
mod show;
mod sign;

pub(crate) use ask::Ask;
pub(crate) use audit::audit;
pub(crate) use manage::{approve, create, permit, proposals, refresh, retire, rotate};
pub(crate) use refusal::{no_power, use_refused};
pub(crate) use show::client as client_name;
pub(crate) use sign::{certificate, sign};

/// The longest JSON of a decryption: the ciphertext in base64, and room for names and spaces.
const DECRYPT_JSON_BYTES_MAX: usize = CIPHERTEXT_BYTES_MAX / 3 * 4 + 4 * 1024;

/// `POST /v1/keys/{name}/decrypt`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Decrypt {
    ciphertext: Base64,
    /// The reader's public key, 32 bytes.
    to: Base64,
}

/// `GET /v1/keys`.
pub(crate) async fn list(
    State(shared): State<Shared>,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    let keys = Ask::new(&shared, &headers)?.list().await?;
    let group = shared.store.client().group();
    let keys: Vec<Value> = keys.iter().map(|key| show::key(&group, key)).collect();
    Ok(Json(json!({ "keys": keys })))
}

/// `GET /v1/keys/{name}`.
pub(crate) async fn show(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    let key = Ask::new(&shared, &headers)?.named(&name).await?;
    Ok(Json(show::key(&shared.store.client().group(), &key)))
}

/// `GET /v1/ceremonies`.
pub(crate) async fn ceremonies(
    State(shared): State<Shared>,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    let ask = Ask::new(&shared, &headers)?;
    let keys = ask.list().await?;
    let Reply::Ceremonies(all) = ask.look(&Operation::Ceremonies).await? else {
        return Err(unfit(None));
    };
    let group = shared.store.client().group();
    let all = all.iter().map(|own| {
        let key = keys.iter().find(|key| key.id == own.key);
        show::ceremony(&group, key.map_or("?", |key| &key.name), own)
    });
    Ok(Json(json!({ "ceremonies": all.collect::<Vec<_>>() })))
}

/// `GET /v1/keys/{name}/transcript`: what the group has signed of the latest ceremony of that key.
pub(crate) async fn transcript(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let ask = Ask::new(&shared, &headers)?;
    let key = ask.named(&name).await?;
    let Reply::Transcript(transcript) = ask.look(&Operation::Transcript(key.id)).await? else {
        return Err(unfit(None));
    };
    let kind = HeaderValue::from_static("application/octet-stream");
    Ok(([(header::CONTENT_TYPE, kind)], transcript.to_file()).into_response())
}

/// `POST /v1/keys/{name}/decrypt`.
pub(crate) async fn decrypt(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let next = "send `{\"ciphertext\":...,\"to\":...}`, both in base64";
    let (ask, asked) =
        with_json::<Decrypt>(&shared, (&headers, body), (DECRYPT_JSON_BYTES_MAX, next)).await?;
    let to = <&[u8; 32]>::try_from(&asked.to.0[..]).ok();
    let to = to.and_then(|to| Recipient::from_bytes(to).ok());
    let to = to.ok_or_else(|| ApiError::malformed("`to` is no public key", next))?;
    let key = ask.usable(&name).await?;
    let request = Request::Decrypt {
        key: key.id,
        ciphertext: asked.ciphertext.0,
        to,
    };
    let used = shared.keys.session_of(&request, ask.id(), ask.patience());
    let (id, used) = ask.settle(used.await?)?;
    match used {
        Used::Shares(handed) => Ok(done(id, json!({ "handed": Base64(handed.to_bytes()) }))),
        used => Err(unused(&shared, id, used)),
    }
}

/// `GET /v1/keys/{name}/slots`.
pub(crate) async fn slots(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    let ask = Ask::new(&shared, &headers)?;
    let key = ask.named(&name).await?;
    let request = Request::Slots { key: key.id };
    let answer = shared.keys.request(&request, ask.id(), ask.patience());
    match ask.settle(answer.await?)?.1 {
        Used::Slots(slots) => {
            let slots = slots.iter().map(|slot| {
                let register = String::from_utf8_lossy(&slot.register);
                json!({ "register": register, "number": slot.number })
            });
            Ok(Json(json!({ "slots": slots.collect::<Vec<_>>() })))
        }
        Used::Refused(refusal) => Err(use_refused(refusal)),
        _ => Err(unfit(None)),
    }
}

/// What a session gave that is not what was asked for.
fn unused(shared: &Shared, id: Option<RequestId>, used: Used) -> ApiError {
    let error = match used {
        Used::Refused(refusal) => use_refused(refusal),
        Used::Pending { awaited } => {
            let names = show::sites(&shared.store.client().group(), awaited);
            ApiError::pending(&format!("sites are awaited: {}", names.join(", ")))
        }
        _ => unfit(id),
    };
    error.of_request(id)
}

/// A caller's request, and the JSON object that is its body: of at most so many bytes, and what to
/// send instead of what is none.
pub(crate) async fn with_json<'a, T: DeserializeOwned>(
    shared: &'a Shared,
    (headers, body): (&HeaderMap, Body),
    (bytes_max, next): (usize, &'static str),
) -> Result<(Ask<'a>, T), ApiError> {
    let ask = Ask::new(shared, headers)?;
    let body = read(body, headers, bytes_max).await?;
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(ApiError::malformed("the body is no JSON object", next));
    }
    let asked = serde_json::from_slice(&body);
    let asked = asked.map_err(|error| ApiError::malformed(error.to_string(), next))?;
    Ok((ask, asked))
}

/// The answer to what was done, with the request's name.
pub(crate) fn done(id: Option<RequestId>, body: Value) -> Response {
    let mut response = Json(body).into_response();
    mark(&mut response, id);
    response
}

/// The one to use of the keys of a name: one that can be used, else one that is generated, else the
/// one that was retired last.
fn of_name(keys: Vec<KeySummary>, name: &str) -> Option<KeySummary> {
    let keys = keys.into_iter().filter(|key| key.name == name);
    let rank = |key: &KeySummary| match key.state {
        Life::Active => 2,
        Life::Generating => 1,
        Life::Retired => 0,
    };
    keys.max_by_key(|key| (rank(key), key.id))
}

impl ApiError {
    /// It goes on, and time is up.
    fn pending(what: &str) -> Self {
        let next = "send it again with the same `Maftia-Request-Id` header to wait on";
        Self::new(StatusCode::GATEWAY_TIMEOUT, "pending", what, next)
    }
}

#[cfg(test)]
mod tests;
