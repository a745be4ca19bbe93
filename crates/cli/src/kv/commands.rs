//! The commands on single keys, lists and transactions.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::api::{KEY_BYTES_MAX, Listing, PAGE_ENTRIES_MAX, VALUE_BYTES_MAX};
use super::proof::{self, Got};
use super::{args, show};
use crate::files::{at, print, read, save};
use crate::http::{Answer, Effect, Problem};
use crate::output;

/// The largest transaction read: JSON of the largest operation, with room for its spaces.
const TXN_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What to do with what is too large.
const IMPORT: &str = "maftia kv import splits large files";

pub(super) fn put(typed: &args::Put) -> Result<(), Problem> {
    let key = key(&typed.key)?;
    let value = value(&typed.value)?;
    let client = typed.write.common.connection.client()?;
    let id = typed.write.request_id.clone();
    let answer = client.put(key, &value, Effect::WritesOnce, id)?;
    written(&answer, "put", key, typed.write.common.json)
}

pub(super) fn del(typed: &args::Del) -> Result<(), Problem> {
    let key = key(&typed.key)?;
    let client = typed.write.common.connection.client()?;
    let answer = client.delete(key, typed.write.request_id.clone())?;
    written(&answer, "deleted", key, typed.write.common.json)
}

/// Prints what a write of one key gave.
fn written(answer: &Answer, done: &str, key: &[u8], json: bool) -> Result<(), Problem> {
    let mut given: Value = answer.json()?;
    if json {
        if let Some(object) = given.as_object_mut() {
            show::insert(object, "key", "key_text", key);
        }
        return print(&given);
    }
    let revision = given.get("revision").and_then(Value::as_u64);
    let at = revision.map_or(String::new(), |revision| format!(" at revision {revision}"));
    output::line(format!("{done} {}{at}", show::escaped(key)));
    Ok(())
}

pub(super) fn get(typed: &args::Get) -> Result<(), Problem> {
    let key = key(&typed.key)?;
    let connection = &typed.common.connection;
    let got = match &typed.proof {
        Some(path) => proof::get(&connection.patient_client()?, key, path)?,
        None => Got::from(connection.client()?.get(key)?),
    };
    let value = &got.value;
    if let Some(path) = &typed.output {
        save(path, value).map_err(|error| at(path, &error))?;
    }
    if typed.common.json {
        let mut object = Map::new();
        show::insert(&mut object, "key", "key_text", key);
        match &typed.output {
            Some(path) => {
                object.insert("output".into(), json!(path.to_string_lossy()));
                object.insert("bytes".into(), json!(value.len()));
            }
            None => show::insert(&mut object, "value", "text", value),
        }
        object.insert("revision".into(), json!(got.revision));
        object.insert("mod_revision".into(), json!(got.mod_revision));
        if let Some(path) = &typed.proof {
            object.insert("proof".into(), json!(path.to_string_lossy()));
        }
        return print(&object.into());
    }
    if typed.output.is_some() {
        return Ok(());
    }
    let on_terminal = io::stdout().is_terminal() && !typed.raw;
    if on_terminal && !show::is_plain(value) {
        let text = format!("the value is {} bytes that are not plain text", value.len());
        return Err(Problem::failed("binary", text).next("give -o FILE, or --raw"));
    }
    output::raw(value);
    if on_terminal && !value.ends_with(b"\n") {
        output::line("");
    }
    Ok(())
}

pub(super) fn list(typed: &args::List) -> Result<(), Problem> {
    let client = typed.common.connection.client()?;
    let mut after = typed.after.as_deref().map(|key| key.as_bytes().to_vec());
    let (mut entries, mut revision, mut more) = (Vec::new(), 0, true);
    let mut left = typed.limit;
    while more && left > 0 {
        let page = client.list(&Listing {
            prefix: typed.prefix.as_bytes(),
            after: after.as_deref(),
            limit: left.min(PAGE_ENTRIES_MAX),
            keys_only: typed.keys_only,
        })?;
        (revision, more) = (page.revision, page.more);
        after = page
            .entries
            .last()
            .map(|entry| entry.key.0.clone())
            .or(after);
        left = left.saturating_sub(u32::try_from(page.entries.len()).unwrap_or(u32::MAX));
        entries.extend(page.entries);
    }
    if typed.common.json {
        let shown: Vec<Value> = entries
            .iter()
            .map(|entry| show::entry(entry, typed.keys_only))
            .collect();
        return print(&json!({ "revision": revision, "more": more, "entries": shown }));
    }
    for entry in &entries {
        let key = show::escaped(&entry.key.0);
        if typed.keys_only {
            output::line(key);
        } else {
            output::line(format!("{key}\t{}", show::preview(&entry.value.0)));
        }
    }
    if let (true, Some(last)) = (more, entries.last()) {
        let last = show::escaped(&last.key.0);
        output::note(format!("there are more: give --after '{last}' or --limit"));
    }
    Ok(())
}

pub(super) fn txn(typed: &args::Txn) -> Result<(), Problem> {
    let text = if typed.file == Path::new("-") {
        read("standard input", io::stdin(), TXN_BYTES_MAX, IMPORT)?
    } else {
        let file = File::open(&typed.file).map_err(|error| at(&typed.file, &error))?;
        read(
            &typed.file.display().to_string(),
            file,
            TXN_BYTES_MAX,
            IMPORT,
        )?
    };
    let wrong = |what: String| Problem::usage(what).next("maftia kv txn --help shows one");
    let mut asked: Value = serde_json::from_slice(&text)
        .map_err(|error| wrong(format!("the transaction is not JSON: {error}")))?;
    show::encode_texts(&mut asked).map_err(wrong)?;
    let client = typed.write.common.connection.client()?;
    let body = serde_json::to_vec(&asked).map_err(|error| wrong(error.to_string()))?;
    let id = typed.write.request_id.clone();
    match client.txn(&body, Effect::WritesOnce, id) {
        Ok(answer) => print_txn(answer.json()?),
        Err(problem) => match problem.outcomes() {
            Some(given) => {
                print_txn(given)?;
                Err(problem.told())
            }
            None => Err(problem),
        },
    }
}

fn print_txn(mut given: Value) -> Result<(), Problem> {
    show::add_texts(&mut given);
    print(&given)
}

fn key(typed: &OsStr) -> Result<&[u8], Problem> {
    let key = typed.as_bytes();
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        let text = format!("a key has 1 to {KEY_BYTES_MAX} bytes, not {}", key.len());
        return Err(Problem::usage(text));
    }
    Ok(key)
}

fn value(typed: &OsStr) -> Result<Vec<u8>, Problem> {
    let bytes = typed.as_bytes();
    let value = if bytes == b"-" {
        read("standard input", io::stdin(), VALUE_BYTES_MAX, IMPORT)?
    } else if let Some(path) = bytes.strip_prefix(b"@") {
        let path = Path::new(OsStr::from_bytes(path));
        let file = File::open(path).map_err(|error| at(path, &error))?;
        read(&path.display().to_string(), file, VALUE_BYTES_MAX, IMPORT)?
    } else {
        bytes.to_vec()
    };
    Ok(value)
}
