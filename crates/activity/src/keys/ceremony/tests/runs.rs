use maftia_codec::Wire as _;

use super::world::World;
use crate::keys::{GENESIS_KEYS, KeyId, Operation, Ordered, Reply, Scheme, State};

pub(super) const EVERY_SCHEME: &[(&str, Scheme)] = &[
    ("group", Scheme::Bls),
    ("beacon", Scheme::Beacon),
    ("signing", Scheme::Ed25519),
    ("sealing", Scheme::Seal),
];

fn public_keys(ordered: &Ordered) -> Vec<Vec<u8>> {
    let versions = ordered.keys().map(|own| own.active().unwrap());
    versions
        .map(|version| version.sharing.key_bytes())
        .collect()
}

/// Generates every key, refreshes all, and checks both times.
fn check(mut world: World) {
    world.finish();
    world.check();
    let before = public_keys(world.ordered());
    let old = world.ordered().clone();
    for record in old.keys() {
        let reply = world.request(&Operation::Refresh(record.id));
        assert!(matches!(reply, Reply::Begun { .. }), "{reply:?}");
    }
    world.finish();
    world.check();
    assert_eq!(public_keys(world.ordered()), before);
    for record in old.keys() {
        let version = world.ordered().key(record.id).unwrap().active().unwrap();
        assert_eq!(version.number, 1);
        let same = version.sharing == record.active().unwrap().sharing;
        // One site's share is the key itself, and there is nothing to exchange.
        assert_eq!(same, world.actors.len() == 1);
    }
}

#[test]
fn four_sites_make_and_refresh_keys_of_every_scheme() {
    (0..3).for_each(|seed| check(World::new(4, EVERY_SCHEME, seed)));
}

#[test]
fn seven_sites_make_and_refresh_keys_of_every_scheme() {
    check(World::new(7, EVERY_SCHEME, 1));
}

#[test]
fn ten_sites_make_and_refresh_keys_of_every_scheme() {
    check(World::new(10, EVERY_SCHEME, 1));
}

#[test]
fn one_site_makes_and_refreshes_keys_alone() {
    check(World::new(1, EVERY_SCHEME, 1));
}

#[test]
fn c08_ceremonies_finish_over_links_that_lose_most_messages() {
    for n in [4, 7, 10] {
        check(World::new(n, &[("signing", Scheme::Ed25519)], 2).lossy(60));
    }
}

#[test]
fn c08_ceremonies_finish_although_sites_crash_and_read_the_log_again() {
    for (n, seed) in [(4, 3), (4, 4), (4, 5), (7, 6), (10, 7)] {
        check(
            World::new(n, &[("signing", Scheme::Ed25519)], seed)
                .lossy(20)
                .crashing(200),
        );
    }
    check(World::new(4, GENESIS_KEYS, 8).lossy(20).crashing(100));
}

#[test]
fn c10_a_loss_of_power_of_the_whole_group_is_resumed_from_at_any_time() {
    for seed in 0..12 {
        let mut world = World::new(4, &[("signing", Scheme::Ed25519)], seed).lossy(10);
        for _ in 0..4 {
            (0..12 * seed).for_each(|_| world.step());
            world.power_loss();
        }
        check(world);
    }
}

#[test]
fn a_group_makes_its_first_keys_by_itself() {
    let mut world = World::new(4, GENESIS_KEYS, 1);
    assert_eq!(world.ordered().ceremonies().count(), 3);
    assert!(
        world
            .ordered()
            .keys()
            .all(|own| own.state == State::Generating)
    );
    world.finish();
    for (name, scheme) in GENESIS_KEYS {
        let record = world.ordered().key_named(name).unwrap();
        assert_eq!((record.scheme, record.state), (*scheme, State::Active));
    }
}

#[test]
fn a_state_read_back_is_the_same_and_goes_on_alike() {
    let mut world = World::new(4, EVERY_SCHEME, 9).lossy(30);
    world.finish();
    assert!(matches!(
        world.request(&Operation::Refresh(KeyId(2))),
        Reply::Begun { .. }
    ));
    world.finish();
    for state in &world.states {
        let read = Ordered::from_bytes(state.to_bytes()).unwrap();
        assert_eq!(&read, &**state);
    }
}
