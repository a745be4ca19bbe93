//! What a restoration would keep, and what would be lost.

use std::path::Path;

use maftia_activity::keys::{KeySummary, Scheme, State};
use maftia_backup::{Checked, Contents, Provenance};
use maftia_config::GroupFile;
use maftia_verify::Utc;
use serde_json::{Value, json};

use super::report::{is_older, key, public, safe};
use super::survivors::Survivor;
use crate::http::Problem;
use crate::key::api::hex;
use crate::output;

/// What is known before anything is made.
pub(super) struct Preview {
    pub(super) checked: Checked,
    /// Whether the key under which it is signed is the one that was given.
    compared: bool,
    entries: u64,
    revision: u64,
    sessions: usize,
    keys: Vec<KeySummary>,
    later: Vec<Later>,
    /// Former sites that answer.
    pub(super) living: Vec<String>,
    /// Without its own keys: these are made anew with --yes.
    new: GroupFile,
}

/// What a survivor has that the backup does not.
struct Later {
    site: String,
    commit: u64,
    time_ms: u64,
    commits: u64,
    requests: u64,
    /// Whether its newest snapshot is damaged, so that it may have had more.
    damaged: bool,
}

impl Preview {
    pub(super) fn new(
        (checked, contents): (&Checked, &Contents),
        compared: bool,
        survivors: &[Survivor],
        living: Vec<String>,
        new: &GroupFile,
    ) -> Result<Self, Problem> {
        let head = &checked.preamble.head;
        let mut later = Vec::new();
        for survivor in survivors {
            let copied = &survivor.stopped.copied;
            if copied.head().realm.group != head.realm.group {
                let what = format!("site {} is of another group than the backup", survivor.name);
                return Err(Problem::failed("other-group", what)
                    .next("name folders of sites of the group that the backup is of"));
            }
            later.push(Later {
                site: survivor.name.clone(),
                commit: copied.head().commit,
                time_ms: copied.head().time_ms,
                commits: copied.head().commit.saturating_sub(head.commit),
                requests: copied.position.saturating_sub(contents.legacy.position()),
                damaged: !survivor.stopped.damaged.is_empty(),
            });
        }
        let in_use = contents.keys.summaries();
        Ok(Self {
            checked: checked.clone(),
            compared,
            entries: contents.store.entries,
            revision: contents.store.revision,
            sessions: contents.legacy.sessions(),
            keys: in_use.filter(|own| own.state != State::Retired).collect(),
            later,
            living,
            new: new.clone(),
        })
    }

    /// Too many former sites answer for their group to be gone.
    pub(super) fn may_live(&self) -> bool {
        self.living.len() >= self.checked.group.resilience().quorum()
    }

    /// The key under which it is signed.
    fn key(&self) -> Option<String> {
        match &self.checked.preamble.provenance {
            Provenance::Signed { key, .. } => Some(hex(key)),
            Provenance::Site { .. } => None,
        }
    }

    fn named(&self, which: impl Fn(&KeySummary) -> bool) -> Vec<&str> {
        let keys = self.keys.iter().filter(|own| which(own));
        keys.map(|own| own.name.as_str()).collect()
    }

    fn sealing(&self) -> Vec<&str> {
        self.named(|own| own.scheme == Scheme::Seal)
    }

    fn with_slots(&self) -> Vec<&str> {
        self.named(|own| own.policy.one_message_per_slot)
    }

    /// For programs; with the folder, if the group was made there.
    pub(super) fn object(&self, made: Option<&Path>) -> Value {
        let head = &self.checked.preamble.head;
        let later = self.later.iter().map(|own| {
            json!({
                "site": own.site,
                "commit": own.commit,
                "time": Utc(own.time_ms).to_string(),
                "commits": own.commits,
                "requests": own.requests,
                "damaged": own.damaged,
            })
        });
        let names = |group: &GroupFile| -> Vec<String> {
            group.sites().map(|(_, own)| own.name.clone()).collect()
        };
        let id = made.map(|_| self.new.digest().to_string());
        json!({
            "restored": made.is_some(),
            "dir": made,
            "from": {
                "group": head.realm.group.to_string(),
                "epoch": head.realm.epoch.0,
                "commit": head.commit,
                "time": Utc(head.time_ms).to_string(),
                "signed": self.checked.is_signed(),
                "key": self.key(),
                "key_compared": self.compared,
                "older_snapshot": is_older(&self.checked),
            },
            "kept": {
                "entries": self.entries,
                "revision": self.revision,
                "sessions": self.sessions,
                "clients": self.checked.group.group().clients.len(),
            },
            "lost": {
                "after_commit": head.commit,
                "known": later.collect::<Vec<_>>(),
                "keys": self.keys.iter().map(key).collect::<Vec<_>>(),
                "sealed_to": self.sealing(),
                "slots_of": self.with_slots(),
                "sites": names(&self.checked.group),
            },
            "living": self.living,
            "new": {
                "group": id,
                "incarnation": self.new.group().restored.map(|own| own.incarnation),
                "sites": names(&self.new),
                "tolerance": self.new.resilience().intruded_max(),
            },
        })
    }

    pub(super) fn tell(&self) {
        let head = &self.checked.preamble.head;
        line(format!(
            "from    group {}, epoch {}, as it was after commit {} at {}",
            head.realm.group,
            head.realm.epoch,
            head.commit,
            Utc(head.time_ms)
        ));
        line(match (self.key(), self.compared) {
            (Some(key), true) => format!("        signed under the key that was given, {key}"),
            (Some(key), false) => {
                format!("        signed under a key in it that was compared with nothing: {key}")
            }
            (None, _) => "        signed by nobody: it is the word of one site".to_owned(),
        });
        if is_older(&self.checked) {
            line("        of an older snapshot: newer ones of that site were damaged");
        }
        line(format!(
            "kept    entries: {}, to revision {}; sessions of clients: {}; who may do what",
            self.entries, self.revision, self.sessions
        ));
        line(format!(
            "lost    all that was confirmed after commit {}",
            head.commit
        ));
        line("        channels and their messages, evidence, proposals, beacon rounds");
        self.tell_later();
        self.tell_keys();
        let restored = self.new.group().restored;
        line(format!(
            "new     {} sites that tolerate {}, incarnation {}; it makes its keys when it starts",
            self.new.group().sites.len(),
            self.new.resilience().intruded_max(),
            restored.map_or(0, |own| own.incarnation)
        ));
        let names: Vec<&str> = self
            .checked
            .group
            .sites()
            .map(|(_, own)| own.name.as_str())
            .collect();
        line(format!(
            "out     the former sites {}: none has a part in the new group",
            names.join(" ")
        ));
        if !self.living.is_empty() {
            line(format!(
                "ALIVE   the former sites {} answer: stop them, or both groups will be used",
                self.living.join(" ")
            ));
        }
    }

    fn tell_later(&self) {
        if self.later.is_empty() {
            line("        nothing is known of that: name folders of former sites with --survivor");
        }
        for own in &self.later {
            let unread = match own.damaged {
                true => " that can be read, its newest snapshot being damaged",
                false => "",
            };
            line(match own.commits {
                0 => format!("        site {} has nothing later{unread}", own.site),
                _ => format!(
                    "        site {} has {} commits more, with {} requests and reads, to commit \
                     {} at {}{unread}: `maftia backup create --from-site` keeps them",
                    own.site,
                    own.commits,
                    own.requests,
                    own.commit,
                    Utc(own.time_ms)
                ),
            });
        }
    }

    fn tell_keys(&self) {
        for own in &self.keys {
            let public = public(own).unwrap_or_else(|| "which was being made".to_owned());
            line(format!("        the key {} {public}", own.name));
        }
        for name in self.sealing() {
            line(format!(
                "        what is sealed to {name} can never be opened again"
            ));
        }
        for name in self.with_slots() {
            line(format!(
                "        which slots {name} has signed after that commit: go on in other registers"
            ));
        }
    }
}

/// Prints a line: names in it come from elsewhere, and must not steer the terminal.
fn line(text: impl AsRef<str>) {
    output::line(safe(text.as_ref()));
}
