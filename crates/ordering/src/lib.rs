//! The ordering engine: an uncertified DAG of signed blocks, decided by rounds with known leaders, or
//! with leaders that a coin names.
//!
//! # Guarantees
//! With at most f sites intruded (arbitrary model, n ≥ 3f + 2c + 1; hybrid, n ≥ 2(f + c) + 1, if no
//! trusted device is broken), or c stopped and none intruded (crash, n ≥ 2c + 1):
//! - **Agreement and total order.** The sequences of [`Commit`]s of any two correct sites are
//!   prefixes of one another, blocks and payloads included.
//! - **Integrity.** A block is delivered at most once, and only if its author signed it.
//! - **Durability.** A commit that left a site survives any number of crashes, also of all sites
//!   at once, as long as no more than f + c logs are lost.
//! - **No self-contradiction.** A correct site signs one block a round, for ever, also after it lost
//!   its log.
//! - **Blame soundness.** A fault or an [`Equivocation`] names no correct site.
//! - **Liveness.** After the network delivers within Δ, whatever Δ is, every block of a correct site
//!   that is referenced in time is delivered. Under lasting asynchrony rounds go on; with a coin
//!   ([`Asynchronous`]) so do commits, with probability 1, else they may not; nothing is lost.
//!
//! # Model
//! Links authenticate their ends; they may lose, delay, repeat and reorder. Clocks may lie: safety
//! reads none. A [`Step`](maftia_protocol::Step)'s records are durable before its messages leave.
//!
//! # Intuition
//! Each round every site signs a block that names at least a quorum of blocks of the round below.
//! A block is thereby a vote for all it names. The leader of a round is known beforehand; once a
//! quorum of blocks two rounds above see a quorum of votes for its block, every later block must see
//! them too, and the leader's whole history is delivered. What is not settled so is settled by the
//! history of a later leader that was.
//!
//! Who knows the leaders and rules the network can give each of them just too few votes. Against him
//! slots are led by a coin, which names its leader when it is too late to hold back the block.
//!
//! # Messages
//! | message | asserts about its sender |
//! |---|---|
//! | [`Message::Block`] | of an own block: "my only block of this round; it and its history are on my disk" |
//! | [`Message::Payload`] | nothing: checked against the header |
//! | [`Message::Fetch`] | nothing |
//! | [`Message::Knowledge`] | "I have accepted so far": believed for pushing only; that a checkpoint is needed is believed of f+1 |
//! | [`Message::CoinQuery`] | nothing |
//! | [`Message::CoinShares`] | "my shares of these rounds' coins, all revealed by my blocks" |
//! | [`Message::Drafted`] | to itself: "the log holds my draft" |
//! | [`Message::RecoveryQuery`] | "my log is lost" |
//! | [`Message::RecoveryAnswer`] | signed: "no block I hold is of a higher round, and my log is intact" |
//!
//! # Rules
//! Validity ([`check_alone`], [`check_parents`]): V1 of this group and epoch, by a member; V2 parents
//! below, one per author; V3 at least q strong parents (two quorums share a correct author); V4 the
//! own parent first; V5 no time before the own parent's; V6 no parent by an author whose twins the
//! strong parents reference; V7 coin shares only of rounds that it reveals, at least four below,
//! newest first; V8 no parent deeper than D_ref = D_gc / 2.
//!
//! 1. Upon a block: check V1–V4, V7, V8 and the signature; suspend it until its parents are accepted or
//!    exempt (at or below settled − 2·D_gc) and its payload is here; check V5 and V6; accept, log.
//! 2. Upon two blocks of one author and round: an [`Equivocation`], evidence for the log.
//! 3. Decide slot r (S1): commit L if q_sp authors at r+2 certify it, each by q_sp votes among its
//!    parents: two certified twins would share a correct voter.
//! 4. (S2): skip if q authors at r+1 vote for no candidate: fewer than q_sp are left to vote for one.
//! 5. (S3): else ask the first committed slot at r+3 or above: commit what its history certifies,
//!    else skip. A quorum of certifiers and the anchor's q parents share a correct author.
//!
//!    With [`Parameters::fast_path`], and never without (correction 1): (F1) commit L also if q_f
//!    authors at r+1 vote for it; (F2) in place of S2, skip if q_sp authors at r+1 do not vote for L,
//!    for each L, and q_sp authors at r+2 are evidence for none; (F3) in S3 commit also what q_sp
//!    authors at r+2 are evidence for. After F1 every block at r+2 is: T1 of its parents' authors are
//!    correct voters, or T2 if it has seen a twin, as V6 then keeps the leader out.
//!    With [`Asynchronous::Always`] slots are decided by the A rule in place of S1–S3, with
//!    [`Asynchronous::Auto`] those of the intervals for which the control chain says so: (A1) commit
//!    what q authors at r+4 certify, each by q supporters among its parents; (A2) skip if q authors at
//!    r+3 support nothing; (A3) ask the first committed slot at r+5 or above. The leader is known once
//!    q authors are at r+4 and the [`coin`] is combined. Which rule rules is agreed without
//!    a message: see [`control`].
//!    In the models `hybrid` and `crash`, where no site makes two blocks of a round: (M1) commit L if q
//!    authors at r+1 vote for it; (M2) skip if the blocks of all n are there and none does; (M3) from
//!    r+2 on commit what one block at r+1 in the anchor's history votes for. With the coin r+3 in place
//!    of r+1 and r+4 of r+2. Two blocks of a round stop the site. In `hybrid` blocks bear seals, with
//!    clauses H1 and H2 of their own: see [`seal`].
//! 6. Upon a settled commit: deliver the undelivered blocks of its history above leader − D_gc by
//!    (round, author, digest); own payloads that fall to the cut are proposed again.
//! 7. Make the next block when its round has legal parents and the leader below is here and the one
//!    before is judged (C1), or q others have gone on (C3), or 2Δ have passed (C2).
//! 8. A round that has no legal parents is passed over; the parents of another's block of that round
//!    are legal for this site too, so the furthest round is open to all.
//! 9. A period without an own block: tell all what is here, ask one peer, in turn, at doubling
//!    distance.
//! 10. Upon a start without a log: log [`Record::Recovering`], ask all with a fresh nonce, and sign
//!     nothing up to m + 1, the highest of n−q+f+1 answers that blocks accepted here cover. In `hybrid`
//!     the device says what was signed.
//!
//! # Bounds
//! Suspended blocks: a novelty budget of 4n(f+c+1) per author, twice that if required, and beyond that
//! one per sender; payloads two full blocks per author, beside those of blocks whose parents are here;
//! twins of a slot two from the author and seven from each other, beside those that blocks build on;
//! one answer 1 MiB; own payloads under way four full blocks; above 64 rounds
//! of lag own blocks are empty, above 96 blocks with payload are not referenced.
//!
//! # Deviations
//! - Headers are pushed to a peer only when its own blocks trail by three rounds (cordial): before,
//!   its blocks usually show that it has them.
//! - Leaders absent for 16 rounds are not waited for; a site more than D_ref/2 behind skips to the
//!   tip; a round without legal parents is passed over (rule 8). Safety reads none of this. With the
//!   coin too: each round still has q authors, so that a constant part of all coins names a block.
//! - V4 allows a block without own parent (`docs/adr/0002-reentry-without-self-parent.md`).
//! - A transfer has no attested base: the horizon is 2·D_gc below the checkpoint and the checkpoint
//!   holds the delivered set, so no block at or below the horizon is ever read again.
//! - Where no leader is known, blocks wait a fifth of a round's time for more than a quorum, if some
//!   site that is not absent has none yet; lateness of single sites is not measured.
//! - Acceptance and pruning go by the lower of the settled frontier and the control chain's prefix.
//! - Recovery answers count only once covered by an accepted block: a lie about a round that does not
//!   exist cannot stop a recovery.
//! - Of a block that only its parents show to be invalid, the author is blamed and not a messenger:
//!   that one may have accepted it with its parents exempt.
//!
//! # Complexity
//! n² headers a round, each O(n) long; three message delays from a leader's block to its commit, two
//! with the fast path, five with the coin; a decision costs O(n³) look-ups per new block and open slot.
//!
//! # Duties of the caller
//! Perform steps in order; records before anything that waits for them. Say `lost` only if the log is
//! missing or damaged: a log that goes on after a recovery knows its own standing. Give
//! [`Engine::drop_payloads`] and [`Engine::prune`] only what a stable checkpoint covers. Tell
//! [`Command::PeerUp`] when a link comes up; it speeds things, nothing depends on it.
//!
//! ```
//! use maftia_crypto::SigningKey;
//! use maftia_ordering::*;
//! use maftia_protocol::{Event, Protocol};
//! use maftia_types::{Digest, Epoch, FaultModel, Resilience, SiteId, Time};
//!
//! let parameters = Parameters {
//!     config: Digest([1; 32]),
//!     epoch: Epoch(0),
//!     resilience: Resilience::largest(FaultModel::Arbitrary, 1)?,
//!     fast_path: false,
//!     asynchronous: Asynchronous::Never,
//!     seals: None,
//!     delivery_depth: 16,
//!     checkpoints: CheckpointPolicy::default(),
//!     pacing: Pacing::default(),
//! };
//! let key = SigningKey::from_seed([1; 32]);
//! let keys = vec![key.public()];
//! let me = SiteId::new(0).ok_or("no such site")?;
//! let disk = Boot { frontier: Frontier::start(), records: Vec::new(), lost: false, nonce: 1 };
//! let (mut engine, _) = Engine::boot(parameters, Identity { me, key, keys }, disk, Time::ZERO);
//! engine.submit(b"hello")?;
//! engine.wake(Time::ZERO);
//! let mut delivered = false;
//! while let Some(now) = engine.next_timeout().filter(|_| !delivered) {
//!     for output in engine.handle(now, Event::Timeout).outputs {
//!         let Output::Commit(commit) = output else { continue };
//!         delivered |= commit.blocks.iter().any(|(_, payload)| &payload[..] == b"hello");
//!     }
//! }
//! assert!(delivered);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod accept;
mod block;
mod boot;
pub mod coin;
mod committer;
pub mod control;
mod dag;
mod draft;
mod engine;
mod fault;
mod heads;
mod history;
mod linearizer;
mod message;
mod modes;
mod pacemaker;
mod parameters;
mod peers;
mod propose;
mod record;
mod recovery;
mod rule;
mod schedule;
pub mod seal;
mod support;
mod suspended;
mod synchroniser;
mod turn;
mod validity;
mod view;

pub use block::{Block, BlockRef, HEADER_BYTES_MAX, Header, IndexedDigest, payload_digest};
pub use boot::{Boot, Identity};
pub use committer::Committer;
pub use dag::{Dag, Entry};
pub use draft::{DRAFT_BYTES_MAX, DraftFull};
pub use engine::{Command, Engine, Output};
pub use fault::{Equivocation, Invalid, Misbehaviour, NoProof};
pub use linearizer::{Commit, Frontier};
pub use message::{FETCH_MAX, INLINE_PAYLOAD_BYTES_MAX, Knowledge, Message};
pub use modes::Modes;
pub use parameters::{Asynchronous, CheckpointPolicy, PAYLOAD_BYTES_MAX, Pacing, Parameters};
pub use record::Record;
pub use recovery::{RecoveryStatement, Standing};
pub use rule::{Mode, Rule, Verdict};
pub use schedule::{Leaders, Schedule};
pub use turn::Former;
pub use validity::{check_alone, check_parents, choose_parents};
pub use view::View;

#[cfg(test)]
mod tests;
