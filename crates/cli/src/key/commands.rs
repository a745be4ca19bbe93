//! The commands on keys themselves.

use std::io::{self, IsTerminal};

use maftia_threshold::export;
use serde::Deserialize;
use serde_json::{Value, json};

use super::api::{Reported, hex, key_path, saved};
use super::args::{self, KeyFormat};
use crate::files::{at, print, save};
use crate::http::{Answer, Problem};
use crate::output;
use crate::status::table;

#[derive(Deserialize)]
struct Listed {
    keys: Vec<Reported>,
}

#[derive(Deserialize)]
struct Slots {
    slots: Vec<Slot>,
}

#[derive(Deserialize)]
struct Slot {
    register: String,
    number: u64,
}

#[derive(Deserialize)]
struct Certified {
    certificate: String,
}

pub(super) fn show(typed: &args::Show) -> Result<(), Problem> {
    let client = typed.common.connection.client()?;
    let answer = client.read(key_path(&typed.name, ""))?;
    told(&answer, "key", typed.common.json)
}

pub(super) fn slots(typed: &args::Show) -> Result<(), Problem> {
    let client = typed.common.connection.client()?;
    let answer = client.read(key_path(&typed.name, "/slots"))?;
    if typed.common.json {
        return print(&answer.json()?);
    }
    let used: Slots = answer.json()?;
    let mut rows = vec![["REGISTER".to_owned(), "LAST SLOT".to_owned()]];
    let row = |own: &Slot| [plain(&own.register), own.number.to_string()];
    rows.extend(used.slots.iter().map(row));
    table(&rows).into_iter().for_each(output::line);
    Ok(())
}

pub(super) fn list(typed: &args::List) -> Result<(), Problem> {
    let client = typed.common.connection.client()?;
    let answer = client.read("/v1/keys".into())?;
    if typed.common.json {
        return print(&answer.json()?);
    }
    let listed: Listed = answer.json()?;
    let header = [
        "NAME",
        "SCHEME",
        "STATE",
        "VERSION",
        "HOLDERS",
        "PUBLIC KEY",
    ];
    let mut rows = vec![header.map(String::from)];
    rows.extend(listed.keys.iter().map(row));
    table(&rows).into_iter().for_each(output::line);
    Ok(())
}

pub(super) fn export(typed: &args::Export) -> Result<(), Problem> {
    let client = typed.common.connection.client()?;
    let key = client.key(&typed.name)?;
    let (text, bytes) = match typed.format {
        KeyFormat::Pem => {
            let text = export::pem(&key.public_of("ed25519")?);
            (Some(text.clone()), text.into_bytes())
        }
        KeyFormat::Openssh => {
            let text = export::openssh(&key.public_of("ed25519")?, &typed.name);
            let text = text.map_err(|error| Problem::failed("name", error.to_string()))?;
            (Some(text.clone()), text.into_bytes())
        }
        KeyFormat::Raw => (None, key.public()?),
        KeyFormat::X509 => {
            let target = key_path(&typed.name, "/certificate");
            let certified: Certified = client.use_key(target, None, None)?.json()?;
            let text = certified.certificate;
            (Some(text.clone()), text.into_bytes())
        }
    };
    if let Some(path) = &typed.output {
        save(path, &bytes).map_err(|error| at(path, &error))?;
    }
    if typed.common.json {
        let mut object = match &typed.output {
            Some(path) => saved(path, bytes.len()),
            None => json!({ "public_key": hex(&bytes), "text": text }),
        };
        if let (Some(text), Some(fields)) = (text, object.as_object_mut()) {
            // The key itself, whatever it is wrapped in.
            fields.insert("public_key".into(), json!(key.public_key));
            fields.insert("text".into(), text.into());
        }
        return print(&object);
    }
    if typed.output.is_none() {
        out(&bytes, text.is_some());
    }
    Ok(())
}

/// Prints bytes; on a terminal in hexadecimal unless they are text.
pub(super) fn out(bytes: &[u8], is_text: bool) {
    if !is_text && io::stdout().is_terminal() {
        return output::line(hex(bytes));
    }
    output::raw(bytes);
}

pub(super) fn told(answer: &Answer, what: &str, json: bool) -> Result<(), Problem> {
    let given: Value = answer.json()?;
    if json {
        return print(&given);
    }
    let key: Reported = answer.json()?;
    output::line(format!("{what} {}", plain(&key.name)));
    let version = key.version.map(|version| version.to_string());
    let facts = [
        ("scheme", Some(key.scheme)),
        ("state", Some(key.state)),
        ("version", version),
        ("public key", key.public_key),
        ("transcript", key.transcript),
        ("holders", Some(key.holders.to_string())),
        ("users", key.users.map(|users| users.join(", "))),
    ];
    for (name, value) in facts {
        if let Some(value) = value {
            output::line(format!("  {name:<10}  {}", plain(&value)));
        }
    }
    if key.exposed > 0 {
        output::line(format!(
            "  exposed     {} shares: refresh the key",
            key.exposed
        ));
    }
    Ok(())
}

fn row(key: &Reported) -> [String; 6] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
    [
        key.name.clone(),
        key.scheme.clone(),
        key.state.clone(),
        or_dash(key.version.map(|version| version.to_string())),
        key.holders.to_string(),
        or_dash(key.public_key.as_ref().map(|key| {
            let start: String = key.chars().take(32).collect();
            if start == *key { start } else { start + "..." }
        })),
    ]
    .map(|cell| plain(&cell))
}

/// Names come from elsewhere and must not steer the terminal.
pub(crate) fn plain(text: &str) -> String {
    text.replace(char::is_control, "?")
}
