use std::collections::BTreeMap;
use std::sync::Arc;

use maftia_crypto::Domain;
use maftia_types::{Digest, SiteId, SiteSet};

use super::{Coin, Toss};
use crate::shared_key::{BlsShare, SharedKey};

const VALUE: Domain = Domain::new("threshold coin");

/// A strong common coin from a BLS key that the sites share.
///
/// The key's tag should be of `Purpose::Aba`, and its threshold q: then f intruded sites and
/// q − f − 1 correct ones together do not know a value yet.
pub struct ThresholdCoin {
    key: Arc<SharedKey>,
}

impl ThresholdCoin {
    /// With this site's part of the key.
    pub const fn new(key: Arc<SharedKey>) -> Self {
        Self { key }
    }
}

impl Coin for ThresholdCoin {
    type Share = BlsShare;

    const IS_COMMON: bool = true;

    /// Under the worst scheduler every round but the last of each kind is lost with probability 1/2:
    /// more than k rounds are needed with probability (k + 1)/2^k, 10^-17 for k = 64.
    const ROUNDS_MAX: u32 = 64;

    fn share(&self, name: &Digest) -> Option<BlsShare> {
        Some(self.key.sign(name))
    }

    fn toss(&self, name: &Digest, shares: &BTreeMap<SiteId, BlsShare>) -> Toss {
        if shares.len() < self.key.threshold() {
            return Toss {
                value: None,
                culprits: SiteSet::EMPTY,
            };
        }
        let (signature, culprits) = self.key.combine(name, shares);
        Toss {
            value: signature.map(|signature| VALUE.digest(&signature.to_bytes())),
            culprits,
        }
    }
}
