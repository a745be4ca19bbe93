use std::collections::BTreeMap;

use maftia_types::{Digest, Epoch};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::{
    Ceremony, Committee, Field, Group, Index, Qualified, Scope, Share, Sharing, VerifiedDealing,
    lagrange,
};

mod bls;
mod dealing;
pub(crate) mod dealt;
mod group;
mod resharing;
mod timing;

/// Runs generic checks for each group, each as a test with its own name.
macro_rules! for_each_group {
    ($($name:ident: $check:ident;)*) => {
        $(
            #[test]
            fn $name() {
                $check::<crate::Bls12381G2>();
                $check::<crate::Ed25519>();
                $check::<crate::Ristretto255>();
            }
        )*
    };
}
use for_each_group;

fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

fn scope(epoch: u64) -> Scope {
    Scope {
        group: Digest([0x67; 32]),
        epoch: Epoch(epoch),
    }
}

const RUN: Digest = Digest([0x72; 32]);

fn committee(threshold: u8, participants: u8) -> Committee {
    Committee::new(threshold, participants).unwrap()
}

fn index(number: u8) -> Index {
    Index::new(number).unwrap()
}

/// A sharing and all its shares, by participant.
type Shared<G> = (Sharing<G>, BTreeMap<Index, Share<G>>);

/// Deals with each contribution, combines all, and computes every participant's share.
fn run<G: Group>(ceremony: &Ceremony<'_, G>, contributions: &[&Share<G>], seed: u64) -> Shared<G> {
    let mut rng = rng(seed);
    let mut dealings: Vec<VerifiedDealing<G>> = Vec::new();
    let mut dealt: BTreeMap<Index, BTreeMap<Index, Share<G>>> = BTreeMap::new();
    for contribution in contributions {
        let (dealing, shares) = ceremony.deal(contribution, &mut rng).unwrap();
        dealings.push(ceremony.verify(contribution.index(), dealing).unwrap());
        for share in shares {
            let own = dealt.entry(share.index()).or_default();
            own.insert(contribution.index(), share);
        }
    }
    let qualified: Qualified<G> = ceremony.qualify(dealings).unwrap();
    let shares = dealt
        .iter()
        .map(|(own, dealt)| (*own, qualified.share(*own, dealt).unwrap()))
        .collect();
    (qualified.sharing().clone(), shares)
}

/// A new key, dealt by the first `threshold` members.
fn generate<G: Group>(committee: Committee, seed: u64) -> Shared<G> {
    let mut rng = rng(seed ^ 0x5eed);
    let dealers = Index::first(committee.threshold());
    let contributions: Vec<_> = dealers.map(|own| Share::random(own, &mut rng)).collect();
    let contributions: Vec<_> = contributions.iter().collect();
    let ceremony = Ceremony::key_generation(scope(1), RUN, committee);
    run(&ceremony, &contributions, seed)
}

/// The generator times what the shares of `holders` interpolate to at zero.
fn reconstruct<G: Group>(shares: &BTreeMap<Index, Share<G>>, holders: &[Index]) -> G::Element {
    let holders = holders.iter().copied().collect();
    let weights = lagrange::<G::Scalar>(Field::ZERO, &holders);
    let terms = holders.iter().zip(weights);
    let secret = terms.fold(G::Scalar::ZERO, |sum, (own, weight)| {
        sum + weight * *shares[own].expose()
    });
    G::generate(&secret)
}
