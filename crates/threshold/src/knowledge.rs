use std::fmt;

use rand::CryptoRng;
use zeroize::Zeroizing;

use crate::{Field, Group, Secret, Transcript};

/// A proof that somebody knows the logarithm of an element (\[Sch91\], made non-interactive by a
/// [`Transcript`]). Without one, a dealer could choose its contribution as a function of the others'
/// and so own the sum.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Knowledge<G: Group> {
    pub(crate) nonce: G::Element,
    pub(crate) response: G::Scalar,
}

impl<G: Group> Knowledge<G> {
    /// Proves knowledge of `secret`. The statement says everything that the proof is bound to, the
    /// public element included.
    pub(crate) fn prove(
        secret: &Secret<G>,
        statement: impl Fn() -> Transcript,
        rng: &mut impl CryptoRng,
    ) -> Self {
        // Two proofs under one nonce give the secret away. A generator that repeats itself, as that
        // of a cloned machine does, must not lead to that: secret and statement are mixed in.
        let mut fresh = Zeroizing::new([0; 32]);
        rng.fill_bytes(fresh.as_mut());
        let value = Zeroizing::new(secret.expose().to_bytes());
        let mut hedged = statement();
        hedged.bytes("fresh", fresh.as_ref());
        hedged.bytes("secret", value.as_ref());
        let nonce = Secret::<G>::new(hedged.challenge::<G>());

        let public = nonce.public();
        let challenge = challenge::<G>(&public, &statement);
        Self {
            nonce: public,
            response: *nonce.expose() + challenge * *secret.expose(),
        }
    }

    /// Whether the prover knew the logarithm of `public` when it made this statement.
    pub(crate) fn verify(&self, public: &G::Element, statement: impl Fn() -> Transcript) -> bool {
        let challenge = challenge::<G>(&self.nonce, &statement);
        G::generate(&self.response) == self.nonce + *public * challenge
    }
}

fn challenge<G: Group>(nonce: &G::Element, statement: &impl Fn() -> Transcript) -> G::Scalar {
    let mut transcript = statement();
    transcript.element::<G>("nonce", nonce);
    transcript.challenge::<G>()
}

impl<G: Group> fmt::Debug for Knowledge<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Knowledge({:?}, ..)", self.nonce)
    }
}
