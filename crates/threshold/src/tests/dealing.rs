use std::collections::{BTreeMap, BTreeSet};

use maftia_types::{Digest, Epoch};
use proptest::prelude::*;

use super::{RUN, committee, for_each_group, generate, index, reconstruct, rng, scope};
use crate::knowledge::Knowledge;
use crate::{
    Bls12381G2, Ceremony, Commitment, CommitmentError, Committee, Dealing, DealingError, Ed25519,
    Field, Group, Index, NotADealer, QualifyError, Ristretto255, Scope, Share, ShareError, Sharing,
    SharingError, Transcript, lagrange,
};

for_each_group! {
    any_threshold_of_shares_determine_the_key: every_subset;
    every_share_is_the_one_committed_to: shares_match;
    c02_a_proof_is_bound_to_everything_it_says: proof_is_bound;
    c02_a_dealer_cannot_answer_the_others_commitments: rogue_key;
    c04_a_zero_secret_is_not_dealt_nor_accepted: zero_secret;
    c04_dealings_that_cancel_make_no_key: cancelling;
    c05_a_dealing_of_wrong_degree_is_refused_before_use: wrong_degree;
    c05_a_dealing_for_another_committee_is_refused: other_committee;
    c06_a_wrong_private_share_is_noticed: wrong_share;
    c13_who_is_no_participant_neither_deals_nor_gets_a_share: outsiders;
    c13_a_dealer_counts_once: repeated_dealer;
    c18_a_repeating_generator_does_not_repeat_a_nonce: hedged_nonce;
    fewer_dealers_than_the_threshold_make_no_key: too_few;
    a_sharing_decodes_to_itself_only: sharing_codec;
    a_tampered_dealing_is_refused: tampered;
}

fn key_generation<G: Group>(committee: Committee) -> Ceremony<'static, G> {
    Ceremony::key_generation(scope(1), RUN, committee)
}

fn dealt<G: Group>(ceremony: &Ceremony<'_, G>, dealer: u8, seed: u64) -> super::super::Dealt<G> {
    let contribution = Share::random(index(dealer), &mut rng(seed));
    ceremony.deal(&contribution, &mut rng(seed + 1)).unwrap()
}

fn every_subset<G: Group>() {
    let (sharing, shares) = generate::<G>(committee(3, 5), 1);
    for bits in 0_u8..32 {
        let holders: Vec<_> = Index::first(5)
            .filter(|own| bits >> (own.number() - 1) & 1 == 1)
            .collect();
        let whole = reconstruct(&shares, &holders) == sharing.key();
        assert_eq!(whole, holders.len() >= 3, "{holders:?}");
    }
}

fn shares_match<G: Group>() {
    let (sharing, shares) = generate::<G>(committee(2, 4), 2);
    for (own, share) in &shares {
        assert_eq!(sharing.check(share), Ok(()));
        assert_eq!(sharing.public_share(*own), Some(share.public()));
    }
    assert_eq!(sharing.public_share(index(5)), None);
    let foreign = Share::random(index(1), &mut rng(9));
    assert!(sharing.check(&foreign).is_err());
    let stored = shares[&index(2)].to_bytes();
    let read = Share::<G>::from_bytes(index(2), stored.as_ref()).unwrap();
    assert_eq!(sharing.check(&read), Ok(()));
    assert!(
        sharing
            .check(&Share::from_bytes(index(3), stored.as_ref()).unwrap())
            .is_err()
    );
}

fn proof_is_bound<G: Group>() {
    let right = key_generation::<G>(committee(2, 4));
    let (dealing, _) = dealt(&right, 1, 3);
    assert!(right.verify(index(1), dealing.clone()).is_ok());
    let verdict = |ceremony: Ceremony<'_, G>, dealer: u8| {
        ceremony.verify(index(dealer), dealing.clone()).unwrap_err()
    };
    assert_eq!(
        verdict(key_generation(committee(2, 4)), 2),
        DealingError::Proof
    );
    // Another committee of the same threshold, another run, another epoch, another group.
    assert_eq!(
        verdict(key_generation(committee(2, 5)), 1),
        DealingError::Proof
    );
    let other = Digest([0x73; 32]);
    let run = Ceremony::key_generation(scope(1), other, committee(2, 4));
    assert_eq!(verdict(run, 1), DealingError::Proof);
    for scope in [
        scope(2),
        Scope {
            group: other,
            epoch: Epoch(1),
        },
    ] {
        let ceremony = Ceremony::key_generation(scope, RUN, committee(2, 4));
        assert_eq!(verdict(ceremony, 1), DealingError::Proof);
    }
}

/// The last dealer commits to the difference between a key that it knows and the others' sum.
fn rogue_key<G: Group>() {
    let ceremony = key_generation::<G>(committee(2, 3));
    let (honest, _) = dealt(&ceremony, 1, 4);
    let (mut rogue, _) = dealt(&ceremony, 2, 5);
    let mut coefficients = rogue.commitment.coefficients().to_vec();
    coefficients[0] = coefficients[0] - honest.commitment.constant();
    rogue.commitment = Commitment::new(coefficients, committee(2, 3)).unwrap();
    assert_eq!(ceremony.verify(index(2), rogue), Err(DealingError::Proof));
}

fn zero_secret<G: Group>() {
    let ceremony = key_generation::<G>(committee(2, 3));
    let zero = Share::from_bytes(index(1), &[0; 32]).unwrap();
    let refused = ceremony.deal(&zero, &mut rng(1)).err();
    assert_eq!(refused, Some(NotADealer(index(1))));
    for place in 0..2 {
        let mut coefficients = vec![G::generate(&Field::ONE); 2];
        coefficients[place] = G::identity();
        let verdict = Commitment::<G>::new(coefficients, committee(2, 3));
        assert_eq!(verdict, Err(CommitmentError::Zero(place)));
    }
}

fn cancelling<G: Group>() {
    let ceremony = key_generation::<G>(committee(2, 3));
    let contribution = Share::<G>::random(index(1), &mut rng(6));
    let opposite = (-*contribution.expose()).to_bytes();
    let opposite = Share::from_bytes(index(2), &opposite).unwrap();
    let dealings = [contribution, opposite].map(|contribution| {
        let (dealing, _) = ceremony.deal(&contribution, &mut rng(7)).unwrap();
        ceremony.verify(contribution.index(), dealing).unwrap()
    });
    assert_eq!(ceremony.qualify(dealings).err(), Some(QualifyError::Zero));
}

fn wrong_degree<G: Group>() {
    let right = committee(3, 5);
    for found in [0, 1, 2, 4, 5, 255] {
        let coefficients = vec![G::generate(&Field::ONE); found];
        let expected = CommitmentError::Degree { expected: 3, found };
        assert_eq!(Commitment::<G>::new(coefficients, right), Err(expected));
    }
    let (longer, _) = dealt(&key_generation::<G>(committee(4, 5)), 1, 8);
    let (shorter, _) = dealt(&key_generation::<G>(committee(2, 5)), 1, 9);
    for (dealing, found) in [(longer, 4), (shorter, 2)] {
        let refused = DealingError::Commitment(CommitmentError::Degree { expected: 3, found });
        assert_eq!(
            Dealing::<G>::from_bytes(&dealing.to_bytes(), right),
            Err(refused)
        );
        assert_eq!(
            key_generation(right).verify(index(1), dealing),
            Err(refused)
        );
    }
}

fn other_committee<G: Group>() {
    let (dealing, _) = dealt(&key_generation::<G>(committee(2, 5)), 4, 10);
    let refused = key_generation(committee(2, 3)).verify(index(4), dealing);
    assert_eq!(refused, Err(DealingError::NotADealer));
}

fn wrong_share<G: Group>() {
    let ceremony = key_generation::<G>(committee(2, 3));
    let (first, first_shares) = dealt(&ceremony, 1, 11);
    let (second, second_shares) = dealt(&ceremony, 2, 12);
    let verified = [(1, first), (2, second)]
        .map(|(dealer, dealing)| ceremony.verify(index(dealer), dealing).unwrap());
    let wrong = Share::random(index(3), &mut rng(13));
    assert!(verified[0].check(&wrong).is_err());
    assert!(verified[0].check(&first_shares[2]).is_ok());
    let qualified = ceremony.qualify(verified).unwrap();
    let mut received = BTreeMap::from([(index(1), wrong)]);
    received.extend(
        second_shares
            .into_iter()
            .skip(2)
            .map(|share| (index(2), share)),
    );
    let verdict = qualified.share(index(3), &received).err();
    assert_eq!(verdict, Some(ShareError::Bad(index(1))));
    received.extend(
        first_shares
            .into_iter()
            .skip(1)
            .map(|share| (index(1), share)),
    );
    assert!(qualified.share(index(3), &received).is_ok());
    received.remove(&index(2));
    let verdict = qualified.share(index(3), &received).err();
    assert_eq!(verdict, Some(ShareError::Missing(index(2))));
}

fn outsiders<G: Group>() {
    let ceremony = key_generation::<G>(committee(2, 3));
    let contribution = Share::random(index(4), &mut rng(14));
    let refused = ceremony.deal(&contribution, &mut rng(15)).err();
    assert_eq!(refused, Some(NotADealer(index(4))));
    let dealings = [1, 2].map(|dealer| {
        let (dealing, _) = dealt(&ceremony, dealer, 16);
        ceremony.verify(index(dealer), dealing).unwrap()
    });
    let qualified = ceremony.qualify(dealings).unwrap();
    let refused = qualified.share(index(4), &BTreeMap::new()).err();
    assert_eq!(refused, Some(ShareError::NotAParticipant(index(4))));
}

fn repeated_dealer<G: Group>() {
    let ceremony = key_generation::<G>(committee(2, 3));
    let dealings = [17, 18].map(|seed| {
        let (dealing, _) = dealt(&ceremony, 1, seed);
        ceremony.verify(index(1), dealing).unwrap()
    });
    let refused = ceremony.qualify(dealings).err();
    assert_eq!(refused, Some(QualifyError::Repeated(index(1))));
}

fn hedged_nonce<G: Group>() {
    // One generator state for two ceremonies and for two secrets.
    let ceremony = key_generation::<G>(committee(1, 3));
    let other = Ceremony::key_generation(scope(2), RUN, committee(1, 3));
    let secrets = [19, 20].map(|seed| Share::<G>::random(index(1), &mut rng(seed)));
    let nonce = |ceremony: &Ceremony<'_, G>, contribution: &Share<G>| {
        let (dealing, _) = ceremony.deal(contribution, &mut rng(21)).unwrap();
        dealing.proof.nonce
    };
    assert_eq!(nonce(&ceremony, &secrets[0]), nonce(&ceremony, &secrets[0]));
    assert_ne!(nonce(&ceremony, &secrets[0]), nonce(&other, &secrets[0]));
    assert_ne!(nonce(&ceremony, &secrets[0]), nonce(&ceremony, &secrets[1]));
    // Nor does a generator that the adversary knows tell the nonce: the secret is in it.
    let nonce = |secret: &Share<G>| {
        let statement = || Transcript::new("a statement", &scope(1));
        Knowledge::prove(secret.secret(), statement, &mut rng(22)).nonce
    };
    assert_ne!(nonce(&secrets[0]), nonce(&secrets[1]));
}

fn too_few<G: Group>() {
    let ceremony = key_generation::<G>(committee(3, 4));
    let dealing = |dealer| {
        let (dealing, _) = dealt(&ceremony, dealer, 22);
        ceremony.verify(index(dealer), dealing).unwrap()
    };
    let refused = ceremony.qualify([1, 2].map(dealing)).err();
    assert_eq!(
        refused,
        Some(QualifyError::TooFew {
            needed: 3,
            found: 2
        })
    );
    assert!(ceremony.qualify([1, 2, 4].map(dealing)).is_ok());
    let other = Ceremony::key_generation(scope(2), RUN, committee(3, 4));
    let refused = other.qualify([1, 2, 4].map(dealing)).err();
    assert_eq!(refused, Some(QualifyError::OtherCeremony(index(1))));
}

fn sharing_codec<G: Group>() {
    let (sharing, _) = generate::<G>(committee(2, 3), 23);
    let bytes = sharing.to_bytes();
    assert_eq!(Sharing::from_bytes(&bytes), Ok(sharing));
    let refused = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = bytes.clone();
        change(&mut bytes);
        Sharing::<G>::from_bytes(&bytes).unwrap_err()
    };
    let degree =
        |expected, found| SharingError::Commitment(CommitmentError::Degree { expected, found });
    assert_eq!(refused(&|bytes| bytes.truncate(1)), SharingError::Committee);
    assert_eq!(refused(&|bytes| bytes[0] = 0), SharingError::Committee);
    assert_eq!(refused(&|bytes| bytes[1] = 1), SharingError::Committee);
    assert_eq!(refused(&|bytes| bytes[0] = 3), degree(3, 2));
    assert_eq!(refused(&|bytes| bytes[0] = 1), degree(1, 2));
    assert_eq!(refused(&|bytes| bytes.push(0)), degree(2, 3));
    assert_eq!(
        refused(&|bytes| bytes.truncate(bytes.len() - 1)),
        degree(2, 2)
    );
    let wild = refused(&|bytes| bytes[2..].fill(0xff));
    assert_eq!(wild, SharingError::Commitment(CommitmentError::Element(0)));
}

fn tampered<G: Group>() {
    let ceremony = key_generation::<G>(committee(3, 4));
    let (dealing, _) = dealt(&ceremony, 2, 24);
    let bytes = dealing.to_bytes();
    let verdict = |bytes: &[u8]| {
        Dealing::from_bytes(bytes, committee(3, 4))
            .and_then(|dealing| ceremony.verify(index(2), dealing))
    };
    assert!(verdict(&bytes).is_ok());
    for place in 0..bytes.len() {
        let mut bytes = bytes.clone();
        bytes[place] ^= 1;
        assert!(verdict(&bytes).is_err(), "byte {place}");
    }
    for length in [0, 1, 31, 32, bytes.len() - 1] {
        assert!(verdict(&bytes[..length]).is_err());
    }
    assert!(verdict(&[&bytes[..], &[0]].concat()).is_err());
    // One commitment's coefficients, replaced by others of good form.
    for place in 0..3 {
        let mut coefficients = dealing.commitment.coefficients().to_vec();
        coefficients[place] = G::generate(&Field::from_u64(5));
        let commitment = Commitment::new(coefficients, committee(3, 4)).unwrap();
        let tampered = Dealing {
            commitment,
            proof: dealing.proof,
        };
        assert_eq!(
            ceremony.verify(index(2), tampered),
            Err(DealingError::Proof)
        );
    }
}

#[test]
fn c13_zero_and_more_than_there_are_make_no_committee() {
    for (threshold, participants) in [(0, 0), (0, 4), (2, 1), (255, 254)] {
        assert!(Committee::new(threshold, participants).is_err());
    }
    assert_eq!(committee(255, 255).indices().len(), 255);
    assert!(!committee(1, 3).contains(index(4)));
    assert!(committee(1, 3).contains(index(3)));
}

fn interpolates<G: Group>(indices: &BTreeSet<Index>, point: u8, seed: u64) {
    let mut rng = rng(seed);
    let secret = crate::Secret::<G>::random(&mut rng);
    let degree = committee(u8::try_from(indices.len()).unwrap(), 255);
    let polynomial = crate::polynomial::Polynomial::random(&secret, degree, &mut rng);
    let at = |point: G::Scalar| {
        let weights = lagrange(point, indices);
        let terms = indices.iter().zip(weights);
        terms.fold(G::Scalar::ZERO, |sum, (own, weight)| {
            sum + weight * *polynomial.share(*own).expose()
        })
    };
    assert!(at(Field::ZERO) == *secret.expose());
    if let Ok(point) = Index::new(point) {
        assert!(at(point.point()) == *polynomial.share(point).expose());
    }
    let commitment = Commitment::<G>::new(polynomial.commit(), degree).unwrap();
    assert_eq!(commitment.constant(), secret.public());
    for own in indices {
        assert_eq!(commitment.at(*own), polynomial.share(*own).public());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..Default::default() })]

    #[test]
    fn values_at_distinct_indices_determine_the_polynomial(
        numbers in prop::collection::btree_set(1_u8.., 1..12), point: u8, seed: u64,
    ) {
        let indices = numbers.into_iter().map(index).collect();
        interpolates::<Bls12381G2>(&indices, point, seed);
        interpolates::<Ed25519>(&indices, point, seed);
        interpolates::<Ristretto255>(&indices, point, seed);
    }
}

/// The last dealer knows what the others dealt at its own index, and deals so that all of it adds up
/// to nothing there.
fn aimed<G: Group>() {
    let committee = committee(3, 4);
    let ceremony = Ceremony::<G>::key_generation(scope(1), Digest([9; 32]), committee);
    let mut rng = rng(5);
    let aim = index(3);
    let mut dealings = Vec::new();
    let mut dealt = BTreeMap::new();
    let mut known = G::Scalar::ZERO;
    for dealer in [index(1), index(2)] {
        let (dealing, shares) = ceremony
            .deal(&Share::random(dealer, &mut rng), &mut rng)
            .unwrap();
        dealings.push(ceremony.verify(dealer, dealing).unwrap());
        let share = shares
            .into_iter()
            .find(|share| share.index() == aim)
            .unwrap();
        known = known + *share.expose();
        dealt.insert(dealer, share);
    }
    // A line through its secret at zero and the opposite of what is known at its index; the
    // quadratic term is anything, and is made up for.
    let secret = Share::<G>::random(aim, &mut rng);
    let point: G::Scalar = aim.point();
    let quadratic = G::Scalar::from_u64(77);
    let rest = -known - *secret.expose() - quadratic * point * point;
    let linear = rest * point.inverse().unwrap();
    let coefficients = [*secret.expose(), linear, quadratic];
    let value = coefficients[0] + linear * point + quadratic * point * point;
    assert!(value == -known, "it is aimed");
    let public = coefficients.iter().map(G::generate).collect();
    let commitment = Commitment::new(public, committee).unwrap();
    let statement = || ceremony.statement(aim, &commitment);
    let proof = Knowledge::prove(secret.secret(), statement, &mut rng);
    let dealing = Dealing { commitment, proof };
    dealings.push(ceremony.verify(aim, dealing).unwrap());
    dealt.insert(aim, Share::from_bytes(aim, &value.to_bytes()).unwrap());

    let qualified = ceremony.qualify(dealings).unwrap();
    assert_ne!(qualified.sharing().public_share(aim), Some(G::identity()));
    let share = qualified.share(aim, &dealt).unwrap();
    assert!(*share.expose() != G::Scalar::ZERO);
    qualified.sharing().check(&share).unwrap();
}

#[test]
fn c04_no_dealer_can_make_a_share_of_the_sum_zero() {
    aimed::<Bls12381G2>();
    aimed::<Ed25519>();
    aimed::<Ristretto255>();
}
