//! Changes of the sites, as callers write them in JSON.

use std::net::SocketAddr;

use maftia_crypto::PublicKey;
use maftia_membership::{Change, Edit, Member};
use maftia_types::Digest;
use serde::Deserialize;

use crate::ApiError;

const NEXT: &str = "send `{\"edits\":[{\"add\":SITE},{\"remove\":\"NAME\"},{\"replace\":\"NAME\",\
                    \"with\":SITE}],\"f\":1}`, where a SITE is \
                    `{\"name\":...,\"key\":...,\"address\":\"IP:PORT\"}`";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default)]
    edits: Vec<AskedEdit>,
    f: Option<u8>,
}

/// One of `add`, `remove`, and `replace` with `with`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AskedEdit {
    add: Option<Site>,
    remove: Option<String>,
    replace: Option<String>,
    with: Option<Site>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Site {
    name: String,
    key: String,
    address: SocketAddr,
    http: Option<SocketAddr>,
}

/// The change that a body describes.
pub(super) fn change(body: &[u8]) -> Result<Change, ApiError> {
    let wrong = |what: String| ApiError::malformed(what, NEXT);
    if !body.trim_ascii_start().starts_with(b"{") {
        // A list of fields without their names would be read, too.
        return Err(wrong("a change is a JSON object".into()));
    }
    let asked: Asked =
        serde_json::from_slice(body).map_err(|error| wrong(format!("no change: {error}")))?;
    let edits = asked.edits.into_iter().map(edit);
    Ok(Change {
        edits: edits.collect::<Result<_, _>>()?,
        f: asked.f,
    })
}

/// The number of a proposal in a path.
pub(super) fn number(text: &str) -> Result<u64, ApiError> {
    let next = "use the number of a proposal, as `GET /v1/group` lists them";
    let number = text.parse().ok();
    number.ok_or_else(|| ApiError::malformed("that is no number of a proposal", next))
}

fn edit(asked: AskedEdit) -> Result<Edit, ApiError> {
    match (asked.add, asked.remove, asked.replace, asked.with) {
        (Some(site), None, None, None) => member(site).map(Edit::Add),
        (None, Some(name), None, None) => Ok(Edit::Remove(name)),
        (None, None, Some(name), Some(site)) => Ok(Edit::Replace {
            name,
            with: member(site)?,
        }),
        _ => Err(ApiError::malformed(
            "an edit is one of `add`, `remove`, and `replace` with `with`",
            NEXT,
        )),
    }
}

fn member(site: Site) -> Result<Member, ApiError> {
    let key = Digest::from_hex(&site.key).and_then(|bytes| PublicKey::new(bytes.0).ok());
    let key = key.ok_or_else(|| {
        let what = format!("the key of `{}` is no public key", site.name);
        ApiError::malformed(what, "send the 64 hexadecimal digits of its `join.toml`")
    })?;
    Ok(Member {
        name: site.name,
        key,
        address: Some(site.address),
        http: site.http,
    })
}
