use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::iter;
use std::ops::Bound;

use bytes::Bytes;

use super::entry::Entry;
use super::pages::{Pages, Span};
use super::response::{
    EntryRef, KEY_VALUE_BYTES_FIXED, OUTCOME_BYTES_FIXED, RESPONSE_BYTES_FIXED, ResponseWriter,
};
use super::{Action, Compare, Interval, RESPONSE_BYTES_MAX, Range, Refusal, Relation, Target};

/// The store as one operation sees and changes it: its writes lie over the pages until all actions
/// have succeeded, so that a refusal leaves no trace.
pub(super) struct Draft<'a> {
    pages: &'a Pages,
    /// The revision that the operation's writes get.
    revision: u64,
    changes: BTreeMap<Bytes, Change>,
    /// Bytes of entries that the answer may still take.
    room: usize,
}

struct Change {
    /// The charge of the entry in the pages, if the key is there.
    before: Option<u64>,
    after: Option<Entry>,
}

/// What one action gave.
pub(super) enum Answer {
    Count(u64),
    Delete {
        deleted: bool,
        previous: Option<Entry>,
    },
    DeleteRange {
        deleted: u32,
        more: bool,
    },
    Get(Option<Entry>),
    Put(Option<Entry>),
    Range {
        entries: Vec<Entry>,
        keys_only: bool,
        more: bool,
    },
}

/// A write to be made in the pages.
pub(super) enum Write {
    Put(Entry),
    Remove(Bytes),
}

impl<'a> Draft<'a> {
    /// For an operation of this many actions.
    pub(super) const fn new(pages: &'a Pages, revision: u64, actions: usize) -> Self {
        Self {
            pages,
            revision,
            changes: BTreeMap::new(),
            room: RESPONSE_BYTES_MAX - RESPONSE_BYTES_FIXED - actions * OUTCOME_BYTES_FIXED,
        }
    }

    /// Executes one action, seeing the writes of those before.
    pub(super) fn act(&mut self, action: &Action) -> Result<Answer, Refusal> {
        match action {
            Action::Count(interval) => Ok(Answer::Count(self.count(interval))),
            Action::Delete { key, previous } => {
                let removed = self.visible(key).cloned();
                if let Some(entry) = &removed {
                    self.set(key.clone(), Some(entry.charge()), None);
                }
                Ok(Answer::Delete {
                    deleted: removed.is_some(),
                    previous: self.answered(removed.filter(|_| *previous))?,
                })
            }
            Action::DeleteRange { interval, limit } => Ok(self.delete_range(interval, *limit)),
            Action::Get { key } => {
                let found = self.visible(key).cloned();
                Ok(Answer::Get(self.answered(found)?))
            }
            Action::Put {
                key,
                value,
                previous,
            } => {
                let replaced = self.put(key, value);
                Ok(Answer::Put(self.answered(replaced.filter(|_| *previous))?))
            }
            Action::Range(range) => Ok(self.range(range)),
        }
    }

    /// Whether a compare holds. An absent key compares as zero, its value with nothing.
    pub(super) fn holds(&self, compare: &Compare) -> bool {
        let entry = self.visible(&compare.key);
        let entry = entry.map(Entry::as_entry);
        let number = |of: fn(EntryRef<'_>) -> u64| entry.map_or(0, of);
        let order = match &compare.target {
            Target::CreateRevision(given) => number(|entry| entry.create_revision).cmp(given),
            Target::ModRevision(given) => number(|entry| entry.mod_revision).cmp(given),
            Target::Version(given) => number(|entry| entry.version).cmp(given),
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
    }

    /// The writes, in key order, unless they would grow the store beyond its quota.
    pub(super) fn finish(self, bytes_max: u64) -> Result<Vec<Write>, Refusal> {
        let (mut added, mut removed) = (0, 0);
        for change in self.changes.values() {
            removed += change.before.unwrap_or(0);
            added += change.after.as_ref().map_or(0, |entry| entry.charge());
        }
        // The store is within its quota, so only what grows it can be refused.
        if self.pages.bytes() + added - removed > bytes_max {
            return Err(Refusal::NoSpace);
        }
        let writes = self
            .changes
            .into_iter()
            .map(|(key, change)| change.after.map_or_else(|| Write::Remove(key), Write::Put));
        Ok(writes.collect())
    }

    fn put(&mut self, key: &Bytes, value: &Bytes) -> Option<Entry> {
        let replaced = self.visible(key).cloned();
        let old = replaced.as_ref().map(Entry::as_entry);
        let entry = Entry::new(EntryRef {
            key,
            value,
            create_revision: old.map_or(self.revision, |entry| entry.create_revision),
            mod_revision: self.revision,
            version: old.map_or(1, |entry| entry.version + 1),
        });
        let before = replaced.as_ref().map(Entry::charge);
        self.set(key.clone(), before, Some(entry));
        replaced
    }

    fn delete_range(&mut self, interval: &Interval, limit: u32) -> Answer {
        let limit = limit as usize;
        let mut doomed: Vec<(Bytes, u64)> = self
            .entries(span(interval, None))
            .take(limit + 1)
            .map(|entry| (Bytes::copy_from_slice(entry.key()), entry.charge()))
            .collect();
        let more = doomed.len() > limit;
        doomed.truncate(limit);
        let deleted = u32::try_from(doomed.len()).expect("at most the limit, a u32");
        for (key, charge) in doomed {
            self.set(key, Some(charge), None);
        }
        Answer::DeleteRange { deleted, more }
    }

    fn range(&mut self, range: &Range) -> Answer {
        let mut room = self.room;
        let mut entries = Vec::new();
        let mut more = false;
        for entry in self.entries(span(&range.interval, range.after.as_ref())) {
            let size = if range.keys_only {
                KEY_VALUE_BYTES_FIXED + entry.key().len()
            } else {
                size(entry)
            };
            if entries.len() == range.limit as usize || size > room {
                more = true;
                break;
            }
            room -= size;
            entries.push(entry.clone());
        }
        self.room = room;
        Answer::Range {
            entries,
            keys_only: range.keys_only,
            more,
        }
    }

    fn count(&self, interval: &Interval) -> u64 {
        let span = span(interval, None);
        let mut count = self.pages.count(span);
        for (_, change) in self.changes_in(span) {
            count = count + u64::from(change.after.is_some()) - u64::from(change.before.is_some());
        }
        count
    }

    /// Takes an entry's size from what the answer may still hold.
    fn answered(&mut self, entry: Option<Entry>) -> Result<Option<Entry>, Refusal> {
        if let Some(entry) = &entry {
            let room = self.room.checked_sub(size(entry));
            self.room = room.ok_or(Refusal::ResponseTooLarge)?;
        }
        Ok(entry)
    }

    fn set(&mut self, key: Bytes, visible: Option<u64>, after: Option<Entry>) {
        // A key changed before keeps what the pages hold for it; otherwise that is what was visible.
        self.changes
            .entry(key)
            .or_insert(Change {
                before: visible,
                after: None,
            })
            .after = after;
    }

    fn visible(&self, key: &[u8]) -> Option<&Entry> {
        match self.changes.get(key) {
            Some(change) => change.after.as_ref(),
            None => self.pages.find(key),
        }
    }

    /// What is visible in a span: the pages' entries with the changes over them.
    fn entries<'b>(&'b self, span: Span<'b>) -> impl Iterator<Item = &'b Entry> {
        let mut stored = self.pages.range(span).peekable();
        let mut changed = self.changes_in(span).peekable();
        iter::from_fn(move || {
            loop {
                let order = match (stored.peek(), changed.peek()) {
                    (None, None) => return None,
                    (Some(_), None) => Ordering::Less,
                    (None, Some(_)) => Ordering::Greater,
                    (Some(entry), Some((key, _))) => entry.key().cmp(key),
                };
                match order {
                    Ordering::Less => return stored.next(),
                    Ordering::Equal => {
                        stored.next();
                    }
                    Ordering::Greater => {
                        let after = changed.next().and_then(|(_, change)| change.after.as_ref());
                        if after.is_some() {
                            return after;
                        }
                    }
                }
            }
        })
    }

    fn changes_in<'b>(&'b self, span: Span<'b>) -> impl Iterator<Item = (&'b Bytes, &'b Change)> {
        let bounds = span.bounds().into_iter();
        bounds.flat_map(|bounds| self.changes.range::<[u8], _>(bounds))
    }
}

impl Answer {
    pub(super) fn encode(&self, w: &mut ResponseWriter<'_>) {
        match self {
            Self::Count(count) => w.count(*count),
            Self::Delete { deleted, previous } => {
                w.delete(*deleted, previous.as_ref().map(Entry::as_entry));
            }
            Self::DeleteRange { deleted, more } => w.delete_range(*deleted, *more),
            Self::Get(found) => w.get(found.as_ref().map(Entry::as_entry)),
            Self::Put(previous) => w.put(previous.as_ref().map(Entry::as_entry)),
            Self::Range {
                entries,
                keys_only,
                more,
            } => {
                let shown = entries.iter().map(|entry| EntryRef {
                    value: if *keys_only {
                        &[]
                    } else {
                        entry.as_entry().value
                    },
                    ..entry.as_entry()
                });
                w.range(shown, *more);
            }
        }
    }
}

fn size(entry: &Entry) -> usize {
    let entry = entry.as_entry();
    KEY_VALUE_BYTES_FIXED + entry.key.len() + entry.value.len()
}

fn span<'b>(interval: &'b Interval, after: Option<&'b Bytes>) -> Span<'b> {
    let lower = match after {
        Some(after) if *after >= interval.start => Bound::Excluded(after.as_ref()),
        _ => Bound::Included(interval.start.as_ref()),
    };
    Span {
        lower,
        end: interval.end.as_deref(),
    }
}
