//! The site's own HTTP interface: health, metrics and its view of the group. Read only.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use maftia_crypto::Domain;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

use crate::control::Control;
use crate::error::SiteError;
use crate::status::SiteStatus;

const TOKEN: Domain = Domain::new("http token");

/// What the handlers need.
#[derive(Clone)]
struct Interface {
    control: mpsc::Sender<Control>,
    token: Option<maftia_types::Digest>,
}

/// Serves until the site stops.
pub(crate) async fn serve(
    address: SocketAddr,
    token: Option<String>,
    control: mpsc::Sender<Control>,
) -> Result<SocketAddr, SiteError> {
    let refuse = |source| SiteError::Http { address, source };
    if !address.ip().is_loopback() && token.is_none() {
        let text = "it is not a loopback address and the site's file names no token file; \
                    add `token = \"token\"` or listen on 127.0.0.1";
        return Err(refuse(std::io::Error::other(text)));
    }
    let listener = TcpListener::bind(address).await.map_err(refuse)?;
    let bound = listener.local_addr().map_err(refuse)?;
    let token = token.map(|token| TOKEN.digest(token.as_bytes()));
    let interface = Interface { control, token };
    let router = router(interface);
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the HTTP interface ended");
        }
    });
    Ok(bound)
}

fn router(interface: Interface) -> Router {
    Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/healthz", get(health))
        .route("/metrics", get(metrics))
        .route("/v1/site", get(site))
        .layer(middleware::from_fn_with_state(interface.clone(), authorise))
        .with_state(interface)
}

/// With a token configured, everything asks for it. Compared as digests, so that the time taken
/// tells nothing.
async fn authorise(
    State(interface): State<Interface>,
    headers: HeaderMap,
    request: axum::extract::Request,
    next: Next,
) -> Response {
    let given = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .map(|token| TOKEN.digest(token.as_bytes()));
    match interface.token {
        Some(token) if given != Some(token) => (
            StatusCode::UNAUTHORIZED,
            "give the token as `Authorization: Bearer …`\n",
        )
            .into_response(),
        _ => next.run(request).await,
    }
}

impl Interface {
    async fn status(&self) -> Option<SiteStatus> {
        let (reply, answer) = oneshot::channel();
        self.control.send(Control::Status(reply)).await.ok()?;
        answer.await.ok()
    }

    fn is_ready(status: &SiteStatus) -> bool {
        let up = status.peers.iter().filter(|peer| peer.link == "up").count();
        status.state == "serving" && up >= status.links_needed
    }
}

async fn ready(State(interface): State<Interface>) -> Response {
    match interface.status().await {
        Some(status) if Interface::is_ready(&status) => "ok\n".into_response(),
        Some(status) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("{}\n", status.state),
        )
            .into_response(),
        None => (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response(),
    }
}

#[derive(serde::Deserialize)]
struct Verbosity {
    verbose: Option<String>,
}

async fn health(State(interface): State<Interface>, Query(query): Query<Verbosity>) -> Response {
    let Some(status) = interface.status().await else {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response();
    };
    let ready = Interface::is_ready(&status);
    let code = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    if query.verbose.is_none() {
        return (code, if ready { "ok\n" } else { "not ready\n" }).into_response();
    }
    let mut text = format!(
        "[{}] state {}\n",
        mark(status.state == "serving"),
        status.state
    );
    for peer in &status.peers {
        let good = peer.link == "up" && peer.state == "live";
        let (mark, name) = (mark(good), &peer.name);
        text += &format!("[{mark}] site {name}: link {}, {}\n", peer.link, peer.state);
    }
    (code, text).into_response()
}

const fn mark(good: bool) -> char {
    if good { '+' } else { '-' }
}

async fn metrics(State(interface): State<Interface>) -> Response {
    let (reply, answer) = oneshot::channel();
    let asked = interface
        .control
        .send(Control::Metrics(reply))
        .await
        .is_ok();
    match answer.await {
        Ok(text) if asked => {
            ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
        }
        _ => (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response(),
    }
}

async fn site(State(interface): State<Interface>) -> Response {
    match interface.status().await {
        Some(status) => axum::Json(status).into_response(),
        None => (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response(),
    }
}
