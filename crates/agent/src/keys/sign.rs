//! Signatures, and what a key may be made to sign.

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use maftia_activity::keys::sessions::{Answer as Used, Request};
use maftia_activity::keys::signing::{MESSAGE_BYTES_MAX, Slot};
use maftia_threshold::export::is_sshsig;
use serde_json::json;

use super::{Ask, done, show, unused};
use crate::ApiError;
use crate::encoding::{hexadecimal, parameters};
use crate::kv::read;
use crate::serve::Shared;

/// `POST /v1/keys/{name}/sign`.
pub(crate) async fn sign(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let ask = Ask::new(&shared, &headers)?;
    let message = read(body, &headers, MESSAGE_BYTES_MAX).await?;
    let slot = purpose(&query.unwrap_or_default(), &message)?;
    let key = ask.usable(&name).await?;
    let request = Request::Sign {
        key: key.id,
        message,
        slot,
    };
    let used = shared.keys.session_of(&request, ask.id(), ask.patience());
    let (id, used) = ask.settle(used.await?)?;
    match used {
        Used::Signature(signature) => Ok(done(
            id,
            json!({
                "signature": hexadecimal(&signature),
                "scheme": show::scheme(key.scheme),
                "public_key": key.public_key.as_deref().map(hexadecimal),
            }),
        )),
        used => Err(unused(&shared, id, used)),
    }
}

/// What a query says of a signature: for which slot it is.
///
/// A client that knows what it signs says so: nobody gets an SSH signature by sending a file.
pub(super) fn purpose(query: &str, message: &[u8]) -> Result<Option<Slot>, ApiError> {
    let next = "use `?format=raw` or `?format=sshsig`, and `&register=...&slot=...` for a slot";
    let unknown = || ApiError::malformed("an unknown parameter or format", next);
    let (mut as_ssh, mut register, mut number) = (false, None, None);
    let pairs = parameters(query);
    for (name, value) in pairs.ok_or_else(|| ApiError::malformed("not a query", next))? {
        match (&name[..], &value[..]) {
            (b"format", b"raw") => as_ssh = false,
            (b"format", b"sshsig") => as_ssh = true,
            (b"register", _) => register = Some(value),
            (b"slot", text) => {
                let text = std::str::from_utf8(text).ok();
                number = Some(text.and_then(|it| it.parse().ok()).ok_or_else(unknown)?);
            }
            _ => return Err(unknown()),
        }
    }
    let slot = match (register, number) {
        (Some(register), Some(number)) => Some(Slot { register, number }),
        (None, None) => None,
        _ => {
            return Err(ApiError::malformed(
                "a slot is a register and a number",
                next,
            ));
        }
    };
    match (as_ssh, is_sshsig(message)) {
        (true, false) => Err(ApiError::malformed(
            "the message is not that of an SSH signature",
            "send what `PROTOCOL.sshsig` has signed, or use `?format=raw`",
        )),
        (false, true) => Err(ApiError::malformed(
            "a plain signature of these bytes would be an SSH signature as well",
            "use `?format=sshsig` if one is wanted",
        )),
        _ => Ok(slot),
    }
}
