//! A site's secrets, as they lie on its disk.

use std::collections::BTreeMap;

use bytes::Bytes;
use maftia_codec::{DecodeError, Reader, Wire as _};
use maftia_crypto::{Domain, PublicKey};
use maftia_threshold::Index;
use maftia_types::{Digest, SITES_MAX};
use zeroize::Zeroizing;

use super::ceremony::DEAL_BYTES_MAX;
use super::ordered::KEYS_MAX;
use super::{KeyId, Version};

const CHECKSUM: Domain = Domain::new("site vault");

/// The checksum of vaults that were bound to a seat, which a site loses when the members change.
const CHECKSUM_FORMER: Domain = Domain::new("keys vault");

/// More entries than a site ever has: a sharing in use and the next one of each key.
const HELD_MAX: usize = 4 * KEYS_MAX;

/// More ceremonies than a site ever works on: one of each key.
const WORKS_MAX: usize = 2 * KEYS_MAX;

/// Secret bytes: a share or a seed.
pub(super) type SecretBytes = Zeroizing<[u8; 32]>;

/// Why bytes are not this site's vault. They are left as they are, for the operator to look at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// Not written by this program, or damaged.
    #[error("the vault is damaged")]
    Damaged(#[source] DecodeError),
    /// Of another group or another site.
    #[error("the vault is another site's")]
    Foreign,
    /// Written by an earlier version of this program.
    #[error("the vault was written by an earlier version, and is not read by this one")]
    Outdated,
}

/// A site's secrets.
pub(super) struct Vault {
    group: Digest,
    /// The key with which the site signs: it is the same site wherever it sits.
    owner: PublicKey,
    /// How many lives of nonces it has begun; never fewer, for each has its own number.
    pub(super) lives: u64,
    /// Its shares, by key and version.
    pub(super) held: BTreeMap<(KeyId, u32), Held>,
    /// Its part in ceremonies that are under way, by their number.
    pub(super) works: BTreeMap<u64, Work>,
}

/// A share of a key.
pub(super) struct Held {
    /// The ceremony's number.
    pub(super) ceremony: u64,
    /// The ceremony's run.
    pub(super) run: Digest,
    pub(super) share: SecretBytes,
}

/// A site's part in one ceremony.
pub(super) struct Work {
    /// The ceremony's run.
    pub(super) run: Digest,
    /// What this site's own dealing is made from; none before it deals and once it is not needed.
    pub(super) seed: Option<SecretBytes>,
    /// The body of this site's DEAL, once it may have left: another one would publish the shares of
    /// other members too, and with both the adversary might know a threshold of points.
    pub(super) deal: Option<Bytes>,
    /// What was dealt to this site and acknowledged, by the dealer's place.
    pub(super) dealt: BTreeMap<Index, Dealt>,
}

/// A share that was dealt to this site.
pub(super) struct Dealt {
    /// Of the dealing it belongs to.
    pub(super) dealing: Digest,
    pub(super) share: SecretBytes,
}

impl Vault {
    pub(super) const fn empty(group: Digest, owner: PublicKey) -> Self {
        Self {
            group,
            owner,
            lives: 0,
            held: BTreeMap::new(),
            works: BTreeMap::new(),
        }
    }

    /// Reads what [`Vault::to_bytes`] gave.
    pub(super) fn open(group: Digest, owner: PublicKey, bytes: &[u8]) -> Result<Self, VaultError> {
        const DAMAGED: VaultError = VaultError::Damaged(DecodeError::Invalid { field: "vault" });
        let (body, sum) = bytes.split_last_chunk::<32>().ok_or(DAMAGED)?;
        if CHECKSUM_FORMER.digest(body).as_bytes() == sum {
            return Err(VaultError::Outdated);
        }
        if CHECKSUM.digest(body).as_bytes() != sum {
            return Err(DAMAGED);
        }
        let vault = read(body).map_err(VaultError::Damaged)?;
        if (vault.group, vault.owner) != (group, owner) {
            return Err(VaultError::Foreign);
        }
        Ok(vault)
    }

    /// The whole content.
    pub(super) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        // Sized beforehand: a buffer that grows leaves copies of secrets behind.
        let works = self.works.values().map(|work| {
            let deal = work.deal.as_ref().map_or(0, Bytes::len);
            96 + deal + 65 * work.dealt.len()
        });
        let size = 128 + 80 * self.held.len() + works.sum::<usize>();
        let mut bytes = Zeroizing::new(Vec::with_capacity(size));
        let mut put = |part: &[u8]| bytes.extend_from_slice(part);
        put(self.group.as_bytes());
        put(self.owner.as_bytes());
        put(&self.lives.to_le_bytes());
        put(&length(self.held.len()));
        for ((key, version), held) in &self.held {
            put(&key.0.to_le_bytes());
            put(&version.to_le_bytes());
            put(&held.ceremony.to_le_bytes());
            put(held.run.as_bytes());
            put(held.share.as_ref());
        }
        put(&length(self.works.len()));
        for (ceremony, work) in &self.works {
            put(&ceremony.to_le_bytes());
            put(work.run.as_bytes());
            put(&[u8::from(work.seed.is_some())]);
            work.seed.iter().for_each(|seed| put(seed.as_ref()));
            put(&[u8::from(work.deal.is_some())]);
            if let Some(deal) = &work.deal {
                put(&length(deal.len()));
                put(deal);
            }
            put(&length(work.dealt.len()));
            for (dealer, dealt) in &work.dealt {
                put(&[dealer.number()]);
                put(dealt.dealing.as_bytes());
                put(dealt.share.as_ref());
            }
        }
        let sum = CHECKSUM.digest(&bytes);
        bytes.extend_from_slice(sum.as_bytes());
        assert!(bytes.len() <= size, "the vault's size was foreseen");
        bytes
    }

    /// The key with which the site signs.
    pub(super) const fn owner(&self) -> &PublicKey {
        &self.owner
    }

    /// Erases every secret. The number of lives stays, should the site ever come back.
    pub(super) fn wipe(&mut self) {
        self.held.clear();
        self.works.clear();
    }

    /// The share of that sharing, if this site holds it.
    pub(super) fn share_of(&self, key: KeyId, version: &Version) -> Option<&SecretBytes> {
        let held = self.held.get(&(key, version.number))?;
        (held.run == version.run).then_some(&held.share)
    }
}

fn length(items: usize) -> [u8; 4] {
    let items = u32::try_from(items).expect("a vault has few entries");
    items.to_le_bytes()
}

fn read(body: &[u8]) -> Result<Vault, DecodeError> {
    // Wiped when the last slice of it goes.
    let copy = Zeroizing::new(body.to_vec());
    let mut reader = Reader::new(Bytes::from_owner(copy));
    let r = &mut reader;
    let invalid = |field| DecodeError::Invalid { field };
    let group = r.digest()?;
    let owner = PublicKey::decode(r)?;
    let mut vault = Vault::empty(group, owner);
    vault.lives = r.u64()?;
    for _ in 0..r.length("shares", HELD_MAX)? {
        let place = (KeyId::decode(r)?, r.u32()?);
        let (ceremony, run) = (r.u64()?, r.digest()?);
        let share = Zeroizing::new(r.array()?);
        let held = Held {
            ceremony,
            run,
            share,
        };
        vault.held.insert(place, held);
    }
    for _ in 0..r.length("ceremonies", WORKS_MAX)? {
        let (ceremony, run) = (r.u64()?, r.digest()?);
        let seed = r
            .bool()?
            .then(|| r.array())
            .transpose()?
            .map(Zeroizing::new);
        let deal = r.bool()?.then(|| r.bytes("deal", DEAL_BYTES_MAX));
        // A copy: a slice would keep the secrets around it alive.
        let deal = deal.transpose()?.map(|deal| Bytes::copy_from_slice(&deal));
        let mut dealt = BTreeMap::new();
        for _ in 0..r.length("dealt", SITES_MAX)? {
            let dealer = Index::new(r.u8()?).map_err(|_| invalid("dealer"))?;
            let dealing = r.digest()?;
            let share = Zeroizing::new(r.array()?);
            dealt.insert(dealer, Dealt { dealing, share });
        }
        let work = Work {
            run,
            seed,
            deal,
            dealt,
        };
        vault.works.insert(ceremony, work);
    }
    r.end()?;
    Ok(vault)
}
