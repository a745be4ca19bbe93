//! Hashing, Ed25519 with consistent verification, and signed envelopes.
//!
//! # Guarantees
//! - [`Hasher`] is BLAKE3 under a [`Domain`]: digests of different domains never collide by
//!   construction of their input.
//! - Verification is the batch-compatible rule of ZIP-215 (`ed25519-zebra`): every site gives the
//!   same verdict on the same bytes, alone or in a batch. Keys of small order and non-canonical
//!   keys are refused when a key is registered ([`PublicKey::new`]), not when it is used.
//! - A signature covers a domain and the *received bytes*, never a re-encoding.
//! - Secrets are wiped on drop, are not `Clone`, and do not print.
//!
//! Model: the adversary breaks neither BLAKE3 nor Ed25519. Signing ≈ 15 µs, verifying ≈ 33 µs.
//!
//! ```
//! use maftia_crypto::{Domain, Envelope, SigningKey};
//! const GREETING: Domain = Domain::new("example greeting");
//! let key = SigningKey::from_seed([7; 32]);
//! let sealed = Envelope::seal(&key, GREETING, b"hello".as_slice().into());
//! assert_eq!(&sealed.open(&key.public(), GREETING)?[..], b"hello");
//! # Ok::<(), maftia_crypto::BadSignature>(())
//! ```

mod envelope;
mod hash;
mod signature;

pub use envelope::{ENVELOPE_CONTENT_BYTES_MAX, Envelope};
pub use hash::{Domain, Hasher};
pub use signature::{BadSignature, KeyError, PublicKey, Signature, SigningKey};
