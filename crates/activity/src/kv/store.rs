use std::sync::Arc;

use bytes::Bytes;
use maftia_codec::Writer;
use maftia_types::Digest;

use super::apply::{Answer, Draft, Write};
use super::pages::Pages;
use super::response::ResponseWriter;
use super::snapshot::{self, Frozen, Meta};
use super::{Operation, Refusal, STATE_BYTES_MAX};
use crate::replication::{Context, RestoreError, Snapshot, StateMachine};

/// The revision of a store that was never written to, as etcd's.
pub(super) const REVISION_OF_EMPTY: u64 = 1;

/// The replicated key-value store.
#[derive(Debug)]
pub struct Store {
    pages: Pages,
    revision: u64,
    bytes_max: u64,
}

impl Default for Store {
    /// An empty store with a quota of [`STATE_BYTES_MAX`].
    fn default() -> Self {
        Self::new(STATE_BYTES_MAX)
    }
}

impl Store {
    /// An empty store whose entries may count `bytes_max` bytes together (each its key, its value
    /// and [`super::ENTRY_BYTES_OVERHEAD`]).
    ///
    /// The quota is replicated state: it must be equal at all sites, is covered by the snapshot's
    /// digest, and a restored store has that of the snapshot.
    pub fn new(bytes_max: u64) -> Self {
        Self {
            pages: Pages::default(),
            revision: REVISION_OF_EMPTY,
            bytes_max,
        }
    }

    /// The revision of the last change.
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    /// How many keys there are.
    pub const fn entries(&self) -> u64 {
        self.pages.entries()
    }

    /// What the entries count against the quota.
    pub const fn bytes(&self) -> u64 {
        self.pages.bytes()
    }

    /// The quota.
    pub const fn bytes_max(&self) -> u64 {
        self.bytes_max
    }

    /// Executes an operation and writes its answer.
    fn execute(
        &mut self,
        operation: &Operation,
        w: &mut ResponseWriter<'_>,
    ) -> Result<(), Refusal> {
        match operation {
            Operation::Action(action) => {
                let mut draft = Draft::new(&self.pages, self.revision + 1, 1);
                let answer = draft.act(action)?;
                let writes = draft.finish(self.bytes_max)?;
                self.commit(writes);
                w.action(self.revision);
                answer.encode(w);
            }
            Operation::Txn(txn) => {
                let before = Draft::new(&self.pages, self.revision + 1, 0);
                let succeeded = txn.compares.iter().all(|compare| before.holds(compare));
                let actions = if succeeded {
                    &txn.success
                } else {
                    &txn.failure
                };
                let mut draft = Draft::new(&self.pages, self.revision + 1, actions.len());
                let answers = actions
                    .iter()
                    .map(|action| draft.act(action))
                    .collect::<Result<Vec<Answer>, Refusal>>()?;
                let writes = draft.finish(self.bytes_max)?;
                self.commit(writes);
                w.txn(self.revision, succeeded, answers.len());
                answers.iter().for_each(|answer| answer.encode(w));
            }
        }
        Ok(())
    }

    fn commit(&mut self, writes: Vec<Write>) {
        if writes.is_empty() {
            return;
        }
        self.revision += 1;
        for write in writes {
            match write {
                Write::Put(entry) => self.pages.put(entry),
                Write::Remove(key) => self.pages.remove(&key),
            }
        }
    }
}

impl StateMachine for Store {
    fn apply(&mut self, _: &Context, operation: &Bytes, reply: &mut Vec<u8>) {
        let mut w = Writer::new();
        let done = Operation::read(operation)
            .and_then(|operation| self.execute(&operation, &mut ResponseWriter(&mut w)));
        // A refusal comes before the first byte of an answer.
        if let Err(refusal) = done {
            ResponseWriter(&mut w).refused(refusal);
        }
        reply.extend_from_slice(w.as_slice());
    }

    fn snapshot(&mut self) -> Arc<dyn Snapshot> {
        let meta = Meta {
            revision: self.revision,
            entries: self.pages.entries(),
            bytes: self.pages.bytes(),
            bytes_max: self.bytes_max,
            pages: self.pages.count_pages() as u64,
        };
        Arc::new(Frozen::new(&meta, self.pages.freeze()))
    }

    fn restore(&mut self, chunks: &[Bytes]) -> Result<(), RestoreError> {
        let (meta, pages) = snapshot::thaw(chunks)?;
        *self = Self {
            pages,
            revision: meta.revision,
            bytes_max: meta.bytes_max,
        };
        Ok(())
    }

    fn chunk_digest(&self, chunk: &Bytes) -> Option<Digest> {
        snapshot::chunk_digest(chunk)
    }
}

#[cfg(test)]
impl Store {
    pub(super) fn assert_invariants(&self) {
        self.pages.assert_invariants();
    }
}
