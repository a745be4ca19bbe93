use std::collections::BTreeMap;

use maftia_crypto::PublicKey;
use maftia_multipoint::{Directory, LinkId, Peer};
use maftia_types::{SiteId, SiteSet};

/// The links that are up, and to which site of the present view. What comes on any other link is
/// not heard: it may be from who had a number before.
#[derive(Debug, Default)]
pub(crate) struct Links(BTreeMap<LinkId, (SiteId, PublicKey)>);

impl Links {
    /// A link has come up to who has this key.
    pub(crate) fn up(&mut self, link: LinkId, site: SiteId, key: PublicKey) {
        self.0.insert(link, (site, key));
    }

    /// A link is gone. Gives its site, if that has no other.
    pub(crate) fn down(&mut self, link: LinkId) -> Option<SiteId> {
        let (site, _) = self.0.remove(&link)?;
        (!self.sites().contains(site)).then_some(site)
    }

    /// Forgets the links to who has no place, or another one, in that directory.
    pub(crate) fn keep(&mut self, directory: &Directory) {
        self.0
            .retain(|_, (site, key)| directory.key(Peer::Site(*site)) == Some(key));
    }

    /// Whom a link is to.
    pub(crate) fn site(&self, link: LinkId) -> Option<SiteId> {
        self.0.get(&link).map(|(site, _)| *site)
    }

    /// The sites to which there are links.
    pub(crate) fn sites(&self) -> SiteSet {
        self.0.values().map(|(site, _)| *site).collect()
    }
}
