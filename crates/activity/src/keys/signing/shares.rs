use std::collections::{BTreeMap, BTreeSet};

use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_threshold::bls::{CombineError, Signature, SignatureShare, Tag, combine};
use maftia_threshold::{Bls12381G2, Index};
use maftia_types::{SITES_MAX, SiteId, SiteSet};

use crate::keys::record::Version;
use crate::keys::seats::Seats;
use crate::keys::sessions::put_in_order;

/// BLS shares of one message, until there is its signature.
///
/// Shares are not checked one by one: they are combined as soon as there are enough, and only if
/// the result is wrong are the wrong ones looked for.
#[derive(Default, Debug, Clone, PartialEq, Eq)]
pub(in crate::keys) struct Shares {
    shares: BTreeMap<SiteId, SignatureShare>,
    /// Who has sent a wrong one. Others of theirs are not taken.
    convicted: SiteSet,
}

impl Shares {
    /// Takes a share in. Gives the signature if there are enough now, and whom the attempt to
    /// combine them has convicted.
    pub(in crate::keys) fn add(
        &mut self,
        version: &Version,
        (tag, message): (&Tag, &[u8]),
        (site, share): (SiteId, &[u8]),
    ) -> (Option<Signature>, Vec<SiteId>) {
        let (Some(index), Some(sharing)) =
            (version.index_of(site), version.sharing_in::<Bls12381G2>())
        else {
            return (None, Vec::new());
        };
        if !self.awaits(version, site) {
            return (None, Vec::new());
        }
        let Ok(share) = SignatureShare::from_bytes(index, share) else {
            self.convicted.insert(site);
            return (None, vec![site]);
        };
        self.shares.insert(site, share);
        if self.shares.len() < usize::from(sharing.committee().threshold()) {
            return (None, Vec::new());
        }
        let shares: Vec<_> = self.shares.values().copied().collect();
        let (signature, culprits) = match combine(sharing, tag, message, &shares) {
            Ok(combined) => (Some(combined.signature), combined.culprits),
            Err(CombineError::TooFew { culprits, .. }) => (None, culprits),
            // Sites are distinct, and participants.
            Err(_) => (None, BTreeSet::new()),
        };
        let culprits = self.sites(&culprits);
        for site in &culprits {
            self.shares.remove(site);
            self.convicted.insert(*site);
        }
        (signature, culprits)
    }

    /// The key has other shares now.
    pub(in crate::keys) fn restart(&mut self) {
        self.shares.clear();
    }

    /// A new epoch has begun: the key has other shares, and sites have other numbers.
    pub(in crate::keys) fn reseat(&mut self, seats: &Seats) {
        self.restart();
        self.convicted = seats.set(self.convicted);
    }

    /// Whether the site owes a share.
    pub(in crate::keys) fn awaits(&self, version: &Version, site: SiteId) -> bool {
        version.members.contains(&site)
            && !self.shares.contains_key(&site)
            && !self.convicted.contains(site)
    }

    fn sites(&self, culprits: &BTreeSet<Index>) -> Vec<SiteId> {
        let wrong = |share: &SignatureShare| culprits.contains(&share.signer());
        let shares = self.shares.iter().filter(|(_, share)| wrong(share));
        shares.map(|(site, _)| *site).collect()
    }
}

impl Wire for Shares {
    fn encode(&self, writer: &mut Writer) {
        writer.u64(self.convicted.bits());
        writer.length(self.shares.len());
        for (site, share) in &self.shares {
            writer.site(*site);
            writer.u8(share.signer().number());
            writer.raw(&share.to_bytes());
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        const FIELD: &str = "signature shares";
        let convicted = SiteSet::from_bits(reader.u64()?);
        let mut shares = BTreeMap::new();
        for _ in 0..reader.length(FIELD, SITES_MAX)? {
            let site = reader.site()?;
            let invalid = DecodeError::Invalid { field: FIELD };
            let index = Index::new(reader.u8()?).map_err(|_| invalid)?;
            let bytes: [u8; SignatureShare::BYTES] = reader.array()?;
            let share = SignatureShare::from_bytes(index, &bytes).map_err(|_| invalid)?;
            put_in_order(&mut shares, site, share, FIELD)?;
        }
        Ok(Self { shares, convicted })
    }
}
