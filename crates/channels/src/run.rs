use maftia_agreement::consistent::{
    MultiSignature, SignatureCertifier, Verifiable, VerifiableMessage,
};
use maftia_agreement::reliable::{self, Broadcast, BroadcastError, Rule};
use maftia_agreement::{Context, Instance, Misbehaviour, Taken, anything};
use maftia_codec::{Bytes, DecodeError, Reader, Wire, Writer};
use maftia_crypto::Signature;
use maftia_protocol::{Event, Protocol, Step};
use maftia_types::{SiteId, Time};

/// The broadcast of one message.
pub(crate) enum Run {
    Consistent(Box<Verifiable<SignatureCertifier>>),
    Reliable(Box<Broadcast>),
}

/// What members tell each other in the broadcast of a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RunMessage {
    /// In a consistent channel.
    Consistent(VerifiableMessage<Signature, MultiSignature>),
    /// In a channel of another class.
    Reliable(reliable::Message),
}

/// What a broadcast delivers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Received {
    pub(crate) frame: Bytes,
    pub(crate) certificate: Option<MultiSignature>,
}

/// The instance of a message.
pub(crate) fn instance(context: &Context, sender: SiteId, sequence: u64) -> Instance {
    let sender = sender.as_u8().into();
    Instance::new(context, "channel", sender).part("message", sequence)
}

impl Run {
    /// Bracha's rule: whoever delivers has said `Ready`, so that a run that is closed then owes
    /// nobody anything. After the optimistic rule's two steps it may.
    pub(crate) fn reliable(context: Context, sender: SiteId, sequence: u64) -> Self {
        let instance = instance(&context, sender, sequence);
        let broadcast = Broadcast::new(context, instance, sender, Rule::Bracha);
        Self::Reliable(Box::new(
            broadcast.expect("Bracha's rule suits every group"),
        ))
    }

    pub(crate) fn consistent(
        context: Context,
        sender: SiteId,
        sequence: u64,
        certifier: SignatureCertifier,
    ) -> Self {
        let instance = instance(&context, sender, sequence);
        let broadcast = Verifiable::new(context, instance, sender, certifier, anything());
        Self::Consistent(Box::new(broadcast))
    }

    fn absorb_consistent(step: &mut Step<Self>, child: Step<Verifiable<SignatureCertifier>>) {
        let outputs = step.absorb(child, RunMessage::Consistent, |taken| taken);
        step.outputs.extend(outputs.into_iter().map(|own| Received {
            frame: own.payload,
            certificate: Some(own.certificate),
        }));
    }

    fn absorb_reliable(step: &mut Step<Self>, child: Step<Broadcast>) {
        let outputs = step.absorb(child, RunMessage::Reliable, |taken| taken);
        step.outputs
            .extend(outputs.into_iter().map(|frame| Received {
                frame,
                certificate: None,
            }));
    }
}

impl Protocol for Run {
    type Command = Bytes;
    type Message = RunMessage;
    type Output = Received;
    type Record = Taken;
    type Misbehaviour = Misbehaviour;
    type Error = BroadcastError;

    fn command(&mut self, now: Time, frame: Bytes) -> Result<Step<Self>, BroadcastError> {
        let mut step = Step::none();
        match self {
            Self::Consistent(own) => Self::absorb_consistent(&mut step, own.command(now, frame)?),
            Self::Reliable(own) => Self::absorb_reliable(&mut step, own.command(now, frame)?),
        }
        Ok(step)
    }

    fn handle(&mut self, now: Time, event: Event<RunMessage>) -> Step<Self> {
        let mut step = Step::none();
        let Event::Message { from, message } = event else {
            return step;
        };
        match (self, message) {
            (Self::Consistent(own), RunMessage::Consistent(message)) => {
                let child = own.handle(now, Event::Message { from, message });
                Self::absorb_consistent(&mut step, child);
            }
            (Self::Reliable(own), RunMessage::Reliable(message)) => {
                let child = own.handle(now, Event::Message { from, message });
                Self::absorb_reliable(&mut step, child);
            }
            // The channel has blamed it for that.
            (Self::Consistent(_), RunMessage::Reliable(_))
            | (Self::Reliable(_), RunMessage::Consistent(_)) => {}
        }
        step
    }
}

impl Wire for RunMessage {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Consistent(message) => {
                writer.u8(0);
                message.encode(writer);
            }
            Self::Reliable(message) => {
                writer.u8(1);
                message.encode(writer);
            }
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(match reader.u8()? {
            0 => Self::Consistent(VerifiableMessage::decode(reader)?),
            1 => Self::Reliable(reliable::Message::decode(reader)?),
            _ => return Err(DecodeError::Invalid { field: "class" }),
        })
    }
}
