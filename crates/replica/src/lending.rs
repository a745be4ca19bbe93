//! Whole states for those who keep copies of them: the newest one that the group has signed for a
//! client that asks a running site, and the latest one of a site that was stopped.
//!
//! A client is lent a checkpoint, which stays until it has taken all of it or gives up asking. Nothing
//! is believed of a site: whoever asks checks the signature, and every chunk.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use maftia_activity::keys::certificates::Certificate;
use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_types::{Digest, Power};

use crate::checkpoint::{Checkpoint, Checkpoints};
use crate::head::Head;
use crate::message::{CHUNK_BYTES_MAX, MANIFEST_MAX};
use crate::replica::Replica;

/// The longest answer: a chunk, or the digests of all.
pub const PIECE_BYTES_MAX: usize = CHUNK_BYTES_MAX;
const _: () = assert!(MANIFEST_MAX * 32 <= PIECE_BYTES_MAX);

/// Checkpoints lent at a time, to a client key each. What has changed since is in memory twice for
/// each of them; whoever comes third takes the place of who asked longest ago, and that one begins
/// again with a newer checkpoint, most of whose chunks it has.
const LENT_MAX: usize = 2;
/// A checkpoint is lent on while this many others become stable without a question for it: five
/// minutes, or a GiB under full load.
const UNASKED_MAX: u32 = 32;

/// What a client wants of a checkpoint that the group has signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wanted {
    /// Of the newest one the [`Head`], then the group's signature.
    Newest,
    /// The digests of all chunks, in order.
    Digests {
        /// Of the checkpoint after this commit.
        commit: u64,
    },
    /// A chunk.
    Chunk {
        /// Of the checkpoint after this commit.
        commit: u64,
        /// Its place, from 0.
        chunk: u32,
    },
}

/// Checkpoints that clients are copying.
#[derive(Debug, Default)]
pub(crate) struct Lending(VecDeque<Lent>);

#[derive(Debug)]
struct Lent {
    to: u32,
    checkpoint: Arc<Checkpoint>,
    unasked: u32,
}

impl Lending {
    fn lend(&mut self, to: u32, checkpoint: Arc<Checkpoint>) {
        self.0.retain(|lent| lent.to != to);
        self.0.push_back(Lent {
            to,
            checkpoint,
            unasked: 0,
        });
        while self.0.len() > LENT_MAX {
            self.0.pop_front();
        }
    }

    fn find(&mut self, to: u32, commit: u64) -> Option<&Checkpoint> {
        let mut all = self.0.iter_mut();
        let lent = all.find(|lent| lent.to == to && lent.checkpoint.index == commit)?;
        lent.unasked = 0;
        Some(&lent.checkpoint)
    }

    /// Another checkpoint is stable.
    pub(crate) fn age(&mut self) {
        self.0.iter_mut().for_each(|lent| lent.unasked += 1);
        self.0.retain(|lent| lent.unasked <= UNASKED_MAX);
    }
}

impl Replica {
    /// What a client wants of a signed checkpoint. `None` if this site does not have it, or not any
    /// more, or the client, by the index of its key, may not read all that is in it: that takes the
    /// powers to operate and to audit.
    pub fn lend(&mut self, key: u32, wanted: Wanted) -> Option<Bytes> {
        let powers = usize::try_from(key)
            .ok()
            .and_then(|place| self.ledger.clients.get(place))
            .map(|client| client.1)?;
        if !(powers.contains(Power::Operate) && powers.contains(Power::Audit)) {
            return None;
        }
        let lending = &mut self.lending;
        match wanted {
            Wanted::Newest => {
                let (checkpoint, certificate) = self.checkpoints.certified_shared()?;
                lending.lend(key, Arc::clone(checkpoint));
                Some(newest(&checkpoint.head, certificate))
            }
            Wanted::Digests { commit } => {
                lend_certified(lending, &self.checkpoints, (key, commit));
                let checkpoint = lending.find(key, commit)?;
                let mut writer = Writer::new();
                let digests = checkpoint.tree.leaves();
                digests.iter().for_each(|digest| writer.digest(digest));
                Some(writer.finish())
            }
            Wanted::Chunk { commit, chunk } => {
                lend_certified(lending, &self.checkpoints, (key, commit));
                let checkpoint = lending.find(key, commit)?;
                checkpoint.chunk(usize::try_from(chunk).ok()?)
            }
        }
    }

    /// The state after the latest commit, and the newest signature under a checkpoint that this state
    /// knows of. It is one site's word, but for what the signature covers. `None` if this site has no
    /// state of the group's present epoch.
    pub fn copy(&mut self) -> Option<Copied> {
        if self.is_hollow() {
            return None;
        }
        let frontier = self.engine.frontier().clone();
        let keys = self.machine.keys();
        let signed = keys.and_then(|keys| keys.certificates().next_back().copied());
        Some(Copied {
            checkpoint: self.checkpoint(frontier),
            signed,
            position: self.ledger.position(),
        })
    }
}

/// A site that was not asked first has the same checkpoint, if it is its newest signed one too.
fn lend_certified(lending: &mut Lending, checkpoints: &Checkpoints, (key, commit): (u32, u64)) {
    if lending.find(key, commit).is_none()
        && let Some((checkpoint, _)) = checkpoints.certified_shared()
        && checkpoint.index == commit
    {
        lending.lend(key, Arc::clone(checkpoint));
    }
}

fn newest(head: &Head, certificate: &Certificate) -> Bytes {
    let mut writer = Writer::new();
    head.encode(&mut writer);
    writer.raw(&certificate.signature);
    writer.finish()
}

/// A whole state of one site.
pub struct Copied {
    checkpoint: Arc<Checkpoint>,
    /// The newest signature of the group under an earlier checkpoint of this state.
    pub signed: Option<Certificate>,
    /// How many requests have been executed.
    pub position: u64,
}

impl Copied {
    /// What the state is.
    pub fn head(&self) -> &Head {
        &self.checkpoint.head
    }

    /// The digests of its chunks.
    pub fn digests(&self) -> &[Digest] {
        self.checkpoint.tree.leaves()
    }

    /// A chunk by its place.
    pub fn chunk(&self, place: usize) -> Option<Bytes> {
        self.checkpoint.chunk(place)
    }
}

impl fmt::Debug for Copied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Copied({:?})", self.checkpoint)
    }
}

impl Wire for Wanted {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Newest => writer.u8(0),
            Self::Digests { commit } => {
                writer.u8(1);
                writer.u64(*commit);
            }
            Self::Chunk { commit, chunk } => {
                writer.u8(2);
                writer.u64(*commit);
                writer.u32(*chunk);
            }
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(match reader.u8()? {
            0 => Self::Newest,
            1 => Self::Digests {
                commit: reader.u64()?,
            },
            2 => Self::Chunk {
                commit: reader.u64()?,
                chunk: reader.u32()?,
            },
            _ => return Err(DecodeError::Invalid { field: "wanted" }),
        })
    }
}
