//! The interface of a replicated state machine.
//!
//! # Guarantees expected of an implementation
//! - **Deterministic.** The same operations in the same order, with the same contexts, give the
//!   same replies and byte-identical snapshot chunks at every replica. No clock (time is
//!   [`Context::commit_time_ms`]), no randomness, no iteration over hash maps, no floating point
//!   whose result depends on the machine.
//! - **Total.** An operation is whatever bytes an authorised client sent. Bytes that mean nothing
//!   get a reply that says so; they never panic.
//! - **History-independent restore.** A replica restored from the chunks of a snapshot behaves, and
//!   snapshots, exactly as one that executed every operation.
//!
//! # Duties of the caller
//! Operations are executed one at a time in commit order, each client's request at most once. The
//! chunks given to [`StateMachine::restore`] have been checked one by one with
//! [`StateMachine::chunk_digest`] against a manifest whose [`root_of`] a quorum of sites signed.
//!
//! ```
//! use std::sync::Arc;
//! use bytes::Bytes;
//! use maftia_activity::replication::{Context, RestoreError, Snapshot, StateMachine, root_of};
//! use maftia_crypto::Domain;
//! use maftia_types::{ClientId, Digest};
//!
//! const COUNTER: Domain = Domain::new("example counter");
//!
//! /// Adds one at every operation and answers with the sum.
//! #[derive(Default)]
//! struct Counter(u64);
//!
//! struct Frozen { chunk: Bytes, manifest: [Digest; 1] }
//!
//! impl Snapshot for Frozen {
//!     fn root(&self) -> Digest { root_of(&self.manifest) }
//!     fn manifest(&self) -> &[Digest] { &self.manifest }
//!     fn chunk(&self, index: usize) -> Option<Bytes> {
//!         (index == 0).then(|| self.chunk.clone())
//!     }
//! }
//!
//! impl StateMachine for Counter {
//!     fn apply(&mut self, _: &Context, _: &Bytes, reply: &mut Vec<u8>) {
//!         self.0 = self.0.wrapping_add(1);
//!         reply.extend(self.0.to_le_bytes());
//!     }
//!     fn snapshot(&mut self) -> Arc<dyn Snapshot> {
//!         let chunk = Bytes::copy_from_slice(&self.0.to_le_bytes());
//!         let manifest = [COUNTER.digest(&chunk)];
//!         Arc::new(Frozen { chunk, manifest })
//!     }
//!     fn restore(&mut self, chunks: &[Bytes]) -> Result<(), RestoreError> {
//!         let [chunk] = chunks else {
//!             return Err(RestoreError::Inconsistent { reason: "a counter is one chunk" });
//!         };
//!         let bytes = chunk.as_ref().try_into().map_err(|_| RestoreError::Malformed {
//!             chunk: 0,
//!             reason: "a counter is eight bytes",
//!         })?;
//!         self.0 = u64::from_le_bytes(bytes);
//!         Ok(())
//!     }
//!     fn chunk_digest(&self, chunk: &Bytes) -> Option<Digest> {
//!         (chunk.len() == 8).then(|| COUNTER.digest(chunk))
//!     }
//! }
//!
//! let context = Context {
//!     position: 1,
//!     commit_time_ms: 0,
//!     client: ClientId { key: 0, session: 0 },
//! };
//! let mut counter = Counter::default();
//! let mut reply = Vec::new();
//! counter.apply(&context, &Bytes::new(), &mut reply);
//! let snapshot = counter.snapshot();
//!
//! let mut other = Counter::default();
//! let chunk = snapshot.chunk(0).expect("every snapshot has its chunks");
//! assert_eq!(other.chunk_digest(&chunk), snapshot.manifest().first().copied());
//! other.restore(&[chunk])?;
//! assert_eq!(other.snapshot().root(), snapshot.root());
//! # Ok::<(), RestoreError>(())
//! ```

use std::sync::Arc;

use bytes::Bytes;
use maftia_crypto::{Domain, Hasher, PublicKey};
use maftia_types::{ClientId, Digest, Epoch, Resilience, SiteId};
use zeroize::Zeroizing;

/// What a state machine may know about the request it executes. Equal at all sites.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Context {
    /// Index of the request in the group's order of executed requests, from 1.
    pub position: u64,
    /// Time of the commit that ordered it, in milliseconds since the Unix epoch. Never decreases;
    /// agreed by the group, not read from a clock.
    pub commit_time_ms: u64,
    /// Whose request it is.
    pub client: ClientId,
}

/// What a state machine may know about a site's contribution. Equal at all sites.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SiteContext {
    /// Whose block it was in.
    pub site: SiteId,
    /// The commit that ordered it.
    pub commit: u64,
    /// Time of that commit, in milliseconds since the Unix epoch, as [`Context::commit_time_ms`].
    pub commit_time_ms: u64,
}

/// Who will be the committee of the next epoch, in the numbering of the present one: sites have
/// their seats, and whoever joins the numbers after the last seat.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NextCommittee {
    /// The next epoch: the present one's successor.
    pub epoch: Epoch,
    /// How many of how many sites may fail in it.
    pub resilience: Resilience,
    /// The keys with which those who join sign; the first is the site after the last seat.
    pub joiners: Vec<PublicKey>,
    /// The members, by seat of the next epoch.
    pub members: Vec<SiteId>,
}

/// Why a state machine cannot serve a next committee. Nothing was changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrepareError {
    /// It is not one of the present epoch's next committees.
    #[error("the next committee does not follow from the present one: {reason}")]
    Inconsistent {
        /// What does not fit.
        reason: &'static str,
    },
    /// Under its fault model, what dealers must publish would give the group's keys away.
    #[error("the next committee cannot share the group's keys; they need n >= 3f+2c+1")]
    Unshareable,
}

/// What a site half wants done, in the order in which it asks. Messages and contributions leave only
/// after `vault` is on the disk, and so do those of all later effects.
#[derive(Default)]
pub struct Effects {
    /// To go into this site's next blocks.
    pub contributions: Vec<Bytes>,
    /// To one other site, over the authenticated and encrypted link; may be lost.
    pub messages: Vec<(SiteId, Bytes)>,
    /// Replaces the vault's whole content on the disk; the former content is overwritten.
    pub vault: Option<Zeroizing<Vec<u8>>>,
}

/// A deterministic service, replicated by executing the same operations at every site.
pub trait StateMachine: Send {
    /// Executes one operation and appends the answer to `reply`.
    ///
    /// Deterministic and total: a malformed operation gets a deterministic refusal in `reply`,
    /// never a panic.
    fn apply(&mut self, context: &Context, operation: &Bytes, reply: &mut Vec<u8>);

    /// A copy-on-write snapshot of the state now, with its digest.
    ///
    /// Costs what changed since the last snapshot plus at most a pointer per chunk, not the bytes
    /// of the state. Later operations do not change it.
    fn snapshot(&mut self) -> Arc<dyn Snapshot>;

    /// Replaces the whole state by that of a snapshot's chunks, in manifest order.
    ///
    /// # Errors
    /// If the chunks are not those of one state; the state is then unchanged.
    fn restore(&mut self, chunks: &[Bytes]) -> Result<(), RestoreError>;

    /// The digest this chunk has in the manifest of any snapshot that contains it, so that a
    /// receiver can check each chunk as it arrives. `None` if it is no chunk of this service.
    fn chunk_digest(&self, chunk: &Bytes) -> Option<Digest>;

    /// A site's own word, ordered in one of its blocks. May come twice, or after it is stale. Total.
    fn contribute(&mut self, _context: &SiteContext, _contribution: &Bytes) {}

    /// A commit begins: called once for each, before its contents.
    fn tick(&mut self, _commit: u64, _commit_time_ms: u64) {}

    /// Begins to make ready for the committee of the next epoch, at a commit: keys are shared for it,
    /// and nobody uses these sharings yet. Replaces what was begun for another one.
    ///
    /// # Errors
    /// Each of [`PrepareError`]; nothing was changed.
    fn prepare(
        &mut self,
        _next: &NextCommittee,
        _commit: u64,
        _commit_time_ms: u64,
    ) -> Result<(), PrepareError> {
        Ok(())
    }

    /// Whether the next epoch may begin: every sharing for it is made, and held by a quorum of the
    /// next committee. May be asked at any time, and stays true until the epoch ends or is abandoned.
    fn is_prepared(&self) -> bool {
        true
    }

    /// There will be no such next epoch: what was made ready for it is dropped.
    fn abandon(&mut self) {}

    /// The next epoch begins. From now on every [`SiteId`] is a seat of the next view.
    ///
    /// # Panics
    /// Unless [`StateMachine::is_prepared`].
    fn enter(&mut self) {}

    /// The ordered half of the keyed services, if there is one, for the site half to observe.
    fn keys(&self) -> Option<&crate::keys::Ordered> {
        None
    }
}

/// The state at one position, immutable. The order and the bytes of the chunks are replicated
/// state: every site that executed the same operations has the same.
pub trait Snapshot: Send + Sync {
    /// [`root_of`] the manifest.
    fn root(&self) -> Digest;

    /// One digest per chunk.
    fn manifest(&self) -> &[Digest];

    /// The bytes of a chunk, made when asked for. `None` beyond the manifest.
    fn chunk(&self, index: usize) -> Option<Bytes>;
}

/// Why chunks were not taken as the state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// Every chunk is well-formed alone, but together they are not one state.
    #[error("the chunks do not make one state: {reason}")]
    Inconsistent {
        /// What does not fit.
        reason: &'static str,
    },
    /// A chunk is malformed.
    #[error("chunk {chunk} is malformed: {reason}")]
    Malformed {
        /// Its index.
        chunk: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
}

const MANIFEST: Domain = Domain::new("state manifest");

/// Digests hashed in one go: BLAKE3 is several times faster on 32 KiB than on 32 bytes.
const DIGESTS_PER_UPDATE: usize = 1024;

/// The digest of a state: that of its manifest, over the number of chunks and their digests.
pub fn root_of(manifest: &[Digest]) -> Digest {
    let mut hasher = Hasher::new(MANIFEST);
    hasher.number(manifest.len() as u64);
    let mut batch = Vec::with_capacity(manifest.len().min(DIGESTS_PER_UPDATE) * 32);
    for digests in manifest.chunks(DIGESTS_PER_UPDATE) {
        batch.clear();
        for digest in digests {
            batch.extend_from_slice(digest.as_bytes());
        }
        hasher.update(&batch);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_covers_number_order_and_content_of_the_chunks() {
        let (a, b) = (Digest([1; 32]), Digest([2; 32]));
        let roots = [
            root_of(&[]),
            root_of(&[a]),
            root_of(&[a, b]),
            root_of(&[b, a]),
            root_of(&[a, a]),
        ];
        for (i, root) in roots.iter().enumerate() {
            assert!(!roots[..i].contains(root), "{i}");
        }
    }

    #[test]
    fn a_root_is_the_hash_of_count_and_digests_also_beyond_one_batch() {
        let manifest: Vec<Digest> = (0..2500u32)
            .map(|i| MANIFEST.digest(&i.to_le_bytes()))
            .collect();
        let mut plain = 2500u64.to_le_bytes().to_vec();
        manifest.iter().for_each(|d| plain.extend(d.as_bytes()));
        assert_eq!(root_of(&manifest), MANIFEST.digest(&plain));
    }
}
