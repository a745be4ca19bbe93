use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use crate::server::Interface;

impl Interface {
    /// Whether enough sites can be reached for requests to be answered: a quorum.
    fn is_ready(&self) -> bool {
        self.client().links_up().len() >= self.group().resilience().quorum()
    }
}

/// `GET /readyz`.
pub(crate) async fn ready(State(interface): State<Interface>) -> Response {
    if interface.is_ready() {
        return "ok\n".into_response();
    }
    (
        StatusCode::SERVICE_UNAVAILABLE,
        "fewer than a quorum of sites can be reached\n",
    )
        .into_response()
}

/// `GET /healthz`, with `?verbose` a line for each site.
pub(crate) async fn health(State(interface): State<Interface>, uri: Uri) -> Response {
    let ready = interface.is_ready();
    let code = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let mut text = String::from(if ready { "ok\n" } else { "not ready\n" });
    if uri
        .query()
        .is_some_and(|query| query.starts_with("verbose"))
    {
        let up = interface.client().links_up();
        for (site, entry) in interface.group().sites() {
            let (mark, state) = if up.contains(site) {
                ('+', "up")
            } else {
                ('-', "down")
            };
            text += &format!("[{mark}] site {}: link {state}\n", entry.name);
        }
    }
    (code, text).into_response()
}

/// `GET /metrics`.
pub(crate) async fn metrics(State(interface): State<Interface>) -> Response {
    let client = interface.client();
    let names = interface.group().sites().map(|(_, site)| site.name.clone());
    let liars: Vec<(String, u64)> = names.zip(client.liars()).collect();
    let text = interface.metrics.render(&liars, client.links_up().len());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}
