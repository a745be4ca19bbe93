//! Broadcast and agreement as services of their own.
//!
//! # Guarantees
//! Those of each service, stated in its module:
//!
//! | module | service | agrees on |
//! |---|---|---|
//! | [`reliable`] | reliable broadcast | one sender's payload, by all or none |
//! | [`consistent`] | consistent broadcast, with certificates for third parties | one sender's payload, by some |
//! | [`coin`] | common coin | a random number |
//! | [`binary`] | binary agreement | one of two values |
//! | [`vector`] | vector consensus | a vector of a quorum's proposals |
//! | [`multivalued`] | multi-valued agreement | a value that f + 1 propose, or none |
//! | [`validated`] | validated agreement | one valid proposal |
//! | [`host`] | many runs of a service, across restarts | – |
//!
//! # Model
//! n ≥ 3f + 2c + 1 sites, f of them intruded, c more may stop; no assumption about time; links
//! between sites are authenticated. Every service is a `maftia_protocol::Protocol`; its records say
//! only that an event counted ([`Taken`]), and [`host::Host`] makes them durable.
//!
//! # Bounds
//! A service keeps at most one word of each kind from each site, and [`host::WINDOW`] runs are open.
//! No message of a peer panics, is kept without bound, or is blamed on a correct site.
//!
//! # Duties of the caller
//! Links authenticate the peer (TLS, or MACs). [`Instance`] names differ from run to run.

pub mod binary;
pub mod coin;
pub mod consistent;
pub mod host;
pub mod multivalued;
pub mod profile;
pub mod reliable;
pub mod validated;
pub mod vector;

mod context;
mod fault;
mod shared_key;
mod votes;

pub use context::{Context, ContextError, Instance};
pub use fault::Misbehaviour;
pub use shared_key::{BlsShare, SharedKey};

use std::sync::Arc;

use maftia_codec::Bytes;
use maftia_types::SiteId;

/// What a payload of a site must satisfy to be taken: the same deterministic function everywhere.
pub type Predicate = Arc<dyn Fn(SiteId, &Bytes) -> bool + Send + Sync>;

/// The predicate of every payload.
pub fn anything() -> Predicate {
    Arc::new(|_, _| true)
}

/// The record of every service: the event that it came with has changed the state, so that it must
/// be durable before the step's effects leave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Taken;
