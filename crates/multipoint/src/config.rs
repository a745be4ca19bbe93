use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use crate::Directory;

/// A priority. Frames of different classes interleave on a link; each class is first in, first
/// out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Class {
    /// Headers, votes, acknowledgements. Always goes first.
    Control,
    /// Blocks and requests. Gets four frames for each frame of [`Class::Bulk`].
    Payload,
    /// State transfer and other catching up.
    Bulk,
}

/// How many classes there are.
pub(crate) const CLASSES: usize = 3;

/// The longest control message: one frame, so that control never waits for its own parts.
pub const CONTROL_BYTES_MAX: usize = 64 * 1024;
/// The longest payload message: a block of requests with values of up to 1 MiB.
pub const PAYLOAD_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The longest bulk message: a piece of a snapshot.
pub const BULK_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Links that one client key may hold at once, each with an `instance` of its own: a client runs
/// this many processes, and a stolen key takes no more.
pub const LINKS_PER_PEER_MAX: usize = 16;

/// Events that wait for the core. A link alone can fill [`INBOUND_MESSAGES_MAX`] of them, so that
/// a flooder leaves room for sixteen others.
pub const EVENTS_MAX: usize = 16 * 1024;
/// Messages of one link that the core has not dropped yet.
pub const INBOUND_MESSAGES_MAX: usize = 1024;

impl Class {
    /// All classes, the most urgent first.
    pub const ALL: [Self; CLASSES] = [Self::Control, Self::Payload, Self::Bulk];

    /// The longest message of this class.
    pub const fn bytes_max(self) -> usize {
        match self {
            Self::Control => CONTROL_BYTES_MAX,
            Self::Payload => PAYLOAD_BYTES_MAX,
            Self::Bulk => BULK_BYTES_MAX,
        }
    }
}

/// One value for each class.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PerClass<T> {
    /// Of [`Class::Control`].
    pub control: T,
    /// Of [`Class::Payload`].
    pub payload: T,
    /// Of [`Class::Bulk`].
    pub bulk: T,
}

impl<T> PerClass<T> {
    /// The value of `class`.
    pub const fn of(&self, class: Class) -> &T {
        match class {
            Class::Control => &self.control,
            Class::Payload => &self.payload,
            Class::Bulk => &self.bulk,
        }
    }

    /// The value of `class`, to change.
    pub const fn of_mut(&mut self, class: Class) -> &mut T {
        match class {
            Class::Control => &mut self.control,
            Class::Payload => &mut self.payload,
            Class::Bulk => &mut self.bulk,
        }
    }

    /// Each value through `f`.
    pub fn map<U>(&self, mut f: impl FnMut(&T) -> U) -> PerClass<U> {
        PerClass {
            control: f(&self.control),
            payload: f(&self.payload),
            bulk: f(&self.bulk),
        }
    }
}

/// What a link to one kind of peer may hold in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LinkLimits {
    /// Bytes queued to be sent, per class. A message that finds its queue empty is taken whatever
    /// its length.
    pub queue_bytes: PerClass<usize>,
    /// Bytes of received messages that the core has not dropped yet; beyond it the link is not
    /// read, and TCP holds the peer back.
    pub inbound_bytes: usize,
}

/// The bounds of a network. The defaults suit a facility.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Links to sites: a few, each carrying blocks.
    pub site: LinkLimits,
    /// Links to clients: many, each carrying requests and replies.
    pub client: LinkLimits,
    /// Links to clients at once.
    pub client_links_max: usize,
    /// From the connection to the last byte of the hello.
    pub handshake_timeout: Duration,
    /// Handshakes at once: what strangers may cost us.
    pub handshakes_max: usize,
    /// Handshakes at once from one address (IPv4) or one /64 (IPv6), so that one stranger leaves
    /// room for the sites.
    pub handshakes_per_source_max: usize,
    /// A link on which nothing arrives for this long is down.
    pub silence_max: Duration,
    /// How often a link measures its round trip, which also keeps it from falling silent.
    pub ping_interval: Duration,
    /// The first wait before dialing again; it doubles up to the next.
    pub redial_min: Duration,
    /// The longest wait before dialing again.
    pub redial_max: Duration,
    /// How long a shutdown waits for queued messages to leave.
    pub flush_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        const KIB: usize = 1024;
        const MIB: usize = 1024 * KIB;
        let queue_bytes = |control, payload, bulk| PerClass {
            control,
            payload,
            bulk,
        };
        Self {
            site: LinkLimits {
                queue_bytes: queue_bytes(4 * MIB, 32 * MIB, 16 * MIB),
                inbound_bytes: 16 * MIB,
            },
            client: LinkLimits {
                queue_bytes: queue_bytes(256 * KIB, 8 * MIB, MIB),
                inbound_bytes: 2 * MIB,
            },
            client_links_max: 256,
            handshake_timeout: Duration::from_secs(5),
            handshakes_max: 64,
            handshakes_per_source_max: 16,
            silence_max: Duration::from_secs(4),
            ping_interval: Duration::from_secs(1),
            redial_min: Duration::from_millis(20),
            redial_max: Duration::from_secs(1),
            flush_timeout: Duration::from_secs(1),
        }
    }
}

/// Where a network accepts links.
#[derive(Debug)]
pub enum Listen {
    /// Nowhere: it only dials. What clients do.
    Nowhere,
    /// At an address that is bound when the network starts.
    At(SocketAddr),
    /// On a socket that is bound already.
    On(TcpListener),
}

/// What a network is started with, beside its key.
#[derive(Debug)]
pub struct Config {
    /// The current view. Who we are follows from our key's place in it.
    pub directory: Directory,
    /// Where to accept links.
    pub listen: Listen,
    /// Distinguishes the processes that share one client key. A new link of the same key and
    /// instance replaces the older one. Sites use 0.
    pub instance: u32,
    /// The bounds.
    pub limits: Limits,
}
