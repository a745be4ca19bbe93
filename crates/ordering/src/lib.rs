//! The ordering engine: atomic multicast over a DAG of signed blocks.
//!
//! # Guarantees
//! As long as at most f of the n sites are intruded and at most c more are down:
//! - **Agreement and total order.** Correct sites give the same commits with the same blocks in the
//!   same order, each [`Commit`] chained to the one before by its digest.
//! - **Integrity.** A block is delivered at most once, and only if its author signed it.
//! - **Validity.** An item that a correct site submits is delivered, once the group makes progress;
//!   if its block falls below the delivery cut, the item goes into another one.
//! - **Causality.** What a block's author had accepted when making it comes before it.
//! - **No equivocation by restart.** A correct site signs one block a round, whatever its disk
//!   forgets, as long as a sync that was reported done was done or its log says that it is damaged.
//! - **Accountability.** Two blocks of one author for one round become an [`Equivocation`] that
//!   convinces anybody; no correct site is ever named in one.
//!
//! # Model
//! n ≥ 3f + 2c + 1 sites with Ed25519 keys that all know; nothing trusted. Links authenticate the
//! peer, and lose, delay and reorder. Safety reads no clock. Progress needs a quorum of correct
//! sites and times in which a leader's block arrives within the growing timeout of the pacemaker.
//!
//! # Intuition
//! Each site makes one block a round and refers in it to a quorum of blocks of the round before.
//! These references are all the votes there are: who refers to a leader's block votes for it, and
//! who refers to a quorum of such votes certifies it. As any two quorums share a correct site,
//! which makes one block a round, everybody who reads enough of the DAG reads the same verdict,
//! without a further message. A committed leader then drags its whole history into the order.
//!
//! # Messages
//! - [`Message::Block`]: from its author "this is my only block of this round, and all it refers to
//!   is on my disk"; from others nothing but that they have it.
//! - [`Message::Payload`]: what a header's digest names; checked against it.
//! - [`Message::Fetch`]: asks; asserts nothing.
//! - [`Message::Knowledge`]: how far the sender says it is. Believed for what to send it, and
//!   nothing else.
//! - [`Message::RecoveryQuery`], [`Message::RecoveryAnswer`]: "I lost my log" and, signed for that
//!   question alone, "the highest block I hold is of this round".
//!
//! # Rules
//! Numbered as in the code.
//! - *Validity*, the same verdict everywhere ([`Invalid`]): V1 of this group and epoch; V2 parents
//!   below, one per author; V3 a quorum of the round just below, so that votes are seen; V4 the own
//!   parent first; V5 time does not go back; V6 no parent by an author whose twins its strong
//!   parents show; V8 no parent deeper than half the delivery depth, so that local pruning never
//!   decides validity.
//! - *Making blocks*: A1 when legal parents are here; A2 the round after the last own one; C1 when
//!   the leader's block is here and the one before is judged, C2 or after 2Δ, C3 or when a quorum
//!   has moved on; B2 with what peers seem to lack. When nothing is pending anywhere, one a second.
//! - *Deciding*: S1 commit with q_sp certifying authors at r+2; S2 skip with q authors at r+1 that
//!   vote for no candidate; S3 else through the first anchor at r+3 or above. q_sp is
//!   [`slow_path_quorum`](maftia_types::Resilience::slow_path_quorum): two of them share a correct
//!   site, and a skip quorum leaves too few voters for a certificate.
//! - *Delivering*: the history of each committed leader, not yet delivered and above the cut, by
//!   (round, author, digest).
//! - *Restart*: replay the log; if it is lost, sign nothing at or below one more than the highest
//!   round that 2f + c + 1 sites which are not recovering show.
//!
//! # Bounds
//! Header [`HEADER_BYTES_MAX`], payload [`PAYLOAD_BYTES_MAX`], queue for own blocks
//! [`DRAFT_BYTES_MAX`]. Per author: [`novelty_budget`](maftia_types::Resilience::novelty_budget)
//! waiting blocks, two twins a slot unless referred to, two full payloads before acceptance.
//! Accepted blocks are kept from twice the delivery depth below what is settled, longer if the
//! owner prunes later. When settling trails by 64 rounds, own blocks carry no payload; at 96,
//! others' blocks with payload are not referred to.
//!
//! # Deviations
//! From uncertified DAG protocols as published: no fast path, so no evidence clause in S3
//! (correction 1); leaders are permuted anew in each cycle rather than in turn; depth bounds are
//! part of validity (correction 5); the checkpoint carries the delivered set (correction 2); a
//! block without a parent of its own author is legal, for sites that return (ADR 2). The coin rule
//! is not here yet (ADR 5).
//!
//! # Complexity
//! Per round: n headers of O(n) bytes to n − 1 peers each, one signature made, n − 1 checked. A
//! leader is final three rounds after its block. Nothing is sent, signed or allocated per item.
//!
//! # Duties of the caller
//! Those of [`maftia_protocol`]; give every [`Boot`] a fresh nonce, and `lost` if the log is
//! missing or damaged; tell [`Command::PeerUp`] for each link; call [`Engine::prune`] and
//! [`Engine::drop_payloads`] for stable checkpoints; on [`Output::Behind`] fetch a checkpoint.
//!
//! # Example
//! A group of one, which tolerates nothing and agrees with itself.
//! ```
//! use maftia_crypto::SigningKey;
//! use maftia_ordering::{
//!     Boot, CheckpointPolicy, Engine, Frontier, Identity, Output, Pacing, Parameters,
//! };
//! use maftia_protocol::{Event, Protocol};
//! use maftia_types::{Digest, Epoch, FaultModel, Resilience, SiteId, Time};
//!
//! let parameters = Parameters {
//!     config: Digest::ZERO,
//!     epoch: Epoch(0),
//!     resilience: Resilience::new(FaultModel::Arbitrary, 1, 0, 0)?,
//!     delivery_depth: 16,
//!     checkpoints: CheckpointPolicy::default(),
//!     pacing: Pacing::default(),
//! };
//! let key = SigningKey::from_seed([7; 32]);
//! let me = SiteId::new(0).ok_or("no such site")?;
//! let identity = Identity { me, keys: vec![key.public()], key };
//! let boot = Boot { frontier: Frontier::start(), records: Vec::new(), lost: false, nonce: 1 };
//! let (mut engine, _) = Engine::boot(parameters, identity, boot, Time::ZERO);
//!
//! engine.submit(b"an item")?;
//! engine.wake(Time::ZERO);
//! let mut delivered = Vec::new();
//! while delivered.is_empty() {
//!     let now = engine.next_timeout().ok_or("it always wants to go on")?;
//!     // A driver makes `step.records` durable before `step.messages` leave.
//!     let step = engine.handle(now, Event::Timeout);
//!     for output in step.outputs {
//!         if let Output::Commit(commit) = output {
//!             delivered.extend(commit.blocks.into_iter().filter(|(_, payload)| !payload.is_empty()));
//!         }
//!     }
//! }
//! assert_eq!(&delivered[0].1[..], b"an item");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod accept;
mod block;
mod boot;
mod committer;
mod dag;
mod draft;
mod engine;
mod fault;
mod history;
mod linearizer;
mod message;
mod pacemaker;
mod parameters;
mod peers;
mod propose;
mod record;
mod recovery;
mod rule;
mod schedule;
mod suspended;
mod synchroniser;
mod validity;

pub use block::{Block, BlockRef, HEADER_BYTES_MAX, Header, IndexedDigest, payload_digest};
pub use boot::{Boot, Identity};
pub use committer::Committer;
pub use dag::{Dag, Entry};
pub use draft::{DRAFT_BYTES_MAX, DraftFull};
pub use engine::{Command, Engine, Output};
pub use fault::{Equivocation, Invalid, Misbehaviour, NoProof};
pub use linearizer::{Commit, Frontier};
pub use message::{FETCH_MAX, INLINE_PAYLOAD_BYTES_MAX, Knowledge, Message};
pub use parameters::{CheckpointPolicy, PAYLOAD_BYTES_MAX, Pacing, Parameters};
pub use record::Record;
pub use recovery::{RecoveryStatement, Standing};
pub use rule::Verdict;
pub use schedule::Schedule;
pub use validity::{check_alone, check_parents, choose_parents};

#[cfg(test)]
mod tests;
