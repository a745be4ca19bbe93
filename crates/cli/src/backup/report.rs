//! What is in a backup, for people and programs.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use maftia_activity::keys::{KeySummary, Scheme, State};
use maftia_backup::{Checked, Contents, Provenance};
use maftia_verify::Utc;
use serde_json::{Map, Value, json};

use crate::key::api::hex;
use crate::output;

/// Between two lines of progress.
const SHOW_EVERY: Duration = Duration::from_millis(200);

/// What is said of a backup: the name of each fact, and its value.
pub(super) type Facts = Vec<(&'static str, Value)>;

pub(super) fn facts(checked: &Checked, contents: &Contents) -> Facts {
    let head = &checked.preamble.head;
    let restored = checked.group.group().restored;
    let mut facts = vec![
        ("group", json!(head.realm.group.to_string())),
        ("name", json!(checked.group.group().name)),
        (
            "incarnation",
            json!(restored.map_or(0, |own| own.incarnation)),
        ),
        ("epoch", json!(head.realm.epoch.0)),
        ("commit", json!(head.commit)),
        ("time", json!(Utc(head.time_ms).to_string())),
        ("state", json!(checked.digest.to_string())),
    ];
    match &checked.preamble.provenance {
        Provenance::Signed { key, .. } => {
            facts.extend([("signed", json!(true)), ("key", json!(hex(key)))]);
        }
        Provenance::Site {
            name,
            signed,
            older,
        } => facts.extend([
            ("signed", json!(false)),
            ("site", json!(name)),
            ("signed_up_to", json!(signed)),
            ("older_snapshot", json!(older)),
        ]),
    }
    let names: Vec<&str> = checked
        .group
        .sites()
        .map(|(_, own)| own.name.as_str())
        .collect();
    let in_use = contents
        .keys
        .summaries()
        .filter(|key| key.state != State::Retired);
    facts.extend([
        ("entries", json!(contents.store.entries)),
        ("revision", json!(contents.store.revision)),
        ("requests", json!(contents.legacy.position())),
        ("sessions", json!(contents.legacy.sessions())),
        ("sites", json!(names)),
        ("clients", json!(checked.group.group().clients.len())),
        (
            "keys",
            json!(in_use.map(|key| key.name).collect::<Vec<_>>()),
        ),
        ("chunks", json!(checked.preamble.digests.len())),
        ("bytes", json!(contents.bytes)),
        ("not_in_it", json!(absent(checked))),
    ]);
    facts
}

/// Whether it is of a site that had newer snapshots, which were damaged.
pub(super) fn is_older(checked: &Checked) -> bool {
    matches!(
        checked.preamble.provenance,
        Provenance::Site { older: true, .. }
    )
}

/// What no backup holds.
/// What a restored group begins without (ADR 13, ADR 17).
pub(super) const LEFT_BEHIND: &str =
    "for a group made from it: channels and their messages, evidence, proposals, beacon rounds";

fn absent(checked: &Checked) -> Vec<String> {
    let mut absent = vec![
        format!(
            "what was confirmed after commit {}",
            checked.preamble.head.commit
        ),
        "the keys of sites and clients".to_owned(),
        "the shares of the group's keys: nobody can sign or decrypt with it".to_owned(),
        LEFT_BEHIND.to_owned(),
    ];
    if !checked.is_signed() {
        absent.push("a signature of the group: it is the word of one site".to_owned());
    }
    if is_older(checked) {
        absent.push("what the site had in newer snapshots, which were damaged".to_owned());
    }
    absent
}

pub(super) fn object(facts: &Facts) -> Map<String, Value> {
    let fields = facts.iter();
    fields
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect()
}

/// Prints the facts below a line.
pub(super) fn tell(title: &str, facts: &Facts) {
    output::line(title);
    for (name, value) in facts {
        output::line(format!(
            "  {:<12}  {}",
            name.replace('_', " "),
            plain(value)
        ));
    }
}

/// A value for people.
fn plain(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(plain).collect();
            items.join(if items.iter().any(|item| item.contains(' ')) {
                "; "
            } else {
                " "
            })
        }
        other => other.to_string(),
    };
    safe(&text)
}

/// A text with names that come from elsewhere, and must not steer the terminal.
pub(super) fn safe(text: &str) -> String {
    text.replace(char::is_control, "?")
}

/// A key of a group that may be gone.
pub(super) fn key(key: &KeySummary) -> Value {
    json!({ "name": key.name, "scheme": scheme(key.scheme), "public_key": public(key) })
}

/// Its public key, if it was made.
pub(super) fn public(key: &KeySummary) -> Option<String> {
    key.public_key.as_ref().map(|bytes| hex(bytes))
}

const fn scheme(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Ed25519 => "ed25519",
        Scheme::Bls => "bls",
        Scheme::Seal => "seal",
        Scheme::Beacon => "beacon",
        Scheme::Coin => "coin",
    }
}

/// How far a command is, for a person at a terminal.
pub(super) struct Progress {
    what: &'static str,
    done: usize,
    of: usize,
    shown: Option<Instant>,
}

impl Progress {
    pub(super) fn new(what: &'static str, of: usize) -> Self {
        Self {
            what,
            done: 0,
            of,
            shown: io::stderr().is_terminal().then(Instant::now),
        }
    }

    pub(super) fn step(&mut self) {
        self.done += 1;
        let ends = self.done == self.of;
        let Some(shown) = self
            .shown
            .as_mut()
            .filter(|at| ends || at.elapsed() >= SHOW_EVERY)
        else {
            return;
        };
        *shown = Instant::now();
        let end = if ends { "\n" } else { "" };
        let text = format!("\r{} {} of {} chunks{end}", self.what, self.done, self.of);
        // Nobody may be listening.
        let _ = io::stderr().write_all(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_does_not_steer_the_terminal() {
        assert_eq!(safe("B\u{1b}[2J\r\u{9b}1A"), "B?[2J??1A");
    }
}
