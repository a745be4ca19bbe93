//! Checks offline what a group has signed, with its public key and nothing else: that a key of its
//! store had a value, or none; what became of a ceremony of its keys; rounds of its beacon; signatures
//! it made for its clients.
//!
//! # Guarantees
//! - **Sound**: what [`entry`] returns was the state of the group after that commit, while at most
//!   f of its sites are intruded: a certificate needs a threshold of sites, each of which signs what
//!   f + 1 sites, one of them correct, have computed.
//! - **Total and bounded**: any bytes give an answer or an error. Nothing is allocated but two points
//!   per pairing; what is returned are parts of the input. Time is linear in the input, of which
//!   more than [`PROOF_BYTES_MAX`] is refused, and one pairing check.
//! - **Strict**: a proof has one form. A changed byte makes it invalid, or, in the question of a
//!   proof of absence, at most the proof of another absence.
//!
//! A proof says what *was*: after a certain commit, at a certain agreed time. Whether that is recent
//! enough is for the caller to say, who sees both.
//!
//! Model: the adversary does not break BLAKE3, SHA-256 or BLS12-381. No operating system is needed
//! (`no_std`, `alloc` for the pairing), no clock, no randomness, no other file.
//!
//! # Format
//! Written from `docs/adr/0011-certified-checkpoints.md`, and on purpose without the code that makes
//! proofs: each is the other's test. Numbers are little-endian; `bytes` is a length of four bytes and
//! as many bytes.
//!
//! | field | length | |
//! |---|---|---|
//! | magic | 16 | `maftia proof 1`, a line end, and the kind: 1 for an entry of the store |
//! | head | 128 | group 32, epoch 8, commit 8, chain 32, time 8, members 32, parts 4, chunks 4 |
//! | signature | 48 | of the digest of the checkpoint, in the domain `group \| ckpt` |
//! | key | bytes | |
//! | value | 1, bytes | 0, or 1 and the value |
//! | shown | 4, ... | how many; of each its place among the chunks, 4, its bytes, and its path: how many digests, 4, and these |
//!
//! `H(d, x)` is BLAKE3 of `maftia/1 `, d, a zero byte and x. The first shown chunk is the store's
//! meta chunk, the others are pages. A chunk's digest is `H("kv meta", ..)` or `H("kv page", ..)`; eight
//! neighbours have the parent `H("checkpoint node", ..)`, level by level up to one top; the
//! checkpoint's digest is `H("checkpoint", head top)`.
//!
//! A transcript ([`transcript()`]) is of kind 2: the magic, a statement, and 48 bytes of signature of
//! `H("transcript statement", statement)`, in the domain `group | transcript`.
//!
//! | field of a statement | length | |
//! |---|---|---|
//! | group, epoch, ceremony, run | 32, 8, 8, 32 | |
//! | key | 4, bytes, 1 | number, name, scheme: 1 Ed25519, 2 BLS, 3 sealing, 4 beacon |
//! | version, dealings | 4, 32 | the digest of the qualified dealings |
//! | dealers | 4, ... | how many; of each its key, 32, and 0, or 1 and the digest of its dealing, 32, or 64 and what it is convicted of |
//! | members | 4, ... | how many; of each its key, 32, and whether its share is as good as public, 1 |
//! | sharing | bytes | threshold, 1, members, 1, and as many elements as the threshold: the public polynomial |
//!
//! # Other kinds
//! The kind in the magic leaves room for evidence against a site and for entries of other services.
//!
//! ```
//! use maftia_verify::{GroupKey, ProofError, entry};
//! # let hex = "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d\
//! # 1064510d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a";
//! let key = GroupKey::from_hex(hex)?;
//! assert_eq!(entry(b"no proof", &key), Err(ProofError::NotAProof));
//! # Ok::<(), maftia_verify::KeyError>(())
//! ```

#![no_std]

mod error;
mod hash;
mod key;
mod page;
mod proof;
mod reader;
mod time;
mod transcript;
mod tree;

pub use error::ProofError;
pub use key::{BadSignature, GroupKey, KeyError};
pub use page::Entry;
pub use proof::{Head, PROOF_BYTES_MAX, Proven, entry};
pub use time::Utc;
pub use transcript::{Dealer, Member, Outcome, TRANSCRIPT_BYTES_MAX, Transcript, transcript};

#[cfg(test)]
mod tests;
