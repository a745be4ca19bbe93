use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::error::Problem;
use crate::server::{Interface, TOKEN};

/// Lets a request pass that names this agent as its host and, if a token is set, presents it. A
/// page in a browser that was led here under another name (DNS rebinding) is turned away.
pub(crate) async fn guard(
    State(interface): State<Interface>,
    request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let response = match objection(&interface, request.headers()) {
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    };
    interface
        .metrics
        .request(&method, response.status(), started.elapsed());
    response
}

fn objection(interface: &Interface, headers: &HeaderMap) -> Option<Problem> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST).map(str::to_ascii_lowercase);
    let token = text(header::AUTHORIZATION)
        .and_then(|value| value.strip_prefix("Bearer "))
        .map(|token| TOKEN.digest(token.as_bytes()));
    if !host.is_some_and(|host| interface.names.contains(&host)) {
        let next = "address it as 127.0.0.1 or localhost with its port";
        let text = "the Host header does not name this agent";
        return Some(Problem::new(StatusCode::FORBIDDEN, "MAF-HOST", text, next));
    }
    // Digests are compared, so the time taken tells nothing about the token.
    if interface.token.is_some() && token != interface.token {
        let next = "present the token as `Authorization: Bearer …`";
        let text = "this agent asks for a token";
        return Some(Problem::new(
            StatusCode::UNAUTHORIZED,
            "MAF-TOKEN",
            text,
            next,
        ));
    }
    None
}
