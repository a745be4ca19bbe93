//! Keys that no site holds: verifiable sharing, resharing and threshold signatures.

pub mod bls;

mod ceremony;
mod commitment;
mod committee;
mod dealing;
mod group;
mod index;
mod knowledge;
mod polynomial;
mod qualified;
mod secret;
mod share;
mod sharing;
mod transcript;

pub use ceremony::{Ceremony, Dealt, NotADealer};
pub use commitment::{Commitment, CommitmentError};
pub use committee::{Committee, NotACommittee};
pub use dealing::{Dealing, DealingError, VerifiedDealing};
pub use group::{Bls12381G2, Ed25519, Field, Group, NotAScalar, NotAnElement, Ristretto255};
pub use index::{Index, NotAnIndex};
pub use polynomial::lagrange;
pub use qualified::{Qualified, QualifyError, ShareError};
pub use secret::Secret;
pub use share::Share;
pub use sharing::{BadShare, Sharing, SharingError};
pub use transcript::{Scope, Transcript};

#[cfg(test)]
mod tests;
