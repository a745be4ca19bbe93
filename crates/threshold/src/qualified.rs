use std::collections::BTreeMap;

use thiserror::Error;
use zeroize::Zeroizing;

use crate::dealing::VerifiedDealing;
use crate::polynomial::lagrange;
use crate::{Ceremony, Commitment, Field, Group, Index, Secret, Share, Sharing};

/// The dealings that make a new sharing: their sum for a new key, their interpolation at zero for a
/// reshared one. Every participant must take the same ones; to agree on them is the caller's task.
pub struct Qualified<G: Group> {
    /// By dealer: the weight in the sum, and the dealing.
    dealings: BTreeMap<Index, (G::Scalar, VerifiedDealing<G>)>,
    /// Of the public line through zero that is added: see [`Qualified::slope`].
    slope: G::Scalar,
    sharing: Sharing<G>,
}

/// Why dealings make no sharing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum QualifyError {
    /// The key would not be the one that was reshared. Cannot be: each dealing was held to its
    /// dealer's public share. Checked all the same, because everything rests on it.
    #[error("the key would change")]
    KeyChanged,
    /// A dealing was verified for another ceremony.
    #[error("the dealing of {0} is another ceremony's")]
    OtherCeremony(Index),
    /// Two dealings of one dealer.
    #[error("{0} has dealt twice")]
    Repeated(Index),
    /// Fewer dealings than hide the key from those who may not use it (a new key), or than
    /// determine it (a reshared one).
    #[error("{found} dealings where {needed} are needed")]
    TooFew {
        /// The threshold of the dealers.
        needed: usize,
        /// How many dealings there were.
        found: usize,
    },
    /// The dealings add up to zero, in their secrets, in another coefficient, or at a participant.
    #[error("the dealings cancel")]
    Zero,
}

/// Why a participant has no share of the new sharing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ShareError {
    /// The dealer's share is not what it has committed to.
    #[error("dealer {0} has sent another share than it committed to")]
    Bad(Index),
    /// There is no share of that dealer's for this participant.
    #[error("there is no share of dealer {0}")]
    Missing(Index),
    /// The participant has no part in the new sharing.
    #[error("{0} is no participant")]
    NotAParticipant(Index),
}

impl<G: Group> Ceremony<'_, G> {
    /// Combines the agreed dealings into the new sharing.
    ///
    /// A new key needs as many dealers as will use it together: fewer might all be corrupt, and
    /// would know it. A reshared key needs as many as share it now.
    ///
    /// # Errors
    /// Each of [`QualifyError`].
    pub fn qualify(
        &self,
        dealings: impl IntoIterator<Item = VerifiedDealing<G>>,
    ) -> Result<Qualified<G>, QualifyError> {
        let mut by_dealer = BTreeMap::new();
        for dealing in dealings {
            let dealer = dealing.dealer();
            if dealing.ceremony != self.name {
                return Err(QualifyError::OtherCeremony(dealer));
            }
            if by_dealer.insert(dealer, dealing).is_some() {
                return Err(QualifyError::Repeated(dealer));
            }
        }
        let dealers = self.previous.map_or(self.committee, Sharing::committee);
        let (needed, found) = (usize::from(dealers.threshold()), by_dealer.len());
        if found < needed {
            return Err(QualifyError::TooFew { needed, found });
        }
        let weights = match self.previous {
            None => vec![G::Scalar::ONE; found],
            Some(_) => lagrange(G::Scalar::ZERO, &by_dealer.keys().copied().collect()),
        };
        let weighted = by_dealer.into_iter().zip(weights);
        let dealings: BTreeMap<_, _> = weighted
            .map(|((dealer, dealing), weight)| (dealer, (weight, dealing)))
            .collect();
        let terms = dealings
            .values()
            .map(|(weight, dealing)| (*weight, dealing.commitment()));
        let commitment = Commitment::weighted_sum(terms, self.committee);
        let commitment = commitment.map_err(|_| QualifyError::Zero)?;
        let taken = dealings
            .iter()
            .map(|(dealer, (_, dealing))| (*dealer, dealing.commitment()));
        let slope = self.slope(taken);
        let commitment = commitment.tilted(slope);
        let none = |index| commitment.at(index) == G::identity();
        if self.committee.indices().any(none) {
            return Err(QualifyError::Zero);
        }
        let sharing = Sharing::new(self.committee, commitment);
        match self.previous {
            Some(previous) if previous.key() != sharing.key() => Err(QualifyError::KeyChanged),
            _ => Ok(Qualified {
                dealings,
                slope,
                sharing,
            }),
        }
    }
}

impl<G: Group> Qualified<G> {
    /// The public part of the new sharing.
    #[must_use]
    pub const fn sharing(&self) -> &Sharing<G> {
        &self.sharing
    }

    /// A participant's share is the sum of what was dealt to it, plus this times its index.
    ///
    /// Whoever deals last knows at some points what the others have dealt, and could aim its own
    /// polynomial so that a participant's share becomes zero, which no signature scheme takes. The
    /// line is public, moves neither the key nor what is known of it, and depends on all dealings.
    #[must_use]
    pub const fn slope(&self) -> &G::Scalar {
        &self.slope
    }

    /// Whose dealings were combined.
    pub fn dealers(&self) -> impl ExactSizeIterator<Item = Index> {
        self.dealings.keys().copied()
    }

    /// A participant's share of the new sharing, from the shares dealt to it, by dealer. Shares of
    /// dealers that did not qualify are passed over.
    ///
    /// # Errors
    /// Each of [`ShareError`].
    pub fn share(
        &self,
        own: Index,
        dealt: &BTreeMap<Index, Share<G>>,
    ) -> Result<Share<G>, ShareError> {
        if !self.sharing.committee().contains(own) {
            return Err(ShareError::NotAParticipant(own));
        }
        let mut sum = Zeroizing::new(self.slope * G::Scalar::from_u64(own.number().into()));
        for (dealer, (weight, dealing)) in &self.dealings {
            let share = dealt.get(dealer).filter(|share| share.index() == own);
            let share = share.ok_or(ShareError::Missing(*dealer))?;
            dealing.check(share).map_err(|_| ShareError::Bad(*dealer))?;
            *sum = *sum + *weight * *share.expose();
        }
        Ok(Share::new(own, Secret::new(*sum)))
    }
}
