//! The keys go over to another committee, while the present one uses them.

use super::world::World;
use crate::keys::Scheme;

const KEY: &[(&str, Scheme)] = &[("signing", Scheme::Ed25519)];

fn public_keys(world: &World) -> Vec<Vec<u8>> {
    let versions = world.ordered().keys().filter_map(|own| own.active());
    versions
        .map(|version| version.sharing.key_bytes())
        .collect()
}

/// The keys are made, and go over to those actors.
fn check(mut world: World, members: &[usize]) {
    world.finish();
    let before = public_keys(&world);
    world.prepare(members).unwrap();
    world.step_until(|world| world.epoch() == 1);
    world.finish();
    world.check();
    assert_eq!(public_keys(&world), before);
    let setup = world.ordered().setup();
    assert_eq!(setup.sites.len(), members.len());
    for version in world.ordered().keys().filter_map(|own| own.active()) {
        assert_eq!(version.number, 1);
        assert_eq!(version.members, setup.committee());
        assert_eq!(version.threshold(), setup.threshold());
    }
}

#[test]
fn c11_a_site_is_replaced_by_another() {
    for seed in 0..3 {
        check(World::new(4, KEY, seed), &[0, 1, 4, 3]);
    }
}
