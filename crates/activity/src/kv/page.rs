use std::sync::Arc;

use bytes::Bytes;
use maftia_codec::{Reader, Writer};
use maftia_crypto::Domain;
use maftia_types::Digest;

use super::response::EntryRef;
use super::{ENTRY_BYTES_OVERHEAD, KeyValue};

/// More entries, and a page is split. Copying a page costs this many pointers, a snapshot one
/// pointer and digest per page.
pub(super) const PAGE_ENTRIES_MAX: usize = 64;
/// More bytes, and a page of two or more entries is split: bounds a chunk of state transfer.
pub(super) const PAGE_BYTES_MAX: u64 = 256 * 1024;
/// A page with fewer entries and fewer bytes than these looks for a neighbour to join.
const PAGE_ENTRIES_MIN: usize = PAGE_ENTRIES_MAX / 4;
const PAGE_BYTES_MIN: u64 = PAGE_BYTES_MAX / 4;

const PAGE: Domain = Domain::new("kv page");
const VALUE: Domain = Domain::new("kv value");

/// First byte of a page's chunk.
pub(super) const TAG_PAGE: u8 = 2;

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
    fn digested(&self) -> &[u8] {
        self.data.split_at(self.key_length + HISTORY_BYTES).0
    }
}

/// Neighbouring entries in key order, never empty once stored: the unit of copying, hashing and
/// state transfer.
#[derive(Debug)]
pub(super) struct Page {
    entries: Vec<Entry>,
    bytes: u64,
}

impl Clone for Page {
    /// With room to grow to the limit: a page is cloned to be changed.
    fn clone(&self) -> Self {
        let mut entries = Vec::with_capacity(PAGE_ENTRIES_MAX + 1);
        entries.extend_from_slice(&self.entries);
        Self {
            entries,
            bytes: self.bytes,
        }
    }
}

impl Page {
    pub(super) fn new(entries: Vec<Entry>) -> Self {
        let bytes = entries.iter().map(Entry::charge).sum();
        Self { entries, bytes }
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The sum of the entries' charges.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn first_key(&self) -> Option<&[u8]> {
        self.entries.first().map(Entry::key)
    }

    pub(super) fn find(&self, key: &[u8]) -> Option<&Entry> {
        self.entries.get(self.search(key).ok()?)
    }

    /// How many entries lie before `key`.
    pub(super) fn rank(&self, key: &[u8]) -> usize {
        self.search(key).unwrap_or_else(|at| at)
    }

    fn search(&self, key: &[u8]) -> Result<usize, usize> {
        self.entries.binary_search_by(|entry| entry.key().cmp(key))
    }

    /// Puts an entry in its place; gives back the one it replaces.
    pub(super) fn put(&mut self, entry: Entry) -> Option<Entry> {
        self.bytes += entry.charge();
        match self.search(entry.key()) {
            Ok(at) => {
                let slot = self.entries.get_mut(at).expect("found at this index");
                let replaced = std::mem::replace(slot, entry);
                self.bytes -= replaced.charge();
                Some(replaced)
            }
            Err(at) => {
                self.entries.insert(at, entry);
                None
            }
        }
    }

    pub(super) fn remove(&mut self, key: &[u8]) -> Option<Entry> {
        let removed = self.entries.remove(self.search(key).ok()?);
        self.bytes -= removed.charge();
        Some(removed)
    }

    /// Whether it is within the limits.
    pub(super) fn fits(&self) -> bool {
        let count = self.entries.len();
        count <= PAGE_ENTRIES_MAX && (self.bytes <= PAGE_BYTES_MAX || count <= 1)
    }

    /// Whether it should join a neighbour if one has room.
    pub(super) fn is_small(&self) -> bool {
        self.entries.len() < PAGE_ENTRIES_MIN && self.bytes < PAGE_BYTES_MIN
    }

    /// Whether the two together are at most half a page, so that the result is not split soon.
    pub(super) fn joins(&self, other: &Self) -> bool {
        self.entries.len() + other.entries.len() <= PAGE_ENTRIES_MAX / 2
            && self.bytes + other.bytes <= PAGE_BYTES_MAX / 2
    }

    /// Takes over the entries of the page that follows.
    pub(super) fn join(&mut self, next: &Self) {
        self.entries.extend_from_slice(&next.entries);
        self.bytes += next.bytes;
    }

    /// Moves the second half, by bytes, into a page of its own. A page of at least two entries.
    pub(super) fn split(&mut self) -> Self {
        let mut before = 0;
        let half = self.entries.iter().position(|entry| {
            before += entry.charge();
            before >= self.bytes / 2
        });
        // The entry that reaches the half stays in the first page, unless nothing would follow it.
        let at = half.map_or(1, |index| index + 1);
        let second = Self::new(
            self.entries
                .split_off(at.min(self.entries.len().saturating_sub(1))),
        );
        self.bytes -= second.bytes;
        second
    }

    /// Covers keys, histories, and values by their length and digest.
    pub(super) fn digest(&self) -> Digest {
        // In one piece: BLAKE3 is several times faster on a page than on its fields one by one.
        let mut bytes = Vec::with_capacity(self.entries.len() * 2 * HISTORY_BYTES);
        for entry in &self.entries {
            bytes.extend_from_slice(&(entry.key_length as u64).to_le_bytes());
            bytes.extend_from_slice(entry.digested());
        }
        PAGE.digest(&bytes)
    }

    /// The chunk of state transfer.
    pub(super) fn to_chunk(&self) -> Bytes {
        let mut w = Writer::new();
        w.u8(TAG_PAGE);
        w.length(self.entries.len());
        for entry in &self.entries {
            entry.as_entry().encode(&mut w);
        }
        w.finish()
    }

    /// Reads [`Self::to_chunk`]; refuses what no store can hold.
    pub(super) fn from_chunk(chunk: &Bytes) -> Result<Self, &'static str> {
        let mut r = Reader::new(chunk.clone());
        if r.u8() != Ok(TAG_PAGE) {
            return Err("it is not a page");
        }
        let entries = r
            .list::<KeyValue>("entries", PAGE_ENTRIES_MAX)
            .map_err(|_| "a page's entries do not decode")?;
        r.end().map_err(|_| "bytes follow the page")?;
        let sane = entries.iter().all(|entry| {
            let span = entry.mod_revision.checked_sub(entry.create_revision);
            entry.create_revision > super::store::REVISION_OF_EMPTY
                && span.is_some_and(|span| (1..=span.saturating_add(1)).contains(&entry.version))
        });
        if !sane {
            return Err("an entry's history is impossible");
        }
        if !entries.is_sorted_by(|a, b| a.key < b.key) {
            return Err("keys are not in ascending order");
        }
        let page = Self::new(
            entries
                .iter()
                .map(|entry| Entry::new(entry.as_entry()))
                .collect(),
        );
        if page.entries.is_empty() || !page.fits() {
            return Err("a page's size is impossible");
        }
        Ok(page)
    }
}
