use proptest::prelude::*;

use super::{
    RUN, Shared, committee, for_each_group, generate, index, reconstruct, rng, run, scope,
};
use crate::{
    Bls12381G2, Ceremony, Committee, DealingError, Ed25519, Group, Index, NotADealer, QualifyError,
    Ristretto255, Share,
};

for_each_group! {
    c09_a_secret_that_is_not_the_dealers_share_is_refused: other_secret;
    c09_a_share_of_the_previous_sharing_is_not_of_the_new_one: old_share;
    c11_the_key_survives_a_change_of_size_and_threshold: up_and_down;
    c11_shares_of_two_sharings_do_not_mix: no_mix;
    too_few_old_shares_make_no_new_sharing: too_few;
    a_changed_key_is_noticed: changed_key;
    a_proof_for_a_new_key_does_not_serve_a_resharing: kinds_differ;
}

fn reshare<G: Group>(old: &Shared<G>, dealers: &[u8], to: Committee, seed: u64) -> Shared<G> {
    let ceremony = Ceremony::resharing(scope(seed), RUN, to, &old.0);
    let contributions: Vec<_> = dealers.iter().map(|own| &old.1[&index(*own)]).collect();
    run(&ceremony, &contributions, seed)
}

fn other_secret<G: Group>() {
    let (sharing, shares) = generate::<G>(committee(2, 4), 1);
    let ceremony = Ceremony::resharing(scope(2), RUN, committee(2, 4), &sharing);
    let foreign = Share::random(index(1), &mut rng(2));
    let refused = ceremony.deal(&foreign, &mut rng(3)).err();
    assert_eq!(refused, Some(NotADealer(index(1))));
    // A dealer who deals another's secret, or one of its own, with a good proof.
    let (dealing, _) = ceremony.deal(&shares[&index(2)], &mut rng(4)).unwrap();
    let refused = ceremony.verify(index(1), dealing);
    assert_eq!(refused, Err(DealingError::Constant));
    let fresh = Ceremony::key_generation(scope(2), RUN, committee(2, 4));
    let (dealing, _) = fresh.deal(&foreign, &mut rng(5)).unwrap();
    let refused = ceremony.verify(index(1), dealing);
    assert_eq!(refused, Err(DealingError::Constant));
    let (dealing, _) = ceremony.deal(&shares[&index(2)], &mut rng(6)).unwrap();
    let refused = ceremony.verify(index(5), dealing);
    assert_eq!(refused, Err(DealingError::NotADealer));
}

fn old_share<G: Group>() {
    let old = generate::<G>(committee(2, 4), 7);
    let new = reshare(&old, &[2, 4], committee(2, 4), 8);
    for own in Index::first(4) {
        assert!(new.0.check(&new.1[&own]).is_ok());
        assert!(new.0.check(&old.1[&own]).is_err());
        assert!(old.0.check(&new.1[&own]).is_err());
    }
}

fn up_and_down<G: Group>() {
    let first = generate::<G>(committee(3, 4), 9);
    let larger = reshare(&first, &[1, 3, 4], committee(5, 7), 10);
    let smaller = reshare(&larger, &[7, 6, 5, 4, 3, 1], committee(2, 3), 11);
    let alone = reshare(&smaller, &[2, 3], committee(1, 1), 12);
    let again = reshare(&alone, &[1], committee(3, 4), 13);
    for (sharing, _) in [&larger, &smaller, &alone, &again] {
        assert_eq!(sharing.key(), first.0.key());
    }
    let holders: Vec<_> = [2, 3, 4].map(index).into();
    assert_eq!(reconstruct(&again.1, &holders), first.0.key());
    let holders: Vec<_> = [1, 2, 5, 6].map(index).into();
    assert_ne!(reconstruct(&larger.1, &holders), first.0.key());
}

fn no_mix<G: Group>() {
    let old = generate::<G>(committee(2, 3), 14);
    let mut new = reshare(&old, &[1, 2], committee(2, 3), 15);
    let holders = [1, 2].map(index);
    assert_eq!(reconstruct(&new.1, &holders), old.0.key());
    new.1.extend(old.1.into_iter().take(1));
    assert_ne!(reconstruct(&new.1, &holders), old.0.key());
}

fn too_few<G: Group>() {
    let (sharing, shares) = generate::<G>(committee(3, 4), 16);
    let ceremony = Ceremony::resharing(scope(2), RUN, committee(2, 4), &sharing);
    let dealing = |dealer| {
        let (dealing, _) = ceremony
            .deal(&shares[&index(dealer)], &mut rng(17))
            .unwrap();
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
    assert!(ceremony.qualify([1, 2, 3, 4].map(dealing)).is_ok());
}

/// Cannot be built from the outside: a verified dealing that is not of the dealer's share.
fn changed_key<G: Group>() {
    let (sharing, shares) = generate::<G>(committee(2, 3), 18);
    let ceremony = Ceremony::resharing(scope(2), RUN, committee(2, 3), &sharing);
    let mut dealings = [1, 2].map(|dealer| {
        let (dealing, _) = ceremony
            .deal(&shares[&index(dealer)], &mut rng(19))
            .unwrap();
        ceremony.verify(index(dealer), dealing).unwrap()
    });
    dealings[0].commitment = dealings[1].commitment.clone();
    let refused = ceremony.qualify(dealings).err();
    assert_eq!(refused, Some(QualifyError::KeyChanged));
}

fn kinds_differ<G: Group>() {
    let (sharing, shares) = generate::<G>(committee(2, 3), 20);
    let fresh = Ceremony::key_generation(scope(2), RUN, committee(2, 3));
    let (dealing, _) = fresh.deal(&shares[&index(1)], &mut rng(21)).unwrap();
    let ceremony = Ceremony::resharing(scope(2), RUN, committee(2, 3), &sharing);
    assert_eq!(ceremony.verify(index(1), dealing), Err(DealingError::Proof));
}

fn any_way<G: Group>(sizes: [(u8, u8); 2], seed: u64) {
    let [from, to] = sizes.map(|(threshold, spare)| committee(threshold, threshold + spare));
    let old = generate::<G>(from, seed);
    let dealers: Vec<_> = (1..=from.participants()).rev().collect();
    let dealers = &dealers[..usize::from(from.threshold())];
    // Numbers are of the sharing: the new committee may be of other sites altogether.
    let (sharing, shares): Shared<G> = reshare(&old, dealers, to, seed);
    assert_eq!(sharing.key(), old.0.key());
    let spare = usize::from(to.participants() - to.threshold());
    let holders: Vec<_> = to.indices().skip(spare).collect();
    assert_eq!(reconstruct(&shares, &holders), sharing.key());
    assert_ne!(reconstruct(&shares, &holders[1..]), sharing.key());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..Default::default() })]

    #[test]
    fn c11_any_committee_can_hand_the_key_to_any_other(
        from in (1_u8..6, 0_u8..4), to in (1_u8..6, 0_u8..4), seed: u64,
    ) {
        any_way::<Bls12381G2>([from, to], seed);
        any_way::<Ed25519>([from, to], seed);
        any_way::<Ristretto255>([from, to], seed);
    }
}
