use std::sync::Arc;

use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_crypto::PublicKey;
use maftia_types::SiteId;

use crate::block::Block;

/// What the ordering engine blames the peer at the other end of a link for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Misbehaviour {
    /// A coin share that is not the sharer's: the others of a quorum combine without it.
    #[error("a coin share that does not verify")]
    BadCoinShare,
    /// A recovery answer that is not signed by the answering peer, or not for our question.
    #[error("a recovery answer that does not verify")]
    BadRecoveryAnswer,
    /// A block whose signature does not verify under its author's key.
    #[error("a block with a bad signature")]
    BadSignature,
    /// A payload that does not have the length or digest its header states.
    #[error("a payload that is not the one its header names")]
    ForeignPayload,
    /// A block that no correct site could have made or passed on.
    #[error("an invalid block: {0}")]
    InvalidBlock(#[from] Invalid),
}

/// The validity clause a block violates (`protocols.md` §2.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// H1: no seal of the author's device over this header and in this epoch.
    #[error("H1: not sealed by the device that the epoch has for its author")]
    H1Seal,
    /// H2: its own parent is not what its device had sealed before.
    #[error("H2: its own parent is not the block sealed before it")]
    H2Gap,
    /// V1: wrong configuration, epoch or author, or round 0.
    #[error("V1: not of this group, epoch and view")]
    V1Foreign,
    /// V2: a parent at the same or a higher round, or two parents by one author.
    #[error("V2: a parent is not below the block, or two parents are by one author")]
    V2Parents,
    /// V3: fewer than q strong parents.
    #[error("V3: fewer than a quorum of strong parents")]
    V3Quorum,
    /// V4: the author's own parent is not the first.
    #[error("V4: the author's own parent is not the first")]
    V4SelfParent,
    /// V5: its time lies before its self-parent's.
    #[error("V5: its time lies before its self-parent's")]
    V5Time,
    /// V6: a parent by an author whose twins its strong parents reference.
    #[error("V6: a parent by an author whose equivocation its strong parents show")]
    V6Exclusion,
    /// V7: coin shares in an epoch without a coin, of a round that is not yet to be revealed, too
    /// many, or not newest first.
    #[error("V7: coin shares that do not belong in it")]
    V7Coin,
    /// V8: a parent deeper than D_ref.
    #[error("V8: a parent deeper than the reference depth")]
    V8Depth,
}

/// Two different blocks of one author and round, both signed: convinces anybody who has the
/// author's key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Equivocation {
    first: Arc<Block>,
    second: Arc<Block>,
}

/// Why two blocks do not prove an equivocation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoProof {
    /// They are of different authors, rounds, epochs or groups, or the same block.
    #[error("the two blocks do not conflict")]
    NoConflict,
    /// One of them is not signed by the author.
    #[error("a block is not signed by its author")]
    Unsigned,
}

impl Equivocation {
    /// The proof, if the two blocks conflict. Does not check signatures; [`Self::verify`] does.
    pub fn new(a: Arc<Block>, b: Arc<Block>) -> Option<Self> {
        let (x, y) = (a.header(), b.header());
        let conflict = x.author == y.author
            && x.round == y.round
            && x.epoch == y.epoch
            && x.config == y.config
            && a.digest() != b.digest();
        if !conflict {
            return None;
        }
        Some(if a.digest() < b.digest() {
            Self {
                first: a,
                second: b,
            }
        } else {
            Self {
                first: b,
                second: a,
            }
        })
    }

    /// Who signed both.
    pub fn culprit(&self) -> SiteId {
        self.first.author()
    }

    /// The round for which both were signed.
    pub fn round(&self) -> maftia_types::Round {
        self.first.round()
    }

    /// The two blocks, in the order of their digests.
    pub fn blocks(&self) -> (&Block, &Block) {
        (&self.first, &self.second)
    }

    /// Convinces: both blocks conflict and bear the culprit's signature.
    ///
    /// # Errors
    /// If `key` did not sign both.
    pub fn verify(&self, key: &PublicKey) -> Result<SiteId, NoProof> {
        self.first.verify(key).map_err(|_| NoProof::Unsigned)?;
        self.second.verify(key).map_err(|_| NoProof::Unsigned)?;
        Ok(self.culprit())
    }
}

impl Wire for Equivocation {
    fn encode(&self, writer: &mut Writer) {
        self.first.encode(writer);
        self.second.encode(writer);
    }

    /// Refuses pairs that do not conflict, and the pair in the other order.
    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let first = Arc::new(Block::decode(reader)?);
        let second = Arc::new(Block::decode(reader)?);
        let ordered = first.digest() < second.digest();
        Self::new(first, second)
            .filter(|_| ordered)
            .ok_or(DecodeError::Invalid {
                field: "equivocation",
            })
    }
}
