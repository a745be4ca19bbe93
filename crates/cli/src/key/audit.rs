//! What was done with the keys.

use maftia_types::Digest;
use maftia_verify::Utc;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::args;
use super::commands::plain;
use crate::files::print;
use crate::http::{Client, Problem};
use crate::output;

/// An entry of the group's audit list.
#[derive(Deserialize)]
struct Entry {
    number: u64,
    at_ms: u64,
    client: String,
    #[serde(default)]
    key: Option<String>,
    deed: String,
    details: Map<String, Value>,
}

#[derive(Deserialize)]
struct Page {
    count: u64,
    chain: String,
    entries: Vec<Value>,
}

pub(super) fn audit(typed: &args::Audit) -> Result<(), Problem> {
    let client = typed.common.connection.client()?;
    let (entries, chain) = all(&client, typed.from)?;
    let wanted = |entry: &Value| {
        let name = typed.name.as_deref();
        name.is_none() || entry.get("key").and_then(Value::as_str) == name
    };
    let entries: Vec<Value> = entries.into_iter().filter(wanted).collect();
    if typed.common.json {
        return print(&json!({ "entries": entries, "chain": chain }));
    }
    for entry in entries {
        let entry: Entry = serde_json::from_value(entry)
            .map_err(|error| Problem::failed("bad-answer", error.to_string()))?;
        output::line(text(&entry));
    }
    output::line(format!("chain {}", plain(&chain)));
    Ok(())
}

/// All entries from that number on, page by page, and the digest that covers them.
fn all(client: &Client, from: u64) -> Result<(Vec<Value>, String), Problem> {
    let (mut entries, mut next) = (Vec::new(), from);
    loop {
        let page: Page = client.read(format!("/v1/audit?from={next}"))?.json()?;
        let last = page.entries.last().and_then(|own| own.get("number"));
        let Some(last) = last.and_then(Value::as_u64).filter(|last| *last >= next) else {
            return Ok((entries, page.chain));
        };
        next = last.saturating_add(1);
        entries.extend(page.entries);
        if next >= page.count {
            return Ok((entries, page.chain));
        }
    }
}

fn text(own: &Entry) -> String {
    let details: Vec<String> = own
        .details
        .iter()
        .map(|(name, value)| format!(" {name}={}", short(value)))
        .collect();
    let key = own.key.as_deref().unwrap_or("-");
    plain(&format!(
        "{} {} {} {} {key}{}",
        own.number,
        Utc(own.at_ms),
        own.client,
        own.deed,
        details.concat()
    ))
}

/// Digests in full are for programs.
fn short(value: &Value) -> String {
    match value.as_str() {
        Some(text) if Digest::from_hex(text).is_some() => text.chars().take(16).collect(),
        Some(text) => text.to_owned(),
        None => value.to_string(),
    }
}
