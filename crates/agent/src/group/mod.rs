//! Who is in the group, and changes of that, over HTTP.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use maftia_client::membership::{Decision, NoViews, Told};
use maftia_client::{Answer, Outcome};
use maftia_membership::membership::{self, Refusal, Standing};
use serde_json::{Value, json};

use crate::ApiError;
use crate::keys::{Ask, done};
use crate::kv::read;
use crate::serve::Shared;

mod asked;
mod refusal;
mod show;

/// The longest JSON of a change: sixteen edits, each with a name, a key and two addresses.
const CHANGE_JSON_BYTES_MAX: usize = 16 * 1024;

/// `GET /v1/group`.
pub(crate) async fn show(
    State(shared): State<Shared>,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    let state = state(&shared, &headers).await?;
    let group = shared.store.client().group();
    Ok(Json(show::state(&group, &state)))
}

/// `GET /v1/group/file`: the group's file of today, for sites that join and new clients.
pub(crate) async fn file(
    State(shared): State<Shared>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let state = state(&shared, &headers).await?;
    let known = shared.store.client().group();
    let next = state
        .underway
        .as_ref()
        .map(|own| state.view.next(&own.change));
    let joiners = match next {
        Some(Ok(next)) => next.joiners,
        Some(Err(_)) | None => Vec::new(),
    };
    let file = known.with_view(&state.view, &joiners);
    let text = file.map_err(|error| error.to_string());
    let text = text.and_then(|file| file.text().map_err(|error| error.to_string()));
    let text = text.map_err(|error| {
        let next = "start the agent with the group's file of today, from another agent";
        ApiError::new(StatusCode::CONFLICT, "stale-file", error, next)
    })?;
    let kind = HeaderValue::from_static("application/toml");
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

/// `GET /v1/group/history`.
pub(crate) async fn history(
    State(shared): State<Shared>,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    let ask = Ask::new(&shared, &headers)?;
    let entries = looked(shared.members.history(ask.patience()).await)?;
    let group = shared.store.client().group();
    let entries: Vec<Value> = entries.iter().map(|own| show::entry(&group, own)).collect();
    Ok(Json(json!({ "history": entries })))
}

/// `POST /v1/group/preview`: what a change would make, with nothing proposed.
pub(crate) async fn preview(
    State(shared): State<Shared>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, ApiError> {
    let body = read(body, &headers, CHANGE_JSON_BYTES_MAX).await?;
    let change = asked::change(&body)?;
    let state = state(&shared, &headers).await?;
    let next = state.view.change(&change);
    let next = next.map_err(|error| refusal::refused(Refusal::Change(error)))?;
    let group = shared.store.client().group();
    Ok(Json(show::preview(&group, &state, &change, &next)))
}

/// `POST /v1/group/proposals`.
pub(crate) async fn propose(
    State(shared): State<Shared>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let ask = Ask::new(&shared, &headers)?;
    let body = read(body, &headers, CHANGE_JSON_BYTES_MAX).await?;
    let change = asked::change(&body)?;
    let told = shared.members.propose(change, ask.id(), ask.patience());
    decided(&ask, told.await)
}

/// `POST /v1/group/proposals/{number}/approve`.
pub(crate) async fn approve(
    State(shared): State<Shared>,
    Path(number): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let ask = Ask::new(&shared, &headers)?;
    let number = asked::number(&number)?;
    let told = shared.members.approve(number, ask.id(), ask.patience());
    decided(&ask, told.await)
}

/// `DELETE /v1/group/proposals/{number}`.
pub(crate) async fn withdraw(
    State(shared): State<Shared>,
    Path(number): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let ask = Ask::new(&shared, &headers)?;
    let number = asked::number(&number)?;
    let told = shared.members.withdraw(number, ask.id(), ask.patience());
    let (id, result) = ask.settle(told.await?)?;
    result.map_err(|refusal| refusal::refused(refusal).of_request(id))?;
    Ok(done(id, json!({ "withdrawn": number })))
}

async fn state(shared: &Shared, headers: &HeaderMap) -> Result<membership::State, ApiError> {
    let ask = Ask::new(shared, headers)?;
    looked(shared.members.show(ask.patience()).await)
}

/// What was read. Nothing happens by reading, so that an unknown outcome is none.
fn looked<R>(told: Told<R>) -> Result<R, ApiError> {
    let Answer { id, outcome } = told?;
    match outcome {
        Outcome::Committed { result, .. } => result.map_err(refusal::refused),
        Outcome::Rejected(rejection) => Err(ApiError::rejected(rejection).of_request(id)),
        Outcome::Forgotten | Outcome::Unknown => Err(ApiError::no_answer()),
    }
}

fn decided(ask: &Ask<'_>, told: Told<Decision>) -> Result<Response, ApiError> {
    let (id, result) = ask.settle(told?)?;
    let decision = result.map_err(|refusal| refusal::refused(refusal).of_request(id))?;
    let (standing, missing) = match decision.standing {
        Standing::Authorised => ("authorised", 0),
        Standing::Missing(missing) => ("waiting", missing),
    };
    Ok(done(
        id,
        json!({
            "proposal": decision.proposal,
            "standing": standing,
            "missing": missing,
        }),
    ))
}

impl From<NoViews> for ApiError {
    fn from(error: NoViews) -> Self {
        Self::new(
            StatusCode::BAD_GATEWAY,
            "no-views",
            error.to_string(),
            "see that agent and sites are of the same version",
        )
    }
}

#[cfg(test)]
mod tests;
