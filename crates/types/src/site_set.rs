use std::fmt;

use crate::SiteId;

/// A set of sites in one word. All counts of votes are counts of such sets, so an author that
/// speaks twice is counted once.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SiteSet(u64);

impl SiteSet {
    /// The empty set.
    pub const EMPTY: Self = Self(0);

    /// Adds a site; true if it was not there.
    pub fn insert(&mut self, site: SiteId) -> bool {
        let before = self.0;
        self.0 |= 1 << site.index();
        self.0 != before
    }

    /// Takes a site out.
    pub fn remove(&mut self, site: SiteId) {
        self.0 &= !(1 << site.index());
    }

    /// Whether the site is in the set.
    pub const fn contains(self, site: SiteId) -> bool {
        self.0 >> site.index() & 1 == 1
    }

    /// How many sites are in the set.
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The members, in order.
    pub fn iter(self) -> impl Iterator<Item = SiteId> {
        (0..64)
            .filter(move |index| self.0 >> index & 1 == 1)
            .filter_map(SiteId::new)
    }

    /// Members of either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The word itself, for encoding.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// A set from its word.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
}

impl FromIterator<SiteId> for SiteSet {
    fn from_iter<T: IntoIterator<Item = SiteId>>(sites: T) -> Self {
        let mut set = Self::EMPTY;
        for site in sites {
            set.insert(site);
        }
        set
    }
}

impl fmt::Debug for SiteSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_a_site_once() {
        let c = SiteId::new(2).unwrap();
        let mut set = SiteSet::EMPTY;
        assert!(set.insert(c));
        assert!(!set.insert(c));
        assert_eq!(set.len(), 1);
        assert_eq!(set.iter().collect::<Vec<_>>(), vec![c]);
        set.remove(c);
        assert!(set.is_empty());
    }
}
