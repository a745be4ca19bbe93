//! What is right in a ceremony, in the group of the key's scheme.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use maftia_threshold::{
    Ceremony as Dealers, Committee, Dealing, DealingError, Field, Index, QualifyError, Share,
    VerifiedDealing, lagrange,
};
use maftia_types::{SiteId, SiteSet};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use zeroize::Zeroizing;

use super::Ceremony;
use super::deal::{Ack, Deal, DealRecord, Misdealing, dealing_digest};
use super::verified::Verified;
use crate::keys::record::index_of;
use crate::keys::vault::SecretBytes;
use crate::keys::{KeyGroup, PublicSharing, Setup, Version, in_group};

/// A ceremony with what it rests on.
#[derive(Clone, Copy)]
pub(super) struct Run<'a> {
    pub(super) setup: &'a Setup,
    pub(super) ceremony: &'a Ceremony,
    /// The sharing that is reshared; none for a new key.
    pub(super) previous: Option<&'a Version>,
}

/// A dealing as its dealer keeps it.
pub(super) struct OwnDealing {
    pub(super) dealing: Bytes,
    /// In the order of the members.
    pub(super) shares: Vec<(SiteId, SecretBytes)>,
}

impl Run<'_> {
    /// The dealing that a seed determines: of a secret that it determines too, or of the dealer's
    /// share of the key. None if this site may not deal.
    pub(super) fn deal(
        self,
        dealer: SiteId,
        seed: &SecretBytes,
        own: Option<&SecretBytes>,
    ) -> Option<OwnDealing> {
        in_group!(self.ceremony.scheme, G => self.deal_in::<G>(dealer, seed, own))
    }

    /// Whether that dealing may be used, and this is the member's share of it.
    pub(super) fn is_share(
        self,
        dealer: SiteId,
        dealing: &[u8],
        member: SiteId,
        share: &SecretBytes,
    ) -> bool {
        in_group!(self.ceremony.scheme, G => {
            let dealer = index_of(&self.ceremony.dealers, dealer);
            let verified = dealer.map(|dealer| self.verify::<G>(dealer, dealing));
            let index = index_of(&self.ceremony.members, member);
            let (Some(Ok(verified)), Some(index)) = (verified, index) else {
                return false;
            };
            let share = Share::<G>::from_bytes(index, share.as_ref());
            share.is_ok_and(|share| verified.check(&share).is_ok())
        })
    }

    /// Holds a DEAL to the rules. Depends on nothing but the ceremony, so a correct dealer's is
    /// found right whenever it comes.
    pub(super) fn check(
        self,
        dealer: SiteId,
        deal: &Deal,
    ) -> Result<(DealRecord, Verified), Misdealing> {
        let place = index_of(&self.ceremony.dealers, dealer).ok_or(Misdealing::NotADealer)?;
        self.cover(deal)?;
        let verified = in_group!(self.ceremony.scheme, G => {
            self.check_in::<G>(place, deal).map(Verified::new)
        })?;
        let ack = Ack {
            run: self.ceremony.run,
            dealer,
            dealing: dealing_digest(&deal.dealing),
        };
        let statement = ack.statement();
        for (member, signature) in &deal.acks {
            let key = self.setup.key_of(*member).ok_or(Misdealing::BadAck)?;
            let good = key.verify(Ack::DOMAIN, &statement, signature);
            good.map_err(|_| Misdealing::BadAck)?;
        }
        let published = deal.published.iter().filter_map(|(member, share)| {
            let place = index_of(&self.ceremony.members, *member)?;
            Some((place, *share))
        });
        let record = DealRecord {
            dealer: place,
            // A copy: a slice would keep the whole block in memory.
            dealing: Bytes::copy_from_slice(&deal.dealing),
            published: published.collect(),
        };
        Ok((record, verified))
    }

    /// The sharing that the dealings make.
    pub(super) fn qualify(self) -> Result<(PublicSharing, [u8; 32]), QualifyError> {
        in_group!(self.ceremony.scheme, G => {
            let dealings = self.ceremony.dealings.iter().map(|record| {
                let known = self.ceremony.verified.of::<G>(record.dealer);
                let anew = || self.verify::<G>(record.dealer, &record.dealing);
                let verified = known.map_or_else(anew, Ok);
                verified.expect("a dealing is recorded once it has been verified")
            });
            let qualified = self.dealers::<G>().qualify(dealings)?;
            let slope = qualified.slope().to_bytes();
            Ok((G::public(qualified.sharing().clone()), slope))
        })
    }

    /// Every member, once: at least a threshold of acks, and published shares for all others.
    fn cover(self, deal: &Deal) -> Result<(), Misdealing> {
        let members = &self.ceremony.members;
        let acks = deal.acks.iter().map(|(site, _)| *site);
        let published = deal.published.iter().map(|(site, _)| *site);
        let in_order =
            acks.clone().is_sorted_by(|a, b| a < b) && published.clone().is_sorted_by(|a, b| a < b);
        let covered: SiteSet = acks.chain(published).collect();
        let all: SiteSet = members.iter().copied().collect();
        let once = deal.acks.len() + deal.published.len() == members.len();
        let enough = deal.acks.len() >= usize::from(self.ceremony.threshold);
        if in_order && once && enough && covered == all {
            Ok(())
        } else {
            Err(Misdealing::BadCover)
        }
    }

    fn check_in<G: KeyGroup>(
        self,
        dealer: Index,
        deal: &Deal,
    ) -> Result<VerifiedDealing<G>, Misdealing> {
        let verified = self.verify::<G>(dealer, &deal.dealing)?;
        for (member, share) in &deal.published {
            let index = index_of(&self.ceremony.members, *member).ok_or(Misdealing::BadCover)?;
            let share = Share::from_bytes(index, share).map_err(|_| Misdealing::BadShare)?;
            verified.check(&share).map_err(|_| Misdealing::BadShare)?;
        }
        Ok(verified)
    }

    fn verify<G: KeyGroup>(
        self,
        dealer: Index,
        dealing: &[u8],
    ) -> Result<VerifiedDealing<G>, Misdealing> {
        let dealing = Dealing::from_bytes(dealing, self.committee()).map_err(misdealing)?;
        let verified = self.dealers::<G>().verify(dealer, dealing);
        verified.map_err(misdealing)
    }

    fn deal_in<G: KeyGroup>(
        self,
        dealer: SiteId,
        seed: &SecretBytes,
        own: Option<&SecretBytes>,
    ) -> Option<OwnDealing> {
        let index = index_of(&self.ceremony.dealers, dealer)?;
        let mut rng = ChaCha20Rng::from_seed(**seed);
        let contribution = match self.previous {
            None => Share::<G>::random(index, &mut rng),
            Some(_) => Share::from_bytes(index, own?.as_ref()).ok()?,
        };
        let (dealing, shares) = self.dealers().deal(&contribution, &mut rng).ok()?;
        let members = self.ceremony.members.iter().copied();
        Some(OwnDealing {
            dealing: dealing.to_bytes().into(),
            shares: members.zip(shares.iter().map(Share::to_bytes)).collect(),
        })
    }

    fn dealers<G: KeyGroup>(&self) -> Dealers<'_, G> {
        let (scope, run) = (self.setup.scope(), self.ceremony.run);
        match self.previous {
            None => Dealers::key_generation(scope, run, self.committee()),
            Some(previous) => {
                let sharing = previous.sharing_in::<G>();
                let sharing = sharing.expect("a key's sharings are in its scheme's group");
                Dealers::resharing(scope, run, self.committee(), sharing)
            }
        }
    }

    fn committee(self) -> Committee {
        let participants = u8::try_from(self.ceremony.members.len());
        let participants = participants.expect("a group has at most 64 sites");
        Committee::new(self.ceremony.threshold, participants)
            .expect("a ceremony is begun for a quorum of its members")
    }
}

/// A member's share of a version, from what was dealt to it, by dealer, and from what was published.
/// None if something is missing. Held to the sharing before it is given out.
pub(super) fn combine<'a>(
    version: &'a Version,
    member: SiteId,
    dealt: impl Fn(&DealRecord) -> Option<&'a SecretBytes>,
) -> Option<SecretBytes> {
    let member = version.index_of(member)?;
    let mut parts = BTreeMap::new();
    for record in &version.dealings {
        let published = record.published_for(member).copied().map(Zeroizing::new);
        let part = published.or_else(|| dealt(record).cloned())?;
        parts.insert(record.dealer, part);
    }
    match &version.sharing {
        PublicSharing::Bls(_) => sum::<maftia_threshold::Bls12381G2>(version, member, &parts),
        PublicSharing::Ed25519(_) => sum::<maftia_threshold::Ed25519>(version, member, &parts),
        PublicSharing::Ristretto(_) => {
            sum::<maftia_threshold::Ristretto255>(version, member, &parts)
        }
    }
}

fn sum<G: KeyGroup>(
    version: &Version,
    own: Index,
    parts: &BTreeMap<Index, SecretBytes>,
) -> Option<SecretBytes> {
    let dealers: BTreeSet<Index> = parts.keys().copied().collect();
    let weights = match version.number {
        0 => vec![G::Scalar::ONE; dealers.len()],
        _ => lagrange(G::Scalar::ZERO, &dealers),
    };
    let slope = G::Scalar::from_bytes(&version.slope).ok()?;
    let mut sum = Zeroizing::new(slope * G::Scalar::from_u64(own.number().into()));
    for (part, weight) in parts.values().zip(weights) {
        let part = Zeroizing::new(G::Scalar::from_bytes(part.as_ref()).ok()?);
        *sum = *sum + weight * *part;
    }
    let bytes = Zeroizing::new(sum.to_bytes());
    let share = Share::from_bytes(own, bytes.as_ref()).ok()?;
    version.sharing_in::<G>()?.check(&share).ok()?;
    Some(bytes)
}

fn misdealing(error: DealingError) -> Misdealing {
    match error {
        DealingError::Commitment(maftia_threshold::CommitmentError::Degree { .. }) => {
            Misdealing::BadDegree
        }
        DealingError::Commitment(_) => Misdealing::BadElement,
        DealingError::Constant => Misdealing::OtherSecret,
        DealingError::NotADealer => Misdealing::NotADealer,
        // `Proof`, and what a later version of the checks may add.
        _ => Misdealing::BadProof,
    }
}
