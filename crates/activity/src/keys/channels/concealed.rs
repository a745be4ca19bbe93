use std::collections::BTreeMap;

use bytes::Bytes;
use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_threshold::tdh2::{self, Checked, Ciphertext, CombineError, DecryptionShare};
use maftia_types::{Digest, SITES_MAX, SiteId, SiteSet};

use super::{CIPHERTEXT_BYTES_MAX, Loss};
use crate::keys::record::{Version, site_at};
use crate::keys::sealing;
use crate::keys::seats::Seats;
use crate::keys::sessions::put_in_order;

/// A message that has its position, and the shares that are to open it.
///
/// Shares are not checked one by one: there is a look at them when there are enough, and again when
/// unsound ones were among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Concealed {
    /// Checked when it was taken.
    ciphertext: Bytes,
    shares: BTreeMap<SiteId, DecryptionShare>,
    /// Who has sent an unsound one. Others of theirs are not taken.
    convicted: SiteSet,
}

impl Concealed {
    pub(super) const fn new(ciphertext: Bytes) -> Self {
        Self {
            ciphertext,
            shares: BTreeMap::new(),
            convicted: SiteSet::EMPTY,
        }
    }

    /// Takes a share in. Gives what the message turns out to be if there are enough now, and who has
    /// sent an unsound share.
    pub(super) fn add(
        &mut self,
        (group, version): (Digest, &Version),
        site: SiteId,
        share: &Bytes,
    ) -> (Option<Result<Bytes, Loss>>, Vec<SiteId>) {
        if !self.awaits(version, site) {
            return (None, Vec::new());
        }
        let Ok(share) = DecryptionShare::from_bytes(share.clone()) else {
            self.convicted.insert(site);
            return (None, vec![site]);
        };
        self.shares.insert(site, share);
        let (Some(keys), Some(checked)) = (
            sealing::keys(group, version),
            self.checked((group, version)),
        ) else {
            return (None, Vec::new());
        };
        if self.shares.len() < keys.threshold() {
            return (None, Vec::new());
        }
        let shares = self.shares.iter();
        let shares = shares.filter_map(|(site, own)| Some((version.index_of(*site)?, *own)));
        let (content, culprits) = match tdh2::combine(&keys, &checked, &shares.collect()) {
            // Its length is bounded by the ciphertext's.
            Ok(opened) => {
                let payload = Bytes::copy_from_slice(&opened.plaintext);
                (Some(Ok(payload)), opened.culprits)
            }
            Err(CombineError::Unreadable { culprits }) => (Some(Err(Loss::Unreadable)), culprits),
            Err(CombineError::TooFew { culprits, .. }) => (None, culprits),
            Err(_) => (None, Vec::new()),
        };
        let culprits = culprits.into_iter();
        let culprits: Vec<_> = culprits
            .filter_map(|index| site_at(&version.members, index))
            .collect();
        for culprit in &culprits {
            self.shares.remove(culprit);
            self.convicted.insert(*culprit);
        }
        (content, culprits)
    }

    /// The key has other shares now.
    pub(super) fn restart(&mut self) {
        self.shares.clear();
    }

    /// A new epoch has begun: the key has other shares, and sites have other numbers.
    pub(super) fn reseat(&mut self, seats: &Seats) {
        self.restart();
        self.convicted = seats.set(self.convicted);
    }

    /// Whether the site owes a share.
    pub(super) fn awaits(&self, version: &Version, site: SiteId) -> bool {
        version.members.contains(&site)
            && !self.shares.contains_key(&site)
            && !self.convicted.contains(site)
    }

    /// The ciphertext, for a share to be made of it.
    pub(super) fn checked(&self, (group, version): (Digest, &Version)) -> Option<Checked> {
        let keys = sealing::keys(group, version)?;
        let ciphertext = Ciphertext::from_bytes(self.ciphertext.clone()).ok()?;
        sealing::check(keys.encryption_key(), ciphertext).ok()
    }
}

impl Wire for Concealed {
    fn encode(&self, w: &mut Writer) {
        w.bytes(&self.ciphertext);
        w.u64(self.convicted.bits());
        w.length(self.shares.len());
        for (site, share) in &self.shares {
            w.site(*site);
            share.encode(w);
        }
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        const FIELD: &str = "decryption shares";
        let ciphertext = r.bytes("ciphertext", CIPHERTEXT_BYTES_MAX)?;
        let convicted = SiteSet::from_bits(r.u64()?);
        let mut shares = BTreeMap::new();
        for _ in 0..r.length(FIELD, SITES_MAX)? {
            let site = r.site()?;
            put_in_order(&mut shares, site, DecryptionShare::decode(r)?, FIELD)?;
        }
        Ok(Self {
            ciphertext,
            shares,
            convicted,
        })
    }
}
