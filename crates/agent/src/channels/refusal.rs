use axum::http::StatusCode;
use maftia_activity::keys::channels::Refusal;

use crate::ApiError;
use crate::keys::no_power;

const LIST: &str = "list the channels with `GET /v1/channels`";

/// What channels refuse, as HTTP has it.
pub(super) fn refused(refusal: Refusal) -> ApiError {
    let (status, id, next) = match refusal {
        Refusal::NoPower(power) => return no_power(power, refusal.to_string()),
        Refusal::TooLarge => return ApiError::too_large(refusal.to_string()),
        Refusal::Busy => (
            StatusCode::TOO_MANY_REQUESTS,
            "busy",
            "send it again in a moment",
        ),
        Refusal::Closed => (StatusCode::CONFLICT, "channel-closed", LIST),
        Refusal::NameTaken => (
            StatusCode::CONFLICT,
            "name-taken",
            "use that channel, close it, or take another name",
        ),
        Refusal::NoSuchChannel => (StatusCode::NOT_FOUND, "no-such-channel", LIST),
        Refusal::NoSuchKey => (
            StatusCode::CONFLICT,
            "no-sealing-key",
            "create a key of scheme `seal`, and open a channel with it",
        ),
        Refusal::NotAMember => (
            StatusCode::FORBIDDEN,
            "not-a-member",
            "ask through an agent whose client the channel names",
        ),
        Refusal::OutOfSequence { .. } => (
            StatusCode::CONFLICT,
            "out-of-sequence",
            "if you have sent this message before, it was ordered then; else leave `sequence` out",
        ),
        Refusal::TooMany => (
            StatusCode::TOO_MANY_REQUESTS,
            "too-many-channels",
            "close channels that are not used any more",
        ),
        _ => (
            StatusCode::BAD_REQUEST,
            "malformed",
            "correct the request; nothing happened",
        ),
    };
    ApiError::new(status, id, refusal.to_string(), next)
}
