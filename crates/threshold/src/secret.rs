use std::fmt;

use rand::CryptoRng;

use crate::{Field, Group};

/// A scalar that must not leak: wiped on drop, neither copied nor compared nor printed.
pub struct Secret<G: Group>(Box<G::Scalar>);

impl<G: Group> Secret<G> {
    /// A secret of that value. The caller wipes its own copy.
    #[must_use]
    pub fn new(scalar: G::Scalar) -> Self {
        // Boxed: a move of the secret then copies a pointer and leaves no second image of it.
        Self(Box::new(scalar))
    }

    /// A uniform secret.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        Self::new(G::Scalar::random(rng))
    }

    /// The scalar, to compute with. Whatever is derived from it is as secret.
    #[must_use]
    pub fn expose(&self) -> &G::Scalar {
        &self.0
    }

    /// The generator times the secret.
    #[must_use]
    pub fn public(&self) -> G::Element {
        G::generate(&self.0)
    }
}

impl<G: Group> Drop for Secret<G> {
    fn drop(&mut self) {
        use zeroize::Zeroize as _;
        self.0.zeroize();
    }
}

impl<G: Group> fmt::Debug for Secret<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
