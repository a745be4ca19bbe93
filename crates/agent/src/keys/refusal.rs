//! What the keyed services refuse, as HTTP has it.

use axum::http::StatusCode;
use maftia_activity::keys;
use maftia_activity::keys::sessions::Refusal;
use maftia_client::keys::NoKeys;
use maftia_types::Power;

use crate::ApiError;

const LIST: &str = "list the keys with `GET /v1/keys`";
const PROPOSALS: &str = "list the proposals with `GET /v1/proposals`";

pub(super) fn key_refused(refusal: keys::Refusal) -> ApiError {
    let (status, id, next) = match refusal {
        keys::Refusal::Busy => (
            StatusCode::CONFLICT,
            "ceremony",
            "see `GET /v1/ceremonies`; ask again when it has ended",
        ),
        keys::Refusal::Changing => (
            StatusCode::CONFLICT,
            "members-changing",
            "ask again when the members have changed; nothing happened",
        ),
        keys::Refusal::NameTaken => (
            StatusCode::CONFLICT,
            "name-taken",
            "use that key, retire it, or take another name",
        ),
        keys::Refusal::NoPower(power) => return no_power(power, refusal.to_string()),
        keys::Refusal::RateLimited => (
            StatusCode::TOO_MANY_REQUESTS,
            "rate-limited",
            "wait for a minute",
        ),
        keys::Refusal::Approved => (
            StatusCode::CONFLICT,
            "approved",
            "have another client with the power `approve-keys` approve it",
        ),
        keys::Refusal::NoSuchProposal => (StatusCode::NOT_FOUND, "no-such-proposal", PROPOSALS),
        keys::Refusal::OtherProposal => (StatusCode::CONFLICT, "other-proposal", PROPOSALS),
        keys::Refusal::TooManyProposals => (
            StatusCode::TOO_MANY_REQUESTS,
            "too-many-proposals",
            "have proposals approved; they are given up after seven days",
        ),
        keys::Refusal::NoSuchKey => (StatusCode::NOT_FOUND, "no-such-key", LIST),
        keys::Refusal::Retired => (StatusCode::CONFLICT, "key-retired", LIST),
        keys::Refusal::TooManyKeys => (
            StatusCode::TOO_MANY_REQUESTS,
            "too-many-keys",
            "retire keys that are not used any more",
        ),
        keys::Refusal::Unrotatable => (
            StatusCode::CONFLICT,
            "unrotatable",
            "create another key, and retire this one when nothing encrypted to it is left",
        ),
        keys::Refusal::Unsigned => (
            StatusCode::CONFLICT,
            "unsigned",
            "ask again in a moment: sites sign it once the ceremony is over; see `GET /v1/ceremonies`",
        ),
        keys::Refusal::Coin => (
            StatusCode::CONFLICT,
            "coin",
            "leave it as it is: a change of the members shares it anew",
        ),
        keys::Refusal::Unshareable => (
            StatusCode::CONFLICT,
            "unshareable",
            "use a group with enough sites for its fault model",
        ),
        _ => (
            StatusCode::BAD_REQUEST,
            "malformed",
            "correct the request; nothing happened",
        ),
    };
    ApiError::new(status, id, refusal.to_string(), next)
}

/// The client that this agent speaks for lacks a power.
pub(crate) fn no_power(power: Power, message: String) -> ApiError {
    let next = match power {
        Power::ApproveKeys => "ask through an agent whose client has the power `approve-keys`",
        Power::ApproveMembers => {
            "ask through an agent whose client has the power `approve-members`"
        }
        Power::Audit => "ask through an agent whose client has the power `audit`",
        Power::Operate => "ask through an agent whose client has the power `operate`",
        Power::UseKeys => "ask through an agent whose client has the power `use-keys`",
    };
    ApiError::new(StatusCode::FORBIDDEN, "no-power", message, next)
}

pub(super) fn generating() -> ApiError {
    ApiError::new(
        StatusCode::CONFLICT,
        "key-generating",
        "the key is being generated",
        "see `GET /v1/ceremonies` for what it waits for, and ask again",
    )
}

pub(crate) fn use_refused(refusal: Refusal) -> ApiError {
    let (status, id, next) = match refusal {
        Refusal::NoPower(power) => return no_power(power, refusal.to_string()),
        Refusal::Busy => (StatusCode::TOO_MANY_REQUESTS, "busy", "send it again later"),
        Refusal::RateLimited => (
            StatusCode::TOO_MANY_REQUESTS,
            "rate-limited",
            "wait for a minute",
        ),
        Refusal::Expired => (
            StatusCode::SERVICE_UNAVAILABLE,
            "expired",
            "see `GET /v1/status`, then send it again without its id",
        ),
        Refusal::NoSuchKey => (StatusCode::NOT_FOUND, "no-such-key", LIST),
        Refusal::NoSuchRound => (
            StatusCode::NOT_FOUND,
            "no-such-round",
            "ask for `GET /v1/beacon/latest`; the latest 1024 rounds are kept",
        ),
        Refusal::NoSuchSession => (
            StatusCode::GONE,
            "answer-gone",
            "send it again without its id",
        ),
        Refusal::NotPermitted => (
            StatusCode::FORBIDDEN,
            "not-permitted",
            "ask through an agent whose client the key names as a user",
        ),
        Refusal::OtherScheme => (
            StatusCode::CONFLICT,
            "other-scheme",
            "use a key of the scheme it takes; see `GET /v1/keys`",
        ),
        Refusal::KeyGone => (StatusCode::CONFLICT, "key-retired", LIST),
        Refusal::Ciphertext => (
            StatusCode::BAD_REQUEST,
            "bad-ciphertext",
            "encrypt with this key's public key, as `GET /v1/keys` has it",
        ),
        Refusal::Malformed => (
            StatusCode::BAD_REQUEST,
            "malformed",
            "correct the request; nothing happened",
        ),
        Refusal::SlotNeeded => (
            StatusCode::CONFLICT,
            "slot",
            "name a register and a number in it: `?register=chain&slot=7`",
        ),
        Refusal::SlotPast { .. } | Refusal::SlotTaken => (
            StatusCode::CONFLICT,
            "slot",
            "see `GET /v1/keys/{name}/slots`; numbers of a register only increase",
        ),
        Refusal::TooManyRegisters => (
            StatusCode::CONFLICT,
            "slot",
            "use a register that is there, see `GET /v1/keys/{name}/slots`, or another key",
        ),
        _ => (
            StatusCode::CONFLICT,
            "slot",
            "leave `register` and `slot` out: the key was not created for slots",
        ),
    };
    ApiError::new(status, id, refusal.to_string(), next)
}

impl From<NoKeys> for ApiError {
    fn from(error: NoKeys) -> Self {
        Self::new(
            StatusCode::BAD_GATEWAY,
            "no-keys",
            error.to_string(),
            "see that agent and sites are of the same version",
        )
    }
}
