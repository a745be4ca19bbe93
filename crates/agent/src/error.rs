use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use maftia_activity::kv::Refusal;
use maftia_client::kv::StoreError;
use maftia_client::{Rejection, RequestId, id_text};
use serde_json::json;

/// The header that names a request.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("maftia-request-id");

/// An error as a caller gets it: `{"error":{"id","message","next"}}`.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    id: &'static str,
    message: String,
    next: &'static str,
    request: Option<RequestId>,
}

impl ApiError {
    /// `id` is for programs, `message` says what happened and `next` what to type or do.
    pub fn new(
        status: StatusCode,
        id: &'static str,
        message: impl Into<String>,
        next: &'static str,
    ) -> Self {
        Self {
            status,
            id,
            message: message.into(),
            next,
            request: None,
        }
    }

    pub(crate) fn malformed(message: impl Into<String>, next: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", message, next)
    }

    pub(crate) fn too_large(message: impl Into<String>) -> Self {
        let next = "store large objects elsewhere and their digest here";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", message, next)
    }

    pub(crate) fn no_such_key() -> Self {
        let next = "list keys with `GET /v1/kv?prefix=`";
        Self::new(
            StatusCode::NOT_FOUND,
            "no-such-key",
            "there is no such key",
            next,
        )
    }

    pub(crate) fn unknown() -> Self {
        Self::new(
            StatusCode::GATEWAY_TIMEOUT,
            "unknown",
            "too few sites answered in time; the request may have been executed, or may be later",
            "send it again with the same `Maftia-Request-Id` header: it happens at most once",
        )
    }

    /// To what only reads: an unknown outcome is none.
    pub(crate) fn no_answer() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "no-answer",
            "too few sites answered in time; nothing happened",
            "see `GET /v1/status`, then send it again",
        )
    }

    pub(crate) fn forgotten() -> Self {
        Self::new(
            StatusCode::GONE,
            "answer-gone",
            "a request of this id was executed, once; its answer is no longer kept",
            "read the keys to see what it did; do not send it again as a new request unseen",
        )
    }

    pub(crate) fn rejected(rejection: Rejection) -> Self {
        let (status, id, next) = match rejection {
            Rejection::Busy => (
                StatusCode::TOO_MANY_REQUESTS,
                "busy",
                "send fewer requests at once, or again later",
            ),
            Rejection::TooLong => return Self::too_large(rejection.to_string()),
            Rejection::IdMismatch => (
                StatusCode::BAD_REQUEST,
                "id-mismatch",
                "repeat the request exactly, or leave the `Maftia-Request-Id` header out",
            ),
            Rejection::IdUnknown => (
                StatusCode::BAD_REQUEST,
                "id-unknown",
                "leave the `Maftia-Request-Id` header out",
            ),
            Rejection::Unreachable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "unreachable",
                "see `GET /v1/status`, and that the sites run at the group file's addresses",
            ),
            _ => (StatusCode::SERVICE_UNAVAILABLE, "rejected", "send it again"),
        };
        let message = match rejection {
            // Nothing was sent now; whoever has the id may have been served before.
            Rejection::IdMismatch | Rejection::IdUnknown => rejection.to_string(),
            _ => format!("{rejection}; nothing happened"),
        };
        Self::new(status, id, message, next)
    }

    pub(crate) fn refused(refusal: Refusal) -> Self {
        let text = refusal.to_string();
        match refusal {
            Refusal::KeyTooLong
            | Refusal::ValueTooLong
            | Refusal::OperationTooLarge
            | Refusal::ResponseTooLarge => Self::too_large(text),
            Refusal::NoSpace => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "no-space",
                text,
                "delete keys: deletions go on",
            ),
            Refusal::NotPermitted => Self::new(
                StatusCode::FORBIDDEN,
                "no-power",
                text,
                "ask through an agent whose client has the power `operate`",
            ),
            _ => Self::malformed(text, "correct the request; nothing happened"),
        }
    }

    pub(crate) const fn of_request(mut self, id: Option<RequestId>) -> Self {
        self.request = id;
        self
    }

    /// The part under `error`.
    pub(crate) fn json(&self) -> serde_json::Value {
        json!({ "id": self.id, "message": self.message, "next": self.next })
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Refused(refusal) => Self::refused(refusal),
            _ => Self::new(
                StatusCode::BAD_GATEWAY,
                "no-store",
                error.to_string(),
                "give the file of a group that runs the key-value store",
            ),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = json!({ "error": self.json() }).to_string();
        let json = HeaderValue::from_static("application/json");
        let mut response = (self.status, [(header::CONTENT_TYPE, json)], body).into_response();
        name(&mut response, self.request);
        response
    }
}

/// Puts the request's name into the answer.
pub(crate) fn name(response: &mut Response, id: Option<RequestId>) {
    let value = id.and_then(|id| HeaderValue::from_str(&id_text(&id)).ok());
    if let Some(value) = value {
        response.headers_mut().insert(REQUEST_ID, value);
    }
}
