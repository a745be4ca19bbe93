//! Consistent broadcast: nobody delivers another payload than anybody else, but some may deliver
//! none; and its verifiable form, whose certificate proves that to third parties.
//!
//! # Guarantees
//! - *Validity*: if the sender is correct, every correct site delivers its payload.
//! - *Consistency*: no two correct sites deliver different payloads.
//! - *Integrity*: at most one delivery; of a correct sender, only what it broadcast.
//! - *Transferability* ([`Verifiable`]): what is delivered comes with a certificate, without which
//!   nobody believes it, and which makes anybody deliver the same. At least f + 1 correct sites hold
//!   the payload of a certificate.
//!
//! No totality: with an intruded sender some may deliver and others not.
//!
//! # Model
//! n ≥ 3f + 2c + 1; asynchronous; authenticated links that deliver in the end. [`Echo`] needs no
//! signatures; [`Verifiable`] needs a [`Certifier`]: signatures of the sites, or a shared key.
//!
//! # Intuition
//! A site echoes, or signs, one payload per run. Two quorums of ⌈(n+f+1)/2⌉ share a correct site.
//!
//! # Messages
//! | message | asserts |
//! |---|---|
//! | `Send(m)` | its sender, which must be *the* sender, broadcasts m |
//! | `Echo(h)` | the sender told me the payload with digest h first |
//! | `Vote(s)` | the same, signed, and the caller's predicate holds of it |
//! | `Final(h, σ)` | σ certifies h |
//! | `Request(h)` | I have a certificate of h but not the payload |
//! | `Answer(m)` | this is what you asked for |
//!
//! # Rules
//! [`Echo`]: E1 upon the first `Send(m)` of the sender: `Echo(digest of m)` to all. E2 upon
//! ⌈(n+f+1)/2⌉ `Echo` of the digest of m: deliver m.
//!
//! [`Verifiable`]:
//! - K1 upon the first valid `Send(m)` of the sender: keep m, `Vote` to the sender.
//! - K2 the sender, upon ⌈(n+f+1)/2⌉ votes that combine, once: `Final` to all.
//! - K3 upon a `Final(h, σ)` that verifies, whoever sends it: deliver if m is here, else `Request(h)`
//!   to all.
//! - K4 upon `Request(h)`: `Answer(m)`, once m with digest h is here.
//!
//! # Bounds
//! One payload of the sender and one that was asked for; one vote and one wish of each site. One bad
//! vote or certificate of each site is checked, no other.
//!
//! # Deviations
//! \[CKPS01 §3\] asks the site that sent the certificate for the payload; here all are asked, since
//! that one may be intruded.
//!
//! # Complexity
//! [`Echo`]: 2 steps, n + n² messages, n·m + 256·n² bits. [`Verifiable`]: 3 steps, 3n messages, n·m
//! bits and n certificates: 48 bytes with a shared key, 64 for each voter with the sites' own.
//! Votes are checked together; only if that fails, one by one.
//!
//! # Duties of the caller
//! All sites name the same sender. A predicate, if any, is the same function everywhere.
//!
//! # Sources
//! \[CKPS01 §3\]; \[Rei94\] for the echo broadcast.

mod certificate;
mod echo;
mod opening;
mod shared;
mod signatures;
mod verifiable;

pub use certificate::{Certifier, CertifierError};
pub use echo::{Echo, EchoMessage};
pub use shared::{BlsCertificate, SharedKeyCertifier};
pub use signatures::{MultiSignature, SignatureCertifier};
pub use verifiable::{Certified, Verifiable, VerifiableMessage, statement_of};
