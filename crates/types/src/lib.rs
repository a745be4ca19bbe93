//! Identifiers, virtual time, the fault model as values, and the classes of blame.
//!
//! Everything above speaks in these types. They hold no behaviour beyond their own invariants:
//! no clock, no randomness, no I/O.
//!
//! ```
//! use maftia_types::{FaultModel, Resilience};
//! let four = Resilience::new(FaultModel::Arbitrary, 4, 1, 0)?;
//! assert_eq!(four.quorum(), 3);
//! assert!(Resilience::new(FaultModel::Arbitrary, 3, 1, 0).is_err());
//! # Ok::<(), maftia_types::ResilienceError>(())
//! ```

mod blame;
mod coin_use;
mod digest;
mod fast_path;
mod id;
mod optimistic;
mod power;
mod resilience;
mod site_set;
mod time;

pub use blame::{Alarm, Fault, Suspicion, TrustedBase};
pub use coin_use::{CoinUse, NoCoinUse};
pub use digest::Digest;
pub use fast_path::FastPath;
pub use id::{ClientId, Epoch, Incarnation, Round, Sequence, SiteId};
pub use optimistic::OptimisticBroadcast;
pub use power::{NoPower, Power, Powers};
pub use resilience::{FaultModel, Resilience, ResilienceError};
pub use site_set::SiteSet;
pub use time::{Duration, Time};

/// The most sites a group may have: a set of sites is one machine word.
pub const SITES_MAX: usize = 64;
