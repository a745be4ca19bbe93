use std::sync::Arc;

use maftia_protocol::planted;
use maftia_types::{Digest, SiteId, SiteSet};

use super::{Bound, Coin};
use crate::votes::{Cast, Votes};
use crate::{Instance, Misbehaviour};

const NAME: maftia_crypto::Domain = maftia_crypto::Domain::new("coin name");

/// One coin, while its shares come in.
pub struct Flip<C: Coin> {
    coin: Arc<C>,
    name: Digest,
    shares: Votes<C::Share>,
    barred: SiteSet,
    released: bool,
    value: Option<Digest>,
}

impl<C: Coin> Flip<C> {
    /// The coin of an instance.
    pub fn new(coin: Arc<C>, instance: Instance) -> Self {
        Self {
            coin,
            name: instance.hasher(NAME).finish(),
            shares: Votes::new(),
            barred: SiteSet::EMPTY,
            released: false,
            value: None,
        }
    }

    /// The value, once it is known and was released here.
    pub const fn value(&self) -> Option<Digest> {
        if self.released { self.value } else { None }
    }

    /// What the coin is called where shares of it are made.
    pub const fn name(&self) -> &Digest {
        &self.name
    }

    /// Releases this site's share, which is to be sent to all and taken here.
    pub fn release(&mut self, _: Bound) -> Option<C::Share> {
        self.released = true;
        let share = self.coin.share(&self.name);
        if share.is_none() {
            self.value = self.coin.toss(&self.name, self.shares.map()).value;
        }
        share
    }

    /// A site's share. Whether it counts, and who is to be blamed.
    pub(crate) fn take(
        &mut self,
        from: SiteId,
        share: C::Share,
    ) -> (bool, Vec<(SiteId, Misbehaviour)>) {
        if self.value.is_some() || self.barred.contains(from) {
            return (false, Vec::new());
        }
        match self.shares.cast(from, share) {
            Cast::First => {}
            Cast::Again => return (false, Vec::new()),
            Cast::Other => return (false, vec![(from, Misbehaviour::Contradiction)]),
        }
        let toss = self.coin.toss(&self.name, self.shares.map());
        self.value = toss.value;
        if planted("one bad share ends the coin") && !toss.culprits.is_empty() {
            self.barred = (0..64).filter_map(SiteId::new).collect();
        }
        self.barred = self.barred.union(toss.culprits);
        self.shares.remove(toss.culprits);
        let blame = |site| (site, Misbehaviour::BadCoinShare);
        (true, toss.culprits.iter().map(blame).collect())
    }
}
