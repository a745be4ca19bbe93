//! What a group leaves behind, and how another one begins with it (`docs/adr/0013-backups.md`).

use bytes::{Bytes, BytesMut};
use maftia_codec::{DecodeError, Wire as _};
use maftia_membership::membership::{Origin, Policy};
use maftia_membership::{Membership, View};
use maftia_ordering::Frontier;
use maftia_types::Digest;

use crate::image::own_chunks;
use crate::ledger::Ledger;
use crate::limits::Limits;

/// The replica's own parts of a checkpoint, of a group that may not exist any more.
#[derive(Debug)]
pub struct Legacy {
    frontier: Frontier,
    ledger: Ledger,
}

/// The replica's part of the state with which a restored group begins. Equal for all its sites.
#[derive(Debug)]
pub struct Inheritance {
    frontier: Frontier,
    ledger: Bytes,
}

impl Legacy {
    /// Reads a checkpoint's own parts: the first [`Head::parts`](crate::Head::parts) of its chunks.
    ///
    /// # Errors
    /// If they are not what they should be. Of a checkpoint that a correct site has voted for they
    /// are.
    pub fn from_parts(parts: &[Bytes]) -> Result<Self, DecodeError> {
        let none = DecodeError::Invalid { field: "parts" };
        let (frontier, pieces) = parts.split_first().ok_or(none)?;
        let mut ledger = BytesMut::new();
        pieces
            .iter()
            .for_each(|piece| ledger.extend_from_slice(piece));
        Ok(Self {
            frontier: Frontier::from_bytes(frontier.clone())?,
            ledger: Ledger::restore(Limits::default(), 1, ledger.freeze())?,
        })
    }

    /// The last commit that is in it.
    pub const fn commit(&self) -> u64 {
        self.frontier.index
    }

    /// The digest of all commits up to and with that.
    pub const fn chain(&self) -> Digest {
        self.frontier.digest
    }

    /// The agreed time of the last commit, in milliseconds since the Unix epoch.
    pub const fn time_ms(&self) -> u64 {
        self.frontier.time_ms
    }

    /// How many requests had been executed.
    pub const fn position(&self) -> u64 {
        self.ledger.position()
    }

    /// How many sessions of clients are known.
    pub fn sessions(&self) -> usize {
        self.ledger.sessions()
    }

    /// Who the sites were; none of a group whose sites never change.
    pub fn view(&self) -> Option<&View> {
        self.ledger.membership().map(Membership::view)
    }

    /// What a group with that view begins with, if it takes over the state: the numbers go on after
    /// the last commit, and no request that was executed is executed again. What waited for others,
    /// for vouches or for a gap to close, was promised to nobody and is forgotten; so are proofs
    /// against the former sites, and what was proposed or decided about who they are.
    #[must_use]
    pub fn inherit(mut self, view: View) -> Inheritance {
        let policy = self.ledger.membership().map(Membership::policy);
        let origin = Origin {
            commit: self.frontier.index,
            chain: self.frontier.digest,
        };
        let policy: Policy = policy.unwrap_or_default();
        self.ledger
            .succeed(Membership::restored(view, policy, origin));
        let time_ms = self.frontier.time_ms;
        Inheritance {
            frontier: Frontier {
                index: self.frontier.index,
                digest: self.frontier.digest,
                time_ms,
                checkpoint_ms: time_ms,
                ..Frontier::start()
            },
            ledger: self.ledger.encode(),
        }
    }
}

impl Inheritance {
    /// The commit after which the group goes on: the image's number.
    pub const fn commit(&self) -> u64 {
        self.frontier.index
    }

    /// The chunks with which an [`Image`](crate::Image) of this state begins; `app` of the
    /// application follow them, and nothing else.
    pub fn chunks(&self, app: usize) -> impl Iterator<Item = Bytes> + use<> {
        own_chunks(&self.frontier, &self.ledger, (app, 0))
    }
}
