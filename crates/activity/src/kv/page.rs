use std::cmp::Ordering;

use bytes::Bytes;
use maftia_codec::{Reader, Writer};
use maftia_crypto::Domain;
use maftia_types::Digest;

use super::KeyValue;
use super::entry::Entry;
use crate::replication::RestoreError;

/// More entries, and a page is split. Copying a page costs this many pointers, a snapshot one
/// pointer and digest per page.
pub(super) const PAGE_ENTRIES_MAX: usize = 64;
/// More bytes, and a page of two or more entries is split: bounds a chunk of state transfer.
pub(super) const PAGE_BYTES_MAX: u64 = 256 * 1024;
/// A page with fewer entries and fewer bytes than these looks for a neighbour to join.
const PAGE_ENTRIES_MIN: usize = PAGE_ENTRIES_MAX / 4;
const PAGE_BYTES_MIN: u64 = PAGE_BYTES_MAX / 4;

const PAGE: Domain = Domain::new("kv page");

/// First byte of a page's chunk.
pub(super) const TAG_PAGE: u8 = 2;

/// Neighbouring entries in key order, never empty once stored: the unit of copying, hashing and
/// state transfer.
#[derive(Debug)]
pub(super) struct Page {
    entries: Vec<Entry>,
    /// The [`hint`] of each entry's key, so that a search reads these few cache lines and not the
    /// entries, scattered over memory: two thirds of the cost of a put in a large store.
    hints: Vec<u64>,
    /// All keys begin with the same bytes, at least this many; hints come after them. Known from
    /// the keys or from keys that were here: it speeds up and decides nothing.
    shared: usize,
    bytes: u64,
}

impl Clone for Page {
    /// With room to grow to the limit: a page is cloned to be changed.
    fn clone(&self) -> Self {
        let mut entries = Vec::with_capacity(PAGE_ENTRIES_MAX + 1);
        entries.extend_from_slice(&self.entries);
        let mut hints = Vec::with_capacity(PAGE_ENTRIES_MAX + 1);
        hints.extend_from_slice(&self.hints);
        Self {
            entries,
            hints,
            shared: self.shared,
            bytes: self.bytes,
        }
    }
}

impl Page {
    pub(super) fn new(entries: Vec<Entry>) -> Self {
        let bytes = entries.iter().map(Entry::charge).sum();
        let shared = match entries.as_slice() {
            [first, .., last] => common_prefix(first.key(), last.key()),
            _ => 0,
        };
        let hints = entries.iter().map(|entry| hint(entry.key(), shared));
        Self {
            hints: hints.collect(),
            entries,
            shared,
            bytes,
        }
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
        let prefix = self.first_key().and_then(|first| first.get(..self.shared));
        match key.iter().take(self.shared).cmp(prefix.unwrap_or_default()) {
            Ordering::Less => return Err(0),
            Ordering::Greater => return Err(self.entries.len()),
            Ordering::Equal => {}
        }
        let hint = hint(key, self.shared);
        let from = self.hints.partition_point(|other| *other < hint);
        let equal = self
            .hints
            .iter()
            .skip(from)
            .take_while(|other| **other == hint);
        let candidates = self.entries.get(from..from + equal.count());
        let found = candidates
            .unwrap_or_default()
            .binary_search_by(|entry| entry.key().cmp(key));
        found.map(|at| from + at).map_err(|at| from + at)
    }

    /// Puts an entry in its place; gives back the one it replaces.
    pub(super) fn put(&mut self, entry: Entry) -> Option<Entry> {
        match self.search(entry.key()) {
            Ok(at) => {
                self.bytes += entry.charge();
                let slot = self.entries.get_mut(at).expect("found at this index");
                let replaced = std::mem::replace(slot, entry);
                self.bytes -= replaced.charge();
                Some(replaced)
            }
            Err(at) => {
                self.insert(at, entry);
                None
            }
        }
    }

    fn insert(&mut self, at: usize, entry: Entry) {
        let first = self.first_key().unwrap_or_default();
        if common_prefix(first, entry.key()) < self.shared {
            let mut entries = std::mem::take(&mut self.entries);
            entries.insert(at, entry);
            *self = Self::new(entries);
        } else {
            self.bytes += entry.charge();
            self.hints.insert(at, hint(entry.key(), self.shared));
            self.entries.insert(at, entry);
        }
    }

    pub(super) fn remove(&mut self, key: &[u8]) -> Option<Entry> {
        let at = self.search(key).ok()?;
        self.hints.remove(at);
        let removed = self.entries.remove(at);
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
        let mut entries = std::mem::take(&mut self.entries);
        entries.extend_from_slice(&next.entries);
        *self = Self::new(entries);
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
        let mut first = std::mem::take(&mut self.entries);
        let second = first.split_off(at.min(first.len().saturating_sub(1)));
        *self = Self::new(first);
        Self::new(second)
    }

    /// Covers keys, histories, and values by their length and digest.
    pub(super) fn digest(&self) -> Digest {
        PAGE.digest(&self.digested())
    }

    /// What the digest is of.
    pub(super) fn digested(&self) -> Vec<u8> {
        // In one piece: BLAKE3 is several times faster on a page than on its fields one by one.
        let mut bytes = Vec::with_capacity(self.entries.len() * 128);
        for entry in &self.entries {
            bytes.extend_from_slice(&(entry.key().len() as u64).to_le_bytes());
            bytes.extend_from_slice(entry.digested());
        }
        bytes
    }

    /// Whether all of it was written up to that revision.
    pub(super) fn check_age(&self, revision: u64) -> Result<(), RestoreError> {
        let of_the_past = |entry: &Entry| entry.as_entry().mod_revision <= revision;
        if self.entries.iter().all(of_the_past) {
            return Ok(());
        }
        let reason = "an entry is newer than the state";
        Err(RestoreError::Inconsistent { reason })
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

/// The eight bytes of a key after the shared ones as a number, zeros behind its end. Of keys that
/// share these bytes, a lesser one never has the greater hint.
fn hint(key: &[u8], shared: usize) -> u64 {
    let mut bytes = [0; 8];
    let rest = key.iter().skip(shared);
    bytes
        .iter_mut()
        .zip(rest)
        .for_each(|(to, from)| *to = *from);
    u64::from_be_bytes(bytes)
}

fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}
