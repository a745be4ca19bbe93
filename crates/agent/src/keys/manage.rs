//! What changes the keys, and who approves that.

use std::collections::BTreeSet;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use maftia_activity::keys::sessions::{Policy, USES_PER_MINUTE_CEILING, Users};
use maftia_activity::keys::{
    Act, KeyId, NAME_BYTES_MAX, Operation, Refusal, Reply, Scheme, State as Life,
};
use maftia_client::keys::Told;
use maftia_config::GroupFile;
use maftia_types::{Digest, Power};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Ask, done, refusal, show, with_json};
use crate::ApiError;
use crate::error::name as mark;
use crate::kv::unfit;
use crate::serve::Shared;

/// The longest JSON of a change: a key's name and those of its users.
const CHANGE_JSON_BYTES_MAX: usize = 16 * 1024;

/// `POST /v1/keys`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    name: String,
    scheme: SchemeName,
    /// The clients that may use it. What the scheme says, if this is not given.
    users: Option<Vec<String>>,
    /// Whether it signs one message per slot, and none without a slot.
    #[serde(default)]
    one_message_per_slot: bool,
}

/// `POST /v1/keys/{name}/permit`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Permit {
    /// The clients that may use it; all with the power to use keys, if this is not given.
    users: Option<Vec<String>>,
    /// How often each may in a minute; as before, if this is not given.
    uses_per_minute: Option<u32>,
}

/// `POST /v1/proposals/{number}/approve`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Approve {
    digest: String,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SchemeName {
    Beacon,
    Bls,
    Ed25519,
    Seal,
}

/// `POST /v1/keys`.
pub(crate) async fn create(
    State(shared): State<Shared>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let next = "send `{\"name\":...,\"scheme\":\"ed25519\"}`";
    let (ask, asked) =
        with_json::<Create>(&shared, (&headers, body), (CHANGE_JSON_BYTES_MAX, next)).await?;
    if asked.name.is_empty() || asked.name.len() > NAME_BYTES_MAX {
        return Err(refusal::key_refused(Refusal::Name));
    }
    let group = shared.store.client().group();
    let scheme = Scheme::from(asked.scheme);
    let mut policy = Policy::of(scheme);
    if let Some(names) = asked.users {
        policy.users = users(&group, &names)?;
    }
    policy.one_message_per_slot = asked.one_message_per_slot;
    let act = Act::Create {
        name: asked.name,
        scheme,
        policy: Some(policy),
    };
    change(&shared, &ask, act).await
}

/// `POST /v1/keys/{name}/permit`.
pub(crate) async fn permit(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let next = "send `{\"users\":[...]}`";
    let (ask, asked) =
        with_json::<Permit>(&shared, (&headers, body), (CHANGE_JSON_BYTES_MAX, next)).await?;
    let most = USES_PER_MINUTE_CEILING;
    if asked.uses_per_minute.is_some_and(|uses| uses > most) {
        let what = format!("a key is used at most {most} times a minute");
        return Err(ApiError::malformed(
            what,
            "send a smaller `uses_per_minute`",
        ));
    }
    let group = shared.store.client().group();
    let users = match &asked.users {
        Some(names) => users(&group, names)?,
        None => Users::Everyone,
    };
    let key = ask.named(&name).await?;
    let uses_per_minute_max = asked.uses_per_minute;
    let act = Act::Permit {
        key: key.id,
        users,
        uses_per_minute_max: uses_per_minute_max.unwrap_or(key.policy.uses_per_minute_max),
    };
    change(&shared, &ask, act).await
}

/// `POST /v1/keys/{name}/retire`.
pub(crate) async fn retire(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    change_named(&shared, (&headers, &name), Act::Retire).await
}

/// `POST /v1/keys/{name}/rotate`.
pub(crate) async fn rotate(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    change_named(&shared, (&headers, &name), Act::Rotate).await
}

/// `POST /v1/keys/{name}/refresh`.
pub(crate) async fn refresh(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let ask = Ask::new(&shared, &headers)?;
    let key = ask.usable(&name).await?;
    let made = shared.keys.refresh(key.id, ask.id(), ask.patience());
    made_or_not(&shared, &ask, made.await)
}

/// `GET /v1/proposals`.
pub(crate) async fn proposals(
    State(shared): State<Shared>,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    let ask = Ask::new(&shared, &headers)?;
    let keys = ask.list().await?;
    let Reply::Proposals(all) = ask.look(&Operation::Proposals).await? else {
        return Err(unfit(None));
    };
    let group = shared.store.client().group();
    let all = all.iter().map(|own| show::proposal(&group, &keys, own));
    Ok(Json(json!({ "proposals": all.collect::<Vec<_>>() })))
}

/// `POST /v1/proposals/{number}/approve`.
pub(crate) async fn approve(
    State(shared): State<Shared>,
    Path(number): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let next = "send `{\"digest\":...}` as `GET /v1/proposals` has it";
    let (ask, asked) =
        with_json::<Approve>(&shared, (&headers, body), (CHANGE_JSON_BYTES_MAX, next)).await?;
    let digest = Digest::from_hex(&asked.digest);
    let digest = digest.ok_or_else(|| ApiError::malformed("`digest` is none", next))?;
    let number = number.parse();
    let number = number.map_err(|_| ApiError::malformed("that is no proposal", next))?;
    let made = shared
        .keys
        .approve((number, digest), ask.id(), ask.patience());
    made_or_not(&shared, &ask, made.await)
}

async fn change_named(
    shared: &Shared,
    (headers, name): (&HeaderMap, &str),
    act: fn(KeyId) -> Act,
) -> Result<Response, ApiError> {
    let ask = Ask::new(shared, headers)?;
    let key = ask.named(name).await?;
    change(shared, &ask, act(key.id)).await
}

async fn change(shared: &Shared, ask: &Ask<'_>, act: Act) -> Result<Response, ApiError> {
    let made = shared.keys.change(act, ask.id(), ask.patience());
    made_or_not(shared, ask, made.await)
}

/// What came of a change: done, proposed only, or neither.
fn made_or_not(shared: &Shared, ask: &Ask<'_>, told: Told) -> Result<Response, ApiError> {
    let (id, reply) = ask.settle(told?)?;
    let group = shared.store.client().group();
    match reply {
        Reply::Key(key) if key.state == Life::Retired => {
            Err(refusal::key_refused(Refusal::Retired))
        }
        Reply::Key(key) => Ok(done(id, show::key(&group, &key))),
        Reply::Permitted(key) => Ok(done(id, json!({ "permitted": key.0 }))),
        Reply::Retired(key) => Ok(done(id, json!({ "retired": key.0 }))),
        Reply::Proposed(own) => {
            let body = Json(json!({ "proposal": show::proposal(&group, &[], &own) }));
            let mut response = (StatusCode::ACCEPTED, body).into_response();
            mark(&mut response, id);
            Ok(response)
        }
        Reply::Ceremonies(all) => {
            let awaited = all.iter().flat_map(|own| show::sites(&group, own.awaited));
            let awaited: Vec<String> = awaited.collect();
            let what = format!("the ceremony goes on; awaited: {}", awaited.join(", "));
            Err(ApiError::pending(&what))
        }
        Reply::Refused(refusal) => Err(refusal::key_refused(refusal)),
        _ => Err(unfit(id)),
    }
    .map_err(|error| error.of_request(id))
}

/// Who is named must have the power: a name that changes nothing would deceive.
fn users(group: &GroupFile, names: &[String]) -> Result<Users, ApiError> {
    let clients = &group.group().clients;
    let key = |name: &String| {
        let place = clients.iter().position(|client| client.name == *name);
        let entry = place.and_then(|place| Some((u32::try_from(place).ok()?, clients.get(place)?)));
        let (key, client) = entry.ok_or_else(|| {
            let message = "a user is none of the group's clients";
            ApiError::malformed(message, "name clients as the group file has them")
        })?;
        if !client.powers.contains(Power::UseKeys) {
            let message = format!("the client `{name}` has not the power `{}`", Power::UseKeys);
            let next = "name clients that the group file gives this power";
            return Err(ApiError::malformed(message, next));
        }
        Ok(key)
    };
    let keys = names
        .iter()
        .map(key)
        .collect::<Result<BTreeSet<u32>, _>>()?;
    Ok(Users::Only(keys))
}

impl From<SchemeName> for Scheme {
    fn from(name: SchemeName) -> Self {
        match name {
            SchemeName::Beacon => Self::Beacon,
            SchemeName::Bls => Self::Bls,
            SchemeName::Ed25519 => Self::Ed25519,
            SchemeName::Seal => Self::Seal,
        }
    }
}
