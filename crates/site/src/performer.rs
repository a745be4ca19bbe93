//! Performing steps: records to the log, and effects in a queue behind the log position that they
//! wait for (D3).

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use maftia_codec::Wire;
use maftia_multipoint::{Class, LinkId, Network, SendError};
use maftia_protocol::{Release, Target};
use maftia_replica::{Message, Passage, SiteMessage, Transfer};
use maftia_storage::Position;
use maftia_types::{ClientId, SiteId};

/// An effect that leaves once the log is durable up to a position.
#[derive(Debug)]
pub(crate) struct Waiting {
    after: Position,
    effect: Effect,
}

/// Something that leaves the process.
#[derive(Debug)]
pub(crate) enum Effect {
    /// To peers.
    Peer {
        target: Target,
        class: Class,
        bytes: Bytes,
    },
    /// To a client, on the link that its session used last.
    Client {
        client: ClientId,
        bytes: Bytes,
        class: Class,
    },
}

impl Effect {
    const fn len(&self) -> usize {
        match self {
            Self::Peer { bytes, .. } | Self::Client { bytes, .. } => bytes.len(),
        }
    }
}

/// Sessions of one key whose links are remembered: sixteen processes with the 256 sessions that
/// sites keep of a key. Replies of further ones are not sent.
const SESSIONS_PER_KEY_MAX: usize = 4096;

/// Sends what may leave.
#[derive(Debug)]
pub(crate) struct Performer {
    me: SiteId,
    sites: usize,
    network: Network,
    queue: VecDeque<Waiting>,
    waiting_bytes: usize,
    sessions: BTreeMap<ClientId, LinkId>,
    /// Messages that found a full queue. Upper layers make up for them.
    pub(crate) refused: u64,
}

impl Performer {
    pub(crate) fn new(me: SiteId, sites: usize, network: Network) -> Self {
        let (queue, sessions) = (VecDeque::new(), BTreeMap::new());
        Self {
            me,
            sites,
            network,
            queue,
            waiting_bytes: 0,
            sessions,
            refused: 0,
        }
    }

    /// Queues a message of the replica, or sends it at once if it promises nothing.
    pub(crate) fn message(
        &mut self,
        target: Target,
        release: Release,
        message: &Message,
        end: Position,
    ) {
        let bytes = message.to_bytes();
        let effect = Effect::Peer {
            target,
            class: class(message, bytes.len()),
            bytes,
        };
        match release {
            Release::Now => self.perform(effect),
            Release::AfterDurable => self.wait(Waiting { after: end, effect }),
        }
    }

    /// Queues a message to a client.
    pub(crate) fn client(&mut self, client: ClientId, message: &SiteMessage, end: Position) {
        let bytes = message.to_bytes();
        let effect = Effect::Client {
            client,
            class: Class::Payload,
            bytes,
        };
        self.wait(Waiting { after: end, effect });
    }

    fn wait(&mut self, waiting: Waiting) {
        self.waiting_bytes += waiting.effect.len();
        self.queue.push_back(waiting);
    }

    /// The sites have other ids from now on, and so has this one. What waits to be sent to them is for
    /// other sites than its ids say: it is dropped, among it shares that are nobody else's business.
    pub(crate) fn renumber(&mut self, me: SiteId, sites: usize) {
        let to_client = |waiting: &Waiting| matches!(waiting.effect, Effect::Client { .. });
        self.queue.retain(to_client);
        self.waiting_bytes = self.queue.iter().map(|waiting| waiting.effect.len()).sum();
        self.resize(me, sites);
    }

    /// There are more sites, or fewer, after those that were there.
    pub(crate) const fn resize(&mut self, me: SiteId, sites: usize) {
        (self.me, self.sites) = (me, sites);
    }

    /// Bytes that wait for the log.
    pub(crate) const fn waiting_bytes(&self) -> usize {
        self.waiting_bytes
    }

    /// Sends everything that waited for `durable` or less.
    pub(crate) fn release(&mut self, durable: Position) {
        while self
            .queue
            .front()
            .is_some_and(|waiting| waiting.after <= durable)
        {
            if let Some(waiting) = self.queue.pop_front() {
                self.waiting_bytes = self.waiting_bytes.saturating_sub(waiting.effect.len());
                self.perform(waiting.effect);
            }
        }
    }

    /// Whether anything waits for the log.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.queue.is_empty()
    }

    /// A session speaks on this link; its replies go there.
    pub(crate) fn heard(&mut self, client: ClientId, link: LinkId) {
        if self.sessions.get(&client) == Some(&link) {
            return;
        }
        let first = ClientId {
            key: client.key,
            session: 0,
        };
        let last = ClientId {
            key: client.key,
            session: u32::MAX,
        };
        let known = self.sessions.contains_key(&client);
        if known || self.sessions.range(first..=last).count() < SESSIONS_PER_KEY_MAX {
            self.sessions.insert(client, link);
        }
    }

    /// A link is gone, and with it the sessions that used it.
    pub(crate) fn forget(&mut self, link: LinkId) {
        self.sessions.retain(|_, used| *used != link);
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Peer {
                target: Target::One(to),
                class,
                bytes,
            } => {
                let sent = self.network.send(to, class, bytes);
                self.count(sent);
            }
            Effect::Peer { class, bytes, .. } => {
                let me = self.me;
                for to in SiteId::all(self.sites).filter(|to| *to != me) {
                    let sent = self.network.send(to, class, bytes.clone());
                    self.count(sent);
                }
            }
            Effect::Client {
                client,
                class,
                bytes,
            } => {
                if let Some(link) = self.sessions.get(&client) {
                    let sent = self.network.send(*link, class, bytes);
                    self.count(sent);
                }
            }
        }
    }

    fn count(&mut self, sent: Result<(), SendError>) {
        match sent {
            Err(SendError::QueueFull) => self.refused += 1,
            Err(error @ SendError::Length { .. }) => tracing::error!(%error, "a message was lost"),
            _ => {}
        }
    }
}

/// The priority of a message: short ones that the protocol waits for go first, state transfer and
/// catching up last.
fn class(message: &Message, length: usize) -> Class {
    use maftia_ordering::Message as Ordering;
    match message {
        Message::Ordering(_, Ordering::Payload { .. }) => Class::Payload,
        Message::Ordering(..) if length <= maftia_multipoint::CONTROL_BYTES_MAX => Class::Control,
        Message::Transfer(Transfer::Query | Transfer::Offer { .. }) => Class::Control,
        Message::Pair(_) => Class::Payload,
        Message::Passage(Passage::Chain(_)) => Class::Bulk,
        Message::Passage(_) => Class::Control,
        Message::Ordering(..) | Message::Transfer(_) => Class::Bulk,
    }
}
