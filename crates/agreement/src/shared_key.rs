use std::collections::{BTreeMap, BTreeSet};

use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_threshold::bls::{self, CombineError, SignatureShare, Tag};
use maftia_threshold::{Bls12381G2, Index, Share, Sharing};
use maftia_types::{Digest, SiteId, SiteSet};

use crate::Context;
use crate::consistent::CertifierError;

/// A site's part of a shared key, and what the key is for.
pub struct SharedKey {
    sharing: Sharing<Bls12381G2>,
    share: Share<Bls12381G2>,
    tag: Tag,
}

impl SharedKey {
    /// Participant i + 1 of the sharing is the site with index i.
    ///
    /// # Errors
    /// If the sharing is not among n, its threshold is below ⌈(n+f+1)/2⌉ or above q, or the share is
    /// not this site's.
    pub fn new(
        context: &Context,
        sharing: Sharing<Bls12381G2>,
        share: Share<Bls12381G2>,
        tag: Tag,
    ) -> Result<Self, CertifierError> {
        let (sites, committee) = (context.resilience().sites(), sharing.committee());
        let keys = usize::from(committee.participants());
        if keys != sites {
            return Err(CertifierError::Keys { keys, sites });
        }
        let threshold = usize::from(committee.threshold());
        let least = context.resilience().slow_path_quorum();
        let most = context.resilience().quorum();
        if !(least..=most).contains(&threshold) {
            return Err(CertifierError::Threshold {
                threshold,
                least,
                most,
            });
        }
        let is_own = index_of(context.own()) == Some(share.index());
        if !is_own || sharing.check(&share).is_err() {
            return Err(CertifierError::NotOwn);
        }
        Ok(Self {
            sharing,
            share,
            tag,
        })
    }

    /// This site's share of the signature on a message.
    pub(crate) fn sign(&self, message: &Digest) -> BlsShare {
        BlsShare(SignatureShare::sign(&self.share, &self.tag, message.as_bytes()).to_bytes())
    }

    /// The signature on a message, and whose shares of it are bad.
    pub(crate) fn combine(
        &self,
        message: &Digest,
        shares: &BTreeMap<SiteId, BlsShare>,
    ) -> (Option<bls::Signature>, SiteSet) {
        let mut culprits = SiteSet::EMPTY;
        let mut good = Vec::new();
        for (site, share) in shares {
            let index = index_of(*site);
            match index.and_then(|index| SignatureShare::from_bytes(index, &share.0).ok()) {
                Some(share) => good.push(share),
                None => {
                    culprits.insert(*site);
                }
            }
        }
        let bad = |indices: BTreeSet<Index>| -> SiteSet {
            let site = |index: Index| SiteId::new(index.number() - 1);
            indices.into_iter().filter_map(site).collect()
        };
        match bls::combine(&self.sharing, &self.tag, message.as_bytes(), &good) {
            Ok(combined) => (
                Some(combined.signature),
                culprits.union(bad(combined.culprits)),
            ),
            Err(CombineError::TooFew { culprits: more, .. }) => (None, culprits.union(bad(more))),
            Err(_) => (None, culprits),
        }
    }

    /// Whether that is the signature on a message.
    pub(crate) fn is_signed(&self, message: &Digest, signature: &bls::Signature) -> bool {
        let key = bls::PublicKey::of(&self.sharing);
        key.verify(&self.tag, message.as_bytes(), signature).is_ok()
    }

    /// How many shares are needed.
    pub(crate) fn threshold(&self) -> usize {
        usize::from(self.sharing.committee().threshold())
    }
}

fn index_of(site: SiteId) -> Option<Index> {
    Index::new(site.as_u8().checked_add(1)?).ok()
}

/// A share of a BLS signature as it travels: not yet known to be a point.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BlsShare([u8; SignatureShare::BYTES]);

impl Wire for BlsShare {
    fn encode(&self, writer: &mut Writer) {
        writer.raw(&self.0);
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        reader.array().map(Self)
    }
}
