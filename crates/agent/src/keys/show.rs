use maftia_activity::keys::ceremony::Status;
use maftia_activity::keys::{KeySummary, Scheme, State};
use maftia_config::GroupFile;
use maftia_types::SiteSet;
use serde_json::{Map, Value, json};

use crate::encoding::hexadecimal;

pub(super) const fn scheme(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Beacon => "beacon",
        Scheme::Bls => "bls",
        Scheme::Ed25519 => "ed25519",
        Scheme::Seal => "seal",
    }
}

/// A key, with the digest of the group, to which ciphertexts and BLS signatures are bound.
pub(super) fn key(group: &GroupFile, key: &KeySummary) -> Value {
    json!({
        "id": key.id.0,
        "name": key.name,
        "scheme": scheme(key.scheme),
        "state": match key.state {
            State::Active => "active",
            State::Generating => "generating",
            State::Retired => "retired",
        },
        "version": key.version,
        "public_key": key.public_key.as_deref().map(hexadecimal),
        "transcript": key.transcript.map(|digest| digest.to_string()),
        "holders": key.holders,
        "exposed": key.exposed,
        "group": group.digest().to_string(),
    })
}

pub(super) fn ceremony(group: &GroupFile, name: &str, own: &Status) -> Value {
    let culprits = own.culprits.iter().map(|(site, how)| {
        let name = group.site_name(*site).to_owned();
        (name, Value::from(how.to_string()))
    });
    json!({
        "ceremony": own.ceremony,
        "key": name,
        "version": own.version,
        "dealt": sites(group, own.dealt),
        "dealings_missing": own.dealings_missing,
        "holders": sites(group, own.holders),
        "holders_missing": own.holders_missing,
        "awaited": sites(group, own.awaited),
        "transcript": own.transcript.map(|digest| digest.to_string()),
        "culprits": culprits.collect::<Map<_, _>>(),
    })
}

pub(super) fn sites(group: &GroupFile, set: SiteSet) -> Vec<String> {
    let names = set.iter().map(|site| group.site_name(site).to_owned());
    names.collect()
}
