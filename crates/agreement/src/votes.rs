use std::collections::BTreeMap;

use maftia_protocol::{Protocol, Step};
use maftia_types::{SiteId, SiteSet};

use crate::{Misbehaviour, Taken};

/// One vote of each site, the first one. Bounded by the number of sites.
#[derive(Clone, Debug)]
pub(crate) struct Votes<V>(BTreeMap<SiteId, V>);

/// What became of a vote.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cast {
    /// It counts.
    First,
    /// The same vote counts already.
    Again,
    /// Another vote of that site counts.
    Other,
}

impl<V: PartialEq> Votes<V> {
    pub(crate) const fn new() -> Self {
        Self(BTreeMap::new())
    }

    pub(crate) fn cast(&mut self, from: SiteId, vote: V) -> Cast {
        match self.0.get(&from) {
            None => {
                self.0.insert(from, vote);
                Cast::First
            }
            Some(cast) if *cast == vote => Cast::Again,
            Some(_) => Cast::Other,
        }
    }

    /// How many votes there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// How many votes are such.
    pub(crate) fn count(&self, such: impl Fn(&V) -> bool) -> usize {
        self.0.values().filter(|vote| such(vote)).count()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (SiteId, &V)> {
        self.0.iter().map(|(site, vote)| (*site, vote))
    }

    pub(crate) fn remove(&mut self, sites: SiteSet) {
        self.0.retain(|site, _| !sites.contains(*site));
    }

    pub(crate) const fn map(&self) -> &BTreeMap<SiteId, V> {
        &self.0
    }
}

/// Whether a vote counts; blames who contradicts itself.
pub(crate) fn taken<P>(step: &mut Step<P>, from: SiteId, cast: Cast) -> bool
where
    P: Protocol<Record = Taken, Misbehaviour = Misbehaviour>,
{
    match cast {
        Cast::First => step.records.push(Taken),
        Cast::Again => {}
        Cast::Other => step.blame(from, Misbehaviour::Contradiction),
    }
    cast == Cast::First
}
