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
//! | [`profile`] | all of them without signatures, or with threshold cryptography | |
//! | [`classroom`] | a run of any of them, told message by message | |
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
//!
//! # Example
//! Four sites agree on a bit, each over its own coin; messages are handed over in memory.
//! ```
//! use std::sync::Arc;
//! use maftia_agreement::{Context, Instance, coin::LocalCoin, profile::lisbon};
//! use maftia_protocol::{Event, Protocol, Target};
//! use maftia_types::{Digest, Epoch, FaultModel, Resilience, SiteId, Time};
//!
//! let four = Resilience::new(FaultModel::Arbitrary, 4, 1, 0)?;
//! let (mut sites, mut flying) = (Vec::new(), Vec::new());
//! for own in SiteId::all(4) {
//!     let context = Context::new(Digest([1; 32]), Epoch(0), four, own)?;
//!     let coin = Arc::new(LocalCoin::new([own.as_u8(); 32].into()));
//!     let mut site = lisbon::Binary::new(context, Instance::new(&context, "example", 1), coin);
//!     let step = site.command(Time::ZERO, own.as_u8() > 0)?;
//!     flying.extend(step.messages.into_iter().map(|out| (own, out)));
//!     sites.push(site);
//! }
//! let mut decisions = Vec::new();
//! while let Some((from, out)) = flying.pop() {
//!     assert_eq!(out.target, Target::All);
//!     for (own, site) in SiteId::all(4).zip(&mut sites) {
//!         let event = Event::Message { from, message: out.message };
//!         let step = site.handle(Time::ZERO, event);
//!         decisions.extend(step.outputs);
//!         flying.extend(step.messages.into_iter().map(|out| (own, out)));
//!     }
//! }
//! assert!(decisions == [true; 4] || decisions == [false; 4]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod binary;
pub mod classroom;
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
