//! `maftia kv get --proof`.

use std::path::Path;

use maftia_verify::entry;

use super::percent::key_path;
use super::show;
use crate::files::{at, save};
use crate::http::{Answer, Client, Problem};
use crate::verify::group_key;

/// A value that was read.
pub(super) struct Got {
    pub(super) value: Vec<u8>,
    pub(super) revision: Option<u64>,
    pub(super) mod_revision: Option<u64>,
}

impl From<Answer> for Got {
    fn from(answer: Answer) -> Self {
        Self {
            revision: answer.number("maftia-revision"),
            mod_revision: answer.number("maftia-mod-revision"),
            value: answer.body,
        }
    }
}

/// Reads a key with a proof, checks it here, and keeps it in a file: also if it proves that there is
/// no such key.
pub(super) fn get(client: &Client, key: &[u8], path: &Path) -> Result<Got, Problem> {
    let group_key = group_key(&client.key("group")?.public()?)?;
    let proof = client.read(format!("{}?proof", key_path(key)))?.body;
    let proven = entry(&proof, &group_key);
    let proven = proven.map_err(|error| Problem::failed("bad-proof", error.to_string()))?;
    if proven.key != key {
        return Err(Problem::failed("bad-proof", "it proves another key"));
    }
    save(path, &proof).map_err(|error| at(path, &error))?;
    let Some(found) = proven.entry else {
        let what = format!(
            "there was no key {} after commit {}; {} proves it",
            show::escaped(key),
            proven.head.commit,
            path.display()
        );
        return Err(Problem::failed("no-such-key", what).next("maftia kv list"));
    };
    Ok(Got {
        value: found.value.to_vec(),
        revision: Some(proven.revision),
        mod_revision: Some(found.mod_revision),
    })
}
