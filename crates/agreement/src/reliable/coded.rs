use std::collections::BTreeMap;

use maftia_codec::{Bytes, DecodeError, Reader, Wire, Writer};
use maftia_protocol::{Event, Protocol, Step, Target};
use maftia_types::{Digest, SiteId, Time};

use super::coding::rebuild;
use super::{BroadcastError, PAYLOAD_BYTES_MAX, Shard, shards_of};
use crate::votes::{Votes, taken};
use crate::{Context, Instance, Misbehaviour, Taken};

/// What sites tell each other; see the [module](super).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CodedMessage {
    /// The sender's shard for the recipient.
    Disperse(Shard),
    /// The shard that the sender gave me.
    Echo(Shard),
    /// Nothing but this root will be delivered.
    Ready(Digest),
}

/// Reliable broadcast of a large payload in shards. See the [module](super).
pub struct Coded {
    context: Context,
    instance: Instance,
    sender: SiteId,
    dispersed: Option<Digest>,
    is_ready: bool,
    delivered: bool,
    shards: Votes<(Digest, Shard)>,
    readies: Votes<Digest>,
    /// Of roots with enough shards: the payload, or that there is none. At most one for each quorum
    /// of echoes and of readies that correct sites can see.
    rebuilt: BTreeMap<Digest, Option<Bytes>>,
}

impl Coded {
    /// An instance in which nothing has happened.
    pub const fn new(context: Context, instance: Instance, sender: SiteId) -> Self {
        Self {
            context,
            instance,
            sender,
            dispersed: None,
            is_ready: false,
            delivered: false,
            shards: Votes::new(),
            readies: Votes::new(),
            rebuilt: BTreeMap::new(),
        }
    }

    fn on_disperse(&mut self, step: &mut Step<Self>, from: SiteId, shard: Shard) {
        if from != self.sender {
            return step.blame(from, Misbehaviour::NotTheSender);
        }
        let Some(root) = self.root_of(&shard, self.context.own()) else {
            return step.blame(from, Misbehaviour::BadShard);
        };
        match self.dispersed {
            Some(first) if first == root => {}
            Some(_) => step.blame(from, Misbehaviour::Contradiction),
            None => {
                self.dispersed = Some(root);
                step.records.push(Taken);
                step.send(Target::All, CodedMessage::Echo(shard)); // C1
            }
        }
    }

    fn on_echo(&mut self, step: &mut Step<Self>, from: SiteId, shard: Shard) {
        let Some(root) = self.root_of(&shard, from) else {
            return step.blame(from, Misbehaviour::BadShard);
        };
        if !taken(step, from, self.shards.cast(from, (root, shard))) {
            return;
        }
        let echoes = self.shards.count(|(of, _)| *of == root);
        if echoes >= self.context.resilience().slow_path_quorum() && !self.is_ready {
            // C2
            if self.payload(root).is_some() {
                self.ready(step, root);
            } else {
                step.blame(self.sender, Misbehaviour::Garbled);
            }
        }
        self.try_deliver(step, root);
    }

    fn on_ready(&mut self, step: &mut Step<Self>, from: SiteId, root: Digest) {
        if !taken(step, from, self.readies.cast(from, root)) {
            return;
        }
        let readies = self.readies.count(|ready| *ready == root);
        if readies >= self.context.resilience().one_correct() {
            self.ready(step, root); // C3
        }
        self.try_deliver(step, root);
    }

    fn ready(&mut self, step: &mut Step<Self>, root: Digest) {
        if !self.is_ready {
            self.is_ready = true;
            step.send(Target::All, CodedMessage::Ready(root));
        }
    }

    /// C4
    fn try_deliver(&mut self, step: &mut Step<Self>, root: Digest) {
        let resilience = self.context.resilience();
        let readies = self.readies.count(|ready| *ready == root);
        let shards = self.shards.count(|(of, _)| *of == root);
        let enough = readies >= resilience.delivery_quorum() && shards >= resilience.one_correct();
        if !enough || self.delivered {
            return;
        }
        if let Some(payload) = self.payload(root) {
            self.delivered = true;
            step.outputs.push((root, payload));
        }
    }

    /// The payload under a root, which is computed once.
    fn payload(&mut self, root: Digest) -> Option<Bytes> {
        let Self {
            context,
            instance,
            shards,
            ..
        } = self;
        let rebuilt = self.rebuilt.entry(root).or_insert_with(|| {
            let under = shards.iter().filter(|(_, (of, _))| *of == root);
            let under = under.map(|(site, (_, shard))| (site, shard)).collect();
            rebuild(*instance, context.resilience(), root, &under)
        });
        rebuilt.clone()
    }

    fn root_of(&self, shard: &Shard, site: SiteId) -> Option<Digest> {
        shard.root(self.instance, self.context.resilience(), site)
    }
}

impl Protocol for Coded {
    type Command = Bytes;
    type Message = CodedMessage;
    type Output = (Digest, Bytes);
    type Record = Taken;
    type Misbehaviour = Misbehaviour;
    type Error = BroadcastError;

    fn command(&mut self, _: Time, payload: Bytes) -> Result<Step<Self>, BroadcastError> {
        if self.context.own() != self.sender {
            return Err(BroadcastError::NotTheSender(self.sender));
        }
        if payload.is_empty() || payload.len() > PAYLOAD_BYTES_MAX {
            return Err(BroadcastError::TooLarge(payload.len()));
        }
        if self.dispersed.is_some() {
            return Err(BroadcastError::AlreadySent);
        }
        let mut step = Step::none();
        let (_, shards) = shards_of(self.instance, self.context.resilience(), &payload);
        for (site, shard) in self.context.sites().zip(shards) {
            if site == self.sender {
                self.on_disperse(&mut step, site, shard);
            } else {
                step.send(Target::One(site), CodedMessage::Disperse(shard));
            }
        }
        Ok(step)
    }

    fn handle(&mut self, _: Time, event: Event<CodedMessage>) -> Step<Self> {
        let mut step = Step::none();
        if let Event::Message { from, message } = event {
            match message {
                CodedMessage::Disperse(shard) => self.on_disperse(&mut step, from, shard),
                CodedMessage::Echo(shard) => self.on_echo(&mut step, from, shard),
                CodedMessage::Ready(root) => self.on_ready(&mut step, from, root),
            }
        }
        step
    }
}

impl Wire for CodedMessage {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Disperse(shard) | Self::Echo(shard) => {
                writer.u8(u8::from(matches!(self, Self::Echo(_))));
                shard.encode(writer);
            }
            Self::Ready(root) => {
                writer.u8(2);
                writer.digest(root);
            }
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(match reader.u8()? {
            0 => Self::Disperse(Shard::decode(reader)?),
            1 => Self::Echo(Shard::decode(reader)?),
            2 => Self::Ready(reader.digest()?),
            _ => return Err(DecodeError::Invalid { field: "kind" }),
        })
    }
}
