//! What the chunks of a snapshot hold, told one at a time, without keeping them.

use bytes::Bytes;
use maftia_codec::Wire as _;

use super::page::Page;
use super::snapshot::Meta;
use crate::replication::RestoreError;

/// What a store's chunks hold, as their first one says and the others bear out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Summary {
    /// That of the store's latest change.
    pub revision: u64,
    /// Keys that have a value.
    pub entries: u64,
    /// What they count against the quota: their bytes, and
    /// [`ENTRY_BYTES_OVERHEAD`](super::ENTRY_BYTES_OVERHEAD) each.
    pub bytes: u64,
}

/// Looks at the chunks of one snapshot, in order: whether a store restores from them. Holds a key.
#[derive(Debug, Default)]
pub struct Survey {
    meta: Option<Meta>,
    pages: u64,
    entries: u64,
    bytes: u64,
    last: Vec<u8>,
}

impl Survey {
    /// The next chunk.
    ///
    /// # Errors
    /// If no store has this chunk at this place.
    pub fn add(&mut self, chunk: &Bytes) -> Result<(), RestoreError> {
        let malformed = |chunk, reason| RestoreError::Malformed { chunk, reason };
        let Some(meta) = &self.meta else {
            let meta = Meta::from_bytes(chunk.clone());
            let meta = meta.map_err(|_| malformed(0, "it does not decode"))?;
            meta.check()?;
            self.meta = Some(meta);
            return Ok(());
        };
        self.pages += 1;
        let place = usize::try_from(self.pages).unwrap_or(usize::MAX);
        let page = Page::from_chunk(chunk).map_err(|reason| malformed(place, reason))?;
        page.check_age(meta.revision)?;
        let follows = self.pages == 1 || page.first_key() > Some(&self.last[..]);
        if !follows {
            let reason = "the pages are not in key order";
            return Err(RestoreError::Inconsistent { reason });
        }
        self.entries += page.entries().len() as u64;
        self.bytes += page.bytes();
        self.last.clear();
        let last = page.entries().last();
        self.last
            .extend_from_slice(last.map_or(&[], |last| last.key()));
        Ok(())
    }

    /// What all of them hold.
    ///
    /// # Errors
    /// If they are not all.
    pub fn end(&self) -> Result<Summary, RestoreError> {
        let inconsistent = |reason| Err(RestoreError::Inconsistent { reason });
        let Some(meta) = &self.meta else {
            return inconsistent("there is no chunk");
        };
        if meta.pages != self.pages {
            return inconsistent("the number of pages differs");
        }
        if (meta.entries, meta.bytes) != (self.entries, self.bytes) {
            return inconsistent("the entries are not those counted");
        }
        Ok(Summary {
            revision: meta.revision,
            entries: meta.entries,
            bytes: meta.bytes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv::{Operation, Store};
    use crate::replication::{Context, StateMachine as _};
    use maftia_types::ClientId;

    fn chunks(entries: u32) -> Vec<Bytes> {
        let mut store = Store::default();
        let context = Context {
            position: 1,
            commit_time_ms: 5,
            client: ClientId { key: 0, session: 0 },
        };
        for number in 0..entries {
            let put = Operation::put(format!("key {number:05}"), "value").to_bytes();
            store.apply(&context, &put, &mut Vec::new());
        }
        let snapshot = store.snapshot();
        let count = snapshot.manifest().len();
        (0..count).map(|at| snapshot.chunk(at).unwrap()).collect()
    }

    fn survey(chunks: &[Bytes]) -> Result<Summary, RestoreError> {
        let mut survey = Survey::default();
        chunks.iter().try_for_each(|chunk| survey.add(chunk))?;
        survey.end()
    }

    #[test]
    fn what_a_store_restores_from_is_counted_and_nothing_else_is() {
        for entries in [0, 1, 64, 65, 1000] {
            let summary = survey(&chunks(entries)).unwrap();
            assert_eq!(summary.entries, u64::from(entries));
            assert_eq!(summary.revision, 1 + u64::from(entries));
        }
        let whole = chunks(1000);
        assert!(survey(&[]).is_err());
        assert!(survey(&whole[1..]).is_err(), "no meta chunk");
        assert!(survey(&whole[..whole.len() - 1]).is_err(), "a page less");
        let mut swapped = whole.clone();
        swapped.swap(1, 2);
        assert!(survey(&swapped).is_err(), "out of order");
        let mut twice = whole.clone();
        twice.insert(2, whole[1].clone());
        assert!(survey(&twice).is_err(), "a page twice");
        let mut older = whole;
        older[0] = chunks(10)[0].clone();
        assert!(survey(&older).is_err(), "of another revision");
    }
}
