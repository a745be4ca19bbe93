//! Reliable broadcast: one sender, one payload, all correct sites deliver it or none does.
//!
//! # Guarantees
//! - *Validity*: if the sender is correct, every correct site delivers its payload.
//! - *Agreement*: no two correct sites deliver different payloads.
//! - *Integrity*: at most one delivery; of a correct sender, only what it broadcast.
//! - *Totality*: if one correct site delivers, all do.
//!
//! # Model
//! n ≥ 3f + 2c + 1, f intruded, c more stop for ever; asynchronous; links between correct sites are
//! authenticated and deliver in the end ([`Host`](crate::Host) sees to it across restarts). No
//! signatures, no coin.
//!
//! # Intuition
//! Sites repeat what they got from the sender (echo). Two quorums of echoes share a correct site,
//! which echoes once: only one payload can have one. Who sees a quorum says so (ready); f + 1 such
//! words include a correct one, so they are as good as a quorum, and no one is left behind. If
//! almost all echo alike, so many correct ones did that nothing else can win: deliver at once.
//!
//! # Messages
//! | message | asserts |
//! |---|---|
//! | `Propose(m)` | its sender, which must be *the* sender, broadcasts m |
//! | `Echo(m)` | the sender told me m first |
//! | `Vote(h)` | optimistic rule: a majority of the non-senders echo the payload with digest h |
//! | `Ready(h)` | no correct site is ready for anything else, and somebody correct has the payload |
//! | `Disperse(s)` | here is your shard of the payload under this root |
//! | `Echo(s)` | here is the shard that the sender gave me |
//!
//! # Rules
//! [`plain`](PlainMessage), with the payload in each echo:
//! - R1 upon the first `Propose(m)` of the sender: `Echo(m)` (under the optimistic rule the sender
//!   itself echoes nothing: counts are over the others).
//! - R2 (optimistic) upon ⌈n/2⌉ `Echo(m)`: `Vote`.
//! - R3 upon ⌈(n+f+1)/2⌉ `Echo(m)` (Bracha), or ⌈(n+f−1)/2⌉ `Vote` (optimistic): `Ready`.
//! - R4 upon f + 1 `Ready(h)`: `Ready(h)`.
//! - R5 upon 2f + c + 1 `Ready(h)` and the payload: deliver.
//! - R6 (optimistic) upon ⌈(n+2f−2)/2⌉ + c `Echo(m)`: deliver.
//!
//! [`coded`](CodedMessage), for a payload of which any f + 1 of n shards suffice:
//! - C1 upon the first own shard of the sender under a root: `Echo(shard)`.
//! - C2 upon ⌈(n+f+1)/2⌉ shards under a root: rebuild the payload, **encode it again**; if that
//!   gives the root, `Ready(root)`, else blame the sender.
//! - C3, C4 as R4, R5, with any f + 1 shards for the payload.
//!
//! [`Broadcast`] joins them: payloads of up to [`INLINE_BYTES_MAX`] go plain. Of a larger one the
//! root goes plain and the shards coded, at the same time; who delivers both delivers.
//!
//! Why each is enough: `maftia_types::OptimisticBroadcast` for R2, R3, R6. An echo quorum holds
//! ⌈(n+f+1)/2⌉ − f − c ≥ f + 1 echoes of sites that are correct and never stop: everybody gets those.
//!
//! # Bounds
//! Each site's first echo, vote and ready count, and no other is kept: n payloads of 16 KiB plain;
//! n shards, together less than n/(f+1) payloads of [`PAYLOAD_BYTES_MAX`], coded.
//!
//! # Deviations
//! Delivery takes 2f + c + 1 readies where \[Bracha87\] has 2f + 1, and R6 adds c to \[SYKLNW25\]: of
//! what is counted, c may come from sites that stopped half-way through saying it to all.
//!
//! # Complexity
//! | | steps | messages | bits |
//! |---|---|---|---|
//! | Bracha | 3 | n + 2n² | n²·m |
//! | optimistic, all but a few correct | 2 | n + 3n² | n²·m |
//! | optimistic, else | 4 | the same | the same |
//! | coded | 3 | n + 2n², and the plain ones of a root | n²·m/(f+1) + n²·log n·256 |
//!
//! # Duties of the caller
//! All sites name the same sender and rule for an instance.
//!
//! # Sources
//! \[Bracha87\]; \[SYKLNW25 §3\]; dispersal after \[CT05\] and \[DXR21\].

mod broadcast;
mod coded;
mod coding;
mod merkle;
mod plain;

pub use broadcast::{Broadcast, BroadcastError, Message};
pub use coded::{Coded, CodedMessage};
pub use coding::{Shard, shards_of};
pub use plain::{Plain, PlainMessage, Rule};

/// The largest payload that travels in every echo. Above, n echoes of a shard cost less than n of
/// the payload even with the digests that a shard needs.
pub const INLINE_BYTES_MAX: usize = 16 * 1024;

/// The largest payload: the largest value of the suite.
pub const PAYLOAD_BYTES_MAX: usize = 1024 * 1024;
