//! Keys that no site holds: verifiable sharing, resharing and threshold signatures.

mod group;
mod index;
mod secret;

pub use group::{Bls12381G2, Ed25519, Field, Group, NotAScalar, NotAnElement, Ristretto255};
pub use index::{Index, NotAnIndex};
pub use secret::Secret;

#[cfg(test)]
mod tests;
