use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use maftia_types::Digest;

use super::entry::Entry;
use super::page::Page;

/// All entries, in pages.
///
/// Invariants, which make the layout a function of the chunks alone, so that a restored store goes
/// on exactly as the one it was copied from: a page is indexed under its first key, is not empty,
/// and fits; keys ascend within and across pages. Every rule of splitting and joining looks only at
/// the page changed and its neighbours.
#[derive(Debug, Default)]
pub(super) struct Pages {
    index: BTreeMap<Box<[u8]>, Slot>,
    entries: u64,
    bytes: u64,
}

/// The keys above (or at) a lower bound and below an end. May be empty.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span<'a> {
    pub(super) lower: Bound<&'a [u8]>,
    pub(super) end: Option<&'a [u8]>,
}

impl<'a> Span<'a> {
    /// As the bounds of a `BTreeMap`; `None` if empty, which `BTreeMap::range` may refuse.
    pub(super) fn bounds(self) -> Option<Bounds<'a>> {
        let Some(end) = self.end else {
            return Some((self.lower, Bound::Unbounded));
        };
        let empty = match self.lower {
            Bound::Included(lower) | Bound::Excluded(lower) => end <= lower,
            Bound::Unbounded => false,
        };
        (!empty).then_some((self.lower, Bound::Excluded(end)))
    }
}

type Bounds<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

#[derive(Debug)]
struct Slot {
    page: Arc<Page>,
    /// Of the page as it is; `None` since its last change.
    digest: Option<Digest>,
}

impl Slot {
    fn new(page: Page) -> Self {
        Self {
            page: Arc::new(page),
            digest: None,
        }
    }

    /// The page, for changing: a copy if a snapshot holds it.
    fn change(&mut self) -> &mut Page {
        self.digest = None;
        Arc::make_mut(&mut self.page)
    }
}

impl Pages {
    /// Adds a page behind all others. `false`, and nothing done, if its keys do not follow theirs.
    pub(super) fn append(&mut self, page: Page) -> bool {
        let last = self.index.last_key_value();
        let last = last.and_then(|(_, slot)| slot.page.entries().last());
        if last.is_some_and(|last| page.first_key() <= Some(last.key())) {
            return false;
        }
        self.entries += page.entries().len() as u64;
        self.bytes += page.bytes();
        self.insert(Slot::new(page));
        true
    }

    /// Stores an entry, in place of the one with its key if there is one.
    pub(super) fn put(&mut self, entry: Entry) {
        self.entries += 1;
        self.bytes += entry.charge();
        let upto = (Bound::Unbounded, Bound::Included(entry.key()));
        let Some((home, slot)) = self.index.range_mut::<[u8], _>(upto).next_back() else {
            return self.put_first(entry);
        };
        let page = slot.change();
        if let Some(replaced) = page.put(entry) {
            self.entries -= 1;
            self.bytes -= replaced.charge();
        }
        if !page.fits() || page.is_small() {
            let home = home.clone();
            self.rebalance(&home);
        }
    }

    /// Removes the entry with this key, if there is one.
    pub(super) fn remove(&mut self, key: &[u8]) {
        let upto = (Bound::Unbounded, Bound::Included(key));
        let Some((home, slot)) = self.index.range_mut::<[u8], _>(upto).next_back() else {
            return;
        };
        if slot.page.find(key).is_none() {
            return;
        }
        let page = slot.change();
        if let Some(removed) = page.remove(key) {
            self.entries -= 1;
            self.bytes -= removed.charge();
        }
        if page.is_small() || page.first_key() != Some(home) {
            let home = home.clone();
            self.rebalance(&home);
        }
    }

    /// Every page in key order with its digest; computes those of changed pages.
    pub(super) fn freeze(&mut self) -> impl ExactSizeIterator<Item = (Arc<Page>, Digest)> {
        self.index.values_mut().map(|slot| {
            let digest = *slot.digest.get_or_insert_with(|| slot.page.digest());
            (Arc::clone(&slot.page), digest)
        })
    }

    /// How many pages there are.
    pub(super) fn count_pages(&self) -> usize {
        self.index.len()
    }

    /// How many entries there are.
    pub(super) const fn entries(&self) -> u64 {
        self.entries
    }

    /// The sum of the entries' charges.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The entry with this key.
    pub(super) fn find(&self, key: &[u8]) -> Option<&Entry> {
        let upto = (Bound::Unbounded, Bound::Included(key));
        let (_, slot) = self.index.range::<[u8], _>(upto).next_back()?;
        slot.page.find(key)
    }

    /// The entries of a span in key order.
    pub(super) fn range<'a>(&'a self, span: Span<'a>) -> impl Iterator<Item = &'a Entry> {
        self.pages(span)
            .flat_map(move |page| page.entries().iter().skip(below(page, span.lower)))
            .take_while(move |entry| span.end.is_none_or(|end| entry.key() < end))
    }

    /// How many entries a span holds. Visits its pages, not their entries.
    pub(super) fn count(&self, span: Span<'_>) -> u64 {
        let mut pages = self.pages(span);
        let Some(first) = pages.next() else {
            return 0;
        };
        let mut last = first;
        let mut count = first.entries().len() - below(first, span.lower);
        for page in pages {
            count += page.entries().len();
            last = page;
        }
        let beyond = span
            .end
            .map_or(0, |end| last.entries().len() - last.rank(end));
        // The end is above the lower bound, so what lies beyond it has been counted.
        (count - beyond) as u64
    }

    /// The pages of a span in key order: from the one in whose place its lower bound falls.
    fn pages<'a>(&'a self, span: Span<'a>) -> impl Iterator<Item = &'a Page> {
        let pages = span.bounds().map(|(lower, end)| {
            let home = match lower {
                Bound::Included(key) | Bound::Excluded(key) => {
                    let upto = (Bound::Unbounded, Bound::Included(key));
                    self.index.range::<[u8], _>(upto).next_back()
                }
                Bound::Unbounded => None,
            };
            // A home is at or below the lower bound, and that is below the end.
            let from = home.map_or(Bound::Unbounded, |(key, _)| Bound::Included(key.as_ref()));
            self.index.range::<[u8], _>((from, end))
        });
        let slots = pages.into_iter().flatten();
        slots.map(|(_, slot)| slot.page.as_ref())
    }

    /// Stores an entry whose key is below all others.
    fn put_first(&mut self, entry: Entry) {
        let mut slot = match self.index.pop_first() {
            Some((_, slot)) => slot,
            None => Slot::new(Page::new(Vec::new())),
        };
        slot.change().put(entry);
        self.settle(slot);
    }

    /// Brings a changed page back into the limits and under its first key.
    fn rebalance(&mut self, home: &[u8]) {
        if let Some(slot) = self.index.remove(home) {
            self.settle(slot);
        }
    }

    /// Puts a page that is not in the index there: split while it does not fit, joined with a
    /// neighbour if it is small, dropped if it is empty.
    fn settle(&mut self, slot: Slot) {
        if slot.page.entries().is_empty() {
            return;
        }
        if slot.page.is_small() {
            let joined = self.join_neighbour(slot);
            return self.insert(joined);
        }
        let mut pending = vec![slot];
        while let Some(mut slot) = pending.pop() {
            if slot.page.fits() {
                self.insert(slot);
            } else {
                let second = Slot::new(slot.change().split());
                pending.extend([slot, second]);
            }
        }
    }

    /// Joins a small page, not in the index, with the page behind it or else the one before it, if
    /// that has room.
    fn join_neighbour(&mut self, mut slot: Slot) -> Slot {
        let key = first_key(&slot.page);
        let behind = (Bound::Excluded(key.as_ref()), Bound::Unbounded);
        let before = (Bound::Unbounded, Bound::Excluded(key.as_ref()));
        let behind = self.index.range::<[u8], _>(behind).next();
        let before = self.index.range::<[u8], _>(before).next_back();
        if let Some((key, _)) = behind.filter(|(_, next)| slot.page.joins(&next.page)) {
            let key = key.clone();
            let next = self
                .index
                .remove(&key)
                .expect("a neighbour is in the index");
            slot.change().join(&next.page);
        } else if let Some((key, _)) = before.filter(|(_, other)| slot.page.joins(&other.page)) {
            let key = key.clone();
            let mut previous = self
                .index
                .remove(&key)
                .expect("a neighbour is in the index");
            previous.change().join(&slot.page);
            return previous;
        }
        slot
    }

    fn insert(&mut self, slot: Slot) {
        self.index.insert(first_key(&slot.page), slot);
    }
}

/// How many entries of a page lie below a lower bound.
fn below(page: &Page, lower: Bound<&[u8]>) -> usize {
    match lower {
        Bound::Included(key) => page.rank(key),
        Bound::Excluded(key) => page.rank(key) + usize::from(page.find(key).is_some()),
        Bound::Unbounded => 0,
    }
}

/// The key under which a page is indexed.
fn first_key(page: &Page) -> Box<[u8]> {
    page.first_key().expect("a stored page is not empty").into()
}

#[cfg(test)]
impl Pages {
    /// Panics if an invariant does not hold.
    pub(super) fn assert_invariants(&self) {
        let mut last: Option<&[u8]> = None;
        let (mut entries, mut bytes) = (0, 0);
        for (key, slot) in &self.index {
            assert_eq!(slot.page.first_key(), Some(key.as_ref()));
            assert!(slot.page.fits());
            if let Some(digest) = slot.digest {
                assert_eq!(digest, slot.page.digest());
            }
            for entry in slot.page.entries() {
                assert!(slot.page.find(entry.key()).is_some());
                assert!(last < Some(entry.key()));
                last = Some(entry.key());
                entries += 1;
                bytes += entry.charge();
            }
        }
        assert_eq!((entries, bytes), (self.entries, self.bytes));
    }
}
