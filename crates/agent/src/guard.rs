use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use maftia_crypto::Domain;
use maftia_types::Digest;
use tokio::sync::Semaphore;

use crate::ApiError;
use crate::serve::REQUESTS_MAX;

const TOKEN: Domain = Domain::new("agent token");

/// Who may call, and how many at once.
#[derive(Debug)]
pub(crate) struct Guard {
    hosts: Vec<String>,
    token: Option<Digest>,
    room: Semaphore,
}

impl Guard {
    /// A guard for an agent that listens at `address`.
    pub(crate) fn new(address: SocketAddr, names: &[String], token: Option<&str>) -> Self {
        let port = address.port();
        let mut hosts: Vec<String> = ["127.0.0.1", "localhost", "[::1]"]
            .iter()
            .map(|host| format!("{host}:{port}"))
            .collect();
        if !address.ip().is_unspecified() {
            hosts.push(address.to_string());
        }
        for name in names {
            let name = name.to_ascii_lowercase();
            hosts.push(format!("{name}:{port}"));
            hosts.push(name);
        }
        if port == 80 {
            // The port that callers leave out.
            let bare = |host: &String| host.strip_suffix(":80").map(str::to_owned);
            hosts.extend(hosts.iter().filter_map(bare).collect::<Vec<_>>());
        }
        Self {
            hosts,
            token: token.map(|token| TOKEN.digest(token.as_bytes())),
            room: Semaphore::new(REQUESTS_MAX),
        }
    }

    fn check(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = hosts.next().and_then(|host| host.to_str().ok());
        let known = |host: &str| self.hosts.contains(&host.to_ascii_lowercase());
        if !host.is_some_and(known) || hosts.next().is_some() {
            return Err(ApiError::new(
                StatusCode::FORBIDDEN,
                "foreign-host",
                "the `Host` header is none of this agent's names",
                "call it as 127.0.0.1 or localhost with its port, or add the name to the agent's \
                 configuration",
            ));
        }
        // Digests are compared: how long that takes says nothing about the token.
        let given = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "))
            .map(|token| TOKEN.digest(token));
        if self.token.is_some() && given != self.token {
            return Err(ApiError::new(
                StatusCode::UNAUTHORIZED,
                "no-token",
                "the token is missing or wrong",
                "send the header `Authorization: Bearer` with the contents of the token file",
            ));
        }
        Ok(())
    }
}

/// Lets a request pass, or answers it.
pub(crate) async fn guard(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    if let Err(error) = guard.check(request.headers()) {
        return error.into_response();
    }
    let Ok(_permit) = guard.room.try_acquire() else {
        let message = format!("{REQUESTS_MAX} requests are under way");
        let next = "send fewer requests at once, or again later";
        return ApiError::new(StatusCode::TOO_MANY_REQUESTS, "busy", message, next).into_response();
    };
    next.run(request).await
}

/// Whether only this machine can reach an address.
pub(crate) const fn is_local(address: IpAddr) -> bool {
    address.is_loopback()
}
