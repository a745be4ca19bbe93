//! The same at ten sites, of which three are intruded: changes of the committee, with everything
//! that may go wrong meanwhile. `MAFTIA_SLOW` repeats each with more seeds, steps and committees.

use super::epochs::{KEY, check, misdealings, public_keys, settled, usable};
use super::hostile::Kind;
use super::runs::EVERY_SCHEME;
use super::world::{World, site};
use crate::keys::{KeyId, Operation};

/// Three of ten are replaced.
const REPLACED: &[usize] = &[0, 10, 2, 3, 11, 5, 6, 7, 8, 12];
/// From three intruders among ten to four among thirteen.
const GROWN: &[usize] = &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
/// Down to two among seven, of whom one is new and the others sit in another order.
const SHRUNK: &[usize] = &[6, 5, 10, 3, 2, 1, 0];
/// Nobody stays.
const OTHERS: &[usize] = &[10, 11, 12, 13, 14, 15, 16, 17, 18, 19];

const CHANGES: [&[usize]; 4] = [REPLACED, GROWN, SHRUNK, OTHERS];

/// How much of a test's material is used: all of it in the slow run.
fn of(quick: u64, slow: u64) -> u64 {
    match std::env::var_os("MAFTIA_SLOW") {
        Some(_) => slow,
        None => quick,
    }
}

/// Ten sites that have a key and prepare that change.
fn changing(members: &[usize], seed: u64) -> World {
    let mut world = settled(World::new(10, KEY, seed).lossy(10));
    world.prepare(members).unwrap();
    world
}

/// The change ends well, for all who stay correct.
fn check_end(world: &mut World, before: &[Vec<u8>]) {
    world.step_until(|world| world.epoch() == 1);
    world.finish();
    world.check();
    assert_eq!(public_keys(world), before);
}

#[test]
fn c11_ten_sites_are_replaced_in_part_and_as_a_whole_grow_and_shrink() {
    for seed in 0..of(1, 8) {
        for members in CHANGES {
            check(&mut settled(World::new(10, KEY, seed)), members);
        }
    }
    let mut world = settled(World::new(10, EVERY_SCHEME, 1).lossy(20));
    check(&mut world, REPLACED);
    check(&mut world, SHRUNK);
    check(&mut world, &[0, 1, 2, 3, 5, 6, 7, 8, 10, 13]);
}

#[test]
fn c08_keys_of_ten_sites_go_over_although_most_messages_are_lost_and_sites_crash() {
    for seed in 0..of(1, 8) {
        for members in CHANGES {
            let world = World::new(10, KEY, seed).lossy(60).crashing(100);
            check(&mut settled(world), members);
        }
    }
}

#[test]
fn c08_ten_sites_finish_although_three_are_cut_off_for_a_while() {
    for seed in 0..of(2, 12) {
        // Key generation, without them and then with them.
        let mut world = World::new(10, KEY, seed);
        world.cut_off(&[1, 4, 7]);
        world.step_until(World::is_over);
        world.cut_off(&[]);
        world.finish();
        world.check();
        // A change in which other three are, of whom one leaves.
        let before = public_keys(&world);
        world.prepare(REPLACED).unwrap();
        world.cut_off(&[1, 2, 3]);
        check_end(&mut cut_until_over(world), &before);
    }
}

/// The next epoch begins without those who are cut off, and they are back.
fn cut_until_over(mut world: World) -> World {
    world.step_until(|world| world.epoch() == 1);
    world.cut_off(&[]);
    world
}

#[test]
fn c08_with_one_more_cut_off_than_may_be_nothing_happens_until_they_are_back() {
    for seed in 0..of(1, 6) {
        let mut world = changing(GROWN, seed);
        let before = public_keys(&world);
        // Of ten dealers seven are needed, and nine of thirteen members.
        world.cut_off(&[0, 1, 2, 3]);
        (0..10_000).for_each(|_| world.step());
        assert_eq!((world.epoch(), world.is_made()), (0, false));
        world.cut_off(&[]);
        check_end(&mut world, &before);
    }
}

#[test]
fn c10_a_crash_between_any_two_effects_at_ten_sites_loses_nothing() {
    let stride = usize::try_from(of(17, 3)).unwrap();
    for (who, members) in [(0, REPLACED), (3, SHRUNK), (10, GROWN), (12, OTHERS)] {
        for at in (1..120).step_by(stride) {
            let mut world = changing(members, 3);
            let before = public_keys(&world);
            world.fuse(who, at);
            world.step_until(|world| {
                let (held, needed) = usable(world);
                assert!(held >= needed, "site {who} at {at}: {held} of {needed}");
                world.epoch() == 1
            });
            check_end(&mut world, &before);
        }
    }
}

#[test]
fn c10_ten_sites_resume_from_a_loss_of_power_at_any_step() {
    let stride = usize::try_from(of(211, 23)).unwrap();
    for members in [REPLACED, GROWN, SHRUNK] {
        let steps = changing(members, 4).step_until(|world| world.epoch() == 1);
        for at in (0..steps + 60).step_by(stride) {
            let mut world = changing(members, 4);
            let before = public_keys(&world);
            (0..at).for_each(|_| world.step());
            world.power_loss();
            let (held, needed) = usable(&world);
            assert!(held >= needed, "{at}: {held} of {needed}");
            check_end(&mut world, &before);
        }
    }
}

/// Three intruders, of whom some stay: each kind in one change, and in every one in the slow run.
#[test]
fn c09_three_hostile_dealers_of_ten_are_convicted_and_stop_no_change() {
    let changes = [REPLACED, GROWN, SHRUNK];
    for (place, (kind, misdealing)) in misdealings().into_iter().enumerate() {
        let all = of(0, 1) == 1;
        for (at, members) in changes.into_iter().enumerate() {
            if all || at == place % changes.len() {
                let mut world = settled(World::new(10, KEY, 9).lossy(10));
                let hostile = [1, 5, 8];
                hostile.iter().for_each(|who| world.intrude(*who, kind));
                let before = public_keys(&world);
                world.prepare(members).unwrap();
                world.rush();
                check_end(&mut world, &before);
                let version = world.ordered().key(KeyId(1)).unwrap().active().unwrap();
                for who in hostile {
                    let seat = World::seat_in(world.ordered(), who);
                    let found = seat.and_then(|seat| version.culprits.get(&seat));
                    if seat.is_some() && misdealing.is_some() {
                        assert_eq!(found.copied(), misdealing, "{kind:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn c07_hostile_dealers_of_different_kinds_at_once_are_each_named_for_what_they_did() {
    for seed in 0..of(2, 12) {
        let mut world = World::new(10, KEY, seed).lossy(20);
        let hostile = [
            (7, Kind::Longer),
            (8, Kind::WrongPublished),
            (9, Kind::Unreadable),
        ];
        world.finish();
        hostile
            .iter()
            .for_each(|(who, kind)| world.intrude(*who, *kind));
        world.request(&Operation::Refresh(KeyId(1)));
        world.rush();
        world.finish();
        world.check();
        let version = world.ordered().key(KeyId(1)).unwrap().active().unwrap();
        let expected = misdealings();
        for (who, kind) in hostile {
            let expected = expected.iter().find(|(own, _)| *own == kind).unwrap().1;
            assert_eq!(version.culprits.get(&site(who)).copied(), expected);
        }
        assert_eq!(version.culprits.len(), 3);
    }
}

/// Row C7 asks for 25 to 100 members; a group has at most 64, and shares keys among 31 in this
/// test.
#[test]
fn c07_a_third_of_many_sites_that_say_nothing_stop_no_ceremony() {
    for n in [25, 31]
        .into_iter()
        .take(usize::try_from(of(1, 2)).unwrap())
    {
        let mut world = World::new(n, KEY, 1);
        for who in world.correct_count()..n {
            world.intrude(who, Kind::Silent);
        }
        world.finish();
        world.check();
        world.request(&Operation::Refresh(KeyId(1)));
        world.finish();
        world.check();
    }
}
