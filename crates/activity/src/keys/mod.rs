//! Keys that no site holds, as a replicated service.
//!
//! Each keyed service has two halves. The *ordered half* ([`Ordered`]) is part of the replicated
//! state: deterministic, without secrets, the same at every site. The *site half* ([`Site`]) holds
//! one site's secrets, watches the ordered half after each commit, and answers with [`Effects`]:
//! contributions to the log, messages to other sites, and its vault to be written. Whatever a site
//! half must do follows from the ordered state and the vault, so a crash, a restart or a state
//! transfer at any point loses nothing.
//!
//! - [`ceremony`]: how a key comes to be, and how its shares are exchanged for others.
//! - [`sessions`]: how it is used, for [`signing`], for [`sealing`], and as a [`beacon`].
//! - [`certificates`]: how the group signs its own checkpoints.
//!
//! # Duties of the caller
//! - Effects are performed in the order in which they were asked for: a vault is on the disk before
//!   any message or contribution of the same or a later [`Effects`] leaves.
//! - A contribution's author is whoever signed the block that it was in, and a message's sender is
//!   the authenticated peer of an encrypted link.
//! - The seed of a [`Site`] is fresh at every start.
//!
//! [`Effects`]: crate::replication::Effects

pub mod beacon;
pub mod ceremony;
pub mod certificates;
mod operation;
mod ordered;
mod record;
pub mod sealing;
pub mod sessions;
mod setup;
pub mod signing;
mod site;
mod vault;

pub use operation::{KeySummary, Operation, Refusal, Reply};
pub use ordered::{GENESIS_KEYS, KEYS_MAX, Ordered};
pub use record::{
    KeyGroup, KeyId, KeyRecord, NAME_BYTES_MAX, PublicSharing, Scheme, State, Version,
};
pub use setup::Setup;
pub use site::Site;
pub use vault::VaultError;

pub(crate) use record::in_group;
