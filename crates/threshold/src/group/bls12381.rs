use maftia_pairing::{G2, Scalar};

use super::{Field, Group, NotAScalar, NotAnElement};

/// The second group of BLS12-381: public keys; their signatures are in the first group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bls12381G2;

impl Group for Bls12381G2 {
    const NAME: &'static str = "bls12381-g2";

    type Scalar = Scalar;
    type Element = G2;
    type Encoding = [u8; G2::BYTES];

    fn identity() -> G2 {
        G2::identity()
    }

    fn generate(scalar: &Scalar) -> G2 {
        G2::generator() * *scalar
    }

    fn sum_of_products(terms: &[(Scalar, G2)]) -> G2 {
        G2::sum_of_products(terms)
    }

    fn encode(element: &G2) -> [u8; G2::BYTES] {
        element.to_bytes()
    }

    fn decode(bytes: &[u8]) -> Result<G2, NotAnElement> {
        G2::from_bytes(bytes).map_err(|_| NotAnElement)
    }
}

impl Field for Scalar {
    const ZERO: Self = Self::ZERO;
    const ONE: Self = Self::ONE;

    fn from_u64(value: u64) -> Self {
        Self::from(value)
    }

    fn from_uniform_bytes(bytes: &[u8; 64]) -> Self {
        Self::from_uniform_le_bytes(bytes)
    }

    fn inverse(&self) -> Option<Self> {
        Self::inverse(self)
    }

    fn to_bytes(&self) -> [u8; 32] {
        self.to_le_bytes()
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, NotAScalar> {
        let bytes = bytes.try_into().map_err(|_| NotAScalar)?;
        Self::from_le_bytes(bytes).map_err(|_| NotAScalar)
    }
}
