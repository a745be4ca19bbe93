use maftia_codec::{Bytes, DecodeError, Reader, Wire, Writer};
use maftia_protocol::{Event, Protocol, Step, Target, planted};
use maftia_types::{Digest, SiteId, Time};

use super::opening::Opening;
use crate::reliable::{BroadcastError, PAYLOAD_BYTES_MAX};
use crate::votes::{Votes, taken};
use crate::{Context, Instance, Misbehaviour, Taken};

/// What sites tell each other; see the [module](super).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EchoMessage {
    /// The sender's payload.
    Send(Bytes),
    /// The digest of what the sender told me.
    Echo(Digest),
}

/// Consistent broadcast without signatures. See the [module](super).
pub struct Echo {
    context: Context,
    opening: Opening,
    echoes: Votes<Digest>,
    delivered: bool,
}

impl Echo {
    /// An instance in which nothing has happened.
    pub const fn new(context: Context, instance: Instance, sender: SiteId) -> Self {
        Self {
            context,
            opening: Opening::new(instance, context.own(), sender),
            echoes: Votes::new(),
            delivered: false,
        }
    }

    fn on_send(&mut self, step: &mut Step<Self>, from: SiteId, payload: Bytes) {
        if let Some(digest) = self.opening.take(step, from, payload, |_| true) {
            step.send(Target::All, EchoMessage::Echo(digest)); // E1
            self.try_deliver(step);
        }
    }

    /// E2
    fn try_deliver(&mut self, step: &mut Step<Self>) {
        let Some((digest, payload)) = &self.opening.taken else {
            return;
        };
        let slack = usize::from(planted("consistent quorum minus one"));
        let quorum = self.context.resilience().slow_path_quorum() - slack;
        if !self.delivered && self.echoes.count(|echo| echo == digest) >= quorum {
            self.delivered = true;
            step.outputs.push(payload.clone());
        }
    }
}

impl Protocol for Echo {
    type Command = Bytes;
    type Message = EchoMessage;
    type Output = Bytes;
    type Record = Taken;
    type Misbehaviour = Misbehaviour;
    type Error = BroadcastError;

    fn command(&mut self, _: Time, payload: Bytes) -> Result<Step<Self>, BroadcastError> {
        self.opening.allows(&payload)?;
        let mut step = Step::none();
        step.send(Target::Others, EchoMessage::Send(payload.clone()));
        self.on_send(&mut step, self.context.own(), payload);
        Ok(step)
    }

    fn handle(&mut self, _: Time, event: Event<EchoMessage>) -> Step<Self> {
        let mut step = Step::none();
        let Event::Message { from, message } = event else {
            return step;
        };
        match message {
            EchoMessage::Send(payload) => self.on_send(&mut step, from, payload),
            EchoMessage::Echo(digest) => {
                if taken(&mut step, from, self.echoes.cast(from, digest)) {
                    self.try_deliver(&mut step);
                }
            }
        }
        step
    }
}

impl Wire for EchoMessage {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Send(payload) => {
                writer.u8(0);
                writer.bytes(payload);
            }
            Self::Echo(digest) => {
                writer.u8(1);
                writer.digest(digest);
            }
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(match reader.u8()? {
            0 => Self::Send(reader.bytes("payload", PAYLOAD_BYTES_MAX)?),
            1 => Self::Echo(reader.digest()?),
            _ => return Err(DecodeError::Invalid { field: "kind" }),
        })
    }
}
