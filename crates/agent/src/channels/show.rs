use maftia_activity::keys::channels::{Class, Delivery, Page, Summary};
use maftia_config::GroupFile;
use serde_json::{Value, json};

use super::client_name;
use super::cursor::Cursor;
use crate::encoding::Base64;

pub(super) fn channel(group: &GroupFile, own: &Summary) -> Value {
    let names = |clients: &std::collections::BTreeSet<u32>| -> Value {
        clients.iter().map(|own| client_name(group, *own)).collect()
    };
    let (class, key) = match own.class {
        Class::Atomic => ("atomic", None),
        Class::SecureCausal(key) => ("secure-causal", Some(key.0)),
    };
    json!({
        "channel": own.id.0,
        "name": own.name,
        "class": class,
        "key": key,
        "opener": client_name(group, own.opener),
        "members": names(&own.members),
        "closers": names(&own.closers),
        "closed": own.closed,
        "first": own.first,
        "next": own.next,
        "waiting": own.waiting,
        "sequence": own.sequence,
    })
}

/// A page, and where to go on behind it.
pub(super) fn page(group: &GroupFile, asked: Cursor, page: &Page) -> Value {
    let after = page.first.saturating_add(page.deliveries.len() as u64);
    let cursor = Cursor {
        channel: asked.channel,
        position: after,
    };
    let messages = (page.first..).zip(&page.deliveries);
    let messages = messages.map(|(position, own)| message(group, position, own));
    json!({
        "channel": asked.channel.0,
        "messages": messages.collect::<Vec<_>>(),
        "missed": page.first.saturating_sub(asked.position),
        "cursor": cursor.to_string(),
        "end": page.end,
    })
}

fn message(group: &GroupFile, position: u64, own: &Delivery) -> Value {
    let payload = own.content.clone().ok().map(Base64);
    let lost = own.content.as_ref().err().map(ToString::to_string);
    json!({
        "position": position,
        "sender": client_name(group, own.sender),
        "sequence": own.sequence,
        "at_ms": own.at_ms,
        "payload": payload,
        "lost": lost,
    })
}
