use std::collections::{BTreeMap, BTreeSet};

use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_crypto::{Domain, Hasher, PublicKey};
use maftia_types::{Digest, Epoch, Resilience, ResilienceError, SITES_MAX, SiteId};

use crate::member::{Member, is_name};
use crate::wire;

const VIEW: Domain = Domain::new("view");
const CONFIG: Domain = Domain::new("epoch configuration");

/// Who is in the group in one epoch, in the order of seats: a site's [`SiteId`] is its place.
///
/// No two members have the same name, key or (agreed) address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct View {
    group: Digest,
    epoch: Epoch,
    resilience: Resilience,
    members: Vec<Member>,
}

/// Why a description is no view.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ViewError {
    /// Two members have the same address.
    #[error("`{0}` and `{1}` have the same address")]
    DuplicateAddress(String, String),
    /// Two members have the same key.
    #[error("`{0}` and `{1}` have the same key")]
    DuplicateKey(String, String),
    /// Two members have the same name.
    #[error("two sites are called `{0}`")]
    DuplicateName(String),
    /// No epoch comes after this one.
    #[error("the epoch is the last that can be numbered")]
    LastEpoch,
    /// A name is empty, too long or has odd characters.
    #[error("`{0}` is no name of a site")]
    Name(String),
    /// The resilience is that of another number of sites.
    #[error("{members} sites are described, and the resilience of {sites}")]
    Size {
        /// How many members there are.
        members: usize,
        /// How many the resilience is of.
        sites: usize,
    },
}

impl View {
    /// Checks a description.
    ///
    /// # Errors
    /// [`ViewError`].
    pub fn new(
        group: Digest,
        epoch: Epoch,
        resilience: Resilience,
        members: Vec<Member>,
    ) -> Result<Self, ViewError> {
        let sites = resilience.sites();
        if members.len() != sites {
            let members = members.len();
            return Err(ViewError::Size { members, sites });
        }
        if epoch == Epoch(u64::MAX) {
            return Err(ViewError::LastEpoch);
        }
        check_unique(&members)?;
        Ok(Self {
            group,
            epoch,
            resilience,
            members,
        })
    }

    /// The view that the group begins with: its digest, and what the digest covers of its sites.
    ///
    /// # Errors
    /// [`ViewError`].
    pub fn genesis(
        group: Digest,
        resilience: Resilience,
        sites: impl IntoIterator<Item = (String, PublicKey)>,
    ) -> Result<Self, ViewError> {
        let member = |(name, key)| Member {
            name,
            key,
            address: None,
            http: None,
        };
        let members = sites.into_iter().map(member).collect();
        Self::new(group, Epoch(0), resilience, members)
    }

    /// The group's digest.
    #[must_use]
    pub const fn group(&self) -> &Digest {
        &self.group
    }

    /// The epoch.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// n, f, c and every threshold.
    #[must_use]
    pub const fn resilience(&self) -> Resilience {
        self.resilience
    }

    /// The members, in the order of seats.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The members with their seats.
    pub fn sites(&self) -> impl Iterator<Item = (SiteId, &Member)> {
        SiteId::all(self.members.len()).zip(&self.members)
    }

    /// Who has that seat.
    #[must_use]
    pub fn member(&self, seat: SiteId) -> Option<&Member> {
        self.members.get(seat.index())
    }

    /// The seat of who has that key.
    #[must_use]
    pub fn seat_of(&self, key: &PublicKey) -> Option<SiteId> {
        let found = self.sites().find(|(_, member)| member.key == *key);
        found.map(|(seat, _)| seat)
    }

    /// The seat of who has that name.
    #[must_use]
    pub fn seat_named(&self, name: &str) -> Option<SiteId> {
        let found = self.sites().find(|(_, member)| member.name == name);
        found.map(|(seat, _)| seat)
    }

    /// The keys, in the order of seats.
    #[must_use]
    pub fn keys(&self) -> Vec<PublicKey> {
        self.members.iter().map(|member| member.key).collect()
    }

    /// What names this view: covers everything in it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        VIEW.digest(&self.to_bytes())
    }

    /// What all blocks of the epoch carry: the group's digest in the first epoch; in every later one
    /// a digest of the view, and of the log up to the commit at which the epoch began. So no block,
    /// and nothing signed in one, is of use in another epoch, or after another history.
    #[must_use]
    pub fn config(&self, chain: &Digest) -> Digest {
        if self.epoch == Epoch(0) {
            return self.group;
        }
        let mut hasher = Hasher::new(CONFIG);
        hasher
            .update(self.digest().as_bytes())
            .update(chain.as_bytes());
        hasher.finish()
    }
}

fn check_unique(members: &[Member]) -> Result<(), ViewError> {
    let (mut names, mut keys, mut addresses) = (BTreeSet::new(), BTreeMap::new(), BTreeMap::new());
    for member in members {
        let name = &member.name;
        if !is_name(name) {
            return Err(ViewError::Name(name.clone()));
        }
        if !names.insert(name) {
            return Err(ViewError::DuplicateName(name.clone()));
        }
        if let Some(first) = keys.insert(member.key.as_bytes(), name) {
            return Err(ViewError::DuplicateKey(first.clone(), name.clone()));
        }
        for address in member.addresses() {
            if let Some(first) = addresses.insert(address, name) {
                return Err(ViewError::DuplicateAddress(first.clone(), name.clone()));
            }
        }
    }
    Ok(())
}

impl Wire for View {
    fn encode(&self, w: &mut Writer) {
        w.digest(&self.group);
        w.epoch(self.epoch);
        wire::model(w, self.resilience.model());
        wire::count(w, self.resilience.intruded_max());
        wire::count(w, self.resilience.stopped_max());
        w.list(&self.members);
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        let (group, epoch) = (r.digest()?, r.epoch()?);
        let (model, f, c) = (
            wire::read_model(r)?,
            wire::read_count(r)?,
            wire::read_count(r)?,
        );
        let members: Vec<Member> = r.list("members", SITES_MAX)?;
        let resilience = Resilience::new(model, members.len(), f, c);
        let resilience = resilience.map_err(|_: ResilienceError| INVALID)?;
        Self::new(group, epoch, resilience, members).map_err(|_| INVALID)
    }
}

const INVALID: DecodeError = DecodeError::Invalid { field: "view" };

#[cfg(test)]
mod tests;
