//! `POST /v1/attack`: the route that `demo` and `dev` add to their agent.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::local::orders::{Attack, Network, Orders};

/// What to do to which site.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AttackRequest {
    pub(crate) what: Attack,
    /// All of them if it is the network's doing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) site: Option<String>,
    /// End what the network does.
    #[serde(default)]
    pub(crate) stop: bool,
    /// For how long; until told otherwise if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) seconds: Option<f64>,
}

/// The longest that an attack may be ordered for.
const SECONDS_MAX: f64 = 86_400.0;

pub(crate) fn router(orders: Orders) -> Router {
    Router::new()
        .route("/v1/attack", post(attack))
        .with_state(orders)
}

async fn attack(
    State(orders): State<Orders>,
    Json(request): Json<AttackRequest>,
) -> (StatusCode, Json<Value>) {
    let lasting = match request.seconds {
        Some(seconds) if !(0.0..=SECONDS_MAX).contains(&seconds) => {
            return refuse(format!("`seconds` must be between 0 and {SECONDS_MAX}"));
        }
        seconds => seconds.map(Duration::from_secs_f64),
    };
    match obey(&orders, &request, lasting).await {
        Ok(()) => {
            let done = json!({
                "attack": request.what.name(),
                "site": request.site,
                "stopped": request.stop,
            });
            (StatusCode::OK, Json(done))
        }
        Err(failure) => refuse(failure.to_string()),
    }
}

async fn obey(
    orders: &Orders,
    request: &AttackRequest,
    lasting: Option<Duration>,
) -> Result<(), Failure> {
    match (&request.site, request.what.is_of_network()) {
        (None, true) if request.stop => orders.network(Network::Carries).await,
        (None, true) => orders.network(Network::SchedulesLeaders(lasting)).await,
        (Some(site), false) if !request.stop => orders.attack(request.what, site, lasting).await,
        (_, true) => Err(Failure::failed(
            "the network does this to all sites: name none",
        )),
        (_, false) if request.stop => Err(Failure::failed("end it with `none` at the site")),
        (_, false) => Err(Failure::failed("name a site")),
    }
}

fn refuse(message: String) -> (StatusCode, Json<Value>) {
    let next = "see `maftia status` for the sites";
    let error = json!({"error": {"id": "MAF-ATTACK", "message": message, "next": next}});
    (StatusCode::BAD_REQUEST, Json(error))
}
