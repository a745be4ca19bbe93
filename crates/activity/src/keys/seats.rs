use std::collections::BTreeMap;

use maftia_types::{SiteId, SiteSet};

/// How the sites of an epoch, and those that join after it, are numbered in the next one.
pub(super) struct Seats(BTreeMap<SiteId, SiteId>);

impl Seats {
    /// The next epoch's members by seat, as the present epoch numbers them.
    pub(super) fn new(members: &[SiteId]) -> Self {
        let seats = SiteId::all(members.len());
        Self(members.iter().copied().zip(seats).collect())
    }

    /// The site's seat; none if it leaves.
    pub(super) fn of(&self, site: SiteId) -> Option<SiteId> {
        self.0.get(&site).copied()
    }

    /// Those of the sites that stay.
    pub(super) fn set(&self, sites: SiteSet) -> SiteSet {
        sites.iter().filter_map(|site| self.of(site)).collect()
    }

    /// What belongs to the sites that stay.
    pub(super) fn map<V>(&self, by_site: BTreeMap<SiteId, V>) -> BTreeMap<SiteId, V> {
        let entries = by_site.into_iter();
        entries
            .filter_map(|(site, value)| Some((self.of(site)?, value)))
            .collect()
    }
}
