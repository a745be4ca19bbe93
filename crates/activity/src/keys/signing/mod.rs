//! Signatures under the group's keys.
//!
//! # Guarantees
//! - **Unforgeable**: no signature without a session, that is without an agreed operation that the
//!   key's [`Policy`](super::sessions::Policy) permits, as long as fewer than the threshold of sites
//!   are intruded.
//! - **Robust**: every session of an active key ends with its signature if a threshold of sites keep
//!   answering; whoever sends a wrong share is convicted in the ordered state.
//! - **One nonce, one session** (C12). A nonce lives in one site's memory only. Its commitment is
//!   used up when it is *named*; the site gives the nonce away before the share leaves; a nonce of
//!   before a restart does not exist. Ordered state that is rolled back, or that names a commitment
//!   in two sessions, gets at most one share.
//! - **One message per slot**, for ever, under a key whose policy says so ([`Slot`]).
//!
//! # Model
//! Up to *f* intruded and *c* stopped sites of the key's members; the threshold is *q*. Signatures
//! come at all times under asynchrony of the sites; windows are of commit time, and only cost speed
//! if they are wrong.
//!
//! # FROST, that is [`Scheme::Ed25519`](super::Scheme)
//! [RFC 9591], made robust as in ROAST [ROAST]: see the rules at `Frost`. Sites publish nonce
//! commitments ahead of need, so that a signature takes one round of contributions.
//! Deviation from ROAST: the order takes the place of its coordinator, and a window, not only an
//! answer, opens a further attempt.
//!
//! # BLS, that is [`Scheme::Bls`](super::Scheme)
//! Every member contributes its share; they are combined optimistically. The tag is that of
//! [`Purpose::Client`](maftia_threshold::bls::Purpose), so that no client gets a signature that
//! means something else.
//!
//! # Bounds
//! See the constants; per session n − t + 1 attempts of t members.

use maftia_threshold::bls::{Purpose, Tag};
use maftia_types::Digest;

mod frost;
mod pool;
mod shares;
mod site;
mod slots;

#[cfg(test)]
pub(super) use pool::LOOKS_MAX;
pub use pool::{COMMITMENTS_MAX, INCARNATION_STEP_MAX};
pub use slots::{REGISTERS_PER_KEY_MAX, Slot};

pub(super) use frost::Frost;
pub(super) use pool::{Intake, Pool};
pub(super) use shares::Shares;
pub(super) use site::Nonces;
pub(super) use slots::Registers;

/// The longest message: what is longer is hashed by the client. Kept in the state until the session
/// ends, and hashed by every signer.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// Unused commitments that a correct site keeps in the pool: so many sessions can begin at once.
pub const COMMITMENTS_AHEAD: usize = 16;

/// A correct site publishes more when this few are left.
pub const COMMITMENTS_LOW: usize = 8;

/// How long, in commit time, an attempt is waited for before another is opened beside it: a few
/// round trips between continents.
pub const ANSWER_WINDOW_MS: u64 = 2_000;

/// In which the group signs what clients ask it to sign with BLS.
#[must_use]
pub fn client_tag(group: Digest) -> Tag {
    let name = group.to_string();
    Tag::new(&name, Purpose::Client).expect("a digest in hexadecimal has 64 characters")
}

#[cfg(test)]
pub(super) mod tests;
