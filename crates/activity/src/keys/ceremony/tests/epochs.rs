//! The keys go over to another committee, while the present one uses them.

use maftia_codec::Wire as _;
use maftia_threshold::Ed25519;
use maftia_types::{Epoch, SiteSet};

use super::super::Misdealing;
use super::super::deal::Contribution;
use super::hostile::Kind;
use super::runs::EVERY_SCHEME;
use super::world::{World, signing_key, site};
use crate::keys::{KeyId, Operation, Ordered, Scheme};

pub(super) const KEY: &[(&str, Scheme)] = &[("signing", Scheme::Ed25519)];

pub(super) const REPLACED: &[usize] = &[0, 1, 4, 3];
const GROWN: &[usize] = &[0, 1, 2, 3, 4, 5, 6];
const SHRUNK: &[usize] = &[1, 0, 6, 2];

pub(super) fn public_keys(world: &World) -> Vec<Vec<u8>> {
    let versions = world.ordered().keys().filter_map(|own| own.active());
    versions
        .map(|version| version.sharing.key_bytes())
        .collect()
}

/// A group that has its keys.
pub(super) fn settled(world: World) -> World {
    let mut world = world;
    world.finish();
    world
}

/// A group of four that has a key and prepares the replacement of a site.
pub(super) fn changing(seed: u64) -> World {
    let mut world = settled(World::new(4, KEY, seed).lossy(10));
    world.prepare(REPLACED).unwrap();
    world
}

/// The keys go over to those actors, and stay the same.
pub(super) fn check(world: &mut World, members: &[usize]) {
    let (before, number) = (public_keys(world), world.epoch() + 1);
    let version = |world: &World| {
        world
            .ordered()
            .key(KeyId(1))
            .unwrap()
            .active()
            .unwrap()
            .number
    };
    let last = version(world);
    world.change(members);
    world.check();
    assert_eq!(public_keys(world), before);
    let setup = world.ordered().setup();
    assert_eq!(setup.epoch, Epoch(number));
    let keys = members.iter().map(|who| signing_key(site(*who)).public());
    assert_eq!(setup.sites, keys.collect::<Vec<_>>());
    for version in world.ordered().keys().filter_map(|own| own.active()) {
        assert_eq!(version.members, setup.committee());
        assert_eq!(version.threshold(), setup.threshold());
    }
    assert_eq!(version(world), last + 1);
}

/// How many sites hold a share of the sharing that is in use in the newest state, and how many it
/// takes.
pub(super) fn usable(world: &World) -> (usize, usize) {
    let record = world.ordered().key(KeyId(1)).unwrap();
    let version = record.active().unwrap();
    let vaults = world.actors.iter().map(|actor| &actor.site.vault);
    let held = vaults.filter(|vault| vault.share_of(KeyId(1), version).is_some());
    (held.count(), version.threshold().into())
}

#[test]
fn c11_a_site_is_replaced_by_another() {
    for seed in 0..3 {
        check(&mut settled(World::new(4, KEY, seed)), REPLACED);
    }
    check(&mut settled(World::new(4, EVERY_SCHEME, 3)), REPLACED);
}

#[test]
fn c11_a_group_grows_shrinks_and_is_replaced_as_a_whole() {
    let mut world = settled(World::new(4, EVERY_SCHEME, 1).lossy(20));
    check(&mut world, GROWN);
    check(&mut world, SHRUNK);
    check(&mut world, &[7, 8, 9, 10]);
    check(&mut world, &[7]);
    check(&mut world, &[7, 0, 1, 2]);
    check(&mut world, &[2, 1, 0, 7]);
}

#[test]
fn c08_keys_go_over_although_most_messages_are_lost_and_sites_crash() {
    for (n, members) in [(4, REPLACED), (4, GROWN), (7, SHRUNK)] {
        for seed in 1..4 {
            let world = World::new(n, KEY, seed).lossy(60).crashing(100);
            check(&mut settled(world), members);
        }
    }
}

#[test]
fn c09_nobody_uses_the_next_sharing_before_the_epoch_ends() {
    let mut world = changing(1);
    world.entering = false;
    world.step_until(|world| world.ordered().is_prepared());
    (0..2000).for_each(|_| world.step());
    let state = world.ordered();
    let ceremony = state.ceremonies().next().unwrap();
    let status = ceremony.status();
    assert_eq!((status.holders.len(), status.holders_missing), (4, 0));
    assert_eq!((status.dealt.len(), status.dealings_missing), (3, 0));
    let current = state.key(KeyId(1)).unwrap().active().unwrap();
    assert_eq!((current.number, state.setup().epoch), (0, Epoch(0)));
    // The former shares are there, and the joiner has none that can be used.
    let record = state.key(KeyId(1)).unwrap();
    for (who, actor) in world.actors.iter().enumerate() {
        assert_eq!(actor.site.share::<Ed25519>(record).is_some(), who != 4);
    }
}

#[test]
fn c09_the_epoch_may_end_once_a_quorum_of_the_next_committee_holds_every_key() {
    let mut world = settled(World::new(
        4,
        &[("a", Scheme::Ed25519), ("b", Scheme::Bls)],
        2,
    ));
    assert!(!world.ordered().is_prepared(), "nothing is prepared");
    world.entering = false;
    world.prepare(REPLACED).unwrap();
    world.step_until(|world| world.ordered().is_prepared());
    let held = |state: &Ordered| {
        let made = state.ceremonies().filter_map(|own| own.made.as_ref());
        made.map(|own| own.holders.len()).collect::<Vec<_>>()
    };
    for state in &world.states {
        let enough = held(state).len() == 2 && held(state).iter().all(|count| *count >= 3);
        assert_eq!(state.is_prepared(), enough);
    }
    assert!(held(world.ordered()).contains(&3));
}

#[test]
fn c10_a_crash_between_any_two_effects_of_a_change_loses_nothing() {
    for (who, seed) in [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)] {
        for at in (1 + who % 3..80).step_by(3) {
            let mut world = changing(seed);
            let before = public_keys(&world);
            world.fuse(who, at);
            world.step_until(|world| {
                let (held, needed) = usable(world);
                assert!(held >= needed, "site {who} at {at}: {held} of {needed}");
                world.epoch() == 1
            });
            world.finish();
            world.check();
            assert_eq!(public_keys(&world), before);
        }
    }
}

#[test]
fn c10_a_loss_of_power_at_every_step_of_a_change_is_resumed_from() {
    for (n, members) in [(4, REPLACED), (7, SHRUNK)] {
        let changing = || {
            let mut world = settled(World::new(n, KEY, 6).lossy(10));
            world.prepare(members).unwrap();
            world
        };
        let steps = changing().step_until(|world| world.epoch() == 1);
        for at in (0..steps + 60).step_by(13) {
            let mut world = changing();
            (0..at).for_each(|_| world.step());
            world.power_loss();
            let (held, needed) = usable(&world);
            assert!(held >= needed);
            world.finish();
            world.step_until(|world| world.epoch() == 1);
            world.finish();
            world.check();
        }
    }
}

#[test]
fn c09_a_member_that_slept_through_the_change_gets_its_share_when_it_is_back() {
    for late in [0, 4] {
        let mut world = settled(World::new(4, KEY, 7));
        world.prepare(REPLACED).unwrap();
        world.down(late);
        world.step_until(|world| world.epoch() == 1);
        (0..4000).for_each(|_| world.step());
        let version = world.ordered().key(KeyId(1)).unwrap().active().unwrap();
        let seat = World::seat_in(world.ordered(), late).unwrap();
        assert!(!version.holders.contains(seat));
        assert_eq!(version.exposed, SiteSet::from_iter([seat]));
        world.up(late);
        world.finish();
        world.check();
        let version = world.ordered().key(KeyId(1)).unwrap().active().unwrap();
        assert_eq!(version.holders.len(), 4);
        assert!(version.dealings.is_empty(), "nobody needs them any more");
    }
}

#[test]
fn c09_a_member_that_acknowledged_and_then_slept_combines_its_share_afterwards() {
    let mut world = settled(World::new(4, KEY, 8));
    world.prepare(REPLACED).unwrap();
    // It has acknowledged to as many dealers as it takes, and their DEALs are fixed.
    let fixed = |world: &World, who: usize| {
        let work = world.actors[who].site.vault.works.get(&2);
        work.is_some_and(|work| work.deal.is_some())
    };
    world.step_until(|world| (0..4).filter(|who| fixed(world, *who)).count() >= 3);
    assert!(!world.is_made());
    world.down(3);
    world.step_until(|world| world.epoch() == 1);
    world.up(3);
    world.finish();
    world.check();
    let version = world.ordered().key(KeyId(1)).unwrap().active().unwrap();
    assert_eq!(version.exposed, SiteSet::EMPTY);
}

#[test]
fn c09_shares_are_published_for_members_that_sit_in_any_order() {
    let mut world = settled(World::new(7, KEY, 23));
    world.prepare(&[6, 5, 4, 3, 2, 1, 0]).unwrap();
    [0, 1].into_iter().for_each(|who| world.down(who));
    world.step_until(|world| world.epoch() == 1);
    let version = world.ordered().key(KeyId(1)).unwrap().active().unwrap();
    assert_eq!(version.exposed, [5, 6].map(site).into_iter().collect());
    [0, 1].into_iter().for_each(|who| world.up(who));
    world.finish();
    world.check();
}

/// What each kind of intruder is convicted of in a change, if it deals in time.
pub(super) fn misdealings() -> [(Kind, Option<Misdealing>); 16] {
    [
        (Kind::ForgedAcks, Some(Misdealing::BadAck)),
        (Kind::Garbage, Some(Misdealing::BadElement)),
        (Kind::Longer, Some(Misdealing::BadDegree)),
        (Kind::NoHave, None),
        (Kind::NoProof, Some(Misdealing::BadProof)),
        (Kind::OtherSecret, Some(Misdealing::OtherSecret)),
        (Kind::OthersAcks, None),
        (Kind::OthersDeal, None),
        (Kind::FalseHave, None),
        (Kind::Shorter, Some(Misdealing::BadDegree)),
        (Kind::Silent, None),
        (Kind::TooFewAcks, Some(Misdealing::BadCover)),
        (Kind::TwoDealings, None),
        (Kind::Unreadable, Some(Misdealing::Malformed)),
        (Kind::WrongPublished, Some(Misdealing::BadShare)),
        (Kind::WrongShare, None),
    ]
}

/// Every hostile dealer, in every change: it leaves, it stays, and there are two of which one does.
#[test]
fn c09_hostile_dealers_of_a_change_are_convicted_and_stop_nothing() {
    for (kind, misdealing) in misdealings() {
        let changes: [(usize, &[usize], &[usize]); 4] = [
            (4, &[3], &[0, 1, 2, 4]),
            (4, &[3], REPLACED),
            (4, &[3], GROWN),
            (7, &[5, 6], SHRUNK),
        ];
        for (n, hostile, members) in changes {
            let mut world = settled(World::new(n, KEY, 9).lossy(10));
            hostile.iter().for_each(|who| world.intrude(*who, kind));
            let before = public_keys(&world);
            world.prepare(members).unwrap();
            world.rush();
            world.step_until(|world| world.epoch() == 1);
            world.finish();
            world.check();
            assert_eq!(public_keys(&world), before);
            let version = world.ordered().key(KeyId(1)).unwrap().active().unwrap();
            for who in hostile {
                let Some(seat) = World::seat_in(world.ordered(), *who) else {
                    continue;
                };
                let found = version.culprits.get(&seat).copied();
                if misdealing.is_some() {
                    assert_eq!(found, misdealing, "{kind:?}");
                }
            }
        }
    }
}

#[test]
fn c09_a_joiner_that_lies_about_its_share_keeps_it_from_nobody() {
    for kind in [Kind::FalseHave, Kind::NoHave, Kind::Silent] {
        for (n, members) in [(4, REPLACED), (4, GROWN)] {
            let mut world = settled(World::new(n, KEY, 10).lossy(20));
            let before = public_keys(&world);
            world.prepare(members).unwrap();
            world.intrude(4, kind);
            world.step_until(|world| world.epoch() == 1);
            world.finish();
            world.check();
            assert_eq!(public_keys(&world), before);
        }
    }
}

#[test]
fn c09_a_joiner_that_deals_is_convicted() {
    let mut world = changing(11);
    let own = world.ordered().ceremonies().next().unwrap();
    assert_eq!(own.number, 2);
    let (ceremony, body) = (own.run_name(), bytes::Bytes::from_static(b"deal"));
    world.append(site(4), Contribution::Deal { ceremony, body }.to_bytes());
    let culprits = &world.ordered().ceremonies().next().unwrap().culprits;
    assert_eq!(culprits.get(&site(4)), Some(&Misdealing::Malformed));
    world.step_until(|world| world.epoch() == 1);
    let version = world.ordered().key(KeyId(1)).unwrap().active().unwrap();
    let found: Vec<_> = version.culprits.iter().collect();
    assert_eq!(found, [(&site(2), &Misdealing::Malformed)], "by its seat");
}

#[test]
fn c10_a_change_may_be_abandoned_at_any_step_and_another_one_follows() {
    for at in (0..400).step_by(9) {
        let mut world = changing(12);
        world.entering = false;
        let before = world.ordered().key(KeyId(1)).unwrap().clone();
        (0..at).for_each(|_| world.step());
        world.abandon();
        assert_eq!(world.ordered().setup().sites.len(), 4);
        assert_eq!(world.ordered().ceremonies().count(), 0);
        assert!(!world.ordered().is_prepared());
        assert_eq!(world.ordered().key(KeyId(1)), Some(&before));
        // Nothing of it stays on any disk, that of the joiner included.
        world.finish();
        world.check();
        world.entering = true;
        check(&mut world, &[0, 5, 2, 3]);
    }
}

#[test]
fn c10_a_preparation_for_others_takes_the_place_of_the_one_before() {
    let mut world = changing(13);
    world.entering = false;
    (0..60).for_each(|_| world.step());
    world.entering = true;
    check(&mut world, GROWN);
}

#[test]
fn c10_a_refresh_under_way_gives_way_to_the_change() {
    for at in [0, 20, 60, 100] {
        let mut world = settled(World::new(4, KEY, 14).lossy(10));
        world.request(&Operation::Refresh(KeyId(1)));
        (0..at).for_each(|_| world.step());
        let over = world.is_over();
        let version = |world: &World| {
            world
                .ordered()
                .key(KeyId(1))
                .unwrap()
                .active()
                .unwrap()
                .number
        };
        let last = version(&world);
        assert_eq!(last, u32::from(over));
        check(&mut world, REPLACED);
    }
}
