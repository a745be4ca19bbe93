//! Who the other sites are, as links, names and ids go; it changes with the view.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use maftia_config::GroupFile;
use maftia_crypto::PublicKey;
use maftia_membership::Member;
use maftia_multipoint::Directory;
use maftia_types::{Digest, SITES_MAX, SiteId, SiteSet};

/// The sites with which there are links, by their ids of now.
#[derive(Debug)]
pub(crate) struct Sites {
    group: Digest,
    clients: Vec<PublicKey>,
    /// Where sites are, by key, as this site's copy of the group's file says: it may name other
    /// addresses than other copies, and is right about the way from here.
    addresses: BTreeMap<[u8; 32], SocketAddr>,
    known: Vec<Member>,
    /// Names by key, those of sites that have left included: proofs stay.
    names: BTreeMap<[u8; 32], String>,
    /// Ids whose links are still those of other sites: what comes under them is not heard.
    stale: SiteSet,
}

impl Sites {
    /// Those of the group's file.
    pub(crate) fn of(group: &GroupFile) -> Self {
        let sites = group.group().sites.iter().chain(&group.group().joining);
        let addresses = sites
            .clone()
            .map(|site| (*site.key.as_bytes(), site.address));
        let names = sites.map(|site| (*site.key.as_bytes(), site.name.clone()));
        Self {
            group: *group.digest(),
            clients: group.group().clients.iter().map(|own| own.key).collect(),
            addresses: addresses.collect(),
            known: Vec::new(),
            names: names.collect(),
            stale: SiteSet::EMPTY,
        }
    }

    /// Takes over who the sites are now; gives the ids that are another site's than before.
    pub(crate) fn change(&mut self, universe: Vec<Member>) -> SiteSet {
        let key = |of: &[Member], id: SiteId| of.get(id.index()).map(|member| member.key);
        let moved: SiteSet = SiteId::all(SITES_MAX)
            .filter(|id| key(&self.known, *id) != key(&universe, *id))
            .collect();
        universe.iter().for_each(|member| self.learn(member));
        self.known = universe;
        self.stale = self.stale.union(moved);
        moved
    }

    /// Remembers what a site is called.
    pub(crate) fn learn(&mut self, member: &Member) {
        let key = *member.key.as_bytes();
        self.names.entry(key).or_insert_with(|| member.name.clone());
    }

    /// What the site with that key is called, or was when it was here.
    pub(crate) fn name_of(&self, key: &[u8; 32]) -> String {
        let known = self.names.get(key).cloned();
        known.unwrap_or_else(|| Digest(*key).to_string())
    }

    /// A link to the site that has this id now has come up.
    pub(crate) fn met(&mut self, site: SiteId) {
        self.stale.remove(site);
    }

    /// Whether what comes under this id is from the site that has it now.
    pub(crate) fn is_heard(&self, site: SiteId) -> bool {
        !self.stale.contains(site) && site.index() < self.known.len()
    }

    /// Who may have links, and where the sites are. A site nobody knows the place of is not dialed.
    pub(crate) fn directory(&self) -> Directory {
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        let address = |member: &Member| {
            let here = self.addresses.get(member.key.as_bytes()).copied();
            here.or(member.address).unwrap_or(nowhere)
        };
        let sites = self
            .known
            .iter()
            .map(|member| (member.key, address(member)));
        let built = Directory::new(self.group, sites.collect(), self.clients.clone());
        built.expect("no view has the key of a client or of two sites")
    }

    /// What people call a site.
    pub(crate) fn name(&self, site: SiteId) -> &str {
        self.known
            .get(site.index())
            .map_or("?", |member| &member.name)
    }

    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }
}
