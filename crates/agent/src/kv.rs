use std::time::Duration;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{RawQuery, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use maftia_activity::kv::{
    self, KEY_BYTES_MAX, OPERATION_BYTES_MAX, Operation, Response as Told, VALUE_BYTES_MAX,
};
use maftia_client::{Answer, Outcome, PATIENCE_MAX, Patience, RequestId, parse_id};
use serde_json::json;

use crate::ApiError;
use crate::encoding::{Base64, parameters, percent_decode};
use crate::error::{REQUEST_ID, name};
use crate::prove::{is_for_proof, prove};
use crate::serve::Shared;
use crate::txn::{self, Keys};

const REVISION: HeaderName = HeaderName::from_static("maftia-revision");
/// How long the caller waits for the outcome, in milliseconds.
pub(crate) const TIMEOUT: HeaderName = HeaderName::from_static("maftia-timeout");
const MOD_REVISION: HeaderName = HeaderName::from_static("maftia-mod-revision");

/// The longest transaction in JSON: the longest one with keys and values in base64, and its names.
const TXN_JSON_BYTES_MAX: usize = OPERATION_BYTES_MAX / 3 * 4 + 256 * 1024;
/// How long a caller may take to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Before the key in a path.
const PREFIX: &str = "/v1/kv/";

/// A response of the group, and whose it is.
pub(crate) type Done = (Option<RequestId>, Told);

/// `GET`, `PUT` and `DELETE` of a key.
pub(crate) async fn key(State(shared): State<Shared>, request: Request) -> Response {
    let result = match request.method().clone() {
        Method::GET if is_for_proof(request.uri()) => prove(&shared, request).await,
        Method::GET => get(&shared, request).await,
        Method::PUT => put(&shared, request).await,
        Method::DELETE => delete(&shared, request).await,
        _ => Err(ApiError::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "wrong-method",
            "a key takes GET, PUT and DELETE",
            "use one of these",
        )),
    };
    result.unwrap_or_else(IntoResponse::into_response)
}

/// `GET /v1/kv`.
pub(crate) async fn list(
    State(shared): State<Shared>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let keys = list_keys(&query.unwrap_or_default())?;
    let range = keys
        .range()
        .map_err(|error| ApiError::malformed(error.to_string(), "correct the query"))?;
    let (id, told) = execute(&shared, &range.into(), &headers).await?;
    let revision = told.revision();
    match told.outcome(0) {
        Some(kv::Outcome::Range { entries, more }) => {
            let entries = entries.iter().cloned().map(txn::Entry::from);
            let entries: Vec<_> = entries.collect();
            Ok(done(
                id,
                &told,
                json!({
                    "revision": revision,
                    "entries": entries,
                    "more": more,
                }),
            ))
        }
        _ => Err(unfit(id)),
    }
}

/// `POST /v1/kv/txn`.
pub(crate) async fn txn(
    State(shared): State<Shared>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let body = read(body, &headers, TXN_JSON_BYTES_MAX).await?;
    let next = "see the documentation of transactions; nothing happened";
    if !body.trim_ascii_start().starts_with(b"{") {
        // A list of fields without their names would be read, too.
        return Err(ApiError::malformed("a transaction is a JSON object", next));
    }
    let txn: txn::Txn = serde_json::from_slice(&body)
        .map_err(|error| ApiError::malformed(format!("no transaction: {error}"), next))?;
    let txn =
        kv::Txn::try_from(txn).map_err(|error| ApiError::malformed(error.to_string(), next))?;
    let (id, told) = execute(&shared, &txn.into(), &headers).await?;
    let Told::Txn {
        revision,
        succeeded,
        outcomes,
    } = told.clone()
    else {
        return Err(unfit(id));
    };
    let outcomes: Vec<_> = outcomes.into_iter().map(txn::Outcome::from).collect();
    let mut body = json!({
        "revision": revision,
        "succeeded": succeeded,
        "outcomes": outcomes,
    });
    if succeeded {
        return Ok(done(id, &told, body));
    }
    let failed = ApiError::new(
        StatusCode::CONFLICT,
        "comparison-failed",
        "a comparison does not hold; the `failure` branch was executed",
        "read the keys again and decide anew",
    );
    if let Some(fields) = body.as_object_mut() {
        fields.insert("error".to_owned(), failed.json());
    }
    let mut response = done(id, &told, body);
    *response.status_mut() = StatusCode::CONFLICT;
    Ok(response)
}

async fn get(shared: &Shared, request: Request) -> Result<Response, ApiError> {
    let operation = Operation::get(key_of(request.uri())?);
    let (id, told) = execute(shared, &operation, request.headers()).await?;
    match told.outcome(0) {
        Some(kv::Outcome::Get(Some(entry))) => {
            let mut response = Response::new(Body::from(entry.value.clone()));
            let headers = response.headers_mut();
            let kind = HeaderValue::from_static("application/octet-stream");
            headers.insert(header::CONTENT_TYPE, kind);
            headers.insert(MOD_REVISION, entry.mod_revision.into());
            Ok(mark(response, id, &told))
        }
        Some(kv::Outcome::Get(None)) => {
            Ok(mark(ApiError::no_such_key().into_response(), id, &told))
        }
        _ => Err(unfit(id)),
    }
}

async fn put(shared: &Shared, request: Request) -> Result<Response, ApiError> {
    let key = key_of(request.uri())?;
    let (parts, body) = request.into_parts();
    let value = read(body, &parts.headers, VALUE_BYTES_MAX).await?;
    let (id, told) = execute(shared, &Operation::put(key, value), &parts.headers).await?;
    let revision = told.revision();
    Ok(done(id, &told, json!({ "revision": revision })))
}

async fn delete(shared: &Shared, request: Request) -> Result<Response, ApiError> {
    let operation = Operation::delete(key_of(request.uri())?);
    let (id, told) = execute(shared, &operation, request.headers()).await?;
    let revision = told.revision();
    match told.outcome(0) {
        Some(kv::Outcome::Delete { deleted: true, .. }) => Ok(done(
            id,
            &told,
            json!({ "revision": revision, "deleted": true }),
        )),
        Some(kv::Outcome::Delete { deleted: false, .. }) => {
            Ok(mark(ApiError::no_such_key().into_response(), id, &told))
        }
        _ => Err(unfit(id)),
    }
}

pub(crate) async fn execute(
    shared: &Shared,
    operation: &Operation,
    headers: &HeaderMap,
) -> Result<Done, ApiError> {
    let id = headers.get(REQUEST_ID).map(request_id).transpose()?;
    let patience = headers.get(TIMEOUT).map(patience).transpose()?;
    let patience = patience.unwrap_or_default();
    let store = &shared.store;
    let Answer { id, outcome } = store.execute_within(operation, id, patience).await?;
    shared.metrics.outcome(&outcome);
    match outcome {
        Outcome::Committed {
            result: Told::Refused(refusal),
            ..
        } => Err(ApiError::refused(refusal).of_request(id)),
        Outcome::Committed { result, .. } => Ok((id, result)),
        Outcome::Forgotten => Err(ApiError::forgotten().of_request(id)),
        Outcome::Rejected(rejection) => Err(ApiError::rejected(rejection).of_request(id)),
        Outcome::Unknown => Err(ApiError::unknown().of_request(id)),
    }
}

pub(crate) fn patience(value: &HeaderValue) -> Result<Patience, ApiError> {
    let number = value.to_str().ok().and_then(|text| text.parse().ok());
    let wait = number.map(Duration::from_millis);
    let wait = wait.filter(|wait| !wait.is_zero() && *wait <= PATIENCE_MAX);
    wait.map(|wait| Patience(Some(wait))).ok_or_else(|| {
        let most = PATIENCE_MAX.as_millis();
        let message = format!("the `Maftia-Timeout` header is not 1 to {most} milliseconds");
        ApiError::malformed(message, "send a number of milliseconds, or leave it out")
    })
}

pub(crate) fn request_id(value: &HeaderValue) -> Result<RequestId, ApiError> {
    value.to_str().ok().and_then(parse_id).ok_or_else(|| {
        let message = "the `Maftia-Request-Id` header is not an id";
        ApiError::malformed(message, "send the one of the first answer, or none")
    })
}

/// The key in a path: everything behind `/v1/kv/`.
pub(crate) fn key_of(uri: &Uri) -> Result<Bytes, ApiError> {
    let rest = uri.path().strip_prefix(PREFIX).unwrap_or_default();
    let key = percent_decode(rest).ok_or_else(|| {
        let message = "the path is not percent-encoded";
        ApiError::malformed(message, "write `%` as `%25`")
    })?;
    if key.is_empty() {
        let message = "a key has at least one byte";
        return Err(ApiError::malformed(message, "use `/v1/kv/{key}`"));
    }
    if key.len() > KEY_BYTES_MAX {
        let message = format!("a key has at most {KEY_BYTES_MAX} bytes");
        return Err(ApiError::too_large(message));
    }
    Ok(key)
}

fn list_keys(query: &str) -> Result<Keys, ApiError> {
    let next = "use `?prefix=`, `limit=` and `after=`, percent-encoded";
    let pairs = parameters(query)
        .ok_or_else(|| ApiError::malformed("the query is not percent-encoded", next))?;
    let mut keys = Keys::default();
    for (name, value) in pairs {
        match &name[..] {
            b"prefix" => keys.prefix = Some(Base64(value)),
            b"after" => keys.after = Some(Base64(value)).filter(|after| !after.0.is_empty()),
            b"limit" => {
                let number = std::str::from_utf8(&value)
                    .ok()
                    .and_then(|n| n.parse().ok());
                keys.limit = number;
                if number.is_none() {
                    return Err(ApiError::malformed("`limit` is not a number", next));
                }
            }
            _ => {
                return Err(ApiError::malformed(
                    "the query has an unknown parameter",
                    next,
                ));
            }
        }
    }
    Ok(keys)
}

/// Reads a body no further than its limit, and not for long.
pub(crate) async fn read(
    body: Body,
    headers: &HeaderMap,
    bytes_max: usize,
) -> Result<Bytes, ApiError> {
    let over = || ApiError::too_large(format!("the body may have at most {bytes_max} bytes"));
    let announced = headers.get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > bytes_max) {
        return Err(over());
    }
    match tokio::time::timeout(BODY_TIMEOUT, to_bytes(body, bytes_max)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) if announced.is_none() => Err(over()),
        Ok(Err(error)) => Err(ApiError::malformed(
            error.to_string(),
            "send the whole body",
        )),
        Err(_) => Err(ApiError::new(
            StatusCode::REQUEST_TIMEOUT,
            "slow-body",
            "the body did not arrive in time; nothing happened",
            "send it again",
        )),
    }
}

fn done(id: Option<RequestId>, told: &Told, body: serde_json::Value) -> Response {
    mark(Json(body).into_response(), id, told)
}

pub(crate) fn mark(mut response: Response, id: Option<RequestId>, told: &Told) -> Response {
    if let Some(revision) = told.revision() {
        response.headers_mut().insert(REVISION, revision.into());
    }
    name(&mut response, id);
    response
}

/// f+1 sites agree on an answer to something else.
pub(crate) fn unfit(id: Option<RequestId>) -> ApiError {
    let message = "the group's answer does not fit the request";
    let next = "see that agent and sites are of the same version";
    ApiError::new(StatusCode::BAD_GATEWAY, "unfit-answer", message, next).of_request(id)
}
