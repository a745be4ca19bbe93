use std::collections::BTreeMap;

use maftia_types::SiteId;

use super::super::Misdealing;
use super::hostile::{Intruder, Kind};
use super::world::{World, site};
use crate::keys::{KeyId, Operation, Scheme};

const KEY: &[(&str, Scheme)] = &[("signing", Scheme::Ed25519)];

/// f intruders of that kind, at every size, in a key generation and a refresh. The convictions are
/// those of all ceremonies together.
fn check(kind: Kind, generation: Option<Misdealing>, refresh: Option<Misdealing>) {
    for (n, seed) in [(4, 1), (4, 2), (7, 3), (10, 4)] {
        let world = World::new(n, KEY, seed).lossy(10);
        check_in(world, kind, [generation, refresh]);
    }
    for scheme in [Scheme::Bls, Scheme::Seal] {
        let world = World::new(4, &[("other", scheme)], 5).lossy(10);
        check_in(world, kind, [generation, refresh]);
    }
}

fn check_in(world: World, kind: Kind, expected: [Option<Misdealing>; 2]) {
    let mut world = world.intruded(&Intruder::new(kind));
    let intruders = world.correct_count()..world.actors.len();
    let intruders: Vec<SiteId> = intruders.map(site).collect();
    for (round, misdealing) in expected.into_iter().enumerate() {
        if round > 0 {
            world.request(&Operation::Refresh(KeyId(1)));
        }
        world.finish();
        world.check();
        let version = world.ordered().key(KeyId(1)).unwrap().active().unwrap();
        let culprits = &version.culprits;
        assert!(
            culprits.keys().all(|own| intruders.contains(own)),
            "{kind:?}"
        );
        for found in culprits.values() {
            assert_eq!(Some(*found), misdealing, "{kind:?} {round}");
        }
        if misdealing.is_none() {
            assert_eq!(culprits, &BTreeMap::new(), "{kind:?}");
        }
    }
    // Whether an intruder's DEAL comes before enough others' is chance; rushing, it is convicted.
    let Some(misdealing) = expected[1].filter(|_| !kind.copies()) else {
        return;
    };
    world.request(&Operation::Refresh(KeyId(1)));
    world.rush();
    world.finish();
    let version = world.ordered().key(KeyId(1)).unwrap().active().unwrap();
    let all: BTreeMap<_, _> = intruders.iter().map(|own| (*own, misdealing)).collect();
    assert_eq!(version.culprits, all, "{kind:?}");
}

#[test]
fn c05_a_polynomial_of_too_high_a_degree_convicts() {
    check(
        Kind::Longer,
        Some(Misdealing::BadDegree),
        Some(Misdealing::BadDegree),
    );
}

#[test]
fn c05_a_polynomial_of_too_low_a_degree_convicts() {
    check(
        Kind::Shorter,
        Some(Misdealing::BadDegree),
        Some(Misdealing::BadDegree),
    );
}

#[test]
fn c06_a_wrong_share_in_private_is_made_good_in_public() {
    check(Kind::WrongShare, None, None);
}

#[test]
fn c06_a_wrong_share_in_public_convicts() {
    check(
        Kind::WrongPublished,
        Some(Misdealing::BadShare),
        Some(Misdealing::BadShare),
    );
}

#[test]
fn c06_made_up_acknowledgements_convict() {
    check(
        Kind::ForgedAcks,
        Some(Misdealing::BadAck),
        Some(Misdealing::BadAck),
    );
}

#[test]
fn c06_acknowledgements_of_anothers_dealing_convict() {
    check(
        Kind::OthersAcks,
        Some(Misdealing::BadAck),
        Some(Misdealing::BadAck),
    );
}

#[test]
fn c06_too_few_acknowledgements_convict() {
    check(
        Kind::TooFewAcks,
        Some(Misdealing::BadCover),
        Some(Misdealing::BadCover),
    );
}

#[test]
fn c06_two_dealings_of_one_dealer_leave_nobody_without_a_share() {
    check(Kind::TwoDealings, None, None);
}

#[test]
fn c07_a_dealing_without_proof_convicts() {
    check(
        Kind::NoProof,
        Some(Misdealing::BadProof),
        Some(Misdealing::BadProof),
    );
}

#[test]
fn c07_anothers_dealing_convicts_who_repeats_it() {
    check(
        Kind::OthersDeal,
        Some(Misdealing::BadProof),
        Some(Misdealing::OtherSecret),
    );
}

#[test]
fn c07_what_is_no_dealing_convicts() {
    check(
        Kind::Garbage,
        Some(Misdealing::BadElement),
        Some(Misdealing::BadElement),
    );
    check(
        Kind::Unreadable,
        Some(Misdealing::Malformed),
        Some(Misdealing::Malformed),
    );
}

#[test]
fn c07_silence_convicts_nobody_and_stops_nothing() {
    check(Kind::Silent, None, None);
}

#[test]
fn c09_a_dealing_of_another_secret_convicts() {
    check(Kind::OtherSecret, None, Some(Misdealing::OtherSecret));
}

#[test]
fn c07_a_deal_of_an_earlier_ceremony_convicts() {
    let replay = Intruder::new(Kind::Replay);
    let mut world = World::new(4, KEY, 6);
    world.finish();
    world.request(&Operation::Refresh(KeyId(1)));
    world.finish();
    // A good dealer until now; its DEALs are in the log.
    let mut world = world.intruded(&replay);
    for _ in 0..2 {
        world.request(&Operation::Refresh(KeyId(1)));
        world.rush();
        world.finish();
        world.check();
        let version = world.ordered().key(KeyId(1)).unwrap().active().unwrap();
        let culprits: Vec<_> = version.culprits.iter().collect();
        assert_eq!(culprits, [(&site(3), &Misdealing::OtherSecret)]);
    }
    // Word for word it is stale, and says nothing about anybody.
    let before = world.ordered().clone();
    for (author, word) in world.log.clone() {
        world.append(author, word);
    }
    assert_eq!(world.ordered(), &before);
}
