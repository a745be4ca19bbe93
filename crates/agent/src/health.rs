use std::fmt::Write;

use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use maftia_client::Client;

use crate::serve::Shared;

/// The process answers.
pub(crate) async fn live() -> &'static str {
    "ok\n"
}

/// A quorum of sites can be reached, so that requests can be executed.
pub(crate) async fn ready(State(shared): State<Shared>) -> Response {
    report(shared.store.client(), false)
}

/// The same with its parts, if `verbose` is asked for.
pub(crate) async fn health(State(shared): State<Shared>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let named = |part: &str| part == "verbose" || part.starts_with("verbose=");
    report(shared.store.client(), query.split('&').any(named))
}

pub(crate) async fn metrics(State(shared): State<Shared>) -> Response {
    let text = shared.metrics.text(shared.store.client());
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

fn report(client: &Client, verbose: bool) -> Response {
    let (up, group) = (client.links_up(), client.group());
    let needed = group.resilience().quorum();
    let ready = up.len() >= needed;
    let mut text = String::new();
    if verbose {
        for (id, site) in group.sites() {
            let sign = if up.contains(id) { '+' } else { '-' };
            // Writing to a string cannot fail.
            let _ = writeln!(text, "[{sign}] link to {} at {}", site.name, site.address);
        }
        let sign = if ready { '+' } else { '-' };
        let _ = writeln!(text, "[{sign}] {} of {needed} needed links", up.len());
    }
    if ready {
        text.push_str("ok\n");
        return text.into_response();
    }
    let _ = writeln!(
        text,
        "not ready: {} of {needed} needed sites can be reached",
        up.len()
    );
    (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
}
