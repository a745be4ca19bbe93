//! What the demo's clients asked and were answered, and whether that is linearizable.
//!
//! The group numbers every executed request. A history is linearizable if replaying the operations
//! in that order against a plain model gives the answers the clients got, and if the order respects
//! real time: an operation that had returned before another was invoked has the lower number.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use maftia_activity::kv::{Action, KeyValue, Operation, Outcome, Relation, Response, Target};

/// One operation as its client saw it.
#[derive(Clone, Debug)]
pub(crate) struct Observed {
    /// When the client asked.
    pub(crate) invoked: Duration,
    /// When it had its answer.
    pub(crate) returned: Duration,
    /// Its number in the group's order.
    pub(crate) position: u64,
    pub(crate) operation: Operation,
    pub(crate) response: Response,
}

/// Why a history is not linearizable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Violation {
    /// Two operations have the same number.
    SamePosition(u64),
    /// The order contradicts real time.
    Precedence { position: u64 },
    /// The model answers differently.
    Answer {
        position: u64,
        expected: String,
        got: String,
    },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SamePosition(position) => write!(f, "two operations at position {position}"),
            Self::Precedence { position } => {
                write!(
                    f,
                    "position {position} returned before an earlier one was invoked"
                )
            }
            Self::Answer {
                position,
                expected,
                got,
            } => {
                write!(f, "at position {position} expected {expected}, got {got}")
            }
        }
    }
}

/// Checks a history in which no other client touched the same keys.
pub(crate) fn check(mut history: Vec<Observed>) -> Result<(), Violation> {
    history.sort_by_key(|observed| observed.position);
    let mut model = Model::default();
    let mut latest_invocation = Duration::ZERO;
    let mut last_position = 0;
    for observed in &history {
        let position = observed.position;
        if position == last_position {
            return Err(Violation::SamePosition(position));
        }
        last_position = position;
        if observed.returned < latest_invocation {
            return Err(Violation::Precedence { position });
        }
        latest_invocation = latest_invocation.max(observed.invoked);
        model.apply(observed)?;
    }
    Ok(())
}

/// A key-value store written for this check alone: one entry per key.
#[derive(Debug, Default)]
struct Model {
    entries: BTreeMap<Bytes, KeyValue>,
    revision: u64,
}

impl Model {
    fn apply(&mut self, observed: &Observed) -> Result<(), Violation> {
        let wrong = |expected: String| Violation::Answer {
            position: observed.position,
            expected,
            got: format!("{:?}", observed.response),
        };
        let revision = observed.response.revision().unwrap_or(0);
        let (actions, outcomes) = match (&observed.operation, &observed.response) {
            (Operation::Action(action), Response::Action { outcome, .. }) => {
                (vec![action], vec![outcome])
            }
            (
                Operation::Txn(txn),
                Response::Txn {
                    succeeded,
                    outcomes,
                    ..
                },
            ) => {
                let holds = txn
                    .compares
                    .iter()
                    .all(|compare| self.holds(&compare.key, compare.relation, &compare.target));
                if holds != *succeeded {
                    return Err(wrong(format!("succeeded: {holds}")));
                }
                let branch = if holds { &txn.success } else { &txn.failure };
                (branch.iter().collect(), outcomes.iter().collect())
            }
            _ => return Err(wrong("an answer of the operation's kind".into())),
        };
        if actions.len() != outcomes.len() {
            return Err(wrong(format!("{} outcomes", actions.len())));
        }
        if revision < self.revision {
            return Err(wrong(format!("a revision of {} at least", self.revision)));
        }
        for (action, outcome) in actions.into_iter().zip(outcomes) {
            self.act(action, outcome, revision).map_err(&wrong)?;
        }
        self.revision = revision;
        Ok(())
    }

    fn act(&mut self, action: &Action, outcome: &Outcome, revision: u64) -> Result<(), String> {
        match (action, outcome) {
            (Action::Put { key, value, .. }, Outcome::Put(_)) => {
                if revision <= self.revision {
                    return Err(format!("a revision above {}", self.revision));
                }
                let entry = self.entries.entry(key.clone()).or_insert_with(|| KeyValue {
                    key: key.clone(),
                    value: Bytes::new(),
                    create_revision: revision,
                    mod_revision: 0,
                    version: 0,
                });
                entry.value = value.clone();
                entry.mod_revision = revision;
                entry.version += 1;
                Ok(())
            }
            (Action::Get { key }, Outcome::Get(found)) => {
                let expected = self.entries.get(key);
                if found.as_ref() == expected {
                    Ok(())
                } else {
                    Err(format!("{expected:?}"))
                }
            }
            (Action::Delete { key, .. }, Outcome::Delete { deleted, .. }) => {
                let expected = self.entries.remove(key).is_some();
                if *deleted == expected {
                    Ok(())
                } else {
                    Err(format!("deleted: {expected}"))
                }
            }
            _ => Err("an outcome of the action's kind".into()),
        }
    }

    fn holds(&self, key: &Bytes, relation: Relation, target: &Target) -> bool {
        let entry = self.entries.get(key);
        let order = match target {
            Target::Version(version) => entry.map_or(0, |e| e.version).cmp(version),
            Target::ModRevision(revision) => entry.map_or(0, |e| e.mod_revision).cmp(revision),
            Target::CreateRevision(revision) => {
                entry.map_or(0, |e| e.create_revision).cmp(revision)
            }
            Target::Value(value) => match entry {
                Some(entry) => entry.value.cmp(value),
                None => return false,
            },
        };
        match relation {
            Relation::Equal => order.is_eq(),
            Relation::Greater => order.is_gt(),
            Relation::Less => order.is_lt(),
            Relation::NotEqual => order.is_ne(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn put(position: u64, times: (u64, u64), value: &str, revision: u64) -> Observed {
        Observed {
            invoked: ms(times.0),
            returned: ms(times.1),
            position,
            operation: Operation::put("k", value.to_owned()),
            response: Response::Action {
                revision,
                outcome: Outcome::Put(None),
            },
        }
    }

    fn get(position: u64, times: (u64, u64), value: &str, revisions: (u64, u64)) -> Observed {
        let found = KeyValue {
            key: "k".into(),
            value: value.to_owned().into(),
            create_revision: 2,
            mod_revision: revisions.0,
            version: revisions.0 - 1,
        };
        Observed {
            invoked: ms(times.0),
            returned: ms(times.1),
            position,
            operation: Operation::get("k"),
            response: Response::Action {
                revision: revisions.1,
                outcome: Outcome::Get(Some(found)),
            },
        }
    }

    #[test]
    fn accepts_a_history_in_order() {
        let history = vec![
            get(3, (4, 6), "b", (3, 3)),
            put(1, (0, 2), "a", 2),
            put(2, (1, 3), "b", 3),
        ];
        assert_eq!(check(history), Ok(()));
    }

    #[test]
    fn refuses_a_stale_read() {
        let history = vec![
            put(1, (0, 2), "a", 2),
            put(2, (1, 3), "b", 3),
            get(3, (4, 6), "a", (2, 3)),
        ];
        assert!(matches!(
            check(history),
            Err(Violation::Answer { position: 3, .. })
        ));
    }

    #[test]
    fn refuses_an_order_against_real_time() {
        let history = vec![put(2, (0, 1), "a", 3), put(1, (2, 3), "b", 2)];
        assert_eq!(check(history), Err(Violation::Precedence { position: 2 }));
    }

    #[test]
    fn refuses_two_operations_at_one_position() {
        let history = vec![put(1, (0, 2), "a", 2), put(1, (0, 2), "b", 3)];
        assert_eq!(check(history), Err(Violation::SamePosition(1)));
    }
}
