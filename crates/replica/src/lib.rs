//! One site's whole behaviour as one [`Protocol`](maftia_protocol::Protocol): what the daemon
//! drives and the simulator simulates.
//!
//! # Guarantees
//! As long as the ordering engine keeps its own, with at most f sites intruded:
//! - **One state.** After equal commits, correct sites have equal state machines, sessions, open
//!   vouches and convictions, and the same digest of all that at each checkpoint.
//! - **Authenticity.** A request executes only if f + 1 sites vouch that its client sent it: one of
//!   them is correct.
//! - **Exactly once.** Under one name (client, incarnation, sequence) at most one body executes,
//!   once, in the order of numbers; also after a restart, a transfer or the session's expiry.
//! - **Durable replies.** A reply leaves when the blocks that led to it are on this site's disk.
//! - **Repair.** A site whose digest differs from what f + 1 others vote for stops answering and
//!   fetches theirs; so does one that is too far behind or was wiped.
//!
//! # Model
//! That of [`maftia_ordering`]. Clients may be hostile; their links authenticate the key.
//!
//! # Intuition
//! The engine gives one order of payloads. A payload is a list of claims: "client X asked for
//! this". Counting claims is deterministic, so it is done by everybody after ordering, instead of
//! by signatures before: the hot path checks one signature a block and none a request.
//!
//! # Messages
//! - [`Message::Ordering`]: the engine's.
//! - [`Message::Transfer`]: asks for and gives checkpoints. An offer is believed when f + 1 sites
//!   make it, a chunk when it has the digest agreed on.
//! - [`ClientMessage`]: what a client asks of this site; [`SiteMessage`]: this site's word on the
//!   fate of its requests.
//!
//! # Rules
//! - Upon a client's body or digest: if it is settled, answer; if it is news and within the key's
//!   quota, put an [`Item`] into the next own block.
//! - Upon a commit: for each item in order, note the vouch; when f + 1 authors vouch for one digest
//!   and one gave the body, admit it to its session; execute what is next in its session.
//! - Upon evidence: if the proof holds, the culprit is convicted, once.
//! - Upon an agreed checkpoint commit: digest the state and vote in the next blocks. f + 1 equal
//!   votes make it stable; f + 1 equal votes for another digest make this site diverged.
//! - Upon enough logged bytes: write an [`Image`] of the stable checkpoint, so that the log can be
//!   cut.
//!
//! # Bounds
//! [`Limits`] bounds the ordered state, as a function of the log; [`QUEUED_BYTES_PER_KEY`] what a
//! client key has queued here; [`REQUEST_BYTES_MAX`] and [`RESULT_BYTES_MAX`] each request; two
//! stable checkpoints are kept, sharing what is equal.
//!
//! # Deviations
//! Requests carry no client signature (D4 of the design); a form with one, for non-repudiation, is
//! not here yet. Reads are ordered like writes.
//!
//! # Complexity
//! Per request: 2f + 1 items in blocks, one of them with the body; f + 1 look-ups in the table of
//! vouches; n replies, of which those without the body are digests if the result is long.
//!
//! # Duties of the caller
//! Those of [`maftia_protocol`]; feed [`Command::Client`] only with the key that the link has
//! proved; send [`Output::Replies`] to the client if it is linked, or drop them; stop at
//! [`Output::Alarm`].

mod catch_up;
mod chain;
mod checkpoint;
mod client_link;
mod fault;
mod image;
mod intake;
mod item;
mod ledger;
mod limits;
mod message;
mod replica;
mod sessions;
mod status;
mod transfer;
mod vouches;

pub use client_link::{
    BATCH_MAX, ClientMessage, Fate, Reply, STATUS_BYTES_MAX, SiteMessage, result_digest,
};
pub use fault::Misbehaviour;
pub use image::{Image, Restored};
pub use item::{Item, RequestId, items, request_digest};
pub use ledger::Executed;
pub use limits::{
    Limits, QUEUED_BYTES_PER_KEY, REQUEST_BYTES_MAX, RESULT_BYTES_MAX, RESULT_INLINE_BYTES_MAX,
};
pub use message::{CHUNK_BYTES_MAX, MANIFEST_MAX, Message, Transfer};
pub use replica::{Boot, BootError, Command, Output, Record, Replica, Settings};
pub use status::{Activity, Status};
