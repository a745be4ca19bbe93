use std::collections::BTreeMap;

use maftia_crypto::{Domain, Hasher};
use maftia_types::{Round, SiteId, SiteSet};

use super::{CoinKey, CoinValue, Reconstruction, ShareBytes};

const SHARE: Domain = Domain::new("simulated coin share");
const VALUE: Domain = Domain::new("simulated coin");

/// A coin for simulations, a thousand times cheaper than the real one: it gives the value only for q
/// good shares, and knows the bad ones. Who has the seed can forge it.
#[derive(Clone, Debug)]
pub struct SimulatedCoin {
    seed: u64,
    quorum: usize,
    me: Option<SiteId>,
}

impl SimulatedCoin {
    /// The coin of this seed as `me` holds it; a site that only follows holds no share.
    pub const fn new(seed: u64, quorum: usize, me: Option<SiteId>) -> Self {
        Self { seed, quorum, me }
    }

    /// The value of a round. For adversaries that are granted to see it.
    pub fn value(&self, round: Round) -> CoinValue {
        let halves = [0, 1].map(|half| {
            let mut hasher = Hasher::new(VALUE);
            hasher.number(self.seed).number(round.0).number(half);
            hasher.finish()
        });
        let mut value = [0; 64];
        let bytes = halves.iter().flat_map(|half| half.as_bytes());
        value
            .iter_mut()
            .zip(bytes)
            .for_each(|(to, from)| *to = *from);
        CoinValue(value)
    }

    fn share_of(&self, site: SiteId, round: Round) -> ShareBytes {
        let mut hasher = Hasher::new(SHARE);
        hasher.number(self.seed).number(round.0);
        hasher.number(site.as_u8().into());
        let mut share = [0; 48];
        let digest = hasher.finish();
        let bytes = digest.as_bytes().iter();
        share
            .iter_mut()
            .zip(bytes)
            .for_each(|(to, from)| *to = *from);
        share
    }
}

impl CoinKey for SimulatedCoin {
    fn is_held(&self) -> bool {
        self.me.is_some()
    }

    fn share(&self, round: Round) -> Option<ShareBytes> {
        self.me.map(|me| self.share_of(me, round))
    }

    fn combine(&self, round: Round, shares: &BTreeMap<SiteId, ShareBytes>) -> Reconstruction {
        let is_bad =
            |(site, share): &(&SiteId, &ShareBytes)| self.share_of(**site, round) != **share;
        let mut culprits = SiteSet::EMPTY;
        let mut good = 0;
        for (site, share) in shares {
            if good == self.quorum {
                break;
            }
            if is_bad(&(site, share)) {
                culprits.insert(*site);
            } else {
                good += 1;
            }
        }
        Reconstruction {
            value: (good == self.quorum).then(|| self.value(round)),
            culprits,
        }
    }
}
