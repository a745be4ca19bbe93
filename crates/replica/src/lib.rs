//! One site's whole behaviour as one [`Protocol`](maftia_protocol::Protocol): intake, ordering,
//! execution, client sessions, checkpoints, state transfer. What the daemon drives and the simulator
//! simulates.
//!
//! # Guarantees
//! With at most f sites intruded (beyond those of `maftia_ordering`):
//! - **Integrity.** A request is executed only if its client sent it to a correct site.
//! - **Exactly once.** At most one body is executed under one [`RequestId`], at one position.
//! - **Linearizability.** Positions respect real time: f+1 equal replies mean that a correct site
//!   executed the request there, and no correct site will ever execute another there.
//! - **State agreement.** After equal commits all correct sites have byte-equal state.
//! - **Liveness.** A client that gives its request to a correct site and its digest to 2f more, and
//!   turns to the next sites when it hears nothing, gets its replies once the network delivers.
//!
//! # Model
//! As in `maftia_ordering`. Links to clients authenticate the client's key; clients may lie too.
//!
//! # Intuition
//! A site puts what its clients send into its own blocks: bodies, and vouches for bodies that other
//! sites got. The group orders blocks; each site reads the same items in the same order and executes
//! a request at the moment when f+1 authors have vouched for one body of it. Everything that decides
//! is in the log, so that all decide alike; everything that is dropped is dropped by it too.
//!
//! # Messages
//! | message | asserts about its sender |
//! |---|---|
//! | [`Message::Ordering`] | see `maftia_ordering` |
//! | [`Transfer::Offer`] | "this checkpoint is stable": believed of f+1 |
//! | [`Transfer::Manifest`], [`Transfer::Chunk`] | nothing: checked against the offer's digest |
//! | [`Item::Requests`], [`Item::Vouch`] | "my client sent these": believed of f+1 |
//! | [`Item::Evidence`] | nothing: verified by everybody |
//! | [`Item::Accuse`], [`Item::Retract`] | "I suspect this site", "no more": believed of f+1 |
//! | [`Item::Certified`] | "I can prove the present view": believed of f+1 |
//! | [`Item::Contribution`], [`Message::Pair`] | what the keyed services say: see `maftia_activity::keys` |
//! | [`SiteMessage::Proof`] | nothing: whoever asked checks it |
//! | [`SiteMessage::Replies`] | "executed there, with this result": believed of f+1 |
//!
//! # Rules
//! 1. Upon a batch of requests, or a vouch for one, of which not all are settled: queue it for an own
//!    block, within the key's quota. Upon requests that are settled: reply.
//! 2. Upon a delivered vouch: count its author for (batch, digest); at f+1 authors, one of whom is
//!    correct, and with the bodies: admit its requests to their session.
//! 3. A session executes its requests in the order of their numbers; a larger incarnation closes the
//!    smaller; an expired session's incarnation stays closed.
//! 4. Upon a checkpoint commit: freeze state, ledger and frontier; vote in own blocks for the digest
//!    of the [`Head`] and the hash tree over their chunks. At f+1 delivered votes it is stable.
//! 5. Upon f+1 votes against an own checkpoint: this site has diverged; it stops serving and fetches.
//! 6. Upon f+1 peers that no longer serve what this site lacks: ask all for offers, fetch the highest
//!    that f+1 agree on, chunk by chunk from all who offer it, reuse what is here already; install it
//!    if the site has not come further meanwhile.
//! 7. An [`Image`] is the newest stable checkpoint and the blocks above it, so that a group that
//!    restarts has a checkpoint for those that are behind.
//! 8. After each commit the site half of the keyed services looks at the ordered state; what it says
//!    to the group goes into own blocks, what it says to one site over the link, and neither before
//!    its vault is on the disk.
//! 9. Proofs of equivocation go into the log; the log convicts.
//! 10. Whom the failure detector suspects this site accuses in the log, at most once in an interval,
//!     and takes it back when it has heard of it again; f+1 accusers make it the group's. See
//!     `maftia_membership`.
//!
//! # Bounds
//! [`Limits`] of the ordered state, dropped by the log: [`Limits::bytes_per_key`], 16 MiB, of requests
//! beyond a gap, replies and results for each listed client key, besides the open vouches;
//! [`QUEUED_BYTES_PER_KEY`] of the intake; eight own checkpoints waiting for votes, two of them with
//! their state, two stable ones served, the one that proofs
//! are made of, and one pinned per fetching peer; four offers remembered per
//! site; six chunks in flight.
//!
//! # Deviations
//! - Checkpoints need no signature: votes are ordered in the log (§2.4, keyless).
//! - Transfer without an attested base: see `maftia_ordering`.
//! - The intake is volatile: clients ask again.
//!
//! # Complexity
//! A batch of requests costs their bodies and 2f vouches in blocks; a checkpoint what changed since the last; a
//! transfer the chunks that differ.
//!
//! # Duties of the caller
//! - Those of `maftia_ordering`. An image's records replace all earlier ones once it is durable.
//!   After [`Output::Installed`] messages must wait for the image as for any record: the blocks that
//!   are accepted then hang on it.
//! - A client keeps the distance from its oldest unanswered request below [`Limits::replies`], and
//!   what its key has under way below [`Limits::reply_bytes`], [`Limits::result_bytes`] and
//!   [`Limits::hold_bytes`], or may hear [`Fate::Forgotten`] and must ask again. Processes that share
//!   a key share these.
//!
//! ```
//! use maftia_activity::kv::Store;
//! use maftia_crypto::SigningKey;
//! use maftia_ordering::{CheckpointPolicy, Identity, Pacing, Parameters};
//! use maftia_protocol::{Event, Protocol};
//! use maftia_replica::*;
//! use maftia_types::{Digest, Epoch, FaultModel, Incarnation, Resilience, Sequence, SiteId, Time};
//!
//! let parameters = Parameters {
//!     config: Digest([1; 32]),
//!     epoch: Epoch(0),
//!     resilience: Resilience::largest(FaultModel::Arbitrary, 1)?,
//!     fast_path: false,
//!     asynchronous: maftia_ordering::Asynchronous::Never,
//!     seals: None,
//!     delivery_depth: 16,
//!     checkpoints: CheckpointPolicy::default(),
//!     pacing: Pacing::default(),
//! };
//! let key = SigningKey::from_seed([1; 32]);
//! let keys = vec![key.public()];
//! let me = SiteId::new(0).ok_or("no such site")?;
//! let identity = Identity { me, key, keys };
//! let machine = Box::new(Store::default());
//! let settings = Settings::default();
//! let (mut replica, _) =
//!     Replica::boot(parameters, settings, identity, machine, Boot::default(), Time::ZERO)?;
//! let (session, incarnation) = (0, Incarnation(1));
//! let bodies = Bodies::new([&b"anything".as_slice().into()]);
//! let batches = vec![(Span::one(Sequence(1)), bodies)];
//! let message = ClientMessage::Submit { session, incarnation, batches };
//! let Ok(_) = replica.command(Time::ZERO, Command::Client { key: 0, message });
//! let mut replied = false;
//! while let Some(now) = replica.next_timeout().filter(|_| !replied) {
//!     let outputs = replica.handle(now, Event::Timeout).outputs;
//!     replied = outputs.iter().any(|output| matches!(output, Output::Replies { .. }));
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod batch;
mod boot;
mod catch_up;
mod chain;
mod checkpoint;
mod client_link;
mod coin;
mod conduct;
mod custodian;
mod epochs;
mod fault;
mod head;
mod image;
mod intake;
mod item;
mod ledger;
mod legacy;
mod lending;
mod limits;
mod message;
mod proof;
mod repeats;
mod replica;
mod ruling;
mod serve;
mod session;
mod sessions;
mod settings;
mod status;
mod transfer;
mod tree;
mod vouches;
mod watch;

pub use batch::{
    BATCH_BYTES_MAX, BATCH_REQUESTS_MAX, BatchId, Bodies, RequestId, Span, request_digest,
};
pub use boot::{Boot, BootError};
pub use checkpoint::part_digest;
pub use client_link::{
    BATCH_MAX, ClientMessage, Fate, QUESTION_BYTES_MAX, Reply, STATUS_BYTES_MAX, SiteMessage,
    batches, result_digest,
};
pub use custodian::Vault;
pub use epochs::Beginning;
pub use epochs::passage::{CERTIFICATES_MAX, Passage};
pub use epochs::word::{Saying, WORD_BYTES_MAX, Word};
pub use fault::Misbehaviour;
pub use head::{Head, Realm};
pub use image::{Image, Restored};
pub use item::{Item, items};
pub use ledger::Executed;
pub use legacy::{Inheritance, Legacy};
pub use lending::{Copied, PIECE_BYTES_MAX, Wanted};
pub use limits::{
    CONTRIBUTION_BYTES_MAX, Limits, PAIR_BYTES_MAX, QUEUED_BYTES_PER_KEY, REQUEST_BYTES_MAX,
    RESULT_BYTES_MAX, RESULT_INLINE_BYTES_MAX,
};
pub use message::{CHUNK_BYTES_MAX, MANIFEST_MAX, Message, Transfer};
pub use proof::PROOF_BYTES_MAX;
pub use replica::{Command, Output, Record, Replica};
pub use ruling::{Ruling, Since, Why};
pub use settings::Settings;
pub use status::{Activity, GroupSuspicion, Status};

#[cfg(test)]
mod tests;
