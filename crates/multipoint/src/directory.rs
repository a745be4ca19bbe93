use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;

use maftia_crypto::PublicKey;
use maftia_types::{Digest, SITES_MAX, SiteId};

/// Who holds a key: the only notion of identity on a link.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Peer {
    /// A site of the current view.
    Site(SiteId),
    /// A client, by the index of its key in the group's configuration.
    Client(u32),
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Site(site) => write!(f, "site {site}"),
            Self::Client(index) => write!(f, "client {index}"),
        }
    }
}

/// Which keys may hold a link, and where the sites listen: the current view as links see it.
#[derive(Clone, Debug)]
pub struct Directory {
    group: Digest,
    sites: Vec<(PublicKey, SocketAddr)>,
    clients: Vec<PublicKey>,
    by_key: BTreeMap<[u8; 32], Peer>,
}

/// Why lists of keys are not a directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// One key stands for two peers, so the key would not say who is at the other end.
    #[error("{first} and {second} have the same key")]
    DuplicateKey {
        /// Who has the key first.
        first: Peer,
        /// Who has it again.
        second: Peer,
    },
    /// More sites than a group may have.
    #[error("{0} sites, at most {SITES_MAX} are allowed")]
    TooManySites(usize),
}

impl Directory {
    /// A directory of `group`. A site's [`SiteId`] is its index in `sites`, a client's number its
    /// index in `clients`.
    ///
    /// # Errors
    /// [`DirectoryError`].
    pub fn new(
        group: Digest,
        sites: Vec<(PublicKey, SocketAddr)>,
        clients: Vec<PublicKey>,
    ) -> Result<Self, DirectoryError> {
        if sites.len() > SITES_MAX {
            return Err(DirectoryError::TooManySites(sites.len()));
        }
        let mut by_key = BTreeMap::new();
        let site_keys = SiteId::all(sites.len())
            .map(Peer::Site)
            .zip(sites.iter().map(|(key, _)| key));
        let client_keys = (0u32..).map(Peer::Client).zip(&clients);
        for (second, key) in site_keys.chain(client_keys) {
            if let Some(first) = by_key.insert(*key.as_bytes(), second) {
                return Err(DirectoryError::DuplicateKey { first, second });
            }
        }
        Ok(Self {
            group,
            sites,
            clients,
            by_key,
        })
    }

    /// The group that the keys belong to.
    pub const fn group(&self) -> &Digest {
        &self.group
    }

    /// Who holds `key`.
    pub fn peer(&self, key: &[u8; 32]) -> Option<Peer> {
        self.by_key.get(key).copied()
    }

    /// The key of `peer`.
    pub fn key(&self, peer: Peer) -> Option<&PublicKey> {
        match peer {
            Peer::Site(site) => self.sites.get(site.index()).map(|(key, _)| key),
            Peer::Client(index) => self.clients.get(usize::try_from(index).ok()?),
        }
    }

    /// The sites, in order, with their keys and addresses.
    pub fn sites(&self) -> impl Iterator<Item = (SiteId, PublicKey, SocketAddr)> {
        SiteId::all(self.sites.len())
            .zip(&self.sites)
            .map(|(site, (key, address))| (site, *key, *address))
    }
}

#[cfg(test)]
mod tests {
    use maftia_crypto::SigningKey;

    use super::*;

    fn key(seed: u8) -> PublicKey {
        SigningKey::from_seed([seed; 32]).public()
    }

    fn address() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 1))
    }

    #[test]
    fn a_key_names_one_peer() {
        let directory = Directory::new(Digest::ZERO, vec![(key(1), address())], vec![key(2)]);
        let directory = directory.unwrap();
        let site = Peer::Site(SiteId::new(0).unwrap());
        assert_eq!(directory.peer(key(1).as_bytes()), Some(site));
        assert_eq!(directory.peer(key(2).as_bytes()), Some(Peer::Client(0)));
        assert_eq!(directory.peer(key(3).as_bytes()), None);
        assert_eq!(directory.key(Peer::Client(0)), Some(&key(2)));
        assert_eq!(directory.key(Peer::Client(1)), None);
    }

    #[test]
    fn refuses_one_key_for_two_peers() {
        let twice = Directory::new(Digest::ZERO, vec![(key(1), address())], vec![key(1)]);
        assert!(matches!(twice, Err(DirectoryError::DuplicateKey { .. })));
    }

    #[test]
    fn refuses_one_site_too_many() {
        let sites = |n: usize| {
            (0..n)
                .map(|i| (key(u8::try_from(i).unwrap()), address()))
                .collect::<Vec<_>>()
        };
        assert!(Directory::new(Digest::ZERO, sites(SITES_MAX), vec![]).is_ok());
        let over = Directory::new(Digest::ZERO, sites(SITES_MAX + 1), vec![]);
        assert_eq!(over.unwrap_err(), DirectoryError::TooManySites(65));
    }
}
