//! The end of an epoch, for the keys: shared for the next committee while the present one still uses
//! its own sharings, then exchanged at once.

use std::collections::BTreeSet;

use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_crypto::PublicKey;
use maftia_types::{Epoch, Resilience, SITES_MAX, SiteId};

use super::ceremony::Origin;
use super::record::wire;
use super::seats::Seats;
use super::setup::{read_resilience, write_resilience};
use super::{KeyId, Ordered, Setup, State};
use crate::replication::{NextCommittee, PrepareError};

/// A next committee that the keys are being shared for. The keys of those who join are in the setup.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Next {
    pub(super) epoch: Epoch,
    pub(super) resilience: Resilience,
    /// By seat of the next epoch, as the present one numbers them.
    pub(super) members: Vec<SiteId>,
    /// What began it.
    origin: Origin,
}

impl Ordered {
    /// Begins to share every key in use for the next committee, at a commit. Whatever ceremonies are
    /// under way give way to that, and clients cannot begin others until [`Ordered::enter`] or
    /// [`Ordered::abandon`]. A key that has no sharing yet gets its first one after that.
    ///
    /// # Errors
    /// Each of [`PrepareError`]; nothing was changed.
    pub fn prepare(
        &mut self,
        next: &NextCommittee,
        commit: u64,
        commit_time_ms: u64,
    ) -> Result<(), PrepareError> {
        self.follows(next)?;
        let keyed = self.keys().any(|own| own.state != State::Retired);
        if keyed && !next.resilience.hides_dealt_secrets() {
            return Err(PrepareError::Unshareable);
        }
        let origin = Origin::Commit {
            commit,
            commit_time_ms,
        };
        self.ceremonies.clear();
        self.setup.sites.truncate(self.setup.resilience.sites());
        self.setup.sites.extend(&next.joiners);
        self.next = Some(Next {
            epoch: next.epoch,
            resilience: next.resilience,
            members: next.members.clone(),
            origin,
        });
        self.begin_all(origin, State::Active);
        Ok(())
    }

    /// Whether the epoch may end: each key in use is shared by the next committee, and a quorum of it
    /// has said that its shares are on disk. Said by ordered words only, so it is so everywhere.
    #[must_use]
    pub fn is_prepared(&self) -> bool {
        let held = |key: KeyId| {
            let mut ceremonies = self.ceremonies();
            ceremonies.any(|own| own.key == key && own.is_held())
        };
        let mut active = self.keys().filter(|own| own.state == State::Active);
        self.next.is_some() && active.all(|own| held(own.id))
    }

    /// There will be no such next epoch. The sharings made for it are void, and their shares are to
    /// be erased; those in use were never touched.
    pub fn abandon(&mut self) {
        let Some(next) = self.next.take() else {
            return;
        };
        self.setup.sites.truncate(self.setup.resilience.sites());
        self.ceremonies.clear();
        self.begin_all(next.origin, State::Generating);
    }

    /// The next epoch begins: its sharings are in use, its committee is the present one, and every
    /// site is numbered by its seat. Sessions that are open begin again with the new shares.
    ///
    /// # Panics
    /// Unless [`Ordered::is_prepared`]: the keys would be lost.
    pub fn enter(&mut self) {
        assert!(self.is_prepared(), "the next committee holds the keys");
        let Some(next) = self.next.take() else {
            return;
        };
        let key_of = |site: &SiteId| self.setup.key_of(*site).cloned();
        self.setup = Setup {
            group: self.setup.group,
            epoch: next.epoch,
            resilience: next.resilience,
            sites: next.members.iter().filter_map(key_of).collect(),
            clients: self.setup.clients.clone(),
            approvals: self.setup.approvals,
        };
        for ceremony in std::mem::take(&mut self.ceremonies).into_values() {
            self.activate(ceremony);
        }
        let seats = Seats::new(&next.members);
        let active = self.keys.values_mut();
        for record in active.filter(|own| own.state == State::Active) {
            record.current.iter_mut().for_each(|own| own.reseat(&seats));
        }
        self.reseat_sessions(&seats);
        self.begin_all(next.origin, State::Generating);
    }

    fn begin_all(&mut self, origin: Origin, state: State) {
        let keys = self.keys().filter(|own| own.state == state);
        let keys: Vec<KeyId> = keys.map(|own| own.id).collect();
        for key in keys {
            self.begin(origin, key)
                .expect("the key was found just above");
        }
    }

    /// Whether it is a next committee of this epoch.
    fn follows(&self, next: &NextCommittee) -> Result<(), PrepareError> {
        let present = self.setup.resilience.sites();
        let universe = present + next.joiners.len();
        let members: BTreeSet<SiteId> = next.members.iter().copied().collect();
        let joins = |at: usize| members.iter().any(|site| site.index() == at);
        let keys = self.setup.sites.iter().take(present).chain(&next.joiners);
        let keys: BTreeSet<_> = keys.map(PublicKey::as_bytes).collect();
        let reason = if next.epoch.0.checked_sub(1) != Some(self.setup.epoch.0) {
            "its epoch is not the next one"
        } else if universe > SITES_MAX {
            "with those who join there are too many sites"
        } else if next.resilience.sites() != members.len() || members.len() != next.members.len() {
            "its members are not as many different ones as its fault model says"
        } else if members.iter().any(|site| site.index() >= universe) {
            "it has a member that nobody knows"
        } else if !(present..universe).all(joins) {
            "one who joins is no member"
        } else if keys.len() != universe {
            "one who joins has another site's key"
        } else {
            return Ok(());
        };
        Err(PrepareError::Inconsistent { reason })
    }
}

/// Whether the setup has the keys of all sites that there are.
pub(super) fn is_complete(setup: &Setup, next: Option<&Next>) -> bool {
    let (keys, present) = (setup.sites.len(), setup.resilience.sites());
    match next {
        None => keys == present,
        Some(next) => {
            let known = |site: &SiteId| site.index() < keys;
            let members = next.members.len();
            keys >= present
                && members == next.resilience.sites()
                && members == next.members.iter().collect::<BTreeSet<_>>().len()
                && next.members.iter().all(known)
        }
    }
}

impl Wire for Next {
    fn encode(&self, w: &mut Writer) {
        w.epoch(self.epoch);
        write_resilience(w, self.resilience);
        wire::sites(w, &self.members);
        self.origin.encode(w);
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            epoch: r.epoch()?,
            resilience: read_resilience(r)?,
            members: wire::read_sites(r)?,
            origin: Origin::decode(r)?,
        })
    }
}
