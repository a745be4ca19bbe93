//! Public randomness, in drand's form.

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use maftia_activity::keys::sessions::Answer;
use maftia_threshold::bls::quicknet_randomness;
use serde_json::{Value, json};

use crate::ApiError;
use crate::encoding::{hexadecimal, parameters};
use crate::keys::{Ask, use_refused};
use crate::kv::unfit;
use crate::serve::Shared;

/// The beacon that every group has.
const BEACON: &str = "beacon";

/// `GET /v1/beacon/latest` and `GET /v1/beacon/{round}`.
pub(crate) async fn round(
    State(shared): State<Shared>,
    Path(round): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    let next = "use `/v1/beacon/latest`, or the number of a round";
    let number = match round.as_str() {
        "latest" => None,
        text => {
            let number = text.parse::<u64>().ok();
            Some(number.ok_or_else(|| ApiError::malformed("that is no round", next))?)
        }
    };
    let name = beacon_of(&query.unwrap_or_default())?;
    let ask = Ask::new(&shared, &headers)?;
    let key = ask.usable(&name).await?;
    let keys = &shared.keys;
    let answer = match number {
        None => keys.beacon_latest(key.id, ask.patience()).await?,
        Some(number) => keys.beacon_get(key.id, number, ask.patience()).await?,
    };
    match ask.settle(answer)?.1 {
        Answer::Round(round) => Ok(Json(json!({
            "round": round.number,
            "randomness": hexadecimal(&quicknet_randomness(&round.signature)),
            "signature": hexadecimal(&round.signature),
        }))),
        Answer::Refused(refusal) => Err(use_refused(refusal)),
        _ => Err(unfit(None)),
    }
}

fn beacon_of(query: &str) -> Result<String, ApiError> {
    let next = "use `?key=` to name another beacon, or nothing";
    let wrong = || ApiError::malformed("the query is none of a beacon", next);
    let mut name = BEACON.to_owned();
    for (parameter, value) in parameters(query).ok_or_else(wrong)? {
        if &parameter[..] != b"key" {
            return Err(wrong());
        }
        name = String::from_utf8(value.into()).map_err(|_| wrong())?;
    }
    Ok(name)
}
