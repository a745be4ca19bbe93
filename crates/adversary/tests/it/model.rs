//! An independent model of the key-value store: a map and four rules.

use std::collections::BTreeMap;

use bytes::Bytes;
use maftia_activity::kv::{Action, KeyValue, Operation, Outcome, Relation, Response, Target, Txn};
use maftia_codec::Wire;

/// Keys with their history; the revision of an empty store is 1.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    entries: BTreeMap<Bytes, KeyValue>,
    revision: u64,
}

impl Model {
    pub(crate) fn new() -> Self {
        Self {
            entries: BTreeMap::new(),
            revision: 1,
        }
    }

    /// What the store answers to these bytes, encoded.
    pub(crate) fn answer(&mut self, operation: &Bytes) -> Bytes {
        let response = match Operation::from_bytes(operation.clone()) {
            Ok(Operation::Action(action)) => {
                let next = self.revision + 1;
                let (outcome, changed) = self.act(&action, next);
                self.revision += u64::from(changed);
                Response::Action {
                    revision: self.revision,
                    outcome,
                }
            }
            Ok(Operation::Txn(txn)) => self.transact(&txn),
            Err(_) => Response::Refused(maftia_activity::kv::Refusal::Malformed),
        };
        response.to_bytes()
    }

    fn transact(&mut self, txn: &Txn) -> Response {
        let succeeded = txn.compares.iter().all(|compare| {
            let entry = self.entries.get(&compare.key);
            let number = |of: fn(&KeyValue) -> u64| entry.map_or(0, of);
            let order = match &compare.target {
                Target::CreateRevision(given) => number(|e| e.create_revision).cmp(given),
                Target::ModRevision(given) => number(|e| e.mod_revision).cmp(given),
                Target::Version(given) => number(|e| e.version).cmp(given),
                Target::Value(given) => match entry {
                    Some(entry) => entry.value.cmp(given),
                    None => return false,
                },
            };
            match compare.relation {
                Relation::Equal => order.is_eq(),
                Relation::Greater => order.is_gt(),
                Relation::Less => order.is_lt(),
                Relation::NotEqual => order.is_ne(),
            }
        });
        let next = self.revision + 1;
        let branch = if succeeded {
            &txn.success
        } else {
            &txn.failure
        };
        let mut changed = false;
        let mut outcomes = Vec::new();
        for action in branch {
            let (outcome, change) = self.act(action, next);
            outcomes.push(outcome);
            changed |= change;
        }
        self.revision += u64::from(changed);
        Response::Txn {
            revision: self.revision,
            succeeded,
            outcomes,
        }
    }

    fn act(&mut self, action: &Action, next: u64) -> (Outcome, bool) {
        match action {
            Action::Get { key } => (Outcome::Get(self.entries.get(key).cloned()), false),
            Action::Put {
                key,
                value,
                previous,
            } => {
                let old = self.entries.get(key).cloned();
                let entry = KeyValue {
                    key: key.clone(),
                    value: value.clone(),
                    create_revision: old.as_ref().map_or(next, |old| old.create_revision),
                    mod_revision: next,
                    version: old.as_ref().map_or(1, |old| old.version + 1),
                };
                self.entries.insert(key.clone(), entry);
                (Outcome::Put(old.filter(|_| *previous)), true)
            }
            Action::Delete { key, previous } => {
                let old = self.entries.remove(key);
                let deleted = old.is_some();
                (
                    Outcome::Delete {
                        deleted,
                        previous: old.filter(|_| *previous),
                    },
                    deleted,
                )
            }
            Action::Range(range) => {
                assert!(range.interval.end.is_none() && range.after.is_none() && !range.keys_only);
                let limit = usize::try_from(range.limit).unwrap();
                let entries: Vec<_> = self.entries.values().take(limit).cloned().collect();
                let more = self.entries.len() > entries.len();
                (Outcome::Range { entries, more }, false)
            }
            Action::Count(_) | Action::DeleteRange { .. } => panic!("the clients never ask this"),
        }
    }
}
