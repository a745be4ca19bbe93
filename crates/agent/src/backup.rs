//! Whole states, for backups: `maftia backup create` puts them together.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use maftia_activity::keys::certificates::KEY_NAME;
use maftia_activity::kv::Operation;
use maftia_client::Outcome;
use maftia_codec::Wire as _;
use maftia_types::{Digest, Power};
use maftia_verify::GroupKey;

use crate::ApiError;
use crate::encoding::parameters;
use crate::keys::Ask;
use crate::kv::unfit;
use crate::serve::Shared;

/// How many requests the group had executed when it was asked: a state in which there are as many has
/// all that was answered before.
const POSITION: &str = "maftia-position";
/// Any key will do: what is wanted is the position of a read.
const PROBE: &[u8] = b"backup";

/// `GET /v1/backup`: the beginning of a backup of the newest state that the group has signed, and how
/// many requests must be in it to have all that was answered before. If it has fewer, `?after=` with
/// its commit waits for the next.
pub(crate) async fn begin(
    State(shared): State<Shared>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let client = shared.store.client();
    let group = client.group();
    let own = group
        .group()
        .clients
        .get(own_number(&shared))
        .map(|own| own.powers);
    for power in [Power::Operate, Power::Audit] {
        if own.is_none_or(|powers| !powers.contains(power)) {
            return Err(powerless(power));
        }
    }
    let ask = Ask::new(&shared, &headers)?;
    let signer = ask.usable(KEY_NAME).await?;
    let public = signer.public_key.unwrap_or_default();
    let public: [u8; GroupKey::BYTES] = public.try_into().map_err(|_| unfit(None))?;
    let after = match parameter(&uri, b"after") {
        None => 0,
        Some(text) => number(&text)?,
    };
    let probe = Operation::get(Bytes::from_static(PROBE));
    let read = shared.store.execute_within(&probe, None, ask.patience());
    // Its own number is not among those before it.
    let before = match read.await?.outcome {
        Outcome::Committed { position, .. } => position.saturating_sub(1),
        Outcome::Rejected(rejection) => return Err(ApiError::rejected(rejection)),
        Outcome::Forgotten | Outcome::Unknown => return Err(unsigned()),
    };
    let found = client.signed_state(&public, after, ask.patience()).await;
    let bytes = found.ok_or_else(unsigned)?.preamble.to_bytes();
    let kind = (header::CONTENT_TYPE.as_str(), "application/octet-stream");
    let before = before.to_string();
    Ok(([kind, (POSITION, before.as_str())], bytes).into_response())
}

/// `GET /v1/backup/{commit}/{chunk}?digest=`: a chunk of that state.
pub(crate) async fn chunk(
    State(shared): State<Shared>,
    Path((commit, chunk)): Path<(u64, u32)>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let digest = parameter(&uri, b"digest");
    let digest = digest.and_then(|hex| Digest::from_hex(std::str::from_utf8(&hex).ok()?));
    let digest = digest.ok_or_else(|| {
        let next = "take the digests of the backup's beginning, as `maftia backup create` does";
        let what = "`?digest=` must be 64 hexadecimal digits";
        ApiError::new(StatusCode::BAD_REQUEST, "bad-request", what, next)
    })?;
    let client = shared.store.client();
    let found = client.chunk_of_state(commit, chunk, digest).await;
    let bytes = found.ok_or_else(|| {
        let next = "begin again with `GET /v1/backup`, with the chunks that are there already";
        let what = "no site that answers has this state any more";
        ApiError::new(StatusCode::GONE, "gone", what, next)
    })?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response())
}

/// What the query says of a name.
fn parameter(uri: &Uri, name: &[u8]) -> Option<Bytes> {
    let query = parameters(uri.query().unwrap_or_default());
    let mut pairs = query.into_iter().flatten();
    pairs.find(|(own, _)| own == name).map(|(_, value)| value)
}

fn number(text: &Bytes) -> Result<u64, ApiError> {
    let number = std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok());
    number.ok_or_else(|| {
        let next = "name the commit of the state that was too old";
        let what = "`?after=` must be a number";
        ApiError::new(StatusCode::BAD_REQUEST, "bad-request", what, next)
    })
}

fn own_number(shared: &Shared) -> usize {
    usize::try_from(shared.store.client().number()).unwrap_or(usize::MAX)
}

fn powerless(power: Power) -> ApiError {
    ApiError::new(
        StatusCode::FORBIDDEN,
        "no-power",
        format!("a backup has all that is in the state: it takes the power \"{power}\""),
        "use the agent of a client to which group.toml gives `operate` and `audit`",
    )
}

fn unsigned() -> ApiError {
    ApiError::new(
        StatusCode::GATEWAY_TIMEOUT,
        "unproven",
        "the sites have signed no later state in time",
        "send it again: they sign one every ten seconds; see `GET /v1/status`",
    )
}
