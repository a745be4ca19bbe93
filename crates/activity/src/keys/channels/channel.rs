use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_types::{Digest, SiteId};

use super::concealed::Concealed;
use super::delivery::{decode_content, encode_content};
use super::request::{clients, read_clients};
use super::{
    ChannelId, Class, Delivery, KEPT_BYTES_MAX, KEPT_MAX, Loss, MEMBERS_MAX, PAGE_BYTES_MAX,
    PAGE_MAX, Page, Refusal, Summary, WAITING_MAX, WAITING_PER_SENDER_MAX,
};
use crate::keys::record::wire::read_name;
use crate::keys::record::{KeyId, Version};
use crate::keys::seats::Seats;
use crate::keys::sessions::put_in_order;

/// One channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::keys) struct Channel {
    pub(super) id: ChannelId,
    pub(super) name: String,
    pub(super) class: Class,
    pub(super) opener: u32,
    pub(super) members: BTreeSet<u32>,
    closers: BTreeSet<u32>,
    closed: bool,
    /// How many messages of each sender were taken.
    taken: BTreeMap<u32, u64>,
    /// The position of the oldest delivery kept.
    first: u64,
    delivered: VecDeque<Delivery>,
    /// The version of the key that shares under way belong to.
    version: u32,
    /// At the positions behind those delivered.
    waiting: VecDeque<Waiting>,
}

/// A message that is ordered, and not delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Waiting {
    sender: u32,
    sequence: u64,
    at_ms: u64,
    state: Opening,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Opening {
    Concealed(Concealed),
    /// Open, and one before it is not.
    Open(Result<Bytes, Loss>),
}

impl Channel {
    pub(super) fn new(
        id: ChannelId,
        (name, class): (String, Class),
        (opener, members): (u32, BTreeSet<u32>),
    ) -> Self {
        Self {
            id,
            name,
            class,
            opener,
            members,
            closers: BTreeSet::new(),
            closed: false,
            taken: BTreeMap::new(),
            first: 0,
            delivered: VecDeque::new(),
            version: 0,
            waiting: VecDeque::new(),
        }
    }

    /// Whether a message of that sender and sequence is taken now (rule 1).
    pub(super) fn admit(&self, sender: u32, sequence: u64) -> Result<(), Refusal> {
        if !self.members.contains(&sender) {
            return Err(Refusal::NotAMember);
        }
        let next = self.next_of(sender);
        if sequence != next {
            return Err(Refusal::OutOfSequence { next });
        }
        if self.closed {
            return Err(Refusal::Closed);
        }
        let own = self.waiting.iter().filter(|own| own.sender == sender);
        if self.waiting.len() >= WAITING_MAX || own.count() >= WAITING_PER_SENDER_MAX {
            return Err(Refusal::Busy);
        }
        Ok(())
    }

    /// Takes a message that was admitted; gives its position.
    pub(super) fn take(&mut self, at_ms: u64, sender: u32, body: Bytes) -> u64 {
        let sequence = self.next_of(sender);
        self.taken.insert(sender, sequence);
        let position = self.next().saturating_add(self.waiting.len() as u64);
        let state = match self.class {
            Class::Atomic => Opening::Open(Ok(body)),
            Class::SecureCausal(_) => Opening::Concealed(Concealed::new(body)),
        };
        self.waiting.push_back(Waiting {
            sender,
            sequence,
            at_ms,
            state,
        });
        self.deliver();
        position
    }

    /// Takes a share of the message at a position (rule 4); names who has sent an unsound one.
    pub(super) fn share(
        &mut self,
        of: (Digest, &Version),
        position: u64,
        (site, share): (SiteId, &Bytes),
    ) -> Vec<SiteId> {
        self.follow(of.1);
        let Some(own) = self.waiting_at(position) else {
            return Vec::new();
        };
        let Opening::Concealed(concealed) = &mut own.state else {
            return Vec::new();
        };
        let (content, culprits) = concealed.add(of, site, share);
        if let Some(content) = content {
            own.state = Opening::Open(content);
            self.deliver();
        }
        culprits
    }

    /// Shares of before are dropped if the key has others now.
    pub(super) fn follow(&mut self, version: &Version) {
        if self.version != version.number {
            self.version = version.number;
            self.concealed_mut().for_each(Concealed::restart);
        }
    }

    /// A new epoch has begun.
    pub(super) fn reseat(&mut self, seats: &Seats) {
        self.concealed_mut().for_each(|own| own.reseat(seats));
    }

    /// The key is used no more: nothing that waits will be opened.
    pub(super) fn lose_key(&mut self) {
        for own in &mut self.waiting {
            if matches!(own.state, Opening::Concealed(_)) {
                own.state = Opening::Open(Err(Loss::KeyGone));
            }
        }
        self.deliver();
    }

    /// A member wants it closed (rule 6).
    pub(super) fn close(&mut self, client: u32) -> Result<(), Refusal> {
        let member = self.members.contains(&client);
        if !member && client != self.opener {
            return Err(Refusal::NotAMember);
        }
        if member {
            self.closers.insert(client);
        }
        self.closed |= client == self.opener || 2 * self.closers.len() > self.members.len();
        Ok(())
    }

    /// What is kept from a position on.
    pub(super) fn page(&self, from: u64) -> Page {
        let first = from.max(self.first);
        let skip = usize::try_from(first - self.first).unwrap_or(usize::MAX);
        let mut bytes = 0_usize;
        let fits = |own: &&Delivery| {
            let before = bytes;
            bytes += length(own);
            before == 0 || bytes <= PAGE_BYTES_MAX
        };
        let deliveries = self.delivered.iter().skip(skip).take(PAGE_MAX);
        let deliveries: Vec<_> = deliveries.take_while(fits).cloned().collect();
        let after = first.saturating_add(deliveries.len() as u64);
        Page {
            first,
            deliveries,
            end: self.has_ended() && after >= self.next(),
        }
    }

    /// Whether it takes no more messages.
    pub(super) const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether nothing more will be delivered.
    pub(super) fn has_ended(&self) -> bool {
        self.closed && self.waiting.is_empty()
    }

    /// The key that it needs.
    pub(super) const fn key(&self) -> Option<KeyId> {
        match self.class {
            Class::Atomic => None,
            Class::SecureCausal(key) => Some(key),
        }
    }

    /// The positions whose shares this site owes, under that version of the key.
    pub(super) fn owed_by(
        &self,
        site: SiteId,
        version: &Version,
    ) -> impl Iterator<Item = u64> + use<'_> {
        let current = self.version == version.number;
        let owed: Vec<_> = (self.next()..)
            .zip(&self.waiting)
            .filter(|(_, own)| match &own.state {
                Opening::Concealed(concealed) => current && concealed.awaits(version, site),
                Opening::Open(_) => false,
            })
            .map(|(position, _)| position)
            .collect();
        owed.into_iter()
    }

    /// The message that waits at a position.
    pub(super) fn concealed(&self, position: u64) -> Option<&Concealed> {
        let place = usize::try_from(position.checked_sub(self.next())?).ok()?;
        match &self.waiting.get(place)?.state {
            Opening::Concealed(concealed) => Some(concealed),
            Opening::Open(_) => None,
        }
    }

    /// What there is to say of it to that client.
    pub(super) fn summary(&self, client: u32) -> Summary {
        Summary {
            id: self.id,
            name: self.name.clone(),
            class: self.class,
            opener: self.opener,
            members: self.members.clone(),
            closers: self.closers.clone(),
            closed: self.closed,
            first: self.first,
            next: self.next(),
            waiting: self.waiting.len() as u64,
            sequence: self.next_of(client),
        }
    }

    /// The position of the next message to be delivered.
    pub(super) fn next(&self) -> u64 {
        self.first.saturating_add(self.delivered.len() as u64)
    }

    fn next_of(&self, sender: u32) -> u64 {
        self.taken
            .get(&sender)
            .map_or(1, |last| last.saturating_add(1))
    }

    fn waiting_at(&mut self, position: u64) -> Option<&mut Waiting> {
        let place = usize::try_from(position.checked_sub(self.next())?).ok()?;
        self.waiting.get_mut(place)
    }

    fn concealed_mut(&mut self) -> impl Iterator<Item = &mut Concealed> {
        self.waiting
            .iter_mut()
            .filter_map(|own| match &mut own.state {
                Opening::Concealed(concealed) => Some(concealed),
                Opening::Open(_) => None,
            })
    }

    /// Delivers what is open and has nothing before it, and forgets the oldest beyond the bounds.
    fn deliver(&mut self) {
        while let Some(own) = self.waiting.pop_front() {
            let Opening::Open(content) = own.state else {
                self.waiting.push_front(own);
                break;
            };
            self.delivered.push_back(Delivery {
                sender: own.sender,
                sequence: own.sequence,
                at_ms: own.at_ms,
                content,
            });
        }
        let mut bytes: usize = self.delivered.iter().map(length).sum();
        while self.delivered.len() > KEPT_MAX || bytes > KEPT_BYTES_MAX {
            let Some(oldest) = self.delivered.pop_front() else {
                return;
            };
            bytes -= length(&oldest);
            self.first = self.first.saturating_add(1);
        }
    }
}

fn length(own: &Delivery) -> usize {
    own.content.as_ref().map_or(0, Bytes::len)
}

impl Wire for Waiting {
    fn encode(&self, w: &mut Writer) {
        w.u32(self.sender);
        w.u64(self.sequence);
        w.u64(self.at_ms);
        match &self.state {
            Opening::Concealed(concealed) => {
                w.u8(0);
                concealed.encode(w);
            }
            Opening::Open(content) => {
                w.u8(1);
                encode_content(content, w);
            }
        }
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            sender: r.u32()?,
            sequence: r.u64()?,
            at_ms: r.u64()?,
            state: match r.u8()? {
                0 => Opening::Concealed(Concealed::decode(r)?),
                1 => Opening::Open(decode_content(r)?),
                _ => return Err(DecodeError::Invalid { field: "message" }),
            },
        })
    }
}

impl Wire for Channel {
    fn encode(&self, w: &mut Writer) {
        self.id.encode(w);
        w.bytes(self.name.as_bytes());
        self.class.encode(w);
        w.u32(self.opener);
        clients(w, &self.members);
        clients(w, &self.closers);
        w.bool(self.closed);
        w.length(self.taken.len());
        for (sender, sequence) in &self.taken {
            w.u32(*sender);
            w.u64(*sequence);
        }
        w.u64(self.first);
        w.length(self.delivered.len());
        self.delivered.iter().for_each(|own| own.encode(w));
        w.u32(self.version);
        w.length(self.waiting.len());
        self.waiting.iter().for_each(|own| own.encode(w));
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            id: ChannelId::decode(r)?,
            name: read_name(r)?,
            class: Class::decode(r)?,
            opener: r.u32()?,
            members: read_clients(r)?,
            closers: read_clients(r)?,
            closed: r.bool()?,
            taken: {
                let mut taken = BTreeMap::new();
                for _ in 0..r.length("senders", MEMBERS_MAX)? {
                    let sender = r.u32()?;
                    put_in_order(&mut taken, sender, r.u64()?, "senders")?;
                }
                taken
            },
            first: r.u64()?,
            delivered: r.list("deliveries", KEPT_MAX)?.into(),
            version: r.u32()?,
            waiting: r.list("waiting", WAITING_MAX)?.into(),
        })
    }
}
