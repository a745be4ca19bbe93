use std::collections::BTreeMap;

use maftia_codec::{Bytes, DecodeError, Reader, Wire, Writer};
use maftia_crypto::Domain;
use maftia_protocol::{Event, Protocol, Step, Target, planted};
use maftia_types::{Digest, OptimisticBroadcast, ResilienceError, SiteId, Time};

use super::{BroadcastError, INLINE_BYTES_MAX};
use crate::votes::{Votes, taken};
use crate::{Context, Instance, Misbehaviour, Taken};

/// One byte in front of a payload says whether it is one or the root of a larger one.
const DESCRIPTOR_BYTES_MAX: usize = INLINE_BYTES_MAX + 1;

const BODY: Domain = Domain::new("reliable broadcast payload");

/// How a plain broadcast gets from echoes to readies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rule {
    /// Three steps, always.
    Bracha,
    /// Two steps if almost all are correct, four otherwise. For f ≥ 1.
    Optimistic,
}

/// What sites tell each other; see the [module](super).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PlainMessage {
    /// The sender's payload.
    Propose(Bytes),
    /// What the sender told me.
    Echo(Bytes),
    /// A majority echoes this digest.
    Vote(Digest),
    /// Nothing but this digest will be delivered.
    Ready(Digest),
}

/// Reliable broadcast of a small payload. See the [module](super).
pub struct Plain {
    context: Context,
    instance: Instance,
    sender: SiteId,
    optimistic: Option<OptimisticBroadcast>,
    bytes_max: usize,
    proposed: Option<Digest>,
    voted: bool,
    is_ready: bool,
    delivered: bool,
    bodies: BTreeMap<Digest, Bytes>,
    echoes: Votes<Digest>,
    votes: Votes<Digest>,
    readies: Votes<Digest>,
}

impl Plain {
    /// An instance in which nothing has happened.
    ///
    /// # Errors
    /// If the rule is optimistic and the group expects no intruder.
    pub fn new(
        context: Context,
        instance: Instance,
        sender: SiteId,
        rule: Rule,
    ) -> Result<Self, ResilienceError> {
        let optimistic = match rule {
            Rule::Bracha => None,
            Rule::Optimistic => Some(context.resilience().optimistic_broadcast()?),
        };
        Ok(Self {
            context,
            instance,
            sender,
            optimistic,
            bytes_max: DESCRIPTOR_BYTES_MAX,
            proposed: None,
            voted: false,
            is_ready: false,
            delivered: false,
            bodies: BTreeMap::new(),
            echoes: Votes::new(),
            votes: Votes::new(),
            readies: Votes::new(),
        })
    }

    /// For payloads of so many bytes at most: longer ones are not kept. The same at all sites.
    #[must_use]
    pub const fn at_most(mut self, bytes: usize) -> Self {
        self.bytes_max = bytes;
        self
    }

    fn on_propose(&mut self, step: &mut Step<Self>, from: SiteId, body: Bytes) {
        if from != self.sender {
            return step.blame(from, Misbehaviour::NotTheSender);
        }
        if body.len() > self.bytes_max {
            return step.blame(from, Misbehaviour::OutOfRange);
        }
        let digest = self.digest(&body);
        match self.proposed {
            Some(first) if first != digest && !planted("echoes every proposal") => {
                return step.blame(from, Misbehaviour::Contradiction);
            }
            Some(first) if first == digest => return,
            _ => {}
        }
        self.proposed = Some(digest);
        step.records.push(Taken);
        // R1
        if self.optimistic.is_none() || self.context.own() != self.sender {
            step.send(Target::All, PlainMessage::Echo(body));
        }
    }

    fn on_echo(&mut self, step: &mut Step<Self>, from: SiteId, body: Bytes) {
        if self.optimistic.is_some() && from == self.sender {
            return; // Counts are over the others: a sender's echo is not one.
        }
        if body.len() > self.bytes_max {
            return step.blame(from, Misbehaviour::OutOfRange);
        }
        let digest = self.digest(&body);
        if !taken(step, from, self.echoes.cast(from, digest)) {
            return;
        }
        self.bodies.entry(digest).or_insert(body);
        let echoes = self.echoes.count(|echo| *echo == digest);
        match self.optimistic {
            None => {
                let twice = usize::from(planted("an echo counted twice"));
                if echoes + twice >= self.context.resilience().slow_path_quorum() {
                    self.ready(step, digest); // R3
                }
            }
            Some(thresholds) => {
                let is_sender = self.context.own() == self.sender;
                if echoes >= thresholds.vote() && !self.voted && !is_sender {
                    self.voted = true;
                    step.send(Target::All, PlainMessage::Vote(digest)); // R2
                }
                let slack = usize::from(planted("optimistic delivery minus one"));
                if echoes >= thresholds.deliver() - slack {
                    self.deliver(step, digest); // R6
                }
            }
        }
        self.try_deliver(step, digest);
    }

    fn on_vote(&mut self, step: &mut Step<Self>, from: SiteId, digest: Digest) {
        let Some(thresholds) = self.optimistic else {
            return; // Bracha's rule knows no votes.
        };
        if from == self.sender {
            return; // R3 counts the others.
        }
        if !taken(step, from, self.votes.cast(from, digest)) {
            return;
        }
        let slack = usize::from(planted("optimistic ready quorum minus one"));
        if self.votes.count(|vote| *vote == digest) >= thresholds.ready() - slack {
            self.ready(step, digest); // R3
        }
    }

    fn on_ready(&mut self, step: &mut Step<Self>, from: SiteId, digest: Digest) {
        if !taken(step, from, self.readies.cast(from, digest)) {
            return;
        }
        let readies = self.readies.count(|ready| *ready == digest);
        if readies >= self.context.resilience().one_correct() && !planted("no amplification") {
            self.ready(step, digest); // R4
        }
        self.try_deliver(step, digest);
    }

    fn ready(&mut self, step: &mut Step<Self>, digest: Digest) {
        if !self.is_ready {
            self.is_ready = true;
            step.send(Target::All, PlainMessage::Ready(digest));
        }
    }

    /// R5
    fn try_deliver(&mut self, step: &mut Step<Self>, digest: Digest) {
        let readies = self.readies.count(|ready| *ready == digest);
        let slack = usize::from(planted("delivery quorum minus one"));
        if readies >= self.context.resilience().delivery_quorum() - slack {
            self.deliver(step, digest);
        }
    }

    fn deliver(&mut self, step: &mut Step<Self>, digest: Digest) {
        if self.delivered {
            return;
        }
        if let Some(body) = self.bodies.get(&digest) {
            self.delivered = true;
            step.outputs.push(body.clone());
        }
    }

    fn digest(&self, body: &Bytes) -> Digest {
        self.instance.hasher(BODY).update(body).finish()
    }
}

impl Protocol for Plain {
    type Command = Bytes;
    type Message = PlainMessage;
    type Output = Bytes;
    type Record = Taken;
    type Misbehaviour = Misbehaviour;
    type Error = BroadcastError;

    fn command(&mut self, _: Time, body: Bytes) -> Result<Step<Self>, BroadcastError> {
        if self.context.own() != self.sender {
            return Err(BroadcastError::NotTheSender(self.sender));
        }
        if body.len() > self.bytes_max {
            return Err(BroadcastError::TooLarge(body.len()));
        }
        if self.proposed.is_some() {
            return Err(BroadcastError::AlreadySent);
        }
        let mut step = Step::none();
        self.on_propose(&mut step, self.sender, body.clone());
        step.send(Target::Others, PlainMessage::Propose(body));
        Ok(step)
    }

    fn handle(&mut self, _: Time, event: Event<PlainMessage>) -> Step<Self> {
        let mut step = Step::none();
        if let Event::Message { from, message } = event {
            match message {
                PlainMessage::Propose(body) => self.on_propose(&mut step, from, body),
                PlainMessage::Echo(body) => self.on_echo(&mut step, from, body),
                PlainMessage::Vote(digest) => self.on_vote(&mut step, from, digest),
                PlainMessage::Ready(digest) => self.on_ready(&mut step, from, digest),
            }
        }
        step
    }
}

impl Wire for PlainMessage {
    fn encode(&self, writer: &mut Writer) {
        let (kind, digest) = match self {
            Self::Propose(body) | Self::Echo(body) => {
                writer.u8(u8::from(matches!(self, Self::Echo(_))));
                return writer.bytes(body);
            }
            Self::Vote(digest) => (2, digest),
            Self::Ready(digest) => (3, digest),
        };
        writer.u8(kind);
        writer.digest(digest);
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(match reader.u8()? {
            0 => Self::Propose(reader.bytes("payload", DESCRIPTOR_BYTES_MAX)?),
            1 => Self::Echo(reader.bytes("payload", DESCRIPTOR_BYTES_MAX)?),
            2 => Self::Vote(reader.digest()?),
            3 => Self::Ready(reader.digest()?),
            _ => return Err(DecodeError::Invalid { field: "kind" }),
        })
    }
}
