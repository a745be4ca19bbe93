use maftia_codec::{Bytes, DecodeError, Reader, Wire, Writer};
use maftia_protocol::{Event, Protocol, Step};
use maftia_types::{Digest, ResilienceError, SiteId, Time};

use super::{
    Coded, CodedMessage, INLINE_BYTES_MAX, PAYLOAD_BYTES_MAX, Plain, PlainMessage, Rule, shards_of,
};
use crate::{Context, Instance, Misbehaviour, Taken};

/// What sites tell each other; see the [module](super).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message {
    /// About a large payload's shards.
    Coded(CodedMessage),
    /// About a payload, or the root of a large one.
    Plain(PlainMessage),
}

/// What a local caller can get wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BroadcastError {
    /// It has broadcast in this instance.
    #[error("this instance has its payload already")]
    AlreadySent,
    /// The caller's own predicate does not hold of it.
    #[error("the payload is not valid to the predicate of this instance")]
    Invalid,
    /// The instance is another site's.
    #[error("the sender of this instance is {0}")]
    NotTheSender(SiteId),
    /// No payload has this length.
    #[error("a payload has 1 to {PAYLOAD_BYTES_MAX} bytes, or none where it is not cut, not {0}")]
    TooLarge(usize),
}

/// Reliable broadcast of a payload of any size. See the [module](super).
pub struct Broadcast {
    context: Context,
    sender: SiteId,
    shards_instance: Instance,
    plain: Plain,
    coded: Coded,
    /// What the plain part has delivered, if it is a root.
    root: Option<Digest>,
    /// What the coded part has delivered.
    large: Option<(Digest, Bytes)>,
    sent: bool,
    delivered: bool,
}

/// In front of a payload that follows.
const INLINE: u8 = 0;
/// In front of the root of one that is dispersed.
const ROOT: u8 = 1;

fn root_in(descriptor: &[u8]) -> Option<Digest> {
    let bytes = descriptor.strip_prefix(&[ROOT])?;
    bytes.try_into().ok().map(Digest)
}

impl Broadcast {
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
        let shards_instance = instance.part("coded", 0);
        Ok(Self {
            context,
            sender,
            shards_instance,
            plain: Plain::new(context, instance.part("plain", 0), sender, rule)?,
            coded: Coded::new(context, shards_instance, sender),
            root: None,
            large: None,
            sent: false,
            delivered: false,
        })
    }

    /// Whose payload it is.
    pub const fn sender(&self) -> SiteId {
        self.sender
    }

    fn absorb_plain(&mut self, step: &mut Step<Self>, child: Step<Plain>) {
        for descriptor in step.absorb(child, Message::Plain, |taken| taken) {
            if descriptor.first() == Some(&INLINE) {
                self.deliver(step, descriptor.slice(1..));
                continue;
            }
            self.root = root_in(&descriptor);
            if self.root.is_none() {
                step.blame(self.sender, Misbehaviour::OutOfRange);
            }
        }
        self.try_large(step);
    }

    fn absorb_coded(&mut self, step: &mut Step<Self>, child: Step<Coded>) {
        for large in step.absorb(child, Message::Coded, |taken| taken) {
            self.large = Some(large);
        }
        self.try_large(step);
    }

    fn try_large(&mut self, step: &mut Step<Self>) {
        let Some((root, payload)) = &self.large else {
            return;
        };
        if self.root == Some(*root) {
            let payload = payload.clone();
            self.deliver(step, payload);
        }
    }

    fn deliver(&mut self, step: &mut Step<Self>, payload: Bytes) {
        if !self.delivered {
            self.delivered = true;
            step.outputs.push(payload);
        }
    }
}

impl Protocol for Broadcast {
    type Command = Bytes;
    type Message = Message;
    type Output = Bytes;
    type Record = Taken;
    type Misbehaviour = Misbehaviour;
    type Error = BroadcastError;

    fn command(&mut self, now: Time, payload: Bytes) -> Result<Step<Self>, BroadcastError> {
        if self.sent {
            return Err(BroadcastError::AlreadySent);
        }
        let mut step = Step::none();
        if payload.len() <= INLINE_BYTES_MAX {
            let descriptor = [&[INLINE], &payload[..]].concat();
            let child = self.plain.command(now, descriptor.into())?;
            self.sent = true;
            self.absorb_plain(&mut step, child);
            return Ok(step);
        }
        let child = self.coded.command(now, payload.clone())?;
        self.sent = true;
        self.absorb_coded(&mut step, child);
        let (root, _) = shards_of(self.shards_instance, self.context.resilience(), &payload);
        let descriptor = [&[ROOT], &root.as_bytes()[..]].concat();
        let child = self.plain.command(now, descriptor.into())?;
        self.absorb_plain(&mut step, child);
        Ok(step)
    }

    fn handle(&mut self, now: Time, event: Event<Message>) -> Step<Self> {
        let mut step = Step::none();
        if let Event::Message { from, message } = event {
            match message {
                Message::Plain(message) => {
                    let child = self.plain.handle(now, Event::Message { from, message });
                    self.absorb_plain(&mut step, child);
                }
                Message::Coded(message) => {
                    let child = self.coded.handle(now, Event::Message { from, message });
                    self.absorb_coded(&mut step, child);
                }
            }
        }
        step
    }
}

impl Wire for Message {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Coded(message) => {
                writer.u8(0);
                message.encode(writer);
            }
            Self::Plain(message) => {
                writer.u8(1);
                message.encode(writer);
            }
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(match reader.u8()? {
            0 => Self::Coded(CodedMessage::decode(reader)?),
            1 => Self::Plain(PlainMessage::decode(reader)?),
            _ => return Err(DecodeError::Invalid { field: "kind" }),
        })
    }
}
