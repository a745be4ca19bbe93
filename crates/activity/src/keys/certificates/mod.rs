//! Signatures of the group under its checkpoints, for outsiders who know the group's key only.
//!
//! # Guarantees
//! - **True**: a digest is signed only if a correct site voted for it, as that of its own state,
//!   while at most f sites are intruded. The signature needs a threshold of sites, so f can make none.
//! - **For nothing else**: the tag is that of [`Purpose::Checkpoint`], in which no request of a client
//!   has anything signed (correction 26).
//! - **Live**: while checkpoints become stable and a threshold of sites answer, ever newer ones are
//!   certified.
//!
//! # Rules
//! 1. A checkpoint is stable here at f + 1 equal votes in delivered blocks: a function of the log.
//! 2. If none is being signed, the newest stable one is; each site owes its share. Those that become
//!    stable meanwhile wait, and only the newest of them is kept: however fast they come, one ends.
//! 3. Shares are combined when there are enough; wrong ones convict their senders. The next begins.
//! 4. When the key gets other shares, those that are here are worth nothing, and all is asked anew.
//!
//! The key is the one in use that is named [`KEY_NAME`]. Before there is one, rule 2 waits.
//!
//! # Bounds
//! [`CERTIFICATES_KEPT`] certificates; four votes and one share of each site.
//!
//! # Deviation
//! §2.10 puts shares into block headers; here they are contributions, as every other share is.

use std::collections::{BTreeMap, VecDeque};

use maftia_threshold::bls::{Purpose, Signature, Tag};
use maftia_types::{Digest, SiteId};

use super::record::{KeyId, KeyRecord, Version};
use super::sessions::World;
use super::signing::Shares;
use super::{Ordered, Scheme};
use crate::replication::SiteContext;

mod wire;

/// The key that signs checkpoints.
pub const KEY_NAME: &str = "group";

/// Certificates kept: of as many checkpoints as sites keep the states of, and some more.
pub const CERTIFICATES_KEPT: usize = 4;

/// Votes of one site that are remembered.
const VOTES_PER_SITE: usize = 4;

/// In which the group signs the digests of its checkpoints.
#[must_use]
pub fn checkpoint_tag(group: Digest) -> Tag {
    let name = group.to_string();
    Tag::new(&name, Purpose::Checkpoint).expect("a digest in hexadecimal has 64 characters")
}

/// The group's signature under a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Certificate {
    /// The checkpoint's commit.
    pub commit: u64,
    /// Its digest: what is signed.
    pub digest: Digest,
    /// By the key named [`KEY_NAME`], in the domain of [`checkpoint_tag`].
    pub signature: [u8; Signature::BYTES],
}

/// A checkpoint, by its commit, and its digest.
type Stated = (u64, Digest);

/// What became of votes and shares.
#[derive(Default, Debug, Clone, PartialEq, Eq)]
pub(super) struct Certificates {
    votes: BTreeMap<SiteId, VecDeque<Stated>>,
    /// The newest that f + 1 sites agree on.
    stable: Option<Stated>,
    open: Option<Open>,
    made: VecDeque<Certificate>,
}

/// A checkpoint that is being signed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Open {
    commit: u64,
    digest: Digest,
    /// The key, and the version of it, to which the shares belong.
    of: (KeyId, u32),
    shares: Shares,
}

impl Certificates {
    /// Counts a site's vote (rule 1).
    fn vote(&mut self, site: SiteId, vote: Stated, needed: usize) {
        let past = self.stable.is_some_and(|(newest, _)| vote.0 <= newest);
        let votes = self.votes.entry(site).or_default();
        if past || votes.contains(&vote) {
            return;
        }
        votes.push_back(vote);
        if votes.len() > VOTES_PER_SITE {
            votes.pop_front();
        }
        let agrees = |votes: &&VecDeque<Stated>| votes.contains(&vote);
        if self.votes.values().filter(agrees).count() >= needed {
            self.stable = Some(vote);
            for votes in self.votes.values_mut() {
                votes.retain(|(commit, _)| *commit > vote.0);
            }
        }
    }

    /// Begins what can begin, and begins again under another version (rules 2 and 4).
    pub(super) fn advance(&mut self, world: World<'_>) {
        let Some((key, version)) = signer(world) else {
            return;
        };
        let of = (key, version.number);
        if let Some(open) = self.open.as_mut().filter(|open| open.of != of) {
            open.of = of;
            open.shares.restart();
        }
        let signed = self.made.back().map_or(0, |latest| latest.commit);
        let next = self.stable.filter(|(commit, _)| *commit > signed);
        if let (None, Some((commit, digest))) = (&self.open, next) {
            self.open = Some(Open {
                commit,
                digest,
                of,
                shares: Shares::default(),
            });
        }
    }

    /// A new epoch has begun: its sites vote anew, by their seats, and it has its own shares of the
    /// key. What is being signed goes on, for a correct site has voted for it.
    pub(super) fn enter(&mut self, world: World<'_>) {
        self.votes.clear();
        self.advance(world);
    }

    /// Takes a share in (rule 3) and names whom it has convicted.
    pub(super) fn share(
        &mut self,
        world: World<'_>,
        (of, commit): ((KeyId, u32), u64),
        share: (SiteId, &[u8]),
    ) -> Vec<SiteId> {
        let open = self.open.as_mut();
        let open = open.filter(|open| (open.of, open.commit) == (of, commit));
        // The sharing may have changed in this very commit: a share under the former is nobody's lie.
        let current = signer(world).filter(|(key, version)| (*key, version.number) == of);
        let (Some(open), Some((_, version))) = (open, current) else {
            return Vec::new();
        };
        let tag = checkpoint_tag(world.setup.group);
        let message = open.digest.as_bytes();
        let (signature, culprits) = open.shares.add(version, (&tag, message), share);
        if let Some(signature) = signature {
            self.made.push_back(Certificate {
                commit,
                digest: open.digest,
                signature: signature.to_bytes(),
            });
            if self.made.len() > CERTIFICATES_KEPT {
                self.made.pop_front();
            }
            self.open = None;
            self.advance(world);
        }
        culprits
    }

    /// What this site owes a share of, and under which version of which key.
    pub(super) fn owed_by(&self, site: SiteId, world: World<'_>) -> Option<((KeyId, u32), u64)> {
        let (open, (key, version)) = (self.open.as_ref()?, signer(world)?);
        let owed = open.of == (key, version.number) && open.shares.awaits(version, site);
        owed.then_some((open.of, open.commit))
    }

    /// The digest of the checkpoint that is being signed.
    pub(super) fn digest_of(&self, commit: u64) -> Option<Digest> {
        let open = self.open.as_ref().filter(|open| open.commit == commit);
        open.map(|open| open.digest)
    }
}

/// The key that signs, and the sharing of it to use now.
pub(super) fn signer(world: World<'_>) -> Option<(KeyId, &Version)> {
    let mut records = world.keys.values();
    let record = records.find(|record| is_signer(record) && record.active().is_some())?;
    Some((record.id, record.active()?))
}

fn is_signer(record: &KeyRecord) -> bool {
    record.scheme == Scheme::Bls && record.name == KEY_NAME
}

impl Ordered {
    /// Takes a site's vote for the digest of a checkpoint, as a block has it.
    pub fn vote(&mut self, context: &SiteContext, commit: u64, digest: Digest) {
        let needed = self.setup.resilience.one_correct();
        let (sessions, world) = self.split();
        let certificates = &mut sessions.certificates;
        certificates.vote(context.site, (commit, digest), needed);
        certificates.advance(world);
    }

    /// The latest certificates, oldest first.
    #[must_use]
    pub fn certificates(&self) -> impl DoubleEndedIterator<Item = &Certificate> {
        self.sessions.certificates.made.iter()
    }
}

#[cfg(test)]
mod tests;
