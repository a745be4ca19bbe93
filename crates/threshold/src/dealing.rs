use thiserror::Error;

use crate::knowledge::Knowledge;
use crate::sharing::BadShare;
use crate::{Commitment, CommitmentError, Committee, Field, Group, Index, Share};

/// What a dealer tells everyone: a commitment to its polynomial (\[Fel87\]), and a proof that it knows
/// the constant term. Nothing has been checked but the form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dealing<G: Group> {
    pub(crate) commitment: Commitment<G>,
    pub(crate) proof: Knowledge<G>,
}

/// A dealing that may be used in the ceremony in which it was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedDealing<G: Group> {
    pub(crate) ceremony: [u8; 32],
    pub(crate) dealer: Index,
    pub(crate) commitment: Commitment<G>,
}

/// Why a dealing is refused. The dealer is to blame, if it is known to have made the dealing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DealingError {
    /// Wrong degree, not elements, or a zero secret.
    #[error("bad commitment")]
    Commitment(#[source] CommitmentError),
    /// In a resharing: the secret dealt is not the dealer's share.
    #[error("the secret dealt is not the dealer's share of the key")]
    Constant,
    /// The dealer has no part in this ceremony.
    #[error("not a dealer of this ceremony")]
    NotADealer,
    /// The dealer has not shown that it knows the secret, or has shown it for something else.
    #[error("no proof that the dealer knows the secret, for this ceremony")]
    Proof,
}

impl<G: Group> Dealing<G> {
    /// Decodes what [`Dealing::to_bytes`] gives: a commitment for that committee, then the proof.
    ///
    /// # Errors
    /// A wrong length is a wrong degree. Otherwise what is not the canonical form of an element or a
    /// scalar.
    pub fn from_bytes(bytes: &[u8], committee: Committee) -> Result<Self, DealingError> {
        let length = Commitment::<G>::encoded_bytes(committee);
        let nonce = length / usize::from(committee.threshold());
        let (commitment, proof) = bytes.split_at(bytes.len().saturating_sub(nonce + 32));
        let commitment =
            Commitment::from_bytes(commitment, committee).map_err(DealingError::Commitment)?;
        let (nonce, response) = proof.split_at_checked(nonce).ok_or(DealingError::Proof)?;
        let proof = Knowledge {
            nonce: G::decode(nonce).map_err(|_| DealingError::Proof)?,
            response: G::Scalar::from_bytes(response).map_err(|_| DealingError::Proof)?,
        };
        Ok(Self { commitment, proof })
    }

    /// The canonical form.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.commitment.to_bytes();
        bytes.extend_from_slice(G::encode(&self.proof.nonce).as_ref());
        bytes.extend_from_slice(&self.proof.response.to_bytes());
        bytes
    }
}

impl<G: Group> VerifiedDealing<G> {
    /// Who dealt.
    #[must_use]
    pub const fn dealer(&self) -> Index {
        self.dealer
    }

    /// What was committed to.
    #[must_use]
    pub const fn commitment(&self) -> &Commitment<G> {
        &self.commitment
    }

    /// Checks a share that came in private, or was published, against the dealing.
    ///
    /// # Errors
    /// It is not the value that was committed to.
    pub fn check(&self, share: &Share<G>) -> Result<(), BadShare> {
        if self.commitment.at(share.index()) == share.public() {
            Ok(())
        } else {
            Err(BadShare(share.index()))
        }
    }
}
