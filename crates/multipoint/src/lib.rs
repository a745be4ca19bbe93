//! Authenticated links between sites, and between clients and sites.
//!
//! # Guarantees
//! - **Authenticity.** A message comes from the holder of the key that the current [`Directory`]
//!   lists for its [`Peer`], and from nobody else: TLS 1.3 with raw Ed25519 keys, both ends
//!   pinned. Transport security does not replace signatures: what a peer relays, it may invent.
//!   When the directory is replaced, a site may have another number: links whose key stands there no
//!   longer in its place end, and [`NetworkEvent::Up`] says the key, since events may have waited.
//! - **Order.** Messages of one class and one link arrive in the order in which they were sent,
//!   each at most once. A link that goes down may lose what was queued; its owner is told
//!   ([`NetworkEvent::Down`]) and resynchronises.
//! - **Priority.** [`Class::Control`] overtakes the rest at every frame of 64 KiB.
//! - **Isolation.** A peer holds a bounded share of memory, and one that is not read or does not
//!   read is held back by TCP alone, without delaying others.
//! - **Persistence.** The end that dials dials forever: between sites the one with the higher id,
//!   otherwise the client.
//!
//! Model: the network loses, delays, reorders and forges at will; peers and strangers send any
//! bytes. Nothing that arrives panics. Being connected says nothing about being correct.
//!
//! # Bounds
//! For each link: [`LinkLimits::queue_bytes`] to send; [`LinkLimits::inbound_bytes`] and
//! [`INBOUND_MESSAGES_MAX`] received and not yet dropped; one message of each class under
//! assembly; about 200 KiB of buffers. Links: [`LINKS_PER_PEER_MAX`] for each peer and
//! [`Limits::client_links_max`] for all clients. Strangers: [`Limits::handshakes_max`] handshakes
//! of [`Limits::handshake_timeout`].
//!
//! # The owner's duties
//! Read the events; drop each [`Message`] once its bytes are dealt with.

mod accept;
mod config;
mod dial;
mod directory;
mod frame;
mod hello;
mod link;
mod network;
mod probe;
mod queue;
mod registry;
mod socket;
mod stats;
mod tls;

pub use bytes::Bytes;
pub use config::{
    BULK_BYTES_MAX, CONTROL_BYTES_MAX, Class, Config, EVENTS_MAX, INBOUND_MESSAGES_MAX,
    LINKS_PER_PEER_MAX, Limits, LinkLimits, Listen, PAYLOAD_BYTES_MAX, PerClass,
};
pub use directory::{Directory, DirectoryError, Peer};
pub use frame::{FRAME_BYTES_MAX, FrameError};
pub use hello::{LINK_VERSION, Refusal};
pub use link::{DownReason, LinkId, Message, NetworkEvent, Session};
pub use network::{Network, SendError, StartError, To};
pub use probe::is_there;
pub use stats::{PeerStats, Stats};

#[cfg(test)]
mod tests;
