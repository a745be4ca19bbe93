//! Keys that no site holds: verifiable sharing, resharing and threshold signatures.

pub mod export;
mod group;
mod index;
mod secret;
mod transcript;

pub use group::{Bls12381G2, Ed25519, Field, Group, NotAScalar, NotAnElement, Ristretto255};
pub use index::{Index, NotAnIndex};
pub use secret::Secret;
pub use transcript::{Scope, Transcript};

#[cfg(test)]
mod tests;
