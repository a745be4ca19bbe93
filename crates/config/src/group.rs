use std::net::SocketAddr;
use std::path::Path;

use maftia_crypto::{Domain, Hasher, PublicKey};
use maftia_multipoint::{Directory, DirectoryError, Peer};
use maftia_types::{Digest, FaultModel, Resilience, ResilienceError, SiteId};
use serde::{Deserialize, Serialize};

use crate::ConfigError;
use crate::file::{parse, read, save_toml};
use crate::names::{NAME_BYTES_MAX, is_name};

const GROUP: Domain = Domain::new("group configuration");

/// Raised when the meaning of the digested fields changes.
const FORMAT: u64 = 1;

const COMMENT: &str = "\
# A group of sites, equal at every site and client. The order of sites and clients matters.
# Everything but the addresses is covered by the group's digest.";

/// What a group is, as its file says it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub kind: Kind,
    /// What it assumes of its sites.
    #[serde(with = "crate::spelling::model")]
    pub model: FaultModel,
    /// How many sites may be intruded.
    pub f: usize,
    /// Whether a leader that almost all sites vote for is final at once, two message delays after it
    /// was sent. Needs f ≥ 1.
    #[serde(default)]
    pub fast_path: bool,
    /// Its sites. A site's [`SiteId`] is its place in this list.
    #[serde(rename = "site")]
    pub sites: Vec<SiteEntry>,
    /// The clients that may use it. A client's number is its place in this list.
    #[serde(rename = "client", default)]
    pub clients: Vec<ClientEntry>,
}

/// What a group is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A show of a few minutes that attacks itself.
    Demo,
    /// For developing against; may be told to attack itself.
    Dev,
    /// For use: nothing in it obeys an order to misbehave.
    Production,
}

/// A site.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteEntry {
    /// Its name.
    pub name: String,
    /// Its public key.
    #[serde(with = "crate::spelling::key")]
    pub key: PublicKey,
    /// Where others dial it.
    pub address: SocketAddr,
    /// Where its HTTP interface listens, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<SocketAddr>,
}

/// A client.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientEntry {
    /// Its name.
    pub name: String,
    /// Its public key.
    #[serde(with = "crate::spelling::key")]
    pub key: PublicKey,
}

/// Why a description is no group.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GroupError {
    /// The sites cannot carry f.
    #[error(transparent)]
    Resilience(#[from] ResilienceError),
    /// The model is not built yet.
    #[error("only model = \"arbitrary\" is available in this version, not \"{0}\"")]
    Model(FaultModel),
    /// A name is empty, too long or has odd characters.
    #[error("`{0}` is no name: use 1 to {NAME_BYTES_MAX} letters, digits, `-` or `_`")]
    Name(String),
    /// A name stands twice.
    #[error("two entries are called `{0}`")]
    DuplicateName(String),
    /// A key stands twice.
    #[error("`{0}` and `{1}` have the same key: every site and client has a key of its own")]
    DuplicateKey(String, String),
    /// An address stands twice.
    #[error("`{0}` and `{1}` have the same address")]
    DuplicateAddress(String, String),
}

/// A valid group.
#[derive(Clone, Debug)]
pub struct GroupFile {
    group: Group,
    resilience: Resilience,
    directory: Directory,
}

impl GroupFile {
    /// Checks a description.
    ///
    /// # Errors
    /// [`GroupError`].
    pub fn new(group: Group) -> Result<Self, GroupError> {
        if group.model != FaultModel::Arbitrary {
            return Err(GroupError::Model(group.model));
        }
        let resilience = Resilience::new(group.model, group.sites.len(), group.f, 0)?;
        if group.fast_path {
            resilience.fast_path()?;
        }
        check_names(&group)?;
        check_addresses(&group)?;
        let directory = directory(&group)?;
        Ok(Self {
            group,
            resilience,
            directory,
        })
    }

    /// Reads a group's file.
    ///
    /// # Errors
    /// If the file cannot be read or describes no valid group.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let group = parse(path, &read(path)?)?;
        Self::new(group).map_err(|error| {
            let next = "correct it at every site and client alike, and try again";
            ConfigError::new(path, error.to_string(), next)
        })
    }

    /// Writes the group's file.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), ConfigError> {
        save_toml(path, COMMENT, &self.group)
    }

    /// What the file says.
    pub const fn group(&self) -> &Group {
        &self.group
    }

    /// The digest of what must be equal at all sites and clients: see [`Group::digest`].
    pub const fn digest(&self) -> &Digest {
        self.directory.group()
    }

    /// Who may hold a link, and where the sites are.
    pub const fn directory(&self) -> &Directory {
        &self.directory
    }

    /// n, f and every threshold.
    pub const fn resilience(&self) -> Resilience {
        self.resilience
    }

    /// The public keys of the sites, in order.
    pub fn site_keys(&self) -> Vec<PublicKey> {
        self.group.sites.iter().map(|site| site.key).collect()
    }

    /// The sites in order, with their ids.
    pub fn sites(&self) -> impl Iterator<Item = (SiteId, &SiteEntry)> {
        SiteId::all(self.group.sites.len()).zip(&self.group.sites)
    }

    /// The site with this name.
    pub fn site(&self, name: &str) -> Option<(SiteId, &SiteEntry)> {
        self.sites().find(|(_, site)| site.name == name)
    }

    /// The name of a site.
    pub fn site_name(&self, site: SiteId) -> &str {
        let entry = self.group.sites.get(site.index());
        entry.map_or("?", |entry| entry.name.as_str())
    }

    /// Who holds a key.
    pub fn peer(&self, key: &PublicKey) -> Option<Peer> {
        self.directory.peer(key.as_bytes())
    }
}

impl Group {
    /// The digest of what must be equal at all sites and clients: name, kind, model, f, in order
    /// the names and keys of sites and clients, and whether the fast path is on: sites that decide
    /// by different rules must not take one another for the same group (correction 1).
    ///
    /// Addresses are left out: a site may move, and may be reached under different addresses from
    /// different places, without becoming another group. The constants of the protocols are left
    /// out too: they are those of the program's version.
    pub fn digest(&self) -> Digest {
        let mut hasher = Hasher::new(GROUP);
        let text = |hasher: &mut Hasher, text: &str| {
            hasher.number(text.len() as u64).update(text.as_bytes());
        };
        hasher.number(FORMAT);
        text(&mut hasher, &self.name);
        text(&mut hasher, self.kind.as_str());
        text(&mut hasher, &self.model.to_string());
        hasher.number(self.f as u64).number(self.sites.len() as u64);
        for site in &self.sites {
            text(&mut hasher, &site.name);
            hasher.update(site.key.as_bytes());
        }
        hasher.number(self.clients.len() as u64);
        for client in &self.clients {
            text(&mut hasher, &client.name);
            hasher.update(client.key.as_bytes());
        }
        // Where it is off nothing is added: such groups are as old as the format.
        if self.fast_path {
            text(&mut hasher, "fast path");
        }
        hasher.finish()
    }
}

impl Kind {
    /// As the file spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Demo => "demo",
            Self::Dev => "dev",
            Self::Production => "production",
        }
    }
}

fn names(group: &Group) -> impl Iterator<Item = &str> {
    let sites = group.sites.iter().map(|site| site.name.as_str());
    sites.chain(group.clients.iter().map(|client| client.name.as_str()))
}

fn check_names(group: &Group) -> Result<(), GroupError> {
    let mut seen = std::collections::BTreeSet::new();
    for name in std::iter::once(group.name.as_str()).chain(names(group)) {
        if !is_name(name) {
            return Err(GroupError::Name(name.to_owned()));
        }
    }
    match names(group).find(|name| !seen.insert(*name)) {
        Some(twice) => Err(GroupError::DuplicateName(twice.to_owned())),
        None => Ok(()),
    }
}

fn check_addresses(group: &Group) -> Result<(), GroupError> {
    let mut seen = std::collections::BTreeMap::new();
    for site in &group.sites {
        for address in [Some(site.address), site.http].into_iter().flatten() {
            if let Some(first) = seen.insert(address, site.name.clone()) {
                return Err(GroupError::DuplicateAddress(first, site.name.clone()));
            }
        }
    }
    Ok(())
}

fn directory(group: &Group) -> Result<Directory, GroupError> {
    let sites = group.sites.iter().map(|site| (site.key, site.address));
    let clients = group.clients.iter().map(|client| client.key);
    let built = Directory::new(group.digest(), sites.collect(), clients.collect());
    built.map_err(|error| match error {
        DirectoryError::DuplicateKey { first, second } => {
            GroupError::DuplicateKey(name_of(group, first), name_of(group, second))
        }
        _ => unreachable!("the number of sites has been checked"),
    })
}

fn name_of(group: &Group, peer: Peer) -> String {
    let name = match peer {
        Peer::Site(site) => group.sites.get(site.index()).map(|site| &site.name),
        Peer::Client(index) => usize::try_from(index)
            .ok()
            .and_then(|index| group.clients.get(index))
            .map(|client| &client.name),
    };
    name.cloned().unwrap_or_default()
}
