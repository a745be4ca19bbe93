use super::world::{World, signing_key, site};
use crate::keys::{KeyId, Operation, Reply, Scheme, Site, VaultError};
use maftia_threshold::Ed25519;
use maftia_types::{Digest, SiteId};

const KEY: &[(&str, Scheme)] = &[("signing", Scheme::Ed25519)];

fn refreshing(seed: u64) -> World {
    let mut world = World::new(4, KEY, seed).lossy(10);
    world.finish();
    let reply = world.request(&Operation::Refresh(KeyId(1)));
    assert!(matches!(reply, Reply::Begun { .. }));
    world
}

/// How many sites hold a share of the sharing that is in use in the newest state.
fn holders(world: &World) -> usize {
    let record = world.ordered().key(KeyId(1)).unwrap();
    let version = record.active().unwrap();
    let vaults = world.actors.iter().map(|actor| &actor.site.vault);
    vaults
        .filter(|vault| vault.share_of(KeyId(1), version).is_some())
        .count()
}

#[test]
fn c10_a_crash_between_any_two_effects_of_a_key_generation_loses_nothing() {
    let effects = {
        let mut world = World::new(4, KEY, 1);
        world.finish();
        world.effects
    };
    for who in [0, 2] {
        for at in 1..effects.div_ceil(2) {
            let mut world = World::new(4, KEY, 1);
            world.fuse(who, at);
            world.finish();
            world.check();
        }
    }
}

#[test]
fn c10_at_every_instant_of_a_refresh_a_threshold_holds_the_sharing_in_use() {
    for (who, seed) in [(0, 1), (1, 2), (2, 3), (3, 4)] {
        for at in 1..80 {
            let mut world = refreshing(seed);
            let key = world.ordered().key(KeyId(1)).unwrap().clone();
            world.fuse(who, at);
            world.step_until(|world| {
                assert!(holders(world) >= 3, "site {who} at {at}");
                world.is_over()
            });
            world.finish();
            world.check();
            let new = world.ordered().key(KeyId(1)).unwrap().active().unwrap();
            let old = key.active().unwrap();
            assert_eq!(new.sharing.key_bytes(), old.sharing.key_bytes());
        }
    }
}

#[test]
fn c10_a_loss_of_power_at_every_step_of_a_refresh_is_resumed_from() {
    let steps = refreshing(5).step_until(World::is_over);
    for at in (0..steps).step_by(3) {
        let mut world = refreshing(5);
        (0..at).for_each(|_| world.step());
        world.power_loss();
        assert!(holders(&world) >= 3);
        world.finish();
        world.check();
    }
}

#[test]
fn c10_a_dealer_that_restarts_publishes_no_other_shares() {
    for seed in 0..8 {
        // Site 3 is down: its share is to be published.
        let mut world = World::new(4, KEY, seed);
        world.down(3);
        world.step_until(|world| world.is_dealing(0));
        // The block with the DEAL is on its way when the dealer crashes. Now site 2 is down.
        world.down(2);
        world.up(3);
        let block = world.delay(0);
        world.crash(0);
        (0..3000).for_each(|_| world.step());
        for word in block {
            world.append(site(0), word);
        }
        assert!(!world.deals(site(0), 1).is_empty());
        world.up(2);
        world.finish();
        world.check();
    }
}

#[test]
fn c09_one_dealer_that_is_down_is_made_up_for_when_it_is_back() {
    let mut world = refreshing(8);
    world.down(1);
    for _ in 0..4000 {
        world.step();
    }
    // In use without it.
    let version = world.ordered().key(KeyId(1)).unwrap().active().unwrap();
    assert_eq!((version.number, version.holders.len()), (1, 3));
    world.up(1);
    world.finish();
    world.check();
    let version = world.ordered().key(KeyId(1)).unwrap().active().unwrap();
    assert_eq!(version.holders.len(), 4);
    assert!(version.dealings.is_empty(), "nobody needs them any more");
}

#[test]
fn c09_a_new_sharing_is_not_in_use_below_a_quorum_of_holders() {
    let mut world = refreshing(9);
    world.step_until(World::is_over);
    let states = world.states.iter();
    let mut most = 0;
    for state in states {
        for ceremony in state.ceremonies().filter(|own| own.version == 1) {
            let Some(made) = &ceremony.made else {
                continue;
            };
            most = most.max(made.holders.len());
            let in_use = state.key(KeyId(1)).unwrap().active().unwrap();
            assert_eq!(in_use.number, 0);
        }
    }
    assert_eq!(most, 2, "one below the quorum is not enough");
    let in_use = world.ordered().key(KeyId(1)).unwrap().active().unwrap();
    assert_eq!((in_use.number, in_use.holders.len()), (1, 3));
}

#[test]
fn c23_shares_of_a_former_version_are_gone_and_refused() {
    let mut world = World::new(4, KEY, 10);
    world.finish();
    let old = world.ordered().key(KeyId(1)).unwrap().clone();
    let share = world.actors[0].site.share::<Ed25519>(&old).unwrap();
    world.request(&Operation::Refresh(KeyId(1)));
    world.finish();
    let new = world.ordered().key(KeyId(1)).unwrap();
    let sharing = new.active().unwrap().sharing_in::<Ed25519>().unwrap();
    assert!(sharing.check(&share).is_err());
    for actor in &world.actors {
        assert!(actor.site.share::<Ed25519>(&old).is_none());
        let bytes = share.to_bytes();
        let vault = actor.vault.as_ref().unwrap();
        assert!(!vault.windows(32).any(|window| window == &bytes[..]));
    }
}

#[test]
fn s09_a_vault_from_before_a_refresh_gives_no_share() {
    let mut world = World::new(4, KEY, 11);
    world.finish();
    let backup = world.actors[2].vault.clone();
    world.request(&Operation::Refresh(KeyId(1)));
    world.finish();
    world.actors[2].vault = backup;
    world.crash(2);
    world.see_all();
    let record = world.ordered().key(KeyId(1)).unwrap().clone();
    assert!(world.actors[2].site.share::<Ed25519>(&record).is_none());
    assert!(
        world.actors[2].site.vault.held.is_empty(),
        "what it had is erased again"
    );
    // It gets one of the next version.
    world.request(&Operation::Refresh(KeyId(1)));
    world.finish();
    world.check();
}

#[test]
fn s09_a_vault_of_another_site_or_group_or_damaged_is_refused() {
    let mut world = World::new(4, KEY, 12);
    world.finish();
    let vault = world.actors[2].vault.clone().unwrap();
    let (own, group) = (site(2), world.setup.group);
    let open = |own: SiteId, group, bytes: &[u8]| {
        let key = signing_key(own);
        Site::new(site(2), group, key, Some(bytes), [0; 32]).err()
    };
    assert_eq!(open(own, group, &vault), None);
    let other = site(1);
    assert_eq!(open(other, group, &vault), Some(VaultError::Foreign));
    assert_eq!(
        open(own, Digest([1; 32]), &vault),
        Some(VaultError::Foreign)
    );
    for at in 0..vault.len() {
        let mut bent = vault.clone();
        bent[at] ^= 4;
        assert!(
            matches!(open(own, group, &bent), Some(VaultError::Damaged(_))),
            "{at}"
        );
        assert!(matches!(
            open(own, group, &vault[..at]),
            Some(VaultError::Damaged(_))
        ));
    }
}
