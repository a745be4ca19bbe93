use thiserror::Error;

use crate::{Commitment, CommitmentError, Committee, Group, Index, Share};

/// The public part of a shared key: who uses it together, and what everyone knows of each share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sharing<G: Group> {
    committee: Committee,
    commitment: Commitment<G>,
    /// Every participant's public share, in order: each is checked against often.
    shares: Vec<G::Element>,
}

/// A share that is not the value of the polynomial that was committed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("participant {0} has another share than was committed to")]
pub struct BadShare(pub Index);

/// Bytes that are no sharing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SharingError {
    /// No threshold of some participants.
    #[error("not a committee")]
    Committee,
    /// Not the public polynomial of one.
    #[error("not a committee's public polynomial")]
    Commitment(#[source] CommitmentError),
}

impl<G: Group> Sharing<G> {
    pub(crate) fn new(committee: Committee, commitment: Commitment<G>) -> Self {
        let shares = committee.indices().map(|index| commitment.at(index));
        Self {
            committee,
            shares: shares.collect(),
            commitment,
        }
    }

    /// Decodes what [`Sharing::to_bytes`] gives. That the sharing is the group's is for the caller
    /// to know: it comes from the group's own agreed state.
    ///
    /// # Errors
    /// Each of [`SharingError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SharingError> {
        let (&[threshold, participants], rest) =
            bytes.split_first_chunk().ok_or(SharingError::Committee)?;
        let committee =
            Committee::new(threshold, participants).map_err(|_| SharingError::Committee)?;
        let commitment =
            Commitment::from_bytes(rest, committee).map_err(SharingError::Commitment)?;
        Ok(Self::new(committee, commitment))
    }

    /// The canonical form: threshold, participants, public polynomial.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let committee = [self.committee.threshold(), self.committee.participants()];
        [&committee[..], &self.commitment.to_bytes()].concat()
    }

    /// Who shares the key.
    #[must_use]
    pub const fn committee(&self) -> Committee {
        self.committee
    }

    /// The public key. Resharing keeps it.
    #[must_use]
    pub fn key(&self) -> G::Element {
        self.commitment.constant()
    }

    /// The public polynomial.
    #[must_use]
    pub const fn commitment(&self) -> &Commitment<G> {
        &self.commitment
    }

    /// The generator times the participant's share; none for whom is no participant.
    #[must_use]
    pub fn public_share(&self, index: Index) -> Option<G::Element> {
        self.shares.get(usize::from(index.number()) - 1).copied()
    }

    /// Checks that a share belongs to this sharing.
    ///
    /// # Errors
    /// It does not, or its index is no participant's.
    pub fn check(&self, share: &Share<G>) -> Result<(), BadShare> {
        if self.public_share(share.index()) == Some(share.public()) {
            Ok(())
        } else {
            Err(BadShare(share.index()))
        }
    }
}
