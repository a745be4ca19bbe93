use std::sync::Arc;

use bytes::Bytes;
use maftia_codec::{Reader, Writer};
use maftia_crypto::{Domain, Hasher};
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

/// A key with its value and history. Immutable; shared by the store and its snapshots.
#[derive(Debug)]
pub(super) struct Entry {
    /// Key and value in one buffer of exactly their size. Never a slice of a received one, which
    /// would keep all of that alive.
    data: Box<[u8]>,
    key_length: usize,
    pub(super) create_revision: u64,
    pub(super) mod_revision: u64,
    pub(super) version: u64,
    value_digest: Digest,
}

impl Entry {
    /// Copies the entry.
    pub(super) fn new(entry: EntryRef<'_>) -> Self {
        let mut data = Vec::with_capacity(entry.key.len() + entry.value.len());
        data.extend_from_slice(entry.key);
        data.extend_from_slice(entry.value);
        Self {
            data: data.into_boxed_slice(),
            key_length: entry.key.len(),
            create_revision: entry.create_revision,
            mod_revision: entry.mod_revision,
            version: entry.version,
            value_digest: VALUE.digest(entry.value),
        }
    }

    pub(super) fn key(&self) -> &[u8] {
        self.data.split_at(self.key_length).0
    }

    pub(super) fn value(&self) -> &[u8] {
        self.data.split_at(self.key_length).1
    }

    pub(super) fn as_entry(&self) -> EntryRef<'_> {
        EntryRef {
            key: self.key(),
            value: self.value(),
            create_revision: self.create_revision,
            mod_revision: self.mod_revision,
            version: self.version,
        }
    }

    /// What it counts against the quota and a page's size.
    pub(super) fn charge(&self) -> u64 {
        self.data.len() as u64 + ENTRY_BYTES_OVERHEAD
    }
}

/// Neighbouring entries in key order, never empty once stored: the unit of copying, hashing and
/// state transfer.
#[derive(Debug)]
pub(super) struct Page {
    entries: Vec<Arc<Entry>>,
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
    pub(super) fn new(entries: Vec<Arc<Entry>>) -> Self {
        let bytes = entries.iter().map(|entry| entry.charge()).sum();
        Self { entries, bytes }
    }

    pub(super) fn entries(&self) -> &[Arc<Entry>] {
        &self.entries
    }

    /// The sum of the entries' charges.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn first_key(&self) -> Option<&[u8]> {
        self.entries.first().map(|entry| entry.key())
    }

    pub(super) fn find(&self, key: &[u8]) -> Option<&Arc<Entry>> {
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
    pub(super) fn put(&mut self, entry: Arc<Entry>) -> Option<Arc<Entry>> {
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

    pub(super) fn remove(&mut self, key: &[u8]) -> Option<Arc<Entry>> {
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

    /// Covers keys, histories, and values by their digests.
    pub(super) fn digest(&self) -> Digest {
        let mut hasher = Hasher::new(PAGE);
        hasher.number(self.entries.len() as u64);
        for entry in &self.entries {
            hasher.number(entry.key_length as u64);
            hasher.update(entry.key());
            hasher.number(entry.create_revision);
            hasher.number(entry.mod_revision);
            hasher.number(entry.version);
            hasher.number(entry.value().len() as u64);
            hasher.update(entry.value_digest.as_bytes());
        }
        hasher.finish()
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
                .map(|entry| Arc::new(Entry::new(entry.as_entry())))
                .collect(),
        );
        if page.entries.is_empty() || !page.fits() {
            return Err("a page's size is impossible");
        }
        Ok(page)
    }
}
