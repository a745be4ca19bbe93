//! Channels: messages among clients, all in one order.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use maftia_activity::keys::channels::{
    Answer, Class, PAYLOAD_BYTES_MAX, Refusal, Request, Summary, label,
};
use maftia_activity::keys::{KeyId, Scheme};
use maftia_client::Outcome;
use maftia_codec::{Bytes, Wire};
use maftia_threshold::tdh2::EncryptionKey;
use maftia_threshold::{Group as _, Ristretto255};
use rand::rng;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::ApiError;
use crate::encoding::parameters;
use crate::keys::{Ask, client_name, with_json};
use crate::kv::{read, unfit};
use crate::serve::Shared;

mod cursor;
mod refusal;
mod show;

use cursor::Cursor;
use refusal::refused;

/// The longest time that a page waits for a message, in milliseconds.
pub const WAIT_MS_MAX: u64 = 30_000;

/// The longest JSON of a channel to open: its name, its key's, and those of its members.
const OPEN_JSON_BYTES_MAX: usize = 16 * 1024;
/// The pause before a page is asked for a second time: about one round of the group on one machine.
/// It doubles each time.
const PAUSE_FIRST: Duration = Duration::from_millis(20);
/// The longest pause: asking costs the group a place in the log.
const PAUSE_MAX: Duration = Duration::from_millis(500);
/// How often a message is sent anew if another one of this client took its sequence.
const RACES_MAX: usize = 8;

/// `POST /v1/channels`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Open {
    name: String,
    class: ClassName,
    /// The key that messages are encrypted to, for the secure class.
    key: Option<String>,
    /// Clients; the caller's alone if this is not given.
    members: Option<Vec<String>>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ClassName {
    Atomic,
    SecureCausal,
}

/// `GET /v1/channels`.
pub(crate) async fn list(
    State(shared): State<Shared>,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    let ask = Ask::new(&shared, &headers)?;
    let Answer::Channels(all) = look(&shared, &ask, &Request::List).await? else {
        return Err(unfit(None));
    };
    let group = shared.store.client().group();
    let all = all.iter().map(|own| show::channel(&group, own));
    Ok(Json(json!({ "channels": all.collect::<Vec<_>>() })))
}

/// `POST /v1/channels`.
pub(crate) async fn open(
    State(shared): State<Shared>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, ApiError> {
    let next = "send `{\"name\":...,\"class\":\"atomic\"}`, or \
                `{\"name\":...,\"class\":\"secure-causal\",\"key\":...}`";
    let (ask, asked) =
        with_json::<Open>(&shared, (&headers, body), (OPEN_JSON_BYTES_MAX, next)).await?;
    let class = match (asked.class, &asked.key) {
        (ClassName::Atomic, None) => Class::Atomic,
        (ClassName::SecureCausal, Some(name)) => {
            let key = ask.usable(name).await?;
            if key.scheme != Scheme::Seal {
                return Err(refused(Refusal::NoSuchKey));
            }
            Class::SecureCausal(key.id)
        }
        _ => {
            let what = "the secure class needs a key, and the other one takes none";
            return Err(ApiError::malformed(what, next));
        }
    };
    let request = Request::Open {
        name: asked.name,
        class,
        members: members(&shared, asked.members.as_deref())?,
    };
    let answer = settle(&shared, &ask, &request).await?;
    summary(&shared, answer)
}

/// `GET /v1/channels/{name}`.
pub(crate) async fn show(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    let ask = Ask::new(&shared, &headers)?;
    let own = named(&shared, &ask, name).await?;
    Ok(Json(show::channel(&shared.store.client().group(), &own)))
}

/// `POST /v1/channels/{name}/close`.
pub(crate) async fn close(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    let ask = Ask::new(&shared, &headers)?;
    let channel = named(&shared, &ask, name).await?.id;
    let answer = settle(&shared, &ask, &Request::Close { channel }).await?;
    summary(&shared, answer)
}

/// `POST /v1/channels/{name}/messages`.
pub(crate) async fn send(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, ApiError> {
    let ask = Ask::new(&shared, &headers)?;
    let payload = read(body, &headers, PAYLOAD_BYTES_MAX).await?;
    let wanted = sequence(&query.unwrap_or_default())?;
    let own = named(&shared, &ask, name).await?;
    let mut sequence = wanted.unwrap_or(own.sequence);
    for _ in 0..RACES_MAX {
        let request = Request::Send {
            channel: own.id,
            sequence,
            body: sealed(&shared, &ask, (&own, sequence), payload.clone()).await?,
        };
        match settle(&shared, &ask, &request).await? {
            Answer::Sent { position } => {
                let (channel, place) = (own.id.0, position);
                let sent = json!({ "channel": channel, "sequence": sequence, "position": place });
                return Ok(Json(sent));
            }
            Answer::Refused(Refusal::OutOfSequence { next }) if wanted.is_none() => {
                sequence = next;
            }
            Answer::Refused(refusal) => return Err(refused(refusal)),
            _ => return Err(unfit(None)),
        }
    }
    Err(refused(Refusal::Busy))
}

/// `GET /v1/channels/{name}/messages`.
pub(crate) async fn receive(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    let ask = Ask::new(&shared, &headers)?;
    let (cursor, wait) = cursor::of_query(&query.unwrap_or_default())?;
    let deadline = Instant::now() + wait;
    let cursor = match cursor {
        Some(cursor) => cursor,
        None => Cursor {
            channel: named(&shared, &ask, name).await?.id,
            position: 0,
        },
    };
    let request = Request::Receive {
        channel: cursor.channel,
        from: cursor.position,
    };
    let mut pause = PAUSE_FIRST;
    loop {
        let Answer::Page(page) = look(&shared, &ask, &request).await? else {
            return Err(unfit(None));
        };
        let now = Instant::now();
        if !page.deliveries.is_empty() || page.end || now + pause >= deadline {
            let group = shared.store.client().group();
            return Ok(Json(show::page(&group, cursor, &page)));
        }
        sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// The body of a message: for the secure class, what only its place lets be opened.
async fn sealed(
    shared: &Shared,
    ask: &Ask<'_>,
    (own, sequence): (&Summary, u64),
    payload: Bytes,
) -> Result<Bytes, ApiError> {
    let Class::SecureCausal(key) = own.class else {
        return Ok(payload);
    };
    let public = public_key(ask, key).await?;
    let client = shared.store.client();
    let key = EncryptionKey::new(*client.group().digest(), public);
    let label = label(own.id, client.number(), sequence);
    let sealed = key.encrypt(&label, &payload, &mut rng());
    let sealed = sealed.map_err(|error| ApiError::too_large(error.to_string()))?;
    Ok(sealed.to_bytes())
}

/// What messages are encrypted with.
async fn public_key(
    ask: &Ask<'_>,
    key: KeyId,
) -> Result<<Ristretto255 as maftia_threshold::Group>::Element, ApiError> {
    let keys = ask.list().await?;
    let key = keys.iter().find(|own| own.id == key);
    let public = key.and_then(|own| own.public_key.as_deref());
    let public = public.and_then(|public| <&[u8; 32]>::try_from(public).ok());
    let public = public.and_then(|public| Ristretto255::decode(public).ok());
    public.ok_or_else(|| refused(Refusal::NoSuchKey))
}

/// The client keys of who is named; the caller's own if nobody is.
fn members(shared: &Shared, names: Option<&[String]>) -> Result<BTreeSet<u32>, ApiError> {
    let client = shared.store.client();
    let Some(names) = names else {
        return Ok([client.number()].into());
    };
    let group = client.group();
    let clients = &group.group().clients;
    let number = |name: &String| {
        let place = clients.iter().position(|own| own.name == *name);
        let number = place.and_then(|place| u32::try_from(place).ok());
        number.ok_or_else(|| {
            let message = "a member is none of the group's clients";
            ApiError::malformed(message, "name clients as the group file has them")
        })
    };
    names.iter().map(number).collect()
}

fn sequence(query: &str) -> Result<Option<u64>, ApiError> {
    let next = "use `?sequence=` with a number from 1, or nothing";
    let wrong = || ApiError::malformed("the query is none of a message", next);
    let mut sequence = None;
    for (parameter, value) in parameters(query).ok_or_else(wrong)? {
        let text = std::str::from_utf8(&value).ok();
        let number = text.and_then(|text| text.parse().ok());
        match (&parameter[..], number) {
            (b"sequence", Some(number)) => sequence = Some(number),
            _ => return Err(wrong()),
        }
    }
    Ok(sequence)
}

/// The channel of a name, as the group has it now.
async fn named(shared: &Shared, ask: &Ask<'_>, name: String) -> Result<Summary, ApiError> {
    match look(shared, ask, &Request::Show { name }).await? {
        Answer::Channel(own) => Ok(own),
        _ => Err(unfit(None)),
    }
}

/// Asks what changes nothing.
async fn look(shared: &Shared, ask: &Ask<'_>, request: &Request) -> Result<Answer, ApiError> {
    let answer = shared.keys.channel(request, ask.patience()).await?;
    shared.metrics.outcome(&answer.outcome);
    match answer.outcome {
        Outcome::Committed { result, .. } => match result {
            Answer::Refused(refusal) => Err(refused(refusal)),
            result => Ok(result),
        },
        Outcome::Rejected(rejection) => Err(ApiError::rejected(rejection)),
        Outcome::Forgotten | Outcome::Unknown => Err(ApiError::no_answer()),
    }
}

/// Does what may be done once more without harm, and gives the group's word on it.
async fn settle(shared: &Shared, ask: &Ask<'_>, request: &Request) -> Result<Answer, ApiError> {
    let answer = shared.keys.channel(request, ask.patience()).await?;
    shared.metrics.outcome(&answer.outcome);
    match answer.outcome {
        Outcome::Committed { result, .. } => Ok(result),
        Outcome::Rejected(rejection) => Err(ApiError::rejected(rejection)),
        Outcome::Forgotten | Outcome::Unknown => Err(unknown(request)),
    }
}

/// It may have happened. What to look at says whether it did.
fn unknown(request: &Request) -> ApiError {
    let what = "too few sites answered in time; it may have happened, or may later";
    let (message, next) = match request {
        Request::Send { sequence, .. } => (
            format!("{what}: the message was sent with sequence {sequence}"),
            "send it again with `?sequence=`: it is ordered once, and refused as out of sequence if \
             it was ordered before",
        ),
        _ => (what.to_owned(), "see `GET /v1/channels`"),
    };
    ApiError::new(StatusCode::GATEWAY_TIMEOUT, "unknown", message, next)
}

fn summary(shared: &Shared, answer: Answer) -> Result<Json<Value>, ApiError> {
    match answer {
        Answer::Channel(own) => Ok(Json(show::channel(&shared.store.client().group(), &own))),
        Answer::Refused(refusal) => Err(refused(refusal)),
        _ => Err(unfit(None)),
    }
}
