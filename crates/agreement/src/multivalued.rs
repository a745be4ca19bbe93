//! Multi-valued agreement: all correct sites decide the same value, or that there is none.
//!
//! # Guarantees
//! - *Agreement*: no two correct sites decide differently.
//! - *Validity*: if all correct sites propose v, they decide v; a value that is decided was proposed by
//!   a correct site.
//! - *Termination*: that of vector consensus.
//!
//! # Model
//! That of [`vector`](crate::vector).
//!
//! # Intuition
//! Decide a vector of proposals, and take what f + 1 entries say.
//!
//! # Messages
//! Those of vector consensus.
//!
//! # Rules
//! - M1 upon a vector: decide the most frequent entry if at least f + 1 have it (the least of those
//!   that are equally frequent), else none. If all correct sites propose v, at least q − f ≥ f + 1
//!   entries are v, and at most f are not.
//!
//! # Bounds, complexity
//! Those of vector consensus.
//!
//! # Deviations
//! \[CNV06 §4.3\] reduces to one binary agreement after two broadcasts; this needs n, but no echo
//! broadcast with a vector of proofs, and shares its code with vector consensus.
//!
//! # Duties of the caller
//! Every correct site proposes.
//!
//! # Sources
//! The definition: \[CNV06\].

use std::collections::BTreeMap;
use std::sync::Arc;

use maftia_codec::Bytes;
use maftia_protocol::{Event, Protocol, Step, planted};
use maftia_types::{ResilienceError, Time};

use crate::coin::Coin;
use crate::reliable::{BroadcastError, Rule};
use crate::vector::{Message, Vector};
use crate::{Context, Instance, Misbehaviour, Predicate, Taken};

/// Multi-valued agreement. See the [module](self).
pub struct Multivalued<C: Coin> {
    context: Context,
    vector: Vector<C>,
}

impl<C: Coin> Multivalued<C> {
    /// An instance in which nothing has happened.
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
        let vector = Vector::new(context, instance, coin, rule, predicate)?;
        Ok(Self { context, vector })
    }

    fn lift(&self, child: Step<Vector<C>>) -> Step<Self> {
        let mut step = Step::none();
        for vector in step.absorb(child, |message| message, |taken| taken) {
            step.outputs.push(self.choose(&vector));
        }
        step
    }

    /// M1
    fn choose(&self, vector: &[Option<Bytes>]) -> Option<Bytes> {
        let mut counts: BTreeMap<&Bytes, usize> = BTreeMap::new();
        for entry in vector.iter().flatten() {
            *counts.entry(entry).or_default() += 1;
        }
        let slack = usize::from(planted("a value of f"));
        let needed = self.context.resilience().one_correct() - slack;
        let best = counts.into_iter().rev().max_by_key(|(_, count)| *count);
        best.filter(|(_, count)| *count >= needed)
            .map(|(value, _)| value.clone())
    }
}

impl<C: Coin> Protocol for Multivalued<C> {
    type Command = Bytes;
    type Message = Message<C::Share>;
    type Output = Option<Bytes>;
    type Record = Taken;
    type Misbehaviour = Misbehaviour;
    type Error = BroadcastError;

    fn command(&mut self, now: Time, value: Bytes) -> Result<Step<Self>, BroadcastError> {
        let child = self.vector.command(now, value)?;
        Ok(self.lift(child))
    }

    fn handle(&mut self, now: Time, event: Event<Message<C::Share>>) -> Step<Self> {
        let child = self.vector.handle(now, event);
        self.lift(child)
    }
}
