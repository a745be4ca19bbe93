use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_threshold::tdh2::Ciphertext;
use maftia_types::{Digest, Power, SiteId};

use super::channel::Channel;
use super::concealed::Concealed;
use super::{
    Answer, CHANNELS_MAX, CHANNELS_PER_OPENER_MAX, CIPHERTEXT_BYTES_MAX, ChannelId, Class,
    MEMBERS_MAX, PAYLOAD_BYTES_MAX, Place, Refusal, Request, Summary, label,
};
use crate::keys::record::{KeyId, Scheme, Version};
use crate::keys::sealing;
use crate::keys::seats::Seats;
use crate::keys::sessions::{World, put_in_order};
use crate::keys::{NAME_BYTES_MAX, Ordered};
use crate::replication::Context;

/// The channels of a group: its part of the ordered state.
#[derive(Default, Debug, Clone, PartialEq, Eq)]
pub(in crate::keys) struct Channels {
    /// The number of the latest one.
    latest: u64,
    all: BTreeMap<ChannelId, Channel>,
}

impl Channels {
    fn execute(
        &mut self,
        world: World<'_>,
        context: &Context,
        request: Request,
    ) -> Result<Answer, Refusal> {
        let client = context.client.key;
        if !world.setup.permits(client, Power::Operate) {
            return Err(Refusal::NoPower(Power::Operate));
        }
        match request {
            Request::Close { channel } => {
                let own = self.of(channel)?;
                own.close(client)?;
                Ok(Answer::Channel(own.summary(client)))
            }
            Request::List => {
                let all = self.all.values().map(|own| own.summary(client));
                Ok(Answer::Channels(all.collect()))
            }
            Request::Open {
                name,
                class,
                members,
            } => self
                .open(world, client, (name, class), members)
                .map(Answer::Channel),
            Request::Receive { channel, from } => {
                let own = self.of(channel)?;
                match own.members.contains(&client) {
                    true => Ok(Answer::Page(own.page(from))),
                    false => Err(Refusal::NotAMember),
                }
            }
            Request::Send {
                channel,
                sequence,
                body,
            } => self.send(world, context, (channel, sequence), body),
            Request::Show { name } => {
                let named = self.all.values().rev().filter(|own| own.name == name);
                let own = named.max_by_key(|own| (!own.is_closed(), own.id));
                let own = own.ok_or(Refusal::NoSuchChannel)?;
                Ok(Answer::Channel(own.summary(client)))
            }
        }
    }

    fn open(
        &mut self,
        world: World<'_>,
        opener: u32,
        (name, class): (String, Class),
        members: BTreeSet<u32>,
    ) -> Result<Summary, Refusal> {
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            return Err(Refusal::Name);
        }
        let is_client = |own: &u32| {
            let place = usize::try_from(*own).ok();
            place.is_some_and(|place| place < world.setup.clients.len())
        };
        if members.is_empty() || members.len() > MEMBERS_MAX || !members.iter().all(is_client) {
            return Err(Refusal::Members);
        }
        if let Class::SecureCausal(key) = class {
            sealing_version(world, key)?;
        }
        let mut open = self.all.values().filter(|own| !own.has_ended());
        if open.any(|own| own.name == name) {
            return Err(Refusal::NameTaken);
        }
        let open = self.all.values().filter(|own| !own.has_ended());
        if open.filter(|own| own.opener == opener).count() >= CHANNELS_PER_OPENER_MAX {
            return Err(Refusal::TooMany);
        }
        if self.all.len() >= CHANNELS_MAX {
            let mut ended = self.all.values().filter(|own| own.has_ended());
            let oldest = ended.next().ok_or(Refusal::TooMany)?.id;
            self.all.remove(&oldest);
        }
        self.latest += 1;
        let id = ChannelId(self.latest);
        let channel = Channel::new(id, (name, class), (opener, members));
        let summary = channel.summary(opener);
        self.all.insert(id, channel);
        Ok(summary)
    }

    fn send(
        &mut self,
        world: World<'_>,
        context: &Context,
        (channel, sequence): (ChannelId, u64),
        body: Bytes,
    ) -> Result<Answer, Refusal> {
        let sender = context.client.key;
        let own = self.of(channel)?;
        own.admit(sender, sequence)?;
        match own.class {
            Class::Atomic if body.len() > PAYLOAD_BYTES_MAX => return Err(Refusal::TooLarge),
            Class::Atomic => {}
            Class::SecureCausal(key) => {
                let version = sealing_version(world, key)?;
                if body.len() > CIPHERTEXT_BYTES_MAX {
                    return Err(Refusal::TooLarge);
                }
                let keys = sealing::keys(world.setup.group, version).ok_or(Refusal::NoSuchKey)?;
                let label = label(channel, sender, sequence);
                // Rule 3: what was made for another place is not sound here.
                Ciphertext::from_bytes(body.clone())
                    .ok()
                    .and_then(|it| keys.encryption_key().check(&label, it).ok())
                    .ok_or(Refusal::Ciphertext)?;
                own.follow(version);
            }
        }
        let position = own.take(context.commit_time_ms, sender, body);
        Ok(Answer::Sent { position })
    }

    fn of(&mut self, channel: ChannelId) -> Result<&mut Channel, Refusal> {
        self.all.get_mut(&channel).ok_or(Refusal::NoSuchChannel)
    }

    /// A commit begins: keys may have other shares, or be gone.
    pub(in crate::keys) fn tick(&mut self, world: World<'_>) {
        for own in self.all.values_mut() {
            match own.key().map(|key| world.active(key)) {
                None => {}
                Some(Some(version)) => own.follow(version),
                Some(None) => own.lose_key(),
            }
        }
    }

    /// A new epoch has begun.
    pub(in crate::keys) fn reseat(&mut self, world: World<'_>, seats: &Seats) {
        self.all.values_mut().for_each(|own| own.reseat(seats));
        self.tick(world);
    }

    /// Takes a share in. Names the key, and who has sent an unsound one.
    pub(in crate::keys) fn share(
        &mut self,
        world: World<'_>,
        place: Place,
        share: (SiteId, &Bytes),
    ) -> Option<(KeyId, Vec<SiteId>)> {
        let own = self.all.get_mut(&place.channel)?;
        let key = own.key()?;
        let version = world.active(key)?;
        if version.number != place.version {
            return None;
        }
        let of: (Digest, &Version) = (world.setup.group, version);
        Some((key, own.share(of, place.position, share)))
    }

    /// A restored group has other members and keys: no channel goes on, and no number comes again.
    pub(in crate::keys) fn succeed(&mut self, former: &Self) {
        self.latest = former.latest;
    }

    /// The messages of which this site owes a share.
    pub(in crate::keys) fn owed_by(&self, me: SiteId, world: World<'_>) -> Vec<Place> {
        let mut owed = Vec::new();
        for own in self.all.values() {
            let Some(version) = own.key().and_then(|key| world.active(key)) else {
                continue;
            };
            let places = own.owed_by(me, version).map(|position| Place {
                channel: own.id,
                position,
                version: version.number,
            });
            owed.extend(places);
        }
        owed
    }

    /// The message at a place, and the key it is encrypted to.
    pub(super) fn concealed(&self, place: Place) -> Option<(KeyId, &Concealed)> {
        let own = self.all.get(&place.channel)?;
        Some((own.key()?, own.concealed(place.position)?))
    }
}

/// The sharing to use now of a key for sealing.
fn sealing_version(world: World<'_>, key: KeyId) -> Result<&Version, Refusal> {
    let record = world.keys.get(&key).ok_or(Refusal::NoSuchKey)?;
    let version = record.active().filter(|_| record.scheme == Scheme::Seal);
    version.ok_or(Refusal::NoSuchKey)
}

impl Ordered {
    /// Executes what a client asks of channels.
    pub(in crate::keys) fn channel(&mut self, context: &Context, request: &Bytes) -> Answer {
        let request = match Request::from_bytes(request.clone()) {
            Ok(request) => request,
            Err(DecodeError::TooLong { field: "body", .. }) => {
                return Answer::Refused(Refusal::TooLarge);
            }
            Err(DecodeError::TooLong { field: "name", .. }) => {
                return Answer::Refused(Refusal::Name);
            }
            Err(_) => return Answer::Refused(Refusal::Malformed),
        };
        let (sessions, world) = self.split();
        let done = sessions.channels.execute(world, context, request);
        done.unwrap_or_else(Answer::Refused)
    }
}

impl Wire for Channels {
    fn encode(&self, w: &mut Writer) {
        w.u64(self.latest);
        w.length(self.all.len());
        self.all.values().for_each(|own| own.encode(w));
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        const FIELD: &str = "channels";
        let latest = r.u64()?;
        let mut all = BTreeMap::new();
        for _ in 0..r.length(FIELD, CHANNELS_MAX)? {
            let own = Channel::decode(r)?;
            put_in_order(&mut all, own.id, own, FIELD)?;
        }
        Ok(Self { latest, all })
    }
}
