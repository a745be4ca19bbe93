use std::sync::Arc;

use maftia_crypto::Domain;

use super::ENTRY_BYTES_OVERHEAD;
use super::response::EntryRef;

const VALUE: Domain = Domain::new("kv value");

/// A key with its history and value. Immutable; clones share one buffer.
///
/// Layout: key ‖ create, mod revision, version, length of the value (8 bytes each, little-endian) ‖
/// digest of the value ‖ value. One allocation that begins with the key: a search waits for memory
/// once per probe, and what a page's digest covers is one slice. The buffer is the entry's own,
/// never a slice of a received one, which would keep all of that alive.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    key_length: usize,
    data: Arc<[u8]>,
}

/// The bytes between key and value.
const HISTORY_BYTES: usize = 4 * 8 + 32;

impl Entry {
    /// Copies the entry.
    pub(super) fn new(entry: EntryRef<'_>) -> Self {
        let mut data = Vec::with_capacity(entry.key.len() + HISTORY_BYTES + entry.value.len());
        data.extend_from_slice(entry.key);
        for number in [
            entry.create_revision,
            entry.mod_revision,
            entry.version,
            entry.value.len() as u64,
        ] {
            data.extend_from_slice(&number.to_le_bytes());
        }
        data.extend_from_slice(VALUE.digest(entry.value).as_bytes());
        data.extend_from_slice(entry.value);
        Self {
            key_length: entry.key.len(),
            data: data.into(),
        }
    }

    pub(super) fn key(&self) -> &[u8] {
        self.data.split_at(self.key_length).0
    }

    pub(super) fn as_entry(&self) -> EntryRef<'_> {
        let (key, rest) = self.data.split_at(self.key_length);
        let (history, value) = rest.split_at(HISTORY_BYTES);
        let mut numbers = history.as_chunks().0.iter();
        let mut number = || numbers.next().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        EntryRef {
            key,
            value,
            create_revision: number(),
            mod_revision: number(),
            version: number(),
        }
    }

    /// What it counts against the quota and a page's size.
    pub(super) fn charge(&self) -> u64 {
        (self.data.len() - HISTORY_BYTES) as u64 + ENTRY_BYTES_OVERHEAD
    }

    /// Key and history, with the digest in place of the value.
    pub(super) fn digested(&self) -> &[u8] {
        self.data.split_at(self.key_length + HISTORY_BYTES).0
    }
}
