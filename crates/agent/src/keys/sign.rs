//! Signatures, and what a key may be made to sign.

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use maftia_activity::keys::sessions::{Answer as Used, Refusal, Request};
use maftia_activity::keys::signing::{MESSAGE_BYTES_MAX, Slot};
use maftia_activity::keys::{KeySummary, Scheme};
use maftia_client::RequestId;
use maftia_codec::Bytes;
use maftia_threshold::export::{self, Form};
use serde_json::json;

use super::{Ask, done, show, unused, use_refused};
use crate::ApiError;
use crate::encoding::{hexadecimal, parameters};
use crate::kv::{read, unfit};
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
    let (id, signature) = signed(&shared, &ask, &key, (message, slot)).await?;
    Ok(done(
        id,
        json!({
            "signature": hexadecimal(&signature),
            "scheme": show::scheme(key.scheme),
            "public_key": key.public_key.as_deref().map(hexadecimal),
        }),
    ))
}

/// `POST /v1/keys/{name}/certificate`: the key certifies itself under its name, and nothing else.
pub(crate) async fn certificate(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let ask = Ask::new(&shared, &headers)?;
    let key = ask.usable(&name).await?;
    if key.scheme != Scheme::Ed25519 {
        return Err(use_refused(Refusal::OtherScheme));
    }
    let public = key.public_key.as_deref();
    let public = public.and_then(|public| <&[u8; 32]>::try_from(public).ok());
    let public = public.ok_or_else(|| unfit(None))?;
    let unnamed = |error: export::ExportError| {
        let next = "create a key with a name of 1 to 64 characters in one line";
        ApiError::malformed(error.to_string(), next)
    };
    let message = export::certificate_message(public, &key.name).map_err(unnamed)?;
    let (id, signature) = signed(&shared, &ask, &key, (message.into(), None)).await?;
    let signature = <&[u8; 64]>::try_from(&signature[..]).map_err(|_| unfit(id))?;
    let certificate = export::certificate(public, &key.name, signature).map_err(unnamed)?;
    Ok(done(
        id,
        json!({ "certificate": certificate, "public_key": hexadecimal(public) }),
    ))
}

/// Has the sites sign it, as the key's policy lets them.
async fn signed(
    shared: &Shared,
    ask: &Ask<'_>,
    key: &KeySummary,
    (message, slot): (Bytes, Option<Slot>),
) -> Result<(Option<RequestId>, Bytes), ApiError> {
    let request = Request::Sign {
        key: key.id,
        message,
        slot,
    };
    let used = shared.keys.session_of(&request, ask.id(), ask.patience());
    match ask.settle(used.await?)? {
        (id, Used::Signature(signature)) => Ok((id, signature)),
        (id, used) => Err(unused(shared, id, used)),
    }
}

/// What a query says of a signature: for which slot it is.
///
/// A client that knows what it signs says so: nobody gets an SSH or a CMS signature by sending a
/// file, and nobody a certificate, which [`certificate`] alone makes.
pub(super) fn purpose(query: &str, message: &[u8]) -> Result<Option<Slot>, ApiError> {
    let next = "use `?format=raw`, `sshsig` or `cms`, and `&register=...&slot=...` for a slot";
    let unknown = || ApiError::malformed("an unknown parameter or format", next);
    let (mut form, mut register, mut number) = (Form::Plain, None, None);
    let pairs = parameters(query);
    for (name, value) in pairs.ok_or_else(|| ApiError::malformed("not a query", next))? {
        match (&name[..], &value[..]) {
            (b"format", b"raw") => form = Form::Plain,
            (b"format", b"sshsig") => form = Form::Sshsig,
            (b"format", b"cms") => form = Form::Cms,
            (b"register", _) => register = Some(value),
            (b"slot", text) => {
                let text = std::str::from_utf8(text).ok();
                number = Some(text.and_then(|it| it.parse().ok()).ok_or_else(unknown)?);
            }
            _ => return Err(unknown()),
        }
    }
    refuse_other_than(form, message)?;
    match (register, number) {
        (Some(register), Some(number)) => Ok(Some(Slot { register, number })),
        (None, None) => Ok(None),
        _ => {
            let what = "a slot is a register and a number";
            Err(ApiError::malformed(what, next))
        }
    }
}

/// Refuses bytes whose signature would be of another form than the one that was asked for.
fn refuse_other_than(form: Form, message: &[u8]) -> Result<(), ApiError> {
    let is = Form::of(message);
    let (what, next) = match (is, form) {
        _ if is == form => return Ok(()),
        (_, Form::Sshsig) => (
            "the message is not that of an SSH signature",
            "send what `PROTOCOL.sshsig` has signed, or use `?format=raw`",
        ),
        (_, Form::Cms) => (
            "the message is not that of a CMS signature",
            "send the signed attributes as a DER `SET`, or use `?format=raw`",
        ),
        (Form::Sshsig, _) => (
            "a plain signature of these bytes would be an SSH signature as well",
            "use `?format=sshsig` if one is wanted",
        ),
        (Form::Cms, _) => (
            "a plain signature of these bytes would be a CMS signature as well",
            "use `?format=cms` if one is wanted",
        ),
        (Form::Certificate | Form::Plain, _) => (
            "a plain signature of these bytes could be a certificate",
            "sign a digest of them, or use `POST /v1/keys/{name}/certificate` for the key's own",
        ),
    };
    Err(ApiError::malformed(what, next))
}
