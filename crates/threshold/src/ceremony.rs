use maftia_types::Digest;
use rand::CryptoRng;
use thiserror::Error;

use crate::dealing::{Dealing, DealingError, VerifiedDealing};
use crate::knowledge::Knowledge;
use crate::polynomial::Polynomial;
use crate::{Commitment, Committee, Field, Group, Index, Scope, Share, Sharing, Transcript};

/// One run in which a committee gets shares: of a new key, or of the key that another committee, or
/// the same one, shares already.
///
/// Every proof and every verified dealing is bound to its ceremony, so none serves in another.
pub struct Ceremony<'a, G: Group> {
    pub(crate) committee: Committee,
    pub(crate) previous: Option<&'a Sharing<G>>,
    scope: Scope,
    /// What tells this ceremony from every other, its parameters included.
    pub(crate) name: [u8; 32],
}

/// A contribution from someone who may not deal: no participant, or not with that share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("participant {0} may not deal that")]
pub struct NotADealer(pub Index);

/// A dealing and the shares to send, each in secret to the participant of its index.
pub type Dealt<G> = (Dealing<G>, Vec<Share<G>>);

impl<'a, G: Group> Ceremony<'a, G> {
    /// A new key for `committee`, whose members are the dealers. The scope's epoch is the one in
    /// which the shares will hold; `run` is different for every attempt, such as the digest of the
    /// command that began it.
    #[must_use]
    pub fn key_generation(scope: Scope, run: Digest, committee: Committee) -> Self {
        Self::new(scope, run, committee, None)
    }

    /// New shares, for `committee`, of the key that `previous` shares; whoever has a share of
    /// `previous` may deal. Together with erasing old shares this is proactive refresh if the
    /// committee is the same, and may as well change its size and threshold (\[DJ97\]).
    #[must_use]
    pub fn resharing(
        scope: Scope,
        run: Digest,
        committee: Committee,
        previous: &'a Sharing<G>,
    ) -> Self {
        Self::new(scope, run, committee, Some(previous))
    }

    /// A number that nobody can choose: it depends on every dealing that was taken.
    pub(crate) fn slope<'d>(
        &self,
        dealings: impl ExactSizeIterator<Item = (Index, &'d Commitment<G>)>,
    ) -> G::Scalar
    where
        G: 'd,
    {
        if self.committee.threshold() == 1 {
            return G::Scalar::ZERO;
        }
        let mut transcript = Transcript::new("slope", &self.scope);
        transcript.bytes("ceremony", &self.name);
        transcript.list("dealings", dealings.len());
        for (dealer, commitment) in dealings {
            transcript.number("dealer", dealer.number().into());
            transcript.bytes("commitment", &commitment.to_bytes());
        }
        transcript.challenge::<G>()
    }

    fn new(
        scope: Scope,
        run: Digest,
        committee: Committee,
        previous: Option<&'a Sharing<G>>,
    ) -> Self {
        let mut transcript = Transcript::new("ceremony", &scope);
        transcript.bytes("of", G::NAME.as_bytes());
        transcript.bytes("run", run.as_bytes());
        transcript.number("threshold", committee.threshold().into());
        transcript.number("participants", committee.participants().into());
        match previous {
            None => transcript.bytes("new key", &[]),
            Some(previous) => transcript.bytes("previous", &previous.to_bytes()),
        };
        Self {
            committee,
            previous,
            scope,
            name: *transcript.key(),
        }
    }

    /// Deals shares of `contribution` to the committee: of a fresh one ([`Share::random`]) for a new
    /// key, of the dealer's own share in a resharing.
    ///
    /// # Errors
    /// The contributor may not deal that in this ceremony. Nothing was revealed.
    pub fn deal(
        &self,
        contribution: &Share<G>,
        rng: &mut impl CryptoRng,
    ) -> Result<Dealt<G>, NotADealer> {
        let dealer = contribution.index();
        let admitted = match self.previous {
            None => self.committee.contains(dealer) && *contribution.expose() != G::Scalar::ZERO,
            Some(previous) => previous.check(contribution).is_ok(),
        };
        if !admitted {
            return Err(NotADealer(dealer));
        }
        let polynomial = Polynomial::random(contribution.secret(), self.committee, rng);
        let commitment = Commitment::new(polynomial.commit(), self.committee)
            .expect("its constant term is not zero, nor is a uniform coefficient ever");
        let statement = || self.statement(dealer, &commitment);
        let proof = Knowledge::prove(contribution.secret(), statement, rng);
        let shares = self.committee.indices();
        let shares = shares.map(|index| polynomial.share(index)).collect();
        Ok((Dealing { commitment, proof }, shares))
    }

    /// Checks a dealing that `dealer` is known to have made.
    ///
    /// # Errors
    /// Each of [`DealingError`]. The degree has been checked when the dealing was decoded; it is
    /// checked again here, against this ceremony's committee.
    pub fn verify(
        &self,
        dealer: Index,
        dealing: Dealing<G>,
    ) -> Result<VerifiedDealing<G>, DealingError> {
        let Dealing { commitment, proof } = dealing;
        let coefficients = commitment.coefficients().to_vec();
        let commitment =
            Commitment::new(coefficients, self.committee).map_err(DealingError::Commitment)?;
        match self.previous {
            None if !self.committee.contains(dealer) => return Err(DealingError::NotADealer),
            None => {}
            Some(previous) => {
                let pinned = previous.public_share(dealer);
                if commitment.constant() != pinned.ok_or(DealingError::NotADealer)? {
                    return Err(DealingError::Constant);
                }
            }
        }
        if !proof.verify(&commitment.constant(), || {
            self.statement(dealer, &commitment)
        }) {
            return Err(DealingError::Proof);
        }
        Ok(VerifiedDealing {
            ceremony: self.name,
            dealer,
            commitment,
        })
    }

    /// Opens what a dealer's proof says: that this dealer, in this ceremony, knows the secret of this
    /// commitment.
    pub(crate) fn statement(&self, dealer: Index, commitment: &Commitment<G>) -> Transcript {
        let mut transcript = Transcript::new("dealer knows the secret dealt", &self.scope);
        transcript.bytes("ceremony", &self.name);
        transcript.number("dealer", dealer.number().into());
        transcript.list("commitment", commitment.coefficients().len());
        for coefficient in commitment.coefficients() {
            transcript.element::<G>("coefficient", coefficient);
        }
        transcript
    }
}
