//! Vector consensus: all correct sites decide the same vector of proposals.
//!
//! # Guarantees
//! - *Agreement*: the vectors are equal.
//! - *Vector validity*: at least q entries are filled, so at least q − f ≥ f + 1 by correct sites;
//!   the entry of a correct site is its proposal or empty; every entry satisfies the predicate.
//! - *Termination*: that of binary agreement, if all correct sites propose.
//!
//! # Model
//! That of [`reliable`](crate::reliable) and [`binary`](crate::binary); no other signatures than the
//! coin's.
//!
//! # Intuition
//! Everybody broadcasts a proposal reliably, and for each there is a binary agreement on whether it
//! is in. Once q are in, the rest is voted out unless it has come.
//!
//! # Messages
//! Those of n broadcasts and n binary agreements, with the site they are about.
//!
//! # Rules
//! - V1 upon proposing: broadcast it reliably.
//! - V2 upon delivering a valid proposal of j: propose 1 in j's agreement, if none is proposed there.
//!   Its first coin is 1, so that it is decided in three steps if all deliver in time.
//! - V3 upon q agreements having decided 1: propose 0 in all others.
//! - V4 upon all having decided, and the proposals of those with 1 delivered: decide.
//!
//! A 1 is some correct site's proposal, which has delivered j's; by totality all will. q agreements
//! do decide 1: as long as they have not, every correct site proposes 1 only.
//!
//! # Bounds
//! n times those of a broadcast and of an agreement.
//!
//! # Deviations
//! None of \[BKR94 §4\], but for the predicate.
//!
//! # Complexity
//! 2 or 3 steps and 3 (4 over local coins) if all is well; else O(log n) rounds of the slowest
//! agreement in expectation. O(n³) messages.
//!
//! # Duties of the caller
//! Every correct site proposes something to which the predicate holds.
//!
//! # Sources
//! \[BKR94\]; the use over reliable broadcast as in \[HBBFT16 §4.4\].

use std::sync::Arc;

use maftia_codec::{Bytes, DecodeError, Reader, Wire, Writer};
use maftia_protocol::{Event, Protocol, Step, planted};
use maftia_types::{ResilienceError, SiteId, Time};

use crate::coin::Coin;
use crate::reliable::{self, Broadcast, BroadcastError, Rule};
use crate::{Context, Instance, Misbehaviour, Predicate, Taken, binary};

/// Vector consensus. See the [module](self).
pub struct Vector<C: Coin> {
    context: Context,
    predicate: Predicate,
    places: Vec<Place<C>>,
    decided: bool,
}

/// One site's entry.
struct Place<C: Coin> {
    of: SiteId,
    broadcast: Broadcast,
    agreement: binary::Agreement<C>,
    proposal: Option<Bytes>,
    verdict: Option<bool>,
}

/// What sites tell each other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message<S> {
    /// In the agreement on that site's entry.
    Agree(SiteId, binary::Message<S>),
    /// In the broadcast of that site's proposal.
    Broadcast(SiteId, reliable::Message),
}

impl<C: Coin> Vector<C> {
    /// An instance in which nothing has happened; entries satisfy `predicate`.
    ///
    /// # Errors
    /// If the rule is optimistic and the group expects no intruder.
    pub fn new(
        context: Context,
        instance: Instance,
        coin: &Arc<C>,
        rule: Rule,
        predicate: Predicate,
    ) -> Result<Self, ResilienceError> {
        let place = |of: SiteId| {
            let number = u64::from(of.as_u8());
            let broadcast = instance.part("proposal", number);
            let agreement = instance.part("is in", number);
            let agreement = binary::Agreement::new(context, agreement, Arc::clone(coin));
            Ok(Place {
                of,
                broadcast: Broadcast::new(context, broadcast, of, rule)?,
                agreement: agreement.opening_with(true),
                proposal: None,
                verdict: None,
            })
        };
        Ok(Self {
            context,
            predicate,
            places: context.sites().map(place).collect::<Result<_, _>>()?,
            decided: false,
        })
    }

    fn on_broadcast(
        &mut self,
        step: &mut Step<Self>,
        now: Time,
        of: SiteId,
        child: Step<Broadcast>,
    ) {
        for proposal in step.absorb(
            child,
            |message| Message::Broadcast(of, message),
            |taken| taken,
        ) {
            if (self.predicate)(of, &proposal) {
                if let Some(place) = self.places.get_mut(of.index()) {
                    place.proposal = Some(proposal);
                }
                self.propose(step, now, of, true); // V2
            } else {
                step.blame(of, Misbehaviour::InvalidProposal);
            }
        }
    }

    fn propose(&mut self, step: &mut Step<Self>, now: Time, of: SiteId, value: bool) {
        let Some(place) = self.places.get_mut(of.index()) else {
            return;
        };
        if let Ok(child) = place.agreement.command(now, value) {
            self.on_agreement(step, of, child);
        }
    }

    fn on_agreement(
        &mut self,
        step: &mut Step<Self>,
        of: SiteId,
        child: Step<binary::Agreement<C>>,
    ) {
        for verdict in step.absorb(child, |message| Message::Agree(of, message), |taken| taken) {
            if let Some(place) = self.places.get_mut(of.index()) {
                place.verdict = Some(verdict);
            }
        }
    }

    fn settle(&mut self, step: &mut Step<Self>, now: Time) {
        let taken = |place: &&Place<C>| place.verdict == Some(true);
        let slack = usize::from(planted("a vector of fewer than a quorum"));
        let quorum = self.context.resilience().quorum() - slack;
        if self.places.iter().filter(taken).count() >= quorum {
            // V3
            let idle = self
                .places
                .iter()
                .filter(|place| !place.agreement.has_proposed());
            for of in idle.map(|place| place.of).collect::<Vec<_>>() {
                self.propose(step, now, of, false);
            }
        }
        self.try_decide(step);
    }

    /// V4
    fn try_decide(&mut self, step: &mut Step<Self>) {
        if self.decided {
            return;
        }
        let entry = |place: &Place<C>| match (place.verdict?, &place.proposal) {
            (true, Some(proposal)) => Some(Some(proposal.clone())),
            (true, None) => None,
            (false, _) => Some(None),
        };
        let vector: Option<Vec<_>> = self.places.iter().map(entry).collect();
        if let Some(vector) = vector {
            self.decided = true;
            step.outputs.push(vector);
        }
    }
}

impl<C: Coin> Protocol for Vector<C> {
    type Command = Bytes;
    type Message = Message<C::Share>;
    /// One entry for each site, in order.
    type Output = Vec<Option<Bytes>>;
    type Record = Taken;
    type Misbehaviour = Misbehaviour;
    type Error = BroadcastError;

    fn command(&mut self, now: Time, proposal: Bytes) -> Result<Step<Self>, BroadcastError> {
        let own = self.context.own();
        if !(self.predicate)(own, &proposal) {
            return Err(BroadcastError::Invalid);
        }
        let place = self.places.get_mut(own.index());
        let place = place.expect("a context's own site is one of its sites");
        let child = place.broadcast.command(now, proposal)?; // V1
        let mut step = Step::none();
        self.on_broadcast(&mut step, now, own, child);
        self.settle(&mut step, now);
        Ok(step)
    }

    fn handle(&mut self, now: Time, event: Event<Message<C::Share>>) -> Step<Self> {
        let mut step = Step::none();
        let Event::Message { from, message } = event else {
            return step;
        };
        let (Message::Agree(of, _) | Message::Broadcast(of, _)) = &message;
        let of = *of;
        let Some(place) = self.places.get_mut(of.index()) else {
            step.blame(from, Misbehaviour::OutOfRange);
            return step;
        };
        match message {
            Message::Agree(_, message) => {
                let child = place
                    .agreement
                    .handle(now, Event::Message { from, message });
                self.on_agreement(&mut step, of, child);
            }
            Message::Broadcast(_, message) => {
                let child = place
                    .broadcast
                    .handle(now, Event::Message { from, message });
                self.on_broadcast(&mut step, now, of, child);
            }
        }
        self.settle(&mut step, now);
        step
    }
}

impl<S: Wire> Wire for Message<S> {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Agree(of, message) => {
                writer.u8(0);
                writer.site(*of);
                message.encode(writer);
            }
            Self::Broadcast(of, message) => {
                writer.u8(1);
                writer.site(*of);
                message.encode(writer);
            }
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(match reader.u8()? {
            0 => Self::Agree(reader.site()?, binary::Message::decode(reader)?),
            1 => Self::Broadcast(reader.site()?, reliable::Message::decode(reader)?),
            _ => return Err(DecodeError::Invalid { field: "kind" }),
        })
    }
}
