//! Services made of deterministic state machines (the activity support services of the blueprint).
//!
//! - [`replication`]: the interface of a replicated state machine. A program implements
//!   [`replication::StateMachine`]; the group executes its operations in one order at every site.
//! - [`kv`]: a key-value store with the data model of etcd, the first such state machine.
//! - [`keys`]: keys that no site holds: their generation and refresh.
//! - [`suite`]: the services of a group as one state machine.
//!
//! Everything here is pure: no clock, no randomness, no I/O. Ordering, sessions, checkpoints and
//! state transfer are the caller's.

pub mod keys;
pub mod kv;
pub mod replication;
pub mod suite;
