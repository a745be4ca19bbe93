use maftia_threshold::bls::{PublicKey, Signature, Tag, quicknet_message};
use maftia_types::SiteSet;

use super::{IN_FLIGHT_MAX, ROUNDS_MAX, Round};
use crate::keys::sessions::tests::world::{COMMIT_MS, Habit, World, site};
use crate::keys::sessions::{Answer, BEACON_PERIOD_MS, Policy, Refusal, Request};
use crate::keys::{KeyId, Scheme};

const PERIOD_MS: u64 = BEACON_PERIOD_MS as u64;

fn world(n: u8) -> World {
    World::new(n, &[Scheme::Beacon])
}

fn latest(world: &mut World) -> Option<Round> {
    match world.ask(&Request::Latest { key: KeyId(1) }) {
        Answer::Round(round) => Some(round),
        _ => None,
    }
}

fn get(world: &mut World, round: u64) -> Answer {
    let key = KeyId(1);
    world.ask(&Request::Get { key, round })
}

fn verify(world: &World, round: &Round) {
    let version = world.ordered.key(KeyId(1)).unwrap().active().unwrap();
    let key = PublicKey::of(version.sharing_in().unwrap());
    let signature = Signature::from_bytes(&round.signature).unwrap();
    let message = quicknet_message(round.number);
    key.verify(&Tag::quicknet(), &message, &signature).unwrap();
}

/// Commits until so much time has passed.
fn pass(world: &mut World, ms: u64) {
    (0..ms / COMMIT_MS).for_each(|_| world.commit());
}

#[test]
fn a_round_is_made_every_period_and_verifies_as_one_of_quicknet() {
    for n in [4, 7] {
        let mut world = world(n);
        world.commits(2);
        assert_eq!(latest(&mut world).map(|own| own.number), Some(1));
        for number in 2..5 {
            pass(&mut world, PERIOD_MS);
            let round = latest(&mut world).unwrap();
            assert_eq!(round.number, number);
            verify(&world, &round);
            assert_eq!(get(&mut world, number), Answer::Round(round));
        }
        assert_eq!(get(&mut world, 5), Answer::Refused(Refusal::NoSuchRound));
        assert_eq!(get(&mut world, 0), Answer::Refused(Refusal::NoSuchRound));
    }
}

#[test]
fn no_share_of_a_round_leaves_before_its_time() {
    let mut world = world(4);
    // Round 1 is due at the first commit, round 2 a period later, to the millisecond.
    world.commit();
    let shares = world.seen.len();
    world.commit_after(PERIOD_MS - 1);
    assert_eq!((shares, world.seen.len()), (4, 4));
    world.commit_after(1);
    assert_eq!(world.seen.len(), 8);
}

#[test]
fn f_silent_and_f_lying_sites_do_not_stop_it_and_only_liars_are_convicted() {
    for (n, faulty) in [(4, 1_u8), (7, 2)] {
        for habit in [Habit::Silent, Habit::Lying] {
            let mut world = world(n);
            world.habits[..faulty.into()].fill(habit);
            pass(&mut world, 3 * PERIOD_MS);
            let round = latest(&mut world).unwrap();
            assert_eq!(round.number, 3);
            verify(&world, &round);
            let convicted: SiteSet = world.ordered.evidence().map(|own| own.site).collect();
            let liars = (0..faulty)
                .map(site)
                .filter(|_| habit == Habit::Lying)
                .collect();
            assert_eq!(convicted, liars);
        }
    }
}

#[test]
fn who_cannot_make_a_round_alone_does_not_and_missed_rounds_follow_an_outage() {
    let mut world = world(4);
    world.habits[..2].fill(Habit::Silent);
    pass(&mut world, 20 * PERIOD_MS);
    assert_eq!(latest(&mut world), None);
    let open = world.ordered.sessions.beacons[&KeyId(1)].open.len();
    assert_eq!(open as u64, IN_FLIGHT_MAX);
    world.restore();
    world.habits.fill(Habit::Honest);
    world.commits(8);
    // Twenty periods after round 1.
    assert_eq!(latest(&mut world).map(|own| own.number), Some(21));
    assert!(matches!(get(&mut world, 1), Answer::Round(_)));
}

#[test]
fn rounds_that_would_be_forgotten_at_once_are_passed_over() {
    let mut world = world(4);
    world.commits(3);
    let kept = ROUNDS_MAX as u64;
    world.commit_after((kept + 4) * PERIOD_MS);
    world.commit();
    let first = *world.ordered.sessions.beacons[&KeyId(1)]
        .made
        .keys()
        .nth(1)
        .unwrap();
    // Due is round kept + 5.
    assert_eq!(first, 6);
}

#[test]
fn the_latest_rounds_are_kept_and_no_more() {
    let mut world = world(4);
    let policy = Policy {
        period_ms: 1_000,
        ..Policy::of(Scheme::Beacon)
    };
    world.set_policy(1, policy);
    world.commit();
    let beacon = |world: &mut World| {
        let beacon = world.ordered.sessions.beacons.get_mut(&KeyId(1));
        beacon.unwrap().clone()
    };
    // Rounds that were made are planted: to make a thousand takes long.
    let mut planted = beacon(&mut world);
    planted.open.clear();
    planted.made = (1..=ROUNDS_MAX as u64)
        .map(|round| (round, [0; 48]))
        .collect();
    planted.next = ROUNDS_MAX as u64 + 1;
    world.ordered.sessions.beacons.insert(KeyId(1), planted);
    world.commit_after(1_000 * ROUNDS_MAX as u64);
    world.commit_after(0);
    let made = beacon(&mut world).made;
    assert_eq!(made.len(), ROUNDS_MAX);
    assert_eq!(*made.last_key_value().unwrap().0, ROUNDS_MAX as u64 + 1);
    world.restore();
}

#[test]
fn a_refresh_in_the_middle_of_a_round_keeps_the_key_and_blames_nobody() {
    let mut world = world(4);
    world.commit();
    world.deal(KeyId(1), Scheme::Beacon, 1);
    world.commits(3);
    let round = latest(&mut world).unwrap();
    assert_eq!(round.number, 1);
    verify(&world, &round);
    assert_eq!(world.ordered.evidence().len(), 0);
}
