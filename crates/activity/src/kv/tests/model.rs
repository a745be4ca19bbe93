//! etcd's documented semantics over a map, written without a look at the store: slow, and whole
//! copies instead of drafts.

use std::collections::BTreeMap;

use super::*;

#[derive(Clone)]
pub(super) struct Model {
    revision: u64,
    quota: u64,
    keys: BTreeMap<Vec<u8>, KeyValue>,
}

impl Model {
    pub(super) fn new(quota: u64) -> Self {
        Self {
            revision: 1,
            quota,
            keys: BTreeMap::new(),
        }
    }

    pub(super) fn ask(&mut self, operation: &Operation) -> Response {
        let mut next = self.clone();
        let (actions, succeeded) = match operation {
            Operation::Action(action) => (vec![action.clone()], None),
            Operation::Txn(txn) => {
                for branch in [&txn.success, &txn.failure] {
                    if let Some(refusal) = conflict(branch) {
                        return Response::Refused(refusal);
                    }
                }
                let succeeded = txn.compares.iter().all(|compare| self.holds(compare));
                let branch = if succeeded {
                    &txn.success
                } else {
                    &txn.failure
                };
                (branch.clone(), Some(succeeded))
            }
        };
        let mut changed = false;
        let mut outcomes = Vec::new();
        for action in &actions {
            outcomes.push(next.act(action, self.revision + 1, &mut changed));
        }
        if next.size() > self.size() && next.size() > self.quota {
            return Response::Refused(Refusal::NoSpace);
        }
        if changed {
            next.revision += 1;
        }
        *self = next;
        let revision = self.revision;
        match succeeded {
            None => Response::Action {
                revision,
                outcome: outcomes.remove(0),
            },
            Some(succeeded) => Response::Txn {
                revision,
                succeeded,
                outcomes,
            },
        }
    }

    fn act(&mut self, action: &Action, revision: u64, changed: &mut bool) -> Outcome {
        match action {
            Action::Count(interval) => Outcome::Count(self.inside(interval).len() as u64),
            Action::Delete { key, previous } => {
                let removed = self.keys.remove(key.as_ref());
                *changed |= removed.is_some();
                Outcome::Delete {
                    deleted: removed.is_some(),
                    previous: if *previous { removed } else { None },
                }
            }
            Action::DeleteRange { interval, limit } => {
                let inside = self.inside(interval);
                let doomed = inside.iter().take(*limit as usize);
                let mut deleted = 0;
                for entry in doomed {
                    self.keys.remove(entry.key.as_ref());
                    deleted += 1;
                    *changed = true;
                }
                let more = inside.len() > deleted as usize;
                Outcome::DeleteRange { deleted, more }
            }
            Action::Get { key } => Outcome::Get(self.keys.get(key.as_ref()).cloned()),
            Action::Put {
                key,
                value,
                previous,
            } => {
                let old = self.keys.get(key.as_ref()).cloned();
                *changed = true;
                let new = KeyValue {
                    key: key.clone(),
                    value: value.clone(),
                    create_revision: old.as_ref().map_or(revision, |old| old.create_revision),
                    mod_revision: revision,
                    version: 1 + old.as_ref().map_or(0, |old| old.version),
                };
                self.keys.insert(key.to_vec(), new);
                Outcome::Put(if *previous { old } else { None })
            }
            Action::Range(range) => {
                let mut entries = self.inside(&range.interval);
                if let Some(after) = &range.after {
                    entries.retain(|entry| entry.key > after);
                }
                let more = entries.len() > range.limit as usize;
                entries.truncate(range.limit as usize);
                if range.keys_only {
                    entries
                        .iter_mut()
                        .for_each(|entry| entry.value = Bytes::new());
                }
                Outcome::Range { entries, more }
            }
        }
    }

    fn inside(&self, interval: &Interval) -> Vec<KeyValue> {
        let all = self.keys.values().filter(|entry| {
            entry.key >= interval.start
                && match &interval.end {
                    Some(end) => entry.key < end,
                    None => true,
                }
        });
        all.cloned().collect()
    }

    fn holds(&self, compare: &Compare) -> bool {
        use std::cmp::Ordering::{Equal, Greater, Less};
        let key = self.keys.get(compare.key.as_ref());
        let order = match (&compare.target, key) {
            (Target::Value(_), None) => return false,
            (Target::Value(given), Some(key)) => key.value.cmp(given),
            (Target::CreateRevision(x) | Target::ModRevision(x) | Target::Version(x), None) => {
                0.cmp(x)
            }
            (Target::CreateRevision(given), Some(key)) => key.create_revision.cmp(given),
            (Target::ModRevision(given), Some(key)) => key.mod_revision.cmp(given),
            (Target::Version(given), Some(key)) => key.version.cmp(given),
        };
        match compare.relation {
            Relation::Equal => order == Equal,
            Relation::Greater => order == Greater,
            Relation::Less => order == Less,
            Relation::NotEqual => order != Equal,
        }
    }

    fn size(&self) -> u64 {
        let sizes = self.keys.iter().map(|(k, e)| k.len() + e.value.len() + 128);
        sizes.sum::<usize>() as u64
    }
}

/// No key is put twice, or put and deleted; no more than 1000 deletions by range and 4 counts.
fn conflict(branch: &[Action]) -> Option<Refusal> {
    let mut deletions = 0;
    let mut counts = 0;
    let mut conflict = false;
    for (i, action) in branch.iter().enumerate() {
        match action {
            Action::DeleteRange { limit, .. } => deletions += limit,
            Action::Count(_) => counts += 1,
            Action::Put { key: put, .. } => {
                conflict |= branch.iter().enumerate().any(|(j, other)| match other {
                    Action::Put { key, .. } => i != j && key == put,
                    Action::Delete { key, .. } => key == put,
                    Action::DeleteRange { interval, .. } => {
                        interval.start <= *put && interval.end.as_ref().is_none_or(|e| put < e)
                    }
                    _ => false,
                });
            }
            _ => {}
        }
    }
    let limits = deletions > 1000 || counts > 4;
    match (conflict, limits) {
        (false, false) => None,
        (true, false) => Some(Refusal::DuplicateKey),
        (_, true) => Some(Refusal::LimitOutOfRange),
    }
}
