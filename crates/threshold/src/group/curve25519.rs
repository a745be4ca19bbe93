use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{Identity, VartimeMultiscalarMul};

use super::{Field, Group, NotAScalar, NotAnElement};

/// The prime-order subgroup of Edwards25519: keys whose signatures any RFC 8032 verifier accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ed25519;

impl Group for Ed25519 {
    const NAME: &'static str = "ed25519";

    type Scalar = Scalar;
    type Element = EdwardsPoint;
    type Encoding = [u8; 32];

    fn identity() -> EdwardsPoint {
        EdwardsPoint::identity()
    }

    fn generate(scalar: &Scalar) -> EdwardsPoint {
        EdwardsPoint::mul_base(scalar)
    }

    fn sum_of_products(terms: &[(Scalar, EdwardsPoint)]) -> EdwardsPoint {
        let (scalars, elements) = (terms.iter().map(|t| t.0), terms.iter().map(|t| t.1));
        EdwardsPoint::vartime_multiscalar_mul(scalars, elements)
    }

    fn encode(element: &EdwardsPoint) -> [u8; 32] {
        element.compress().to_bytes()
    }

    fn decode(bytes: &[u8]) -> Result<EdwardsPoint, NotAnElement> {
        let compressed = CompressedEdwardsY::from_slice(bytes).map_err(|_| NotAnElement)?;
        let element = compressed.decompress().ok_or(NotAnElement)?;
        // Decompression takes y modulo the field's prime, and x = 0 under either sign.
        let canonical = element.compress() == compressed;
        if canonical && element.is_torsion_free() && element != EdwardsPoint::identity() {
            Ok(element)
        } else {
            Err(NotAnElement)
        }
    }
}

/// Ristretto255 (RFC 9496): a prime-order group with no cofactor to mind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ristretto255;

impl Group for Ristretto255 {
    const NAME: &'static str = "ristretto255";

    type Scalar = Scalar;
    type Element = RistrettoPoint;
    type Encoding = [u8; 32];

    fn identity() -> RistrettoPoint {
        RistrettoPoint::identity()
    }

    fn generate(scalar: &Scalar) -> RistrettoPoint {
        RistrettoPoint::mul_base(scalar)
    }

    fn sum_of_products(terms: &[(Scalar, RistrettoPoint)]) -> RistrettoPoint {
        let (scalars, elements) = (terms.iter().map(|t| t.0), terms.iter().map(|t| t.1));
        RistrettoPoint::vartime_multiscalar_mul(scalars, elements)
    }

    fn encode(element: &RistrettoPoint) -> [u8; 32] {
        element.compress().to_bytes()
    }

    fn decode(bytes: &[u8]) -> Result<RistrettoPoint, NotAnElement> {
        let compressed = CompressedRistretto::from_slice(bytes).map_err(|_| NotAnElement)?;
        // Ristretto's decoding refuses every form but the canonical one.
        let element = compressed.decompress().ok_or(NotAnElement)?;
        if element == RistrettoPoint::identity() {
            return Err(NotAnElement);
        }
        Ok(element)
    }
}

impl Field for Scalar {
    const ZERO: Self = Self::ZERO;
    const ONE: Self = Self::ONE;

    fn from_u64(value: u64) -> Self {
        Self::from(value)
    }

    fn from_uniform_bytes(bytes: &[u8; 64]) -> Self {
        Self::from_bytes_mod_order_wide(bytes)
    }

    fn inverse(&self) -> Option<Self> {
        (*self != Self::ZERO).then(|| self.invert())
    }

    fn to_bytes(&self) -> [u8; 32] {
        Self::to_bytes(self)
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, NotAScalar> {
        let bytes = bytes.try_into().map_err(|_| NotAScalar)?;
        Option::from(Self::from_canonical_bytes(bytes)).ok_or(NotAScalar)
    }
}
