//! The key-value store's routes.

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use maftia_activity::kv::{
    Interval, Operation, Outcome as Did, RANGE_LIMIT_MAX, Range, Response as Reply, VALUE_BYTES_MAX,
};
use maftia_client::{Answer, Outcome, RequestId, parse_id};
use serde_json::json;

use crate::error::{Problem, REQUEST_ID, name};
use crate::json::{TxnBody, entry, outcome};
use crate::key::{of_path, parameters};
use crate::server::Interface;

/// The longest transaction in JSON: a largest value as base64 with room for the rest.
const TXN_BODY_BYTES_MAX: usize = 2 * 1024 * 1024;

const REVISION: HeaderName = HeaderName::from_static("maftia-revision");
const MOD_REVISION: HeaderName = HeaderName::from_static("maftia-mod-revision");

/// `PUT /v1/kv/{key}`.
pub(crate) async fn put(
    State(interface): State<Interface>,
    uri: Uri,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    let key = of_path(uri.path())?;
    let value = body(request.into_body(), VALUE_BYTES_MAX).await?;
    let (id, reply) = ask(&interface, &headers, Operation::put(key, value)).await?;
    Ok(answer(
        id,
        StatusCode::OK,
        json!({"revision": reply.revision()}),
    ))
}

/// `GET /v1/kv/{key}`.
pub(crate) async fn get(
    State(interface): State<Interface>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let key = of_path(uri.path())?;
    let (id, reply) = ask(&interface, &headers, Operation::get(key)).await?;
    let revision = reply.revision().unwrap_or_default();
    match reply.outcome(0) {
        Some(Did::Get(Some(found))) => {
            let mut response = found.value.clone().into_response();
            let headers = response.headers_mut();
            headers.insert(REVISION, HeaderValue::from(revision));
            headers.insert(MOD_REVISION, HeaderValue::from(found.mod_revision));
            name(&mut response, id.as_ref());
            Ok(response)
        }
        _ => Err(no_such_key().of(id)),
    }
}

/// `DELETE /v1/kv/{key}`.
pub(crate) async fn delete(
    State(interface): State<Interface>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let key = of_path(uri.path())?;
    let (id, reply) = ask(&interface, &headers, Operation::delete(key)).await?;
    match reply.outcome(0) {
        Some(Did::Delete { deleted: true, .. }) => Ok(answer(
            id,
            StatusCode::OK,
            json!({"revision": reply.revision()}),
        )),
        _ => Err(no_such_key().of(id)),
    }
}

/// `GET /v1/kv?prefix=&limit=&after=&keys_only=`.
pub(crate) async fn list(
    State(interface): State<Interface>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut range = Range::over(Interval::all());
    for (name, value) in parameters(uri.query())? {
        let text = || std::str::from_utf8(&value).unwrap_or_default();
        match name.as_str() {
            "prefix" => range.interval = Interval::prefix(value),
            "after" => range.after = Some(value).filter(|after| !after.is_empty()),
            "keys_only" => range.keys_only = matches!(text(), "" | "1" | "true"),
            "limit" => {
                let limit = text()
                    .parse()
                    .ok()
                    .filter(|l| (1..=RANGE_LIMIT_MAX).contains(l));
                let problem = format!("`limit` is a number from 1 to {RANGE_LIMIT_MAX}");
                range.limit = limit.ok_or_else(|| Problem::malformed(problem))?;
            }
            _ => {
                return Err(Problem::malformed(format!(
                    "there is no parameter `{name}`"
                )));
            }
        }
    }
    let (id, reply) = ask(&interface, &headers, range.into()).await?;
    let Some(Did::Range { entries, more }) = reply.outcome(0) else {
        return Err(Problem::malformed("the sites answered something else").of(id));
    };
    let kvs: Vec<_> = entries.iter().map(entry).collect();
    let body = json!({"revision": reply.revision(), "more": more, "kvs": kvs});
    Ok(answer(id, StatusCode::OK, body))
}

/// `POST /v1/kv/txn`. 409 if the comparison failed and nothing was asked for in that case.
pub(crate) async fn txn(
    State(interface): State<Interface>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    let bytes = body(request.into_body(), TXN_BODY_BYTES_MAX).await?;
    let posted: TxnBody = serde_json::from_slice(&bytes)
        .map_err(|error| Problem::malformed(format!("the transaction: {error}")))?;
    let txn = posted.txn()?;
    let otherwise = !txn.failure.is_empty();
    let (id, reply) = ask(&interface, &headers, txn.into()).await?;
    let Reply::Txn {
        revision,
        succeeded,
        outcomes,
    } = reply
    else {
        return Err(Problem::malformed("the sites answered something else").of(id));
    };
    let responses: Vec<_> = outcomes.iter().map(outcome).collect();
    let body = json!({"succeeded": succeeded, "revision": revision, "responses": responses});
    let status = if succeeded || otherwise {
        StatusCode::OK
    } else {
        StatusCode::CONFLICT
    };
    Ok(answer(id, status, body))
}

/// Has the group execute an operation; a refusal, a rejection and an unknown outcome are problems.
async fn ask(
    interface: &Interface,
    headers: &HeaderMap,
    operation: Operation,
) -> Result<(Option<RequestId>, Reply), Problem> {
    let again = match headers.get(REQUEST_ID) {
        None => None,
        Some(value) => Some(
            value
                .to_str()
                .ok()
                .and_then(parse_id)
                .ok_or_else(|| Problem::malformed("Maftia-Request-Id is not one of ours"))?,
        ),
    };
    let _permit = interface.admit()?;
    let Answer { id, outcome } = interface.store.execute(&operation, again).await?;
    let id = id.or(again);
    interface.metrics.outcome(&outcome);
    match outcome {
        Outcome::Committed {
            result: Reply::Refused(refusal),
            ..
        } => Err(Problem::refused(refusal).of(id)),
        Outcome::Committed { result, .. } => Ok((id, result)),
        Outcome::Rejected(rejection) => Err(Problem::rejected(rejection).of(id)),
        Outcome::Unknown => Err(Problem::unknown().of(id)),
    }
}

/// Reads a body up to a bound.
async fn body(body: Body, max: usize) -> Result<Bytes, Problem> {
    axum::body::to_bytes(body, max).await.map_err(|_| {
        Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "MAF-TOO-LARGE",
            format!("the body is longer than {max} bytes, or broke off"),
            "send it in smaller parts",
        )
    })
}

fn answer(id: Option<RequestId>, status: StatusCode, body: serde_json::Value) -> Response {
    let mut response = (status, Json(body)).into_response();
    name(&mut response, id.as_ref());
    response
}

fn no_such_key() -> Problem {
    let next = "list what there is with GET /v1/kv?prefix=";
    Problem::new(
        StatusCode::NOT_FOUND,
        "MAF-NO-KEY",
        "there is no such key",
        next,
    )
}
