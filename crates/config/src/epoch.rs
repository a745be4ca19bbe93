//! What a group's file says of its epoch.

use maftia_crypto::PublicKey;
use maftia_membership::{Member, View};
use maftia_multipoint::Peer;
use maftia_types::{Digest, Epoch, Resilience, SiteId};

use crate::group::{Group, GroupError, GroupFile, SiteEntry};

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
pub(crate) const fn is_founding(epoch: &u64) -> bool {
    *epoch == 0
}

impl GroupFile {
    /// How often the sites have changed before this file.
    pub const fn epoch(&self) -> Epoch {
        self.view().epoch()
    }

    /// The sites that join by the change under way, with their ids until it is made.
    pub fn joining(&self) -> impl Iterator<Item = (SiteId, &SiteEntry)> {
        let group = self.group();
        let ids = SiteId::all(group.sites.len() + group.joining.len());
        ids.skip(group.sites.len()).zip(&group.joining)
    }

    /// The joining sites as the group has agreed on them.
    pub fn joiners(&self) -> Vec<Member> {
        self.joining().map(|(_, site)| agreed(site)).collect()
    }

    /// The id of the site that has that key, or will have: members, then those who join.
    pub fn place(&self, key: &PublicKey) -> Option<SiteId> {
        match self.peer(key) {
            Some(Peer::Site(site)) => Some(site),
            Some(Peer::Client(_)) | None => None,
        }
    }

    /// This file in a later epoch: with the sites of another view of the same group, and those that
    /// join it. Founders' addresses are this file's, by their keys.
    ///
    /// # Errors
    /// If that is no file of the same group: [`GroupError`].
    pub fn with_view(&self, view: &View, joiners: &[Member]) -> Result<Self, GroupError> {
        let known = |member: &Member| {
            let mut sites = universe(self.group());
            sites.find(|site| site.key == member.key).cloned()
        };
        let entry = |member: &Member| match (member.address, known(member)) {
            (Some(address), _) => Ok(SiteEntry {
                name: member.name.clone(),
                key: member.key,
                address,
                http: member.http,
                joined: true,
            }),
            (None, Some(founder)) => Ok(founder),
            (None, None) => Err(GroupError::NoAddress(member.name.clone())),
        };
        let sites = view.members().iter().map(entry);
        let joining = joiners.iter().map(entry);
        Self::new(Group {
            f: view.resilience().intruded_max(),
            c: view.resilience().stopped_max(),
            epoch: view.epoch().0,
            id: Some(*view.group()),
            sites: sites.collect::<Result<_, _>>()?,
            joining: joining.collect::<Result<_, _>>()?,
            ..self.group().clone()
        })
    }
}

/// What names the group: what the file says, or what a founding one has as its digest.
pub(crate) fn id(group: &Group) -> Result<Digest, GroupError> {
    if group.epoch > 0 {
        return group.id.ok_or(GroupError::NoId(group.epoch));
    }
    if let Some(site) = group.sites.iter().find(|site| site.joined) {
        return Err(GroupError::JoinedFounder(site.name.clone()));
    }
    let digest = group.digest();
    match group.id {
        Some(id) if id != digest => Err(GroupError::Id(digest)),
        _ => Ok(digest),
    }
}

/// The view of the file's epoch.
pub(crate) fn view(group: &Group, id: Digest, resilience: Resilience) -> Result<View, GroupError> {
    let member = |site: &SiteEntry| match site.joined {
        true => agreed(site),
        false => Member {
            address: None,
            http: None,
            ..agreed(site)
        },
    };
    let members = group.sites.iter().map(member).collect();
    Ok(View::new(id, Epoch(group.epoch), resilience, members)?)
}

/// Members, then those that join.
pub(crate) fn universe(group: &Group) -> impl Iterator<Item = &SiteEntry> {
    group.sites.iter().chain(&group.joining)
}

fn agreed(site: &SiteEntry) -> Member {
    Member {
        name: site.name.clone(),
        key: site.key,
        address: Some(site.address),
        http: site.http,
    }
}

#[cfg(test)]
mod tests;
