//! The keys at work: sessions that sign or decrypt, and beacons.
//!
//! A client's request opens a session, whose number is the reply. Sites see it in the ordered state
//! and contribute their parts. The client asks for the result until it is there.
//!
//! - [`signing`](super::signing), [`sealing`](super::sealing), [`beacon`](super::beacon): what is
//!   done in them.
//!
//! # Bounds
//! [`OPEN_MAX`] sessions are open, half of them of one client, none for longer than [`OPEN_MS_MAX`]; of those that ended,
//! [`FINISHED_MAX`] results are kept, none for longer than [`FINISHED_MS_MAX`].
//!
//! # A key that gets other shares
//! When a refresh ends, shares of before are worth nothing: open sessions begin again with the new
//! ones. What a site contributes names the version it belongs to, and is passed over under another,
//! so that no correct site is ever blamed for having been late. So it is at the end of an epoch; then
//! nonces that were published are void too, and what is known against a site follows it to its seat.

mod answer;
mod cache;
mod conduct;
mod contribute;
mod contribution;
mod execute;
mod finished;
mod open;
mod ordered;
mod policy;
mod request;
mod site;
mod snapshot;
mod wire;

pub use answer::{Answer, Refusal};
pub use conduct::{EVIDENCE_MAX, Evidence, Offence, Standing};
pub use policy::{
    BEACON_PERIOD_MS, BEACON_PERIOD_MS_MIN, POLICY_USERS_MAX, Policy, USES_MAX, USES_PER_MINUTE,
    USES_PER_MINUTE_CEILING, Users,
};
pub use request::Request;

pub(super) use conduct::Conduct;
pub(super) use contribution::Contribution;
#[cfg(test)]
pub(super) use open::Work;
pub(super) use ordered::Sessions;
pub(super) use site::Part;
pub(super) use wire::put_in_order;

use maftia_codec::{DecodeError, Reader, Wire, Writer};

use super::record::{PublicSharing, Version};

pub(super) use super::record::NAME_BYTES_MAX;

/// Sessions that are open at once: at 64 KiB each, 16 MiB of messages.
pub const OPEN_MAX: usize = 256;

/// Sessions of one client that are open at once: half, so that one cannot keep all others out.
pub const OPEN_PER_CLIENT_MAX: usize = OPEN_MAX / 2;

/// How many sessions are open, as far as it matters to those that could end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Crowd {
    /// Others will need the places soon: more than half are taken.
    Dense,
    /// There is room.
    Sparse,
}

impl Crowd {
    pub(super) const fn of(open: usize) -> Self {
        if open > OPEN_MAX / 2 {
            Self::Dense
        } else {
            Self::Sparse
        }
    }
}

/// How long a session may be open, in commit time: longer than any outage that a client waits out.
pub const OPEN_MS_MAX: u64 = 10 * 60 * 1000;

/// Results that are kept for whoever asked: at most about 16 KiB each.
pub const FINISHED_MAX: usize = 1024;

/// How long a result is kept, in commit time.
pub const FINISHED_MS_MAX: u64 = 60 * 60 * 1000;

/// The first byte of every [`Request`], [`Answer`] and contribution is at least this: below, it is
/// one about keys and ceremonies.
pub const TAG_MIN: u8 = 32;

/// A session of this group. Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionId(pub u64);

impl std::fmt::Display for SessionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Wire for SessionId {
    fn encode(&self, writer: &mut Writer) {
        writer.u64(self.0);
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        reader.u64().map(Self)
    }
}

/// Whether a client's operation or a site's contribution is about sessions.
pub(super) fn is_ours(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|tag| *tag >= TAG_MIN)
}

/// How many members use the key together.
pub(super) fn threshold(version: &Version) -> usize {
    let committee = match &version.sharing {
        PublicSharing::Bls(sharing) => sharing.committee(),
        PublicSharing::Ed25519(sharing) => sharing.committee(),
        PublicSharing::Ristretto(sharing) => sharing.committee(),
    };
    committee.threshold().into()
}

#[cfg(test)]
pub(super) mod tests;
