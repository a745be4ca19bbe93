use std::fmt;

use rand::CryptoRng;
use zeroize::Zeroizing;

use crate::{Field, Group, Index, NotAScalar, Secret};

/// A participant's share of a key: the value of the secret polynomial at its index.
///
/// Neither copied, compared nor printed; wiped on drop.
pub struct Share<G: Group> {
    index: Index,
    value: Secret<G>,
}

impl<G: Group> Share<G> {
    pub(crate) const fn new(index: Index, value: Secret<G>) -> Self {
        Self { index, value }
    }

    /// A uniform one: what a dealer contributes to a new key.
    pub fn random(index: Index, rng: &mut impl CryptoRng) -> Self {
        Self::new(index, Secret::random(rng))
    }

    /// The share of that participant from storage or from a private channel. Whether it belongs to
    /// a dealing or a sharing is theirs to check.
    ///
    /// # Errors
    /// Not the canonical form of a scalar.
    pub fn from_bytes(index: Index, bytes: &[u8]) -> Result<Self, NotAScalar> {
        Ok(Self::new(index, Secret::new(G::Scalar::from_bytes(bytes)?)))
    }

    /// The canonical form of the value, to be stored or sent in secret; without the index.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.expose().to_bytes())
    }

    /// Whose share this is.
    #[must_use]
    pub const fn index(&self) -> Index {
        self.index
    }

    /// The value, to compute with. Whatever is derived from it is as secret.
    #[must_use]
    pub fn expose(&self) -> &G::Scalar {
        self.value.expose()
    }

    /// The value as a secret.
    pub(crate) const fn secret(&self) -> &Secret<G> {
        &self.value
    }

    /// The generator times the value: what everyone may know of it.
    #[must_use]
    pub fn public(&self) -> G::Element {
        self.value.public()
    }
}

impl<G: Group> fmt::Debug for Share<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Share({}, ..)", self.index)
    }
}
