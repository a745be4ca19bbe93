use std::net::SocketAddr;
use std::num::NonZeroU8;
use std::path::Path;

use maftia_crypto::{Domain, Hasher, PublicKey};
use maftia_membership::{NAME_BYTES_MAX, View, ViewError, is_name};
use maftia_multipoint::{Directory, DirectoryError, Peer};
use maftia_types::{
    CoinUse, Digest, FaultModel, Power, Powers, Resilience, ResilienceError, SITES_MAX, SiteId,
};
use serde::{Deserialize, Serialize};

use crate::ConfigError;
use crate::epoch::{self, is_founding};
use crate::file::{parse, read, save_toml, text};
use crate::restored::RestoredEntry;
use crate::row::{self, RowError};

const GROUP: Domain = Domain::new("group configuration");

/// Raised when the meaning of the digested fields changes.
const FORMAT: u64 = 1;

const COMMENT: &str = "\
# A group of sites, equal at every site and client. The order of sites and clients matters.
# Everything but the addresses is covered by the group's digest.
# Take from each client the powers that it does not need, before the first start.
# Once the sites have changed, `id` is that digest, and the sites are those of the epoch: have such a
# file written by `maftia group export`.";

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
    /// How many sites may stop, in a group of the model `crash`. 0 in files that do not say.
    #[serde(default, skip_serializing_if = "row::is_zero")]
    pub c: usize,
    /// How often its sites have changed. 0 in files that do not say: the sites are the founders.
    #[serde(default, skip_serializing_if = "is_founding")]
    pub epoch: u64,
    /// The group's digest. A later epoch's file must say it, since its sites are not those that the
    /// digest covers; a founding one need not.
    #[serde(
        with = "crate::spelling::digest",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub id: Option<Digest>,
    /// How many clients must approve a change of its shared keys: to create or retire one, or to
    /// change who may use it. They need the power to approve keys.
    #[serde(default)]
    pub keys: ApprovalsEntry,
    /// How many clients must approve a change of its sites. They need the power to approve members;
    /// the one that proposes is one of them.
    #[serde(default)]
    pub members: ApprovalsEntry,
    /// From what it was restored, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored: Option<RestoredEntry>,
    /// Whether a leader that almost all sites vote for is final at once, two message delays after it
    /// was sent. Needs f ≥ 1.
    #[serde(default)]
    pub fast_path: bool,
    /// When a coin names its leaders, so that nobody who rules the network can hold it up for ever:
    /// from the first change of epoch on, which the group makes by itself once it has the coin's key.
    #[serde(with = "crate::spelling::coin_use", default)]
    pub asynchronous: CoinUse,
    /// Its sites. A site's [`SiteId`] is its place in this list.
    #[serde(rename = "site")]
    pub sites: Vec<SiteEntry>,
    /// The sites that join by the change under way, in its order: the ids after those of the sites.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub joining: Vec<SiteEntry>,
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
    /// Whether it came by a change of the sites. Its addresses are then those that the group has
    /// agreed on, equal in every file and part of the [`View`]; a founder's are this file's own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub joined: bool,
}

/// Who must agree to a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalsEntry {
    /// How many different clients. 1 in files that do not say.
    #[serde(default = "one")]
    pub approvals: NonZeroU8,
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
    /// What it may do. All in files that do not say: before there were powers, every client had
    /// them.
    #[serde(with = "crate::spelling::powers", default = "all_powers")]
    pub powers: Powers,
}

const fn one() -> NonZeroU8 {
    NonZeroU8::MIN
}

const fn all_powers() -> Powers {
    Powers::ALL
}

impl Default for ApprovalsEntry {
    fn default() -> Self {
        Self { approvals: one() }
    }
}

/// Why a description is no group.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GroupError {
    /// The sites cannot carry f.
    #[error(transparent)]
    Resilience(#[from] ResilienceError),
    /// The model cannot be had, or does not know what is asked for.
    #[error(transparent)]
    Row(#[from] RowError),
    /// The sites cannot share the key of a coin.
    #[error("asynchronous = \"{0}\" needs a key that these sites cannot share: n >= 3f+2c+1")]
    Asynchronous(CoinUse),
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
    /// The `id` of a founding file is not its digest.
    #[error("`id` is not the digest of this file, {0}: leave it out, or say which epoch this is")]
    Id(Digest),
    /// A site of a founding file is marked as one that came later.
    #[error("`{0}` has joined, but the group is in its first epoch")]
    JoinedFounder(String),
    /// A later epoch's file does not say which group it is of.
    #[error("a file of epoch {0} needs the `id` of its group: write it with `maftia group export`")]
    NoId(u64),
    /// Nobody says where the site of this name is.
    #[error("nobody says where `{0}` is")]
    NoAddress(String),
    /// Sites and joining sites are more than a group may have.
    #[error("sites and joining sites together are more than {SITES_MAX}")]
    TooManySites,
    /// The sites are no view.
    #[error(transparent)]
    View(#[from] ViewError),
    /// No change could ever be approved.
    #[error("[{table}] approvals = {wanted}, but {able} clients have the power \"{power}\"")]
    Approvals {
        /// Where the file says so.
        table: &'static str,
        /// What it takes to approve.
        power: Power,
        /// How many clients must approve.
        wanted: NonZeroU8,
        /// How many can.
        able: usize,
    },
}

/// A valid group.
#[derive(Clone, Debug)]
pub struct GroupFile {
    group: Group,
    view: View,
    directory: Directory,
}

impl GroupFile {
    /// Checks a description.
    ///
    /// # Errors
    /// [`GroupError`].
    pub fn new(group: Group) -> Result<Self, GroupError> {
        let resilience = row::resilience(&group)?;
        if group.fast_path {
            resilience.fast_path()?;
        }
        check_names(&group)?;
        check_addresses(&group)?;
        check_approvals(&group, "keys", (group.keys, Power::ApproveKeys))?;
        check_approvals(&group, "members", (group.members, Power::ApproveMembers))?;
        let id = epoch::id(&group)?;
        let directory = directory(&group, id)?;
        Ok(Self {
            view: epoch::view(&group, id, resilience)?,
            group,
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

    /// The group of a file's text.
    ///
    /// # Errors
    /// If it describes no valid group; what is wrong.
    pub fn from_text(text: &str) -> Result<Self, String> {
        let group = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        Self::new(group).map_err(|error| error.to_string())
    }

    /// Writes the group's file.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), ConfigError> {
        save_toml(path, COMMENT, &self.group)
    }

    /// The file's text.
    ///
    /// # Errors
    /// If a number in it is larger than TOML has them.
    pub fn text(&self) -> Result<String, toml::ser::Error> {
        text(COMMENT, &self.group)
    }

    /// What the file says.
    pub const fn group(&self) -> &Group {
        &self.group
    }

    /// What names the group in all its epochs: the digest of what must be equal at all sites and
    /// clients of the first, see [`Group::digest`].
    pub const fn digest(&self) -> &Digest {
        self.directory.group()
    }

    /// The view of the file's epoch, as the group has agreed on it: founders have no address there.
    pub const fn view(&self) -> &View {
        &self.view
    }

    /// Who may hold a link, and where the sites are: the view's members, then the joining ones.
    pub const fn directory(&self) -> &Directory {
        &self.directory
    }

    /// n, f and every threshold.
    pub const fn resilience(&self) -> Resilience {
        self.view.resilience()
    }

    /// What each client may do, in order.
    pub fn powers(&self) -> Vec<Powers> {
        let clients = self.group.clients.iter();
        clients.map(|client| client.powers).collect()
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

    /// The name of a site, member or joining.
    pub fn site_name(&self, site: SiteId) -> &str {
        let entry = epoch::universe(&self.group).nth(site.index());
        entry.map_or("?", |entry| entry.name.as_str())
    }

    /// Who holds a key.
    pub fn peer(&self, key: &PublicKey) -> Option<Peer> {
        self.directory.peer(key.as_bytes())
    }
}

impl Group {
    /// The digest of what must be equal at all sites and clients of the first epoch: name, kind,
    /// model, f, and in order the names and keys of sites and clients. Powers and approvals are
    /// covered where a file says other than what holds for one that does not speak of them, which
    /// keeps its digest; and so are that the group was restored, the fast path where it is on, and
    /// the coin where it is used: sites that decide by different rules must not take one another for
    /// the same group (correction 1).
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
        let restricted = self.clients.iter().any(|own| own.powers != all_powers());
        if restricted || self.keys != ApprovalsEntry::default() {
            text(&mut hasher, "powers");
            hasher.number(self.keys.approvals.get().into());
            for client in &self.clients {
                hasher.number(client.powers.bits().into());
            }
        }
        if self.members != ApprovalsEntry::default() {
            text(&mut hasher, "members");
            hasher.number(self.members.approvals.get().into());
        }
        // Where it is off nothing is added: such groups are as old as the format.
        if self.fast_path {
            text(&mut hasher, "fast path");
        }
        if self.asynchronous.needs_key() {
            text(&mut hasher, &format!("asynchronous {}", self.asynchronous));
        }
        row::hash(self, &mut hasher);
        if let Some(restored) = &self.restored {
            text(&mut hasher, "restored");
            restored.hash(&mut hasher);
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
    let joining = || group.joining.iter().map(|site| site.name.as_str());
    let all = std::iter::once(group.name.as_str()).chain(names(group));
    for name in all.chain(joining()) {
        if !is_name(name) {
            return Err(GroupError::Name(name.to_owned()));
        }
    }
    if let Some(twice) = names(group).find(|name| !seen.insert(*name)) {
        return Err(GroupError::DuplicateName(twice.to_owned()));
    }
    // A joining site may have the name of a site that leaves.
    let clients = group.clients.iter().map(|client| client.name.as_str());
    let mut seen: std::collections::BTreeSet<_> = clients.collect();
    match joining().find(|name| !seen.insert(*name)) {
        Some(twice) => Err(GroupError::DuplicateName(twice.to_owned())),
        None => Ok(()),
    }
}

/// Joining sites are compared with each other only: one may have the address of a site that leaves.
fn check_addresses(group: &Group) -> Result<(), GroupError> {
    check_distinct(&group.sites)?;
    check_distinct(&group.joining)
}

fn check_distinct(sites: &[SiteEntry]) -> Result<(), GroupError> {
    let mut seen = std::collections::BTreeMap::new();
    for site in sites {
        for address in [Some(site.address), site.http].into_iter().flatten() {
            if let Some(first) = seen.insert(address, site.name.clone()) {
                return Err(GroupError::DuplicateAddress(first, site.name.clone()));
            }
        }
    }
    Ok(())
}

/// A group without clients, or one in which nobody may approve, never changes its keys or its sites:
/// that is a choice. More approvals than approvers is a mistake.
fn check_approvals(
    group: &Group,
    table: &'static str,
    (entry, power): (ApprovalsEntry, Power),
) -> Result<(), GroupError> {
    let wanted = entry.approvals;
    let approves = |client: &&ClientEntry| client.powers.contains(power);
    let able = group.clients.iter().filter(approves).count();
    if wanted > one() && usize::from(wanted.get()) > able {
        return Err(GroupError::Approvals {
            table,
            power,
            wanted,
            able,
        });
    }
    Ok(())
}

fn directory(group: &Group, id: Digest) -> Result<Directory, GroupError> {
    let sites = epoch::universe(group).map(|site| (site.key, site.address));
    let clients = group.clients.iter().map(|client| client.key);
    let built = Directory::new(id, sites.collect(), clients.collect());
    built.map_err(|error| match error {
        DirectoryError::DuplicateKey { first, second } => {
            GroupError::DuplicateKey(name_of(group, first), name_of(group, second))
        }
        DirectoryError::TooManySites(_) | _ => GroupError::TooManySites,
    })
}

fn name_of(group: &Group, peer: Peer) -> String {
    let name = match peer {
        Peer::Site(site) => epoch::universe(group)
            .nth(site.index())
            .map(|site| &site.name),
        Peer::Client(index) => usize::try_from(index)
            .ok()
            .and_then(|index| group.clients.get(index))
            .map(|client| &client.name),
    };
    name.cloned().unwrap_or_default()
}
