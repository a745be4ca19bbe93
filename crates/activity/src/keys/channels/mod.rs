//! Channels over the log: members send, all receive the same messages in the same order.
//!
//! # Guarantees
//! Of both classes, for members that ask through f + 1 sites:
//! - *Validity*: what a member has been told was sent is delivered, or shown as lost with the reason.
//! - *Agreement and total order*: all members see the same messages at the same positions.
//! - *Integrity*: each message once, under the sender whose client key sent it; those of one sender in
//!   its sequence (FIFO). Order is causal: what a member has received is ordered before what it sends.
//!
//! [`Class::SecureCausal`] besides:
//! - *Secrecy until ordered*: before the position of a message is decided, nobody but its sender and
//!   those it told learns anything of its content but the length; nor do f intruded sites together.
//! - *No copies*: nobody can send another one's ciphertext, or one made of it, as its own: the proof
//!   binds channel, sender and sequence, and no correct site helps to open it otherwise.
//!
//! # Model
//! That of the log; for the secure class also that of [`maftia_threshold::tdh2`].
//!
//! # Rules
//! 1. A message is taken if its sender is a member, the channel is open, and its sequence is the
//!    sender's next one: sent twice, it is ordered once.
//! 2. Atomic: it is delivered at once.
//! 3. Secure causal: the ciphertext must be sound under the label [`label`]. It takes the next
//!    position. From then on, not before, sites contribute decryption shares to the log.
//! 4. Sound shares at the threshold open it; who sent an unsound one is convicted. Messages are
//!    delivered in the order of their positions, however early a later one is open.
//! 5. Nobody else's request opens such a ciphertext: decryption for a reader refuses its label.
//! 6. The opener closes the channel, or more than half of its members do. What was taken before is
//!    delivered; then comes the end.
//!
//! # What a hostile member can do
//! Send up to what the bounds allow, send what cannot be read ([`Loss::Unreadable`], at its position,
//! alike for all), reveal what it knows. It cannot stop others in
//! its channel: each may have a part of what waits. A hostile *client* that may open channels can: room is made by
//! forgetting the channel that ended first, whosever it was, and two clients can hold all places open.
//!
//! # Bounds
//! [`CHANNELS_MAX`] channels; in each [`WAITING_MAX`] messages that wait for shares,
//! [`WAITING_PER_SENDER_MAX`] of one sender (beyond: [`Refusal::Busy`]), and the latest
//! [`KEPT_MAX`] or [`KEPT_BYTES_MAX`] delivered ones: a reader that comes later sees that it missed
//! some, since positions count on.
//!
//! # Cost
//! One request in the log; the secure class also one share of 136 bytes of each site, that is one
//! commit more, and two exponentiations for each share.
//!
//! # Sources
//! \[CKPS01\] secure causal atomic broadcast; \[ShoupGennaro\] for the encryption; `protocols.md`
//! §4.6, corrections 26.

use maftia_codec::{DecodeError, Reader, Wire, Writer};

use super::record::KeyId;

mod answer;
mod channel;
mod concealed;
mod delivery;
mod ordered;
mod request;
mod share;
mod site;

pub use answer::{Answer, Page, Refusal, Summary};
pub use delivery::{Delivery, Loss};
pub use request::Request;

pub(super) use ordered::Channels;
pub(super) use share::{ChannelShare, Place};

/// Channels at a time: with [`KEPT_BYTES_MAX`] and what waits, 17 MiB of every snapshot.
pub const CHANNELS_MAX: usize = 16;

/// Channels of one opener: half, so that one client cannot keep all others out.
pub const CHANNELS_PER_OPENER_MAX: usize = CHANNELS_MAX / 2;

/// Members of a channel.
pub const MEMBERS_MAX: usize = 64;

/// The longest payload: send a digest, or the name of a value, of what is longer.
pub const PAYLOAD_BYTES_MAX: usize = 16 * 1024;

/// Deliveries kept for readers.
pub const KEPT_MAX: usize = 1024;

/// Bytes of payloads kept for readers.
pub const KEPT_BYTES_MAX: usize = 512 * 1024;

/// Messages of a channel that are ordered and not open yet: at 17 KiB each, half a MiB.
pub const WAITING_MAX: usize = 32;

/// The same, of one sender: a quarter, so that two or three cannot keep the others out.
pub const WAITING_PER_SENDER_MAX: usize = WAITING_MAX / 4;

/// Deliveries in one page.
pub const PAGE_MAX: usize = 64;

/// Payload bytes in one page, unless a single one is longer.
pub const PAGE_BYTES_MAX: usize = 64 * 1024;

/// The first byte of every [`Request`] and [`Answer`].
const TAG: u8 = 64;

/// What the labels of all ciphertexts of channels begin with, and no other one that is opened.
const LABEL_PREFIX: &[u8] = b"maftia channel\0";

/// The longest ciphertext, with its label.
pub const CIPHERTEXT_BYTES_MAX: usize =
    PAYLOAD_BYTES_MAX + LABEL_BYTES + maftia_threshold::tdh2::OVERHEAD_BYTES;

const LABEL_BYTES: usize = LABEL_PREFIX.len() + 8 + 4 + 8;

/// A channel of this group. Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChannelId(pub u64);

/// What a channel promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// All messages in one order.
    Atomic,
    /// The same, and nobody knows a message before its place in the order is decided. With the key
    /// of scheme [`Seal`](super::Scheme::Seal) that messages are encrypted to.
    SecureCausal(KeyId),
}

/// What a message of the secure class is encrypted under: it is good for this place and no other.
#[must_use]
pub fn label(channel: ChannelId, sender: u32, sequence: u64) -> Vec<u8> {
    let mut label = LABEL_PREFIX.to_vec();
    label.extend(channel.0.to_be_bytes());
    label.extend(sender.to_be_bytes());
    label.extend(sequence.to_be_bytes());
    label
}

/// Whether a ciphertext with that label is one of a channel: only the channel's rules open it.
pub(super) fn is_label(label: &[u8]) -> bool {
    label.starts_with(LABEL_PREFIX)
}

/// Whether a client's operation is about channels.
pub(super) fn is_ours(bytes: &[u8]) -> bool {
    bytes.first() == Some(&TAG)
}

impl std::fmt::Display for ChannelId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Wire for ChannelId {
    fn encode(&self, w: &mut Writer) {
        w.u64(self.0);
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        r.u64().map(Self)
    }
}

impl Wire for Class {
    fn encode(&self, w: &mut Writer) {
        match self {
            Self::Atomic => w.u8(1),
            Self::SecureCausal(key) => {
                w.u8(2);
                key.encode(w);
            }
        }
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        Ok(match r.u8()? {
            1 => Self::Atomic,
            2 => Self::SecureCausal(KeyId::decode(r)?),
            _ => return Err(DecodeError::Invalid { field: "class" }),
        })
    }
}

#[cfg(test)]
mod tests;
