use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use maftia_activity::keys::sealing::{AuditEntry, Deed};
use maftia_activity::keys::sessions::{Answer, Request};
use maftia_activity::keys::{KeyId, KeySummary};
use maftia_config::GroupFile;
use serde_json::{Value, json};

use super::{Ask, refusal, show};
use crate::ApiError;
use crate::encoding::{hexadecimal, parameters};
use crate::kv::unfit;
use crate::serve::Shared;

/// `GET /v1/audit`, a page from the entry `?from=` on.
pub(crate) async fn audit(
    State(shared): State<Shared>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    let from = from_of(&query.unwrap_or_default())?;
    let ask = Ask::new(&shared, &headers)?;
    let keys = ask.list().await?;
    let request = Request::Audit { from };
    let answer = shared.keys.request(&request, ask.id(), ask.patience());
    match ask.settle(answer.await?)?.1 {
        Answer::Audit(page) => {
            let group = shared.store.client().group();
            let entries = page.entries.iter().map(|own| entry(&group, &keys, own));
            Ok(Json(json!({
                "count": page.count,
                "chain": page.chain.to_string(),
                "entries": entries.collect::<Vec<_>>(),
            })))
        }
        Answer::Refused(refusal) => Err(refusal::use_refused(refusal)),
        _ => Err(unfit(None)),
    }
}

fn from_of(query: &str) -> Result<u64, ApiError> {
    let next = "use `?from=` with the number of an entry, or nothing";
    let wrong = || ApiError::malformed("the query is none of the audit list", next);
    let mut from = 0;
    for (parameter, value) in parameters(query).ok_or_else(wrong)? {
        let number = std::str::from_utf8(&value).ok();
        let number = number.and_then(|text| text.parse().ok());
        from = match (&parameter[..], number) {
            (b"from", Some(number)) => number,
            _ => return Err(wrong()),
        };
    }
    Ok(from)
}

fn entry(group: &GroupFile, keys: &[KeySummary], own: &AuditEntry) -> Value {
    let (deed, more) = match own.deed {
        Deed::Approve(proposal) => ("approve", json!({ "proposal": proposal })),
        Deed::Create => ("create", json!({})),
        Deed::Decrypt {
            session,
            ciphertext,
            to,
        } => (
            "decrypt",
            json!({
                "session": session.0,
                "ciphertext": ciphertext.to_string(),
                "to": hexadecimal(&to),
            }),
        ),
        Deed::Permit => ("permit", json!({})),
        Deed::Propose(proposal) => ("propose", json!({ "proposal": proposal })),
        Deed::Refresh => ("refresh", json!({})),
        Deed::Retire => ("retire", json!({})),
        Deed::Rotate => ("rotate", json!({})),
    };
    json!({
        "number": own.number,
        "at_ms": own.at_ms,
        "client": show::client(group, own.client.key),
        "key": own.key.map(|key| name_of(keys, key)),
        "deed": deed,
        "details": more,
    })
}

/// What people call the key; its number if it is forgotten.
fn name_of(keys: &[KeySummary], id: KeyId) -> String {
    let key = keys.iter().find(|key| key.id == id);
    key.map_or_else(|| id.to_string(), |key| key.name.clone())
}
