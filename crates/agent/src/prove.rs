use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::Response;
use maftia_activity::keys::certificates::KEY_NAME;
use maftia_activity::kv::Operation;
use maftia_verify::GroupKey;

use crate::ApiError;
use crate::encoding::parameters;
use crate::keys::Ask;
use crate::kv::{execute, key_of, mark, unfit};
use crate::serve::Shared;

/// Whether a request for a key's value wants it with a proof.
pub(crate) fn is_for_proof(uri: &Uri) -> bool {
    let query = parameters(uri.query().unwrap_or_default());
    let mut names = query.into_iter().flatten();
    names.any(|(name, _)| &name[..] == b"proof")
}

/// `GET /v1/kv/{key}?proof`. The key is read first, so that what is proven is of that moment or a
/// later one.
pub(crate) async fn prove(shared: &Shared, request: Request) -> Result<Response, ApiError> {
    let key = key_of(request.uri())?;
    let ask = Ask::new(shared, request.headers())?;
    let signer = ask.usable(KEY_NAME).await?;
    let public = signer.public_key.unwrap_or_default();
    let group_key = GroupKey::from_bytes(&public).map_err(|_| unfit(None))?;
    let (id, told) = execute(shared, &Operation::get(key.clone()), request.headers()).await?;
    let revision = told.revision().ok_or_else(|| unfit(id))?;
    let proof = shared
        .store
        .prove(key, revision, &group_key, ask.patience());
    let proof = proof.await.ok_or_else(unproven)?;
    let mut response = Response::new(Body::from(proof));
    let kind = HeaderValue::from_static("application/octet-stream");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(mark(response, id, &told))
}

fn unproven() -> ApiError {
    ApiError::new(
        StatusCode::GATEWAY_TIMEOUT,
        "unproven",
        "the sites have signed no state with this in time",
        "send it again: they sign one every ten seconds; see `GET /v1/status`",
    )
}
