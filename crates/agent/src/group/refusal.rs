//! What the group refuses about its members, as HTTP has it.

use axum::http::StatusCode;
use maftia_membership::ChangeError;
use maftia_membership::membership::Refusal;

use crate::ApiError;

const LOOK: &str = "see `GET /v1/group`";

pub(super) fn refused(refusal: Refusal) -> ApiError {
    let text = refusal.to_string();
    let (status, id, next) = match refusal {
        Refusal::Change(error) => return change_refused(&error),
        Refusal::Busy(_) => (
            StatusCode::CONFLICT,
            "change-under-way",
            "see `GET /v1/group` for whom it waits, and propose again when it has ended",
        ),
        Refusal::NoSuchProposal => (StatusCode::NOT_FOUND, "no-such-proposal", LOOK),
        Refusal::NotAuthorised => (
            StatusCode::FORBIDDEN,
            "not-authorised",
            "ask through an agent whose client has the power over members",
        ),
        Refusal::NotYours => (
            StatusCode::FORBIDDEN,
            "not-yours",
            "withdraw it through the agent that proposed it",
        ),
        Refusal::Reserved(_) => (
            StatusCode::CONFLICT,
            "reserved",
            "give the site another name, or make a new key for it",
        ),
        Refusal::StaleView => (StatusCode::CONFLICT, "stale-view", LOOK),
        Refusal::TooManyProposals => (
            StatusCode::TOO_MANY_REQUESTS,
            "too-many-proposals",
            "withdraw proposals that nobody approves",
        ),
        Refusal::Unproven(_) => (
            StatusCode::CONFLICT,
            "unproven",
            "replace it instead, or send the `f` that is to be left",
        ),
        _ => (
            StatusCode::BAD_REQUEST,
            "malformed",
            "correct the request; nothing happened",
        ),
    };
    ApiError::new(status, id, text, next)
}

fn change_refused(error: &ChangeError) -> ApiError {
    let (status, id, next) = match error {
        ChangeError::UnknownSite(_) => (StatusCode::NOT_FOUND, "no-such-site", LOOK),
        ChangeError::AddressTaken(_) => (
            StatusCode::CONFLICT,
            "address-taken",
            "give the joining site another address",
        ),
        ChangeError::KeyTaken(_) => (
            StatusCode::CONFLICT,
            "key-taken",
            "make a new key with `maftia init joiner`",
        ),
        ChangeError::LastEpoch => (StatusCode::CONFLICT, "last-epoch", "found a new group"),
        ChangeError::NameTaken(_) => (
            StatusCode::CONFLICT,
            "name-taken",
            "give the joining site another name",
        ),
        ChangeError::WouldBreakBound { .. } => (
            StatusCode::CONFLICT,
            "would-break-bound",
            "add or replace sites, or send a smaller `f`",
        ),
        _ => (
            StatusCode::BAD_REQUEST,
            "bad-change",
            "correct the change; nothing happened",
        ),
    };
    ApiError::new(status, id, error.to_string(), next)
}
