//! A run of a service among simulated sites, told message by message: for teaching.
//!
//! Deterministic: the same [`Lesson`] gives the same [`Course`]. Messages arrive in an order that the
//! seed draws. A hostile site runs two copies of the protocol with different inputs; each of the
//! others hears one copy only (an attack of the kind \[Twins\] is about). Over local coins, with no
//! keys at all.

use std::sync::Arc;

use maftia_codec::Bytes;
use maftia_crypto::{Domain, Hasher};
use maftia_types::{FaultModel, Resilience, ResilienceError, SiteId};
use zeroize::Zeroizing;

use crate::coin::LocalCoin;
use crate::consistent::Echo;
use crate::profile::lisbon;
use crate::reliable::{Plain, Rule};
use crate::{Context, Instance, anything};

mod room;

use room::run;

const ORDER: Domain = Domain::new("classroom order");

/// What is taught.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Subject {
    /// Binary agreement; the sites' inputs differ.
    Binary,
    /// Reliable broadcast of site A after Bracha.
    Bracha,
    /// Consistent broadcast of site A.
    Consistent,
    /// Multi-valued agreement; all propose the same.
    Multivalued,
    /// Reliable broadcast of site A in two steps where almost all are correct.
    Optimistic,
    /// Validated agreement.
    Validated,
    /// Vector consensus.
    Vector,
}

/// A run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lesson {
    /// What.
    pub subject: Subject,
    /// n.
    pub sites: usize,
    /// How many of the first sites are hostile. More than f shows what that does.
    pub hostile: usize,
    /// Of the order in which messages arrive.
    pub seed: u64,
}

/// One thing that happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Happening {
    /// A site blames another.
    Blamed {
        /// Who.
        site: SiteId,
        /// Whom, for what.
        text: String,
    },
    /// A correct site's result.
    Gave {
        /// Who.
        site: SiteId,
        /// After a chain of so many messages.
        steps: usize,
        /// What.
        text: String,
    },
    /// A message arrived.
    Heard {
        /// From whom.
        from: SiteId,
        /// At whom.
        to: SiteId,
        /// What.
        text: String,
    },
}

/// All that happened.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Course {
    /// In order.
    pub happenings: Vec<Happening>,
    /// Messages that arrived at correct sites from others.
    pub messages: usize,
}

impl Course {
    /// Whether two correct sites have different results.
    pub fn disagrees(&self) -> bool {
        let mut texts = self
            .happenings
            .iter()
            .filter_map(|happening| match happening {
                Happening::Gave { text, .. } => Some(text),
                Happening::Blamed { .. } | Happening::Heard { .. } => None,
            });
        let first = texts.next();
        first.is_some_and(|first| texts.any(|text| text != first))
    }
}

/// Gives a lesson.
///
/// # Errors
/// If there is no group of that size, or no optimistic broadcast in it.
pub fn give(lesson: &Lesson) -> Result<Course, ResilienceError> {
    let resilience = Resilience::largest(FaultModel::Arbitrary, lesson.sites)?;
    let number = |own: SiteId, face: u8| Bytes::from(vec![own.as_u8() * 2 + face]);
    let sender = |own: SiteId, face| (own.as_u8() == 0).then(|| number(own, face));
    let sent_by = SiteId::all(1).next().expect("one site is a group");
    let name = |context: &Context| Instance::new(context, "classroom", lesson.seed);
    let coin = |context: &Context| {
        let mut hasher = Hasher::new(ORDER);
        hasher
            .number(lesson.seed)
            .number(context.own().as_u8().into());
        Arc::new(LocalCoin::new(Zeroizing::new(hasher.finish().0)))
    };
    let plain = |rule| {
        let make = move |at: Context| Plain::new(at, name(&at), sent_by, rule);
        run(lesson, resilience, make, sender)
    };
    let rule = Rule::Bracha;
    match lesson.subject {
        Subject::Binary => {
            let make = |at: Context| Ok(lisbon::Binary::new(at, name(&at), coin(&at)));
            let bit = |own: SiteId, face: u8| Some((own.as_u8() + face).is_multiple_of(2));
            run(lesson, resilience, make, bit)
        }
        Subject::Bracha => plain(Rule::Bracha),
        Subject::Consistent => run(
            lesson,
            resilience,
            |at| Ok(Echo::new(at, name(&at), sent_by)),
            sender,
        ),
        Subject::Multivalued => {
            let make =
                |at: Context| lisbon::Multivalued::new(at, name(&at), &coin(&at), rule, anything());
            run(lesson, resilience, make, |_, face| Some(vec![face].into()))
        }
        Subject::Optimistic => plain(Rule::Optimistic),
        Subject::Validated => {
            let make =
                |at: Context| lisbon::Validated::new(at, name(&at), coin(&at), rule, anything());
            run(lesson, resilience, make, |own, face| {
                Some(number(own, face))
            })
        }
        Subject::Vector => {
            let make =
                |at: Context| lisbon::Vector::new(at, name(&at), &coin(&at), rule, anything());
            run(lesson, resilience, make, |own, face| {
                Some(number(own, face))
            })
        }
    }
}

#[cfg(test)]
mod tests;
