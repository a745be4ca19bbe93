//! A replicated key-value store with the data model of etcd.
//!
//! # Guarantees
//! - **Data model of etcd.** The store has a revision, 1 when empty; every operation that changes
//!   anything raises it by one, and all changes of a transaction share it. A key carries the
//!   revision that created it, that of its last put, and its number of puts since it was created; a
//!   deletion ends this history. Transactions compare, then do one of two lists of actions.
//! - **All or nothing.** An operation is executed wholly or refused ([`Refusal`]); a refused one
//!   changes nothing, not even the layout of the pages.
//! - **Bounded.** Every size has a limit below. The state is bounded by the quota given to
//!   [`Store::new`]: a put that would exceed it is refused, deletions go on.
//! - **Cheap snapshots.** [`Store`] shares unchanged pages with its snapshots and rehashes only
//!   pages that changed (`docs/adr/0003-state-in-memory-cow-pages.md`).
//!
//! # Differences from etcd
//! Only the present is kept: no reads at past revisions, no watch, no leases. Ranges and range
//! deletions have a limit; a compare concerns one key; transactions do not nest.
//!
//! # Bounds
//! A lookup is two binary searches; a put copies at most one page of 64 pointers. The dearest
//! operation is a transaction of [`TXN_COUNTS_MAX`] counts, each of which visits every page of its
//! interval (≈ 20 ns each).
//!
//! ```
//! use maftia_activity::kv::{Action, Operation, Relation, Response, Store, Target, Txn};
//! use maftia_activity::replication::{Context, StateMachine};
//! use maftia_codec::{DecodeError, Wire};
//! use maftia_types::ClientId;
//!
//! let client = ClientId { key: 0, session: 0 };
//! let context = Context { position: 1, commit_time_ms: 0, client };
//! let mut store = Store::default();
//! let mut ask = |operation: Operation| {
//!     let mut reply = Vec::new();
//!     store.apply(&context, &operation.to_bytes(), &mut reply);
//!     Response::from_bytes(reply.into())
//! };
//!
//! assert_eq!(ask(Operation::put("greeting", "hello"))?.revision(), Some(2));
//! assert_eq!(ask(Operation::get("greeting"))?.value().map(|v| &v[..]), Some(&b"hello"[..]));
//!
//! // Take a lock if nobody holds it.
//! let lock = Txn::default()
//!     .when("lock", Relation::Equal, Target::CreateRevision(0))
//!     .then(Action::put("lock", "me"))
//!     .otherwise(Action::get("lock"));
//! assert!(matches!(ask(lock.into())?, Response::Txn { succeeded: true, .. }));
//! # Ok::<(), DecodeError>(())
//! ```

mod apply;
mod entry;
mod operation;
mod operation_wire;
mod page;
mod pages;
mod response;
mod rules;
mod snapshot;
mod store;
mod survey;

pub use operation::{Action, Compare, Interval, Operation, Range, Relation, Target, Txn};
pub use response::{KeyValue, Outcome, Refusal, Response};
pub use store::Store;
pub use survey::{Summary, Survey};

pub(crate) use snapshot::chunk_digest;

/// The longest key; long enough for paths, short enough that a page of keys stays small.
pub const KEY_BYTES_MAX: usize = 1024;
/// The longest value. Larger objects do not belong into an ordered log.
pub const VALUE_BYTES_MAX: usize = 1024 * 1024;
/// The most actions in a branch of a transaction, as etcd's default.
pub const TXN_OPERATIONS_MAX: usize = 128;
/// The most compares in a transaction, as etcd's default.
pub const TXN_COMPARES_MAX: usize = 128;
/// The most counts in a branch of a transaction: each may visit every page.
pub const TXN_COUNTS_MAX: usize = 4;
/// The largest limit of a range, and of the range deletions of a branch together: bounds the work
/// of one operation.
pub const RANGE_LIMIT_MAX: u32 = 1000;
/// The largest encoded operation: the longest put, or a transaction of several smaller ones.
pub const OPERATION_BYTES_MAX: usize = 1280 * 1024;
/// The largest encoded answer: one longest entry always fits. A range is cut there.
pub const RESPONSE_BYTES_MAX: usize = 1536 * 1024;
/// The quota of a store unless stated otherwise: key and value bytes, and
/// [`ENTRY_BYTES_OVERHEAD`] for each entry.
pub const STATE_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;
/// What an entry counts besides its key and value, about its bookkeeping in memory: so the quota
/// bounds the memory also of a store of tiny entries.
pub const ENTRY_BYTES_OVERHEAD: u64 = 128;
/// The largest chunk of a snapshot: a page of one longest entry.
pub const CHUNK_BYTES_MAX: usize = KEY_BYTES_MAX + VALUE_BYTES_MAX + 64;

#[cfg(test)]
mod tests;
