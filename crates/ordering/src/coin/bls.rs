use std::collections::BTreeMap;
use std::fmt;

use maftia_codec::Writer;
use maftia_threshold::bls::{CombineError, Signature, SignatureShare, Tag, combine};
use maftia_threshold::{Bls12381G2, Index, Share, Sharing};
use maftia_types::{Epoch, Round, SiteId, SiteSet};
use sha2::{Digest as _, Sha512};

use super::{CoinKey, CoinValue, Reconstruction, ShareBytes};

/// Coins from unique threshold signatures: σ_r is the group's BLS signature on (epoch, r) for the
/// purpose "coin" (\[CKPS01 §4\], \[Bol03\]), the value SHA-512(σ_r).
pub struct BlsCoin {
    tag: Tag,
    epoch: Epoch,
    sharing: Sharing<Bls12381G2>,
    share: Option<Share<Bls12381G2>>,
}

impl BlsCoin {
    /// The coin of an epoch. Site i is participant i + 1; the tag is the group's with
    /// [`Purpose::Coin`](maftia_threshold::bls::Purpose::Coin); the sharing's threshold is q. A site
    /// without a share reads coins and adds none.
    pub const fn new(
        tag: Tag,
        epoch: Epoch,
        sharing: Sharing<Bls12381G2>,
        share: Option<Share<Bls12381G2>>,
    ) -> Self {
        Self {
            tag,
            epoch,
            sharing,
            share,
        }
    }

    fn message(&self, round: Round) -> bytes::Bytes {
        let mut writer = Writer::with_capacity(16);
        writer.epoch(self.epoch);
        writer.round(round);
        writer.finish()
    }

    /// The signature from a quorum of shares, or whose are bad.
    fn combine_quorum(
        &self,
        round: Round,
        shares: &[(SiteId, ShareBytes)],
    ) -> Result<Signature, SiteSet> {
        let mut culprits = SiteSet::EMPTY;
        let mut decoded = Vec::with_capacity(shares.len());
        for (site, share) in shares {
            let share = index(*site).and_then(|i| SignatureShare::from_bytes(i, share).ok());
            match share {
                Some(share) => decoded.push(share),
                None => {
                    culprits.insert(*site);
                }
            }
        }
        if !culprits.is_empty() {
            return Err(culprits);
        }
        let combined = combine(&self.sharing, &self.tag, &self.message(round), &decoded);
        match combined {
            Ok(combined) => Ok(combined.signature),
            Err(CombineError::TooFew { culprits, .. }) => {
                let is_bad = |site: &SiteId| index(*site).is_some_and(|i| culprits.contains(&i));
                Err(shares.iter().map(|(s, _)| *s).filter(is_bad).collect())
            }
            // Sites are distinct, and participants: no share is to blame for another size of group.
            Err(_) => Err(SiteSet::EMPTY),
        }
    }
}

impl CoinKey for BlsCoin {
    fn is_held(&self) -> bool {
        self.share.is_some()
    }

    fn share(&self, round: Round) -> Option<ShareBytes> {
        let share = self.share.as_ref()?;
        Some(SignatureShare::sign(share, &self.tag, &self.message(round)).to_bytes())
    }

    fn combine(&self, round: Round, shares: &BTreeMap<SiteId, ShareBytes>) -> Reconstruction {
        let needed = usize::from(self.sharing.committee().threshold());
        let mut left: Vec<_> = shares.iter().map(|(site, share)| (*site, *share)).collect();
        let mut culprits = SiteSet::EMPTY;
        while let Some(first) = left.get(..needed) {
            match self.combine_quorum(round, first) {
                Ok(signature) => {
                    let value = Sha512::digest(signature.to_bytes());
                    return Reconstruction {
                        value: Some(CoinValue(value.into())),
                        culprits,
                    };
                }
                Err(bad) if bad.is_empty() => break,
                Err(bad) => {
                    culprits = culprits.union(bad);
                    left.retain(|(site, _)| !bad.contains(*site));
                }
            }
        }
        Reconstruction {
            value: None,
            culprits,
        }
    }
}

fn index(site: SiteId) -> Option<Index> {
    Index::new(site.as_u8().checked_add(1)?).ok()
}

impl fmt::Debug for BlsCoin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlsCoin")
            .field("epoch", &self.epoch)
            .field("is_held", &self.is_held())
            .finish_non_exhaustive()
    }
}
