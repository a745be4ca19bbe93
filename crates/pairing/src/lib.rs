//! BLS12-381 in safe types: scalars, both groups, hashing to them, and the pairing check.
//!
//! # Guarantees
//! - Every [`G1`] and [`G2`] is in the subgroup of prime order: the constructors are the generator,
//!   arithmetic, hashing, and decoding, which checks.
//! - [`G1::from_bytes`] and [`G2::from_bytes`] accept the compressed form of Zcash and of the BLS
//!   signature draft, one encoding for each element: wrong length, a coordinate not below the
//!   field's prime, stray bits, a point off the curve or outside the subgroup, and the identity are
//!   refused, each by its own [`DecodeError`].
//! - [`Scalar`]s decode from values below the order only, in both byte orders.
//! - Scalar arithmetic, comparison and multiplication of a point by a scalar take constant time;
//!   [`G1::sum_of_products`] and [`pairings_cancel`] do not, and are for public values.
//!
//! Model: the arithmetic is `blst`'s (C and assembly, audited, in part formally verified); this
//! crate adds types. It holds the workspace's only `unsafe` code: calls of `blst` functions that read
//! and write nothing but the fixed-size values, or the slices with their lengths, that they get.
//! It needs no operating system, so that a verifier of proofs needs none (`maftia-verify`).
//!
//! Sources: RFC 9380 (hashing), draft-irtf-cfrg-bls-signature (encodings, checks).
//!
//! ```
//! use maftia_pairing::{G1, G2, Scalar, pairings_cancel};
//! let (a, b) = (Scalar::from(6), Scalar::from(7));
//! // e(6·P, 7·Q) = e(42·P, Q)
//! let (p, q) = (G1::generator(), G2::generator());
//! assert!(pairings_cancel(&[(p * a, q * b), (-(p * Scalar::from(42)), q)]));
//! ```

#![no_std]

extern crate alloc;

mod group;
mod pairing;
mod scalar;

pub use group::{DecodeError, G1, G2};
pub use pairing::pairings_cancel;
pub use scalar::{NotAScalar, Scalar};

#[cfg(test)]
extern crate std;
#[cfg(test)]
mod tests;
