use std::fmt::Debug;
use std::ops::{Add, Mul, Neg, Sub};

use rand::CryptoRng;
use thiserror::Error;
use zeroize::Zeroize;

mod bls12381;
mod curve25519;

pub use bls12381::Bls12381G2;
pub use curve25519::{Ed25519, Ristretto255};

/// A group of prime order in which discrete logarithms are hard.
///
/// Every value of [`Group::Element`] that this crate hands out or decodes is in the prime-order
/// group. The operators take constant time in scalars; [`Group::sum_of_products`] does not.
pub trait Group: Copy + Debug + Eq + Send + Sync + 'static {
    /// What transcripts and proofs call this group; no two groups share it.
    const NAME: &'static str;

    /// The field of exponents.
    type Scalar: Field;

    /// An element of the group; the operation is written as addition.
    type Element: Copy
        + Debug
        + Eq
        + Send
        + Sync
        + Add<Output = Self::Element>
        + Sub<Output = Self::Element>
        + Neg<Output = Self::Element>
        + Mul<Self::Scalar, Output = Self::Element>;

    /// The bytes of an element: one length and one form for each element.
    type Encoding: AsRef<[u8]> + Copy + Debug + Eq + Send + Sync;

    /// The neutral element.
    fn identity() -> Self::Element;

    /// The fixed generator times `scalar`, in constant time.
    fn generate(scalar: &Self::Scalar) -> Self::Element;

    /// Σ scalarᵢ · elementᵢ, for **public** scalars: the time depends on them.
    fn sum_of_products(terms: &[(Self::Scalar, Self::Element)]) -> Self::Element;

    /// The canonical encoding. The identity has one too, although [`Group::decode`] refuses it.
    fn encode(element: &Self::Element) -> Self::Encoding;

    /// Inverse of [`Group::encode`].
    ///
    /// # Errors
    /// Wrong length, not the canonical form, not on the curve, outside the prime-order group, or
    /// the identity.
    fn decode(bytes: &[u8]) -> Result<Self::Element, NotAnElement>;
}

/// The field of exponents of a [`Group`], with constant-time arithmetic.
///
/// Values are `Copy`, so a secret one belongs in a [`Secret`](crate::Secret).
pub trait Field:
    Copy
    + Eq
    + Send
    + Sync
    + Zeroize
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Neg<Output = Self>
    + 'static
{
    /// The neutral element of addition.
    const ZERO: Self;

    /// The neutral element of multiplication.
    const ONE: Self;

    /// The field element of that value.
    fn from_u64(value: u64) -> Self;

    /// 64 uniform bytes give a scalar whose bias is below 2⁻¹²⁸ (reduction modulo the order,
    /// little-endian).
    fn from_uniform_bytes(bytes: &[u8; 64]) -> Self;

    /// The multiplicative inverse; none for zero.
    fn inverse(&self) -> Option<Self>;

    /// The canonical encoding, little-endian for every group.
    fn to_bytes(&self) -> [u8; 32];

    /// Inverse of [`Field::to_bytes`]. Zero is a scalar.
    ///
    /// # Errors
    /// Wrong length, or a value not below the order.
    fn from_bytes(bytes: &[u8]) -> Result<Self, NotAScalar>;

    /// A uniform scalar.
    fn random(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = zeroize::Zeroizing::new([0; 64]);
        rng.fill_bytes(bytes.as_mut());
        Self::from_uniform_bytes(&bytes)
    }
}

/// Bytes that are not the canonical form of an element other than the identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not the canonical form of an element of the prime-order group other than the identity")]
pub struct NotAnElement;

/// Bytes that are not the canonical form of a scalar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not the canonical form of a scalar")]
pub struct NotAScalar;
