//! What the group says of its ceremonies to outsiders, and its signature under that.
//!
//! # Guarantees
//! - **True**: what is signed is what the log made of a ceremony (`statement`). The signature
//!   needs a threshold of sites, so f can have nothing else signed.
//! - **For nothing else**: the tag is that of [`Purpose::Transcript`], in which neither a
//!   checkpoint nor a request of a client has anything signed (correction 26).
//! - **Live**: once the group has its key and a threshold of sites answer, the latest ceremony of
//!   every key is signed.
//!
//! # Rules
//! 1. When a sharing comes into use, its statement is to be signed; the one of the sharing before
//!    is forgotten, with its signature. What somebody wants to keep is exported in time.
//! 2. One is signed at a time, that of the oldest ceremony first; each site owes its share.
//! 3. Shares are combined when there are enough; wrong ones convict their senders. The next begins.
//! 4. When the signing key gets other shares, those that are here are worth nothing, and all is
//!    asked anew.
//!
//! The key that signs is that of [checkpoints](super::certificates). It signs the transcript of its
//! own ceremonies too: that binds them to a key that the outsider knows already.
//!
//! # Bounds
//! One signature for each key that is listed; one share of each site.

use std::collections::BTreeMap;

use bytes::Bytes;
use maftia_crypto::Domain;
use maftia_threshold::bls::{Purpose, Signature, Tag};
use maftia_types::{Digest, SiteId};

use super::Ordered;
use super::certificates::signer;
use super::record::{KeyId, Version};
use super::sessions::World;
use super::signing::Shares;

mod statement;
mod wire;

pub use statement::STATEMENT_BYTES_MAX;
pub(super) use statement::statement;
pub(super) use wire::{read_of, write_of};

/// What a file with a transcript begins with: the magic of proofs, and their kind.
const MAGIC: &[u8] = b"maftia proof 1\n\x02";

/// In which the group signs the digests of its statements.
#[must_use]
pub fn transcript_tag(group: Digest) -> Tag {
    let name = group.to_string();
    Tag::new(&name, Purpose::Transcript).expect("a digest in hexadecimal has 64 characters")
}

/// What of a statement is signed.
fn digest_of(statement: &[u8]) -> Digest {
    const STATEMENT: Domain = Domain::new("transcript statement");
    STATEMENT.digest(statement)
}

/// A statement, and the group's signature under its digest in the domain of [`transcript_tag`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transcript {
    /// What the group says of the ceremony.
    pub statement: Bytes,
    /// By the key that signs checkpoints.
    pub signature: [u8; Signature::BYTES],
}

impl Transcript {
    /// As a file for those who check it: `maftia-verify` has the format.
    #[must_use]
    pub fn to_file(&self) -> Vec<u8> {
        [MAGIC, &self.statement, &self.signature].concat()
    }
}

/// A sharing: the key, and its version.
pub(super) type Of = (KeyId, u32);

/// What became of shares.
#[derive(Default, Debug, Clone, PartialEq, Eq)]
pub(super) struct Transcripts {
    made: BTreeMap<KeyId, Signed>,
    open: Option<Open>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Signed {
    version: u32,
    signature: [u8; Signature::BYTES],
}

/// A statement that is being signed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Open {
    about: Of,
    /// The sharing to which the shares belong.
    by: Of,
    shares: Shares,
}

impl Transcripts {
    /// Forgets what is past, and begins what can begin (rules 1, 2 and 4).
    pub(super) fn advance(&mut self, world: World<'_>) {
        let is_latest = |(key, version): Of| {
            let current = world.keys.get(&key).and_then(|own| own.current.as_ref());
            current.is_some_and(|own| own.number == version)
        };
        self.made.retain(|key, own| is_latest((*key, own.version)));
        self.open = self.open.take().filter(|open| is_latest(open.about));
        let Some((key, version)) = signer(world) else {
            return;
        };
        let by = (key, version.number);
        if let Some(open) = self.open.as_mut().filter(|open| open.by != by) {
            open.by = by;
            open.shares.restart();
        }
        if self.open.is_some() {
            return;
        }
        let unsigned = |(key, version): &(KeyId, &Version)| {
            !version.statement.is_empty() && !self.made.contains_key(key)
        };
        let all = world.keys.iter();
        let all = all.filter_map(|(key, own)| Some((*key, own.current.as_ref()?)));
        let oldest = all.filter(unsigned).min_by_key(|(_, own)| own.ceremony);
        self.open = oldest.map(|(key, version)| Open {
            about: (key, version.number),
            by,
            shares: Shares::default(),
        });
    }

    /// A new epoch has begun, and sites have other numbers: nothing that was sent counts any more.
    pub(super) fn enter(&mut self, world: World<'_>) {
        self.open = None;
        self.advance(world);
    }

    /// Takes a share in (rule 3) and names whom it has convicted.
    pub(super) fn share(
        &mut self,
        world: World<'_>,
        (by, about): (Of, Of),
        share: (SiteId, &[u8]),
    ) -> Vec<SiteId> {
        let open = self.open.as_mut();
        let open = open.filter(|open| (open.by, open.about) == (by, about));
        let digest = digest_about(world, about);
        // The sharing may have changed in this very commit: a share under the former is nobody's lie.
        let current = signer(world).filter(|(key, version)| (*key, version.number) == by);
        let (Some(open), Some(digest), Some((_, version))) = (open, digest, current) else {
            return Vec::new();
        };
        let tag = transcript_tag(world.setup.group);
        let (signature, culprits) = open.shares.add(version, (&tag, digest.as_bytes()), share);
        if let Some(signature) = signature {
            let (key, version) = about;
            let signature = signature.to_bytes();
            self.made.insert(key, Signed { version, signature });
            self.open = None;
            self.advance(world);
        }
        culprits
    }

    /// Under which sharing this site owes a share, and about which one.
    pub(super) fn owed_by(&self, site: SiteId, world: World<'_>) -> Option<(Of, Of)> {
        let (open, (key, version)) = (self.open.as_ref()?, signer(world)?);
        let owed = open.by == (key, version.number) && open.shares.awaits(version, site);
        owed.then_some((open.by, open.about))
    }
}

/// What is signed about a sharing, while it is the latest of its key.
pub(super) fn digest_about(world: World<'_>, (key, version): Of) -> Option<Digest> {
    let current = world.keys.get(&key)?.current.as_ref()?;
    (current.number == version).then(|| digest_of(&current.statement))
}

impl Ordered {
    /// The signed transcript of the ceremony that made the key's latest sharing; none before the
    /// group has signed it.
    #[must_use]
    pub fn transcript(&self, key: KeyId) -> Option<Transcript> {
        let current = self.key(key)?.current.as_ref()?;
        let signed = self.sessions.transcripts.made.get(&key)?;
        (signed.version == current.number).then(|| Transcript {
            statement: current.statement.clone(),
            signature: signed.signature,
        })
    }
}

#[cfg(test)]
mod tests;
