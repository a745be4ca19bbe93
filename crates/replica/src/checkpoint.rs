use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use maftia_activity::keys::certificates::Certificate;
use maftia_activity::replication::Snapshot;
use maftia_codec::Wire;
use maftia_crypto::Domain;
use maftia_ordering::{Frontier, IndexedDigest};
use maftia_protocol::planted;
use maftia_types::{Digest, SiteId};

use crate::head::{Head, Realm};
use crate::tree::Tree;

const PART: Domain = Domain::new("checkpoint part");

/// The longest piece of a checkpoint's own parts.
const PART_BYTES_MAX: usize = 1024 * 1024;
/// How many stable checkpoints are kept for sites that are fetching one.
const KEPT: usize = 2;
/// How many votes of one author are remembered.
const VOTES_PER_AUTHOR: usize = 4;

/// The whole state after a checkpoint commit, cut into chunks that are checked one by one.
pub(crate) struct Checkpoint {
    pub(crate) index: u64,
    pub(crate) frontier: Frontier,
    pub(crate) ledger: Bytes,
    /// The frontier, then the ledger in pieces.
    pub(crate) parts: Vec<Bytes>,
    pub(crate) app: Arc<dyn Snapshot>,
    pub(crate) head: Head,
    /// Over the digests of all chunks, which are the manifest.
    pub(crate) tree: Tree,
    pub(crate) digest: Digest,
}

impl Checkpoint {
    /// Cheaper with the help of an earlier one.
    pub(crate) fn new(
        realm: Realm,
        frontier: Frontier,
        ledger: &Bytes,
        app: Arc<dyn Snapshot>,
        before: Option<&Self>,
    ) -> Self {
        let mut parts = vec![frontier.to_bytes()];
        let mut rest = ledger.clone();
        while rest.len() > PART_BYTES_MAX {
            parts.push(rest.split_to(PART_BYTES_MAX));
        }
        parts.push(rest);
        let manifest: Vec<Digest> = parts
            .iter()
            .map(|part| part_digest(part))
            .chain(app.manifest().iter().copied())
            .collect();
        let head = Head::new(realm, &frontier, parts.len(), manifest.len());
        let tree = Tree::new(manifest, before.map(|earlier| &earlier.tree));
        Self {
            index: frontier.index,
            frontier,
            ledger: ledger.clone(),
            parts,
            app,
            digest: head.digest(&tree),
            head,
            tree,
        }
    }

    pub(crate) fn vote(&self) -> IndexedDigest {
        IndexedDigest {
            index: self.index,
            digest: self.digest,
        }
    }

    /// A chunk by its place in the manifest.
    pub(crate) fn chunk(&self, index: usize) -> Option<Bytes> {
        match index.checked_sub(self.parts.len()) {
            None => self.parts.get(index).cloned(),
            Some(index) => self.app.chunk(index),
        }
    }
}

impl fmt::Debug for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Checkpoint({}, {:?})", self.index, self.digest)
    }
}

/// The digest of one of the checkpoint's own parts: those before the application's chunks.
#[must_use]
pub fn part_digest(part: &[u8]) -> Digest {
    PART.digest(part)
}

/// This site's checkpoints and the votes of all: a checkpoint is *stable* at f+1 equal votes
/// ordered in the log (`protocols.md` §2.4, keyless rule).
#[derive(Debug, Default)]
pub(crate) struct Checkpoints {
    own: VecDeque<Own>,
    stable: VecDeque<Arc<Checkpoint>>,
    votes: BTreeMap<SiteId, VecDeque<IndexedDigest>>,
    stable_index: u64,
    /// The one that proofs are made of: the newest with the group's signature that was here when
    /// that came.
    certified: Option<(Arc<Checkpoint>, Certificate)>,
    /// The checkpoint that each site is fetching from here, so that it does not vanish under it.
    /// One per site; gone when the site asks for another one.
    pinned: BTreeMap<SiteId, Arc<Checkpoint>>,
}

/// A checkpoint of this site that waits for votes.
#[derive(Debug)]
struct Own {
    vote: IndexedDigest,
    /// The state, of the oldest and of the newest: the others are only compared.
    state: Option<Arc<Checkpoint>>,
}

/// What a vote has brought about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Tally {
    Nothing,
    /// One of ours is stable.
    Stable(u64),
    /// f+1 sites have another state than we at this checkpoint.
    Diverged {
        index: u64,
        ours: Digest,
        theirs: Digest,
    },
}

/// How many own checkpoints may wait for votes. Two of them have their bytes: the oldest, whose
/// votes come first, and the newest, in case they never come.
const OWN_MAX: usize = 8;

impl Checkpoints {
    /// Notes a checkpoint of our own.
    pub(crate) fn add(&mut self, checkpoint: Arc<Checkpoint>) {
        let with_bytes = self.own.iter_mut().filter(|own| own.state.is_some());
        with_bytes.skip(1).for_each(|own| own.state = None);
        self.own.push_back(Own {
            vote: checkpoint.vote(),
            state: Some(checkpoint),
        });
        if self.own.len() > OWN_MAX {
            // The newest begins anew as the oldest.
            self.own.drain(..OWN_MAX);
        }
    }

    /// The state with which an epoch begins: offered before the group has voted for it. Whoever
    /// fetches it believes f+1 sites, and the votes may need those that fetch.
    pub(crate) fn begin(&mut self, checkpoint: Arc<Checkpoint>) {
        self.stable.push_back(Arc::clone(&checkpoint));
        self.add(checkpoint);
    }

    /// Whether the group has agreed on one.
    pub(crate) const fn is_agreed(&self) -> bool {
        self.stable_index > 0
    }

    /// What to vote for in the next block.
    pub(crate) fn vote(&self) -> Option<IndexedDigest> {
        let latest = self.own.back()?.vote;
        (latest.index > self.stable_index).then_some(latest)
    }

    /// Counts a delivered vote.
    pub(crate) fn count(&mut self, author: SiteId, vote: IndexedDigest, needed: usize) -> Tally {
        let votes = self.votes.entry(author).or_default();
        if vote.index <= self.stable_index || votes.contains(&vote) {
            return Tally::Nothing;
        }
        votes.push_back(vote);
        while votes.len() > VOTES_PER_AUTHOR {
            votes.pop_front();
        }
        let needed = if planted("one checkpoint vote is enough") {
            1
        } else {
            needed
        };
        let equal = self
            .votes
            .values()
            .filter(|votes| votes.contains(&vote))
            .count();
        if equal < needed {
            return Tally::Nothing;
        }
        let own = self.own.iter().find(|own| own.vote.index == vote.index);
        let Some(own) = own else {
            return Tally::Nothing;
        };
        if own.vote.digest != vote.digest {
            let (ours, theirs) = (own.vote.digest, vote.digest);
            return Tally::Diverged {
                index: vote.index,
                ours,
                theirs,
            };
        }
        let Some(stable) = own.state.clone() else {
            // Agreed on, but not here any more: what is older cannot become stable either.
            self.own.retain(|own| own.vote.index > vote.index);
            return Tally::Nothing;
        };
        self.set_stable(stable);
        Tally::Stable(vote.index)
    }

    /// Makes a checkpoint the stable one.
    pub(crate) fn set_stable(&mut self, checkpoint: Arc<Checkpoint>) {
        let index = checkpoint.index;
        self.stable_index = index;
        self.own.retain(|own| own.vote.index > index);
        self.votes
            .values_mut()
            .for_each(|votes| votes.retain(|vote| vote.index > index));
        if self.stable.back().is_none_or(|newest| newest.index < index) {
            self.stable.push_back(checkpoint);
        }
        while self.stable.len() > KEPT {
            self.stable.pop_front();
        }
    }

    /// Forgets everything computed here: the state was found to be wrong.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The group has signed a checkpoint. It stays here until the next one, if it is here.
    pub(crate) fn certify(&mut self, certificate: &Certificate) {
        let known = self.certified.as_ref().map(|(_, known)| known);
        if known == Some(certificate) {
            return;
        }
        let signed = |own: &&Arc<Checkpoint>| {
            (own.index, own.digest) == (certificate.commit, certificate.digest)
        };
        if let Some(found) = self.stable.iter().find(signed) {
            self.certified = Some((Arc::clone(found), *certificate));
        }
    }

    /// The newest checkpoint that is here with the group's signature.
    pub(crate) fn certified(&self) -> Option<(&Checkpoint, &Certificate)> {
        let (checkpoint, certificate) = self.certified_shared()?;
        Some((checkpoint, certificate))
    }

    /// The same, to be kept.
    pub(crate) const fn certified_shared(&self) -> Option<(&Arc<Checkpoint>, &Certificate)> {
        match &self.certified {
            Some((checkpoint, certificate)) => Some((checkpoint, certificate)),
            None => None,
        }
    }

    /// The latest checkpoint of this site that is still whole.
    pub(crate) fn latest(&self) -> Option<&Checkpoint> {
        let own = self.own.back().and_then(|own| own.state.as_ref());
        own.or(self.stable()).map(AsRef::as_ref)
    }

    /// The newest stable checkpoint.
    pub(crate) fn stable(&self) -> Option<&Arc<Checkpoint>> {
        self.stable.back()
    }

    /// The oldest stable checkpoint that is still served.
    pub(crate) fn oldest(&self) -> Option<&Arc<Checkpoint>> {
        self.stable.front()
    }

    /// The stable checkpoints that are served, oldest first.
    pub(crate) fn served(&self) -> impl Iterator<Item = &Arc<Checkpoint>> {
        self.stable.iter()
    }

    /// A stable checkpoint by index, for a site that is fetching it.
    pub(crate) fn pin(&mut self, site: SiteId, index: u64) -> Option<Arc<Checkpoint>> {
        let pinned = self.pinned.get(&site).filter(|it| it.index == index);
        let stable = || self.stable.iter().find(|stable| stable.index == index);
        let found = Arc::clone(pinned.or_else(stable)?);
        self.pinned.insert(site, Arc::clone(&found));
        Some(found)
    }
}
