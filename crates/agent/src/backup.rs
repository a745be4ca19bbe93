//! Whole states, for backups: `maftia backup create` puts them together.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use maftia_activity::keys::certificates::KEY_NAME;
use maftia_activity::kv::Operation;
use maftia_codec::Wire as _;
use maftia_types::{Digest, Power};
use maftia_verify::{GroupKey, entry};

use crate::ApiError;
use crate::encoding::parameters;
use crate::keys::Ask;
use crate::kv::{execute, unfit};
use crate::serve::Shared;

/// Any key will do: what is wanted is the revision, and the commit of a signed state that has it.
const PROBE: &[u8] = b"backup";

/// `GET /v1/backup`: the beginning of a backup of a state that the group has signed, in which is all
/// that was answered before.
pub(crate) async fn begin(
    State(shared): State<Shared>,
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
    let group_key = GroupKey::from_bytes(&public).map_err(|_| unfit(None))?;
    let probe = Bytes::from_static(PROBE);
    let (id, told) = execute(&shared, &Operation::get(probe.clone()), &headers).await?;
    let revision = told.revision().ok_or_else(|| unfit(id))?;
    let proof = shared
        .store
        .prove(probe, revision, &group_key, ask.patience());
    let proof = proof.await.ok_or_else(unsigned)?;
    let commit = entry(&proof, &group_key)
        .map_err(|_| unfit(None))?
        .head
        .commit;
    let found = client.signed_state(&public, commit, ask.patience()).await;
    let bytes = found.ok_or_else(unsigned)?.preamble.to_bytes();
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response())
}

/// `GET /v1/backup/{commit}/{chunk}?digest=`: a chunk of that state.
pub(crate) async fn chunk(
    State(shared): State<Shared>,
    Path((commit, chunk)): Path<(u64, u32)>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let query = parameters(uri.query().unwrap_or_default());
    let digest = query
        .into_iter()
        .flatten()
        .find(|(name, _)| &name[..] == b"digest");
    let digest = digest.and_then(|(_, hex)| Digest::from_hex(std::str::from_utf8(&hex).ok()?));
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
        "the sites have signed no state with all that was answered in time",
        "send it again: they sign one every ten seconds; see `GET /v1/status`",
    )
}
