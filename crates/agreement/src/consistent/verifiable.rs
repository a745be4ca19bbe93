use maftia_codec::{Bytes, DecodeError, Reader, Wire, Writer};
use maftia_crypto::Domain;
use maftia_protocol::{Event, Protocol, Step, Target};
use maftia_types::{Digest, SiteId, SiteSet, Time};

use super::Certifier;
use super::opening::Opening;
use crate::reliable::{BroadcastError, PAYLOAD_BYTES_MAX};
use crate::votes::{Cast, Votes};
use crate::{Context, Instance, Misbehaviour, Predicate, Taken};

const STATEMENT: Domain = Domain::new("consistent broadcast payload");

/// What is certified of a payload: the digest of it that binds the instance.
pub fn statement_of(instance: Instance, payload: &[u8]) -> Digest {
    instance.hasher(STATEMENT).update(payload).finish()
}

/// A payload with the proof that no other one of its instance has a proof.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Certified<C> {
    /// What was broadcast.
    pub payload: Bytes,
    /// Of [`statement_of`] the payload.
    pub certificate: C,
}

/// What sites tell each other; see the [module](super).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum VerifiableMessage<V, C> {
    /// What you asked for.
    Answer(Bytes),
    /// A statement and its certificate.
    Final(Digest, C),
    /// I have a certificate of this and no payload.
    Request(Digest),
    /// The sender's payload.
    Send(Bytes),
    /// For the sender: my vote for its payload.
    Vote(V),
}

/// Verifiable consistent broadcast. See the [module](super).
pub struct Verifiable<C: Certifier> {
    context: Context,
    instance: Instance,
    certifier: C,
    predicate: Predicate,
    opening: Opening,
    votes: Votes<C::Vote>,
    /// Whose vote or certificate was bad: no other is looked at, since each costs a check.
    barred: SiteSet,
    certified: Option<(Digest, C::Certificate)>,
    wishes: Votes<Digest>,
    answered: SiteSet,
    delivered: bool,
}

type Message<C> = VerifiableMessage<<C as Certifier>::Vote, <C as Certifier>::Certificate>;

impl<C: Certifier> Verifiable<C> {
    /// An instance in which nothing has happened; sites vote for what `predicate` holds of.
    pub fn new(
        context: Context,
        instance: Instance,
        sender: SiteId,
        certifier: C,
        predicate: Predicate,
    ) -> Self {
        Self {
            context,
            instance,
            certifier,
            predicate,
            opening: Opening::new(instance, context.own(), sender),
            votes: Votes::new(),
            barred: SiteSet::EMPTY,
            certified: None,
            wishes: Votes::new(),
            answered: SiteSet::EMPTY,
            delivered: false,
        }
    }

    fn on_send(&mut self, step: &mut Step<Self>, from: SiteId, payload: Bytes) {
        let is_valid = |payload: &Bytes| (self.predicate)(from, payload);
        if let Some(digest) = self.opening.take(step, from, payload, is_valid) {
            let vote = VerifiableMessage::Vote(self.certifier.vote(&digest));
            step.send(Target::One(self.opening.sender), vote); // K1
            self.settle(step);
        }
    }

    fn on_vote(&mut self, step: &mut Step<Self>, from: SiteId, vote: C::Vote) {
        let Some((digest, _)) = &self.opening.taken else {
            return;
        };
        let is_needed = self.context.own() == self.opening.sender && self.certified.is_none();
        if !is_needed || self.barred.contains(from) {
            return;
        }
        match self.votes.cast(from, vote) {
            Cast::First => step.records.push(Taken),
            Cast::Again => return,
            Cast::Other => return step.blame(from, Misbehaviour::Contradiction),
        }
        if self.votes.len() < self.context.resilience().slow_path_quorum() {
            return;
        }
        match self.certifier.combine(digest, self.votes.map()) {
            Ok(certificate) => {
                // Taken here at once: a vote that comes meanwhile must not make another.
                self.certified = Some((*digest, certificate.clone()));
                let message = VerifiableMessage::Final(*digest, certificate);
                step.send(Target::Others, message); // K2
                self.settle(step);
            }
            Err(culprits) => {
                for culprit in culprits.iter() {
                    step.blame(culprit, Misbehaviour::BadVote);
                }
                self.barred = self.barred.union(culprits);
                self.votes.remove(culprits);
            }
        }
    }

    fn on_final(&mut self, step: &mut Step<Self>, from: SiteId, of: Digest, by: C::Certificate) {
        if self.certified.is_some() || self.barred.contains(from) {
            return;
        }
        if !self.certifier.verify(&of, &by) {
            self.barred.insert(from);
            return step.blame(from, Misbehaviour::BadCertificate);
        }
        step.records.push(Taken);
        self.certified = Some((of, by));
        if self
            .opening
            .taken
            .as_ref()
            .is_none_or(|(digest, _)| *digest != of)
        {
            step.send(Target::Others, VerifiableMessage::Request(of)); // K3
        }
        self.settle(step);
    }

    fn on_request(&mut self, step: &mut Step<Self>, from: SiteId, of: Digest) {
        if self.wishes.cast(from, of) == Cast::First {
            step.records.push(Taken);
            self.answer(step, from, of);
        }
    }

    fn on_answer(&mut self, step: &mut Step<Self>, payload: Bytes) {
        let digest = statement_of(self.instance, &payload);
        let is_wanted = self.certified.as_ref().is_some_and(|(of, _)| *of == digest);
        if is_wanted && !self.delivered {
            step.records.push(Taken);
            self.opening.taken = Some((digest, payload));
            self.settle(step);
        }
    }

    /// K3, K4, after something has come.
    fn settle(&mut self, step: &mut Step<Self>) {
        let wishes: Vec<_> = self.wishes.iter().map(|(to, of)| (to, *of)).collect();
        for (to, of) in wishes {
            self.answer(step, to, of);
        }
        let (Some((digest, payload)), Some((of, certificate))) =
            (&self.opening.taken, &self.certified)
        else {
            return;
        };
        if digest == of && !self.delivered {
            self.delivered = true;
            step.outputs.push(Certified {
                payload: payload.clone(),
                certificate: certificate.clone(),
            });
        }
    }

    fn answer(&mut self, step: &mut Step<Self>, to: SiteId, of: Digest) {
        if let Some((digest, payload)) = &self.opening.taken
            && *digest == of
            && self.answered.insert(to)
        {
            step.send(Target::One(to), VerifiableMessage::Answer(payload.clone()));
        }
    }
}

impl<C: Certifier> Protocol for Verifiable<C> {
    type Command = Bytes;
    type Message = Message<C>;
    type Output = Certified<C::Certificate>;
    type Record = Taken;
    type Misbehaviour = Misbehaviour;
    type Error = BroadcastError;

    fn command(&mut self, _: Time, payload: Bytes) -> Result<Step<Self>, BroadcastError> {
        self.opening.allows(&payload)?;
        if !(self.predicate)(self.context.own(), &payload) {
            return Err(BroadcastError::Invalid);
        }
        let mut step = Step::none();
        step.send(Target::Others, VerifiableMessage::Send(payload.clone()));
        self.on_send(&mut step, self.context.own(), payload);
        Ok(step)
    }

    fn handle(&mut self, _: Time, event: Event<Message<C>>) -> Step<Self> {
        let mut step = Step::none();
        if let Event::Message { from, message } = event {
            match message {
                VerifiableMessage::Answer(payload) => self.on_answer(&mut step, payload),
                VerifiableMessage::Final(of, by) => self.on_final(&mut step, from, of, by),
                VerifiableMessage::Request(of) => self.on_request(&mut step, from, of),
                VerifiableMessage::Send(payload) => self.on_send(&mut step, from, payload),
                VerifiableMessage::Vote(vote) => self.on_vote(&mut step, from, vote),
            }
        }
        step
    }
}

impl<V: Wire, C: Wire> Wire for VerifiableMessage<V, C> {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Answer(payload) => {
                writer.u8(0);
                writer.bytes(payload);
            }
            Self::Final(of, by) => {
                writer.u8(1);
                writer.digest(of);
                by.encode(writer);
            }
            Self::Request(of) => {
                writer.u8(2);
                writer.digest(of);
            }
            Self::Send(payload) => {
                writer.u8(3);
                writer.bytes(payload);
            }
            Self::Vote(vote) => {
                writer.u8(4);
                vote.encode(writer);
            }
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(match reader.u8()? {
            0 => Self::Answer(reader.bytes("payload", PAYLOAD_BYTES_MAX)?),
            1 => Self::Final(reader.digest()?, C::decode(reader)?),
            2 => Self::Request(reader.digest()?),
            3 => Self::Send(reader.bytes("payload", PAYLOAD_BYTES_MAX)?),
            4 => Self::Vote(V::decode(reader)?),
            _ => return Err(DecodeError::Invalid { field: "kind" }),
        })
    }
}
