use maftia_activity::keys::ceremony::Status;
use maftia_activity::keys::sessions::{Policy, Users};
use maftia_activity::keys::{Act, KeyId, KeySummary, Proposal, Scheme, State};
use maftia_config::GroupFile;
use maftia_types::SiteSet;
use serde_json::{Map, Value, json};

use crate::encoding::hexadecimal;

pub(super) const fn scheme(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Beacon => "beacon",
        Scheme::Bls => "bls",
        Scheme::Coin => "coin",
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
        "users": users(group, &key.policy.users),
        "uses_per_minute": key.policy.uses_per_minute_max,
        "one_message_per_slot": key.policy.one_message_per_slot,
        "group": group.digest().to_string(),
    })
}

/// Who may use a key, by name; null for all with the power to.
fn users(group: &GroupFile, users: &Users) -> Value {
    match users {
        Users::Everyone => Value::Null,
        Users::Only(keys) => keys.iter().map(|key| client(group, *key)).collect(),
    }
}

/// The name of a client.
pub(crate) fn client(group: &GroupFile, key: u32) -> String {
    let place = usize::try_from(key).ok();
    let entry = place.and_then(|place| group.group().clients.get(place));
    entry.map_or_else(|| key.to_string(), |entry| entry.name.clone())
}

/// A proposal, with the digest that an approval must name.
pub(super) fn proposal(group: &GroupFile, keys: &[KeySummary], own: &Proposal) -> Value {
    let (act, name, more) = match &own.act {
        Act::Create {
            name,
            scheme: of,
            policy,
        } => {
            let policy = policy.clone().unwrap_or_else(|| Policy::of(*of));
            let more = json!({
                "scheme": scheme(*of),
                "users": users(group, &policy.users),
                "uses_per_minute": policy.uses_per_minute_max,
                "one_message_per_slot": policy.one_message_per_slot,
            });
            ("create", Some(name.clone()), more)
        }
        Act::Permit {
            key,
            users: permitted,
            uses_per_minute_max,
        } => {
            let more = json!({
                "id": key.0,
                "users": users(group, permitted),
                "uses_per_minute": uses_per_minute_max,
            });
            ("permit", name_of(keys, *key), more)
        }
        Act::Retire(key) => ("retire", name_of(keys, *key), json!({ "id": key.0 })),
        Act::Rotate(key) => ("rotate", name_of(keys, *key), json!({ "id": key.0 })),
    };
    let approved = own.approved_by.iter().map(|key| client(group, *key));
    json!({
        "number": own.number,
        "act": act,
        "key": name,
        "details": more,
        "proposed_by": client(group, own.proposer),
        "approved_by": approved.collect::<Vec<_>>(),
        "missing": own.missing(),
        "until_ms": own.until_ms,
        "digest": own.digest(*group.digest()).to_string(),
    })
}

fn name_of(keys: &[KeySummary], id: KeyId) -> Option<String> {
    let key = keys.iter().find(|key| key.id == id);
    key.map(|key| key.name.clone())
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
