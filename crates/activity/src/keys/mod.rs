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
//! - [`management`]: who may have them made, refreshed and retired.
//! - [`sessions`]: how it is used, for [`signing`], for [`sealing`], and as a [`beacon`].
//! - [`channels`]: messages among clients, hidden until they are ordered if that is wanted.
//! - [`certificates`]: how the group signs its own checkpoints.
//! - [`coin`]: what names leaders that nobody can foresee.
//! - [`transcripts`]: how it signs what it says of its ceremonies.
//!
//! # Duties of the caller
//! - Effects are performed in the order in which they were asked for: a vault is on the disk before
//!   any message or contribution of the same or a later [`Effects`] leaves.
//! - A contribution's author is whoever signed the block that it was in, and a message's sender is
//!   the authenticated peer of an encrypted link.
//! - The seed of a [`Site`] is fresh at every start.
//! - A site that joins follows the log before it is a member. Its contributions are ordered as those of
//!   the site after the last seat (see [`NextCommittee`]), once it has signed them.
//! - When an epoch ends ([`Ordered::enter`]), each site half is told its seat before it sees the state
//!   again ([`Site::renumber`]), or that it has none ([`Site::retire`]).
//!
//! [`Effects`]: crate::replication::Effects
//! [`NextCommittee`]: crate::replication::NextCommittee

pub mod beacon;
pub mod ceremony;
pub mod certificates;
pub mod channels;
pub mod coin;
mod epoch;
pub mod management;
mod operation;
mod ordered;
mod reborn;
mod record;
pub mod sealing;
mod seats;
pub mod sessions;
mod setup;
pub mod signing;
mod site;
pub mod transcripts;
mod vault;

pub use management::{Act, Proposal};
pub use operation::{KeySummary, Operation, Refusal, Reply};
pub use ordered::{GENESIS_KEYS, KEYS_MAX, Ordered};
pub use record::{
    KeyGroup, KeyId, KeyRecord, NAME_BYTES_MAX, PublicSharing, Scheme, State, Version,
};
pub use setup::Setup;
pub use site::Site;
pub use vault::VaultError;

pub(crate) use record::in_group;
