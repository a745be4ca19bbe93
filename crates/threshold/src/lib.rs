//! Keys that no site holds: verifiable sharing, resharing and threshold signatures.
//!
//! # Guarantees
//! - *Secrecy*: fewer shares than the threshold say nothing about a shared key. Shares of sharings
//!   before and after a resharing do not add up.
//! - *Verifiability*: a dealing is used only after its degree, its elements, the proof of its secret
//!   and, in a resharing, its dealer's part in the key have been checked; a private share only after
//!   it was held to the dealing. What is wrong is blamed on one dealer, or signer.
//! - *Permanence*: resharing, to the same or any other committee, keeps the public key. It is checked.
//! - Elements decode from one form each, never to the identity or out of the group of prime order;
//!   indices are 1 to 255; secrets are neither copied, compared nor printed, and are wiped.
//!
//! # Model
//! Discrete logarithms in the [`Group`]s are hard and BLAKE3 is a random oracle. Up to *f* dealers
//! are corrupt, and less than the threshold of shares is known to the adversary. A rushing dealer can
//! bias which key results, not learn it: **no randomness may be taken from a public key**.
//!
//! # Duties of the caller
//! - All participants take the *same* dealings as qualified: their choice is agreed on elsewhere.
//! - A dealer is known to have made a dealing, and private shares travel over secret channels.
//! - Old shares are erased once the new sharing is certified to be complete, and not before.
//! - [`Ceremony`]'s run is never reused, nor is a generator for two secrets.
//!
//! # Bounds
//! At most 255 participants, so a dealing has at most 255 elements: 24 KiB for BLS12-381.
//!
//! ```
//! use maftia_threshold::bls::{PublicKey, Purpose, SignatureShare, Tag, combine};
//! use maftia_threshold::{Ceremony, Committee, Index, Scope, Share};
//! # use std::collections::BTreeMap;
//! # use maftia_types::{Digest, Epoch};
//! # use rand_chacha::rand_core::SeedableRng;
//! # let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
//! let committee = Committee::new(2, 3)?;
//! let scope = Scope { group: Digest([1; 32]), epoch: Epoch(1) };
//! let ceremony = Ceremony::key_generation(scope, Digest([2; 32]), committee);
//! // Each member deals; everyone verifies each dealing, and keeps the share meant for it.
//! let (mut dealings, mut dealt) = (Vec::new(), BTreeMap::<Index, BTreeMap<_, _>>::new());
//! for dealer in committee.indices() {
//!     let (dealing, shares) = ceremony.deal(&Share::random(dealer, &mut rng), &mut rng)?;
//!     dealings.push(ceremony.verify(dealer, dealing)?);
//!     for share in shares {
//!         dealt.entry(share.index()).or_default().insert(dealer, share);
//!     }
//! }
//! let qualified = ceremony.qualify(dealings)?;
//! let tag = Tag::new("example", Purpose::Vote)?;
//! let mut shares = Vec::new();
//! for (own, dealt) in dealt.iter().take(2) {
//!     shares.push(SignatureShare::sign(&qualified.share(*own, dealt)?, &tag, b"yes"));
//! }
//! let combined = combine(qualified.sharing(), &tag, b"yes", &shares)?;
//! PublicKey::of(qualified.sharing()).verify(&tag, b"yes", &combined.signature)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod bls;

mod ceremony;
mod commitment;
mod committee;
mod dealing;
pub mod export;
#[cfg(feature = "frost")]
pub mod frost;
mod group;
mod index;
mod knowledge;
mod polynomial;
mod qualified;
mod secret;
mod share;
mod sharing;
pub mod tdh2;
mod transcript;
mod wire;

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
