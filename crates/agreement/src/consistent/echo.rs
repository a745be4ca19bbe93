use maftia_codec::{Bytes, DecodeError, Reader, Wire, Writer};
use maftia_protocol::{Event, Protocol, Step, Target, planted};
use maftia_types::{Digest, SiteId, Time};

use super::statement_of;
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
    instance: Instance,
    sender: SiteId,
    received: Option<(Digest, Bytes)>,
    echoes: Votes<Digest>,
    delivered: bool,
}

impl Echo {
    /// An instance in which nothing has happened.
    pub const fn new(context: Context, instance: Instance, sender: SiteId) -> Self {
        Self {
            context,
            instance,
            sender,
            received: None,
            echoes: Votes::new(),
            delivered: false,
        }
    }

    fn on_send(&mut self, step: &mut Step<Self>, from: SiteId, payload: Bytes) {
        if from != self.sender {
            return step.blame(from, Misbehaviour::NotTheSender);
        }
        let digest = statement_of(self.instance, &payload);
        match &self.received {
            Some((first, _)) if *first == digest => {}
            Some(_) => step.blame(from, Misbehaviour::Contradiction),
            None => {
                self.received = Some((digest, payload));
                step.records.push(Taken);
                step.send(Target::All, EchoMessage::Echo(digest)); // E1
                self.try_deliver(step);
            }
        }
    }

    /// E2
    fn try_deliver(&mut self, step: &mut Step<Self>) {
        let Some((digest, payload)) = &self.received else {
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
        if self.context.own() != self.sender {
            return Err(BroadcastError::NotTheSender(self.sender));
        }
        if payload.len() > PAYLOAD_BYTES_MAX {
            return Err(BroadcastError::TooLarge(payload.len()));
        }
        if self.received.is_some() {
            return Err(BroadcastError::AlreadySent);
        }
        let mut step = Step::none();
        step.send(Target::Others, EchoMessage::Send(payload.clone()));
        self.on_send(&mut step, self.sender, payload);
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
