use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use maftia_activity::kv::Refusal;
use maftia_client::kv::StoreError;
use maftia_client::{Rejection, RequestId, id_text};
use serde_json::json;

/// The header that names a request.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("maftia-request-id");

/// An answer that is not a success: what happened and what to do next.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    id: &'static str,
    message: String,
    next: &'static str,
    request: Option<RequestId>,
}

impl Problem {
    pub(crate) fn new(
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

    pub(crate) fn malformed(message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "MAF-MALFORMED",
            message,
            "correct the request",
        )
    }

    pub(crate) const fn of(mut self, request: Option<RequestId>) -> Self {
        self.request = request;
        self
    }

    pub(crate) fn unknown() -> Self {
        let message = "the outcome is not known: it may have happened, or may yet";
        let next = "send the same request again with the header Maftia-Request-Id: it happens at \
                    most once";
        Self::new(StatusCode::GATEWAY_TIMEOUT, "MAF-UNKNOWN", message, next)
    }

    pub(crate) fn rejected(rejection: Rejection) -> Self {
        let (status, id, next) = match rejection {
            Rejection::Busy => (
                StatusCode::TOO_MANY_REQUESTS,
                "MAF-BUSY",
                "wait for answers, then go on",
            ),
            Rejection::TooLong => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "MAF-TOO-LARGE",
                "send it in smaller parts",
            ),
            Rejection::IdMismatch | Rejection::IdUnknown => (
                StatusCode::BAD_REQUEST,
                "MAF-REQUEST-ID",
                "send a request again exactly as it was, or leave the header out",
            ),
            _ => (
                StatusCode::SERVICE_UNAVAILABLE,
                "MAF-UNREACHABLE",
                "nothing happened; look at `maftia status` and try again",
            ),
        };
        Self::new(status, id, rejection.to_string(), next)
    }

    pub(crate) fn refused(refusal: Refusal) -> Self {
        let (status, id) = match refusal {
            Refusal::KeyTooLong
            | Refusal::ValueTooLong
            | Refusal::OperationTooLarge
            | Refusal::ResponseTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "MAF-TOO-LARGE"),
            Refusal::NoSpace => (StatusCode::TOO_MANY_REQUESTS, "MAF-NO-SPACE"),
            _ => (StatusCode::BAD_REQUEST, "MAF-REFUSED"),
        };
        Self::new(
            status,
            id,
            refusal.to_string(),
            "nothing happened; correct the request",
        )
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Refused(refusal) => Self::refused(refusal),
            error => Self::new(
                StatusCode::BAD_GATEWAY,
                "MAF-NOT-A-STORE",
                error.to_string(),
                "use an agent of the same version as the sites",
            ),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let error = json!({"id": self.id, "message": self.message, "next": self.next});
        let mut response = (self.status, Json(json!({"error": error}))).into_response();
        name(&mut response, self.request.as_ref());
        response
    }
}

/// Puts a request's name on its answer.
pub(crate) fn name(response: &mut Response, request: Option<&RequestId>) {
    if let Some(value) = request.and_then(|id| HeaderValue::from_str(&id_text(id)).ok()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
}
