//! Machines that start again in the middle of a change.

use maftia_activity::kv;
use maftia_codec::Wire;
use maftia_ordering::{Record as Logged, Standing};
use maftia_protocol::plant;
use maftia_types::Epoch;

use super::change::replace;
use super::world::World;
use crate::{Activity, Record};

/// A group whose site 2 is being replaced by machine 4, `steps` after that one has come.
fn changing(keyed: bool, steps: usize) -> World {
    let mut world = World::new(4, keyed);
    world.put("before");
    world.run(60);
    world.propose(replace("s2", 4), None);
    world.invite(0);
    world.put("during");
    world.run(steps);
    world
}

fn completes(world: &mut World) {
    world.put("after");
    world.run_until("in the next epoch", |own| own.is_in(1) || own.has_left());
    world.run_until("certified", |own| own.is_certified());
    world.finish();
    world.run_until("serving", |own| own.is_seated() || own.has_left());
    assert!(world.machines[4].is_seated());
}

#[test]
fn a_change_completes_although_all_lose_power_at_any_moment() {
    for steps in [0, 4, 8, 12, 16, 20, 30, 60] {
        let mut world = changing(false, steps);
        world.restart_all();
        completes(&mut world);
        // And with the epoch's end in the log.
        world.restart_all();
        world.put("then");
        world.finish();
    }
}

#[test]
fn a_change_with_keys_completes_although_all_lose_power_again_and_again() {
    let mut world = changing(true, 40);
    for _ in 0..4 {
        world.restart_all();
        world.run(45);
    }
    completes(&mut world);
}

#[test]
fn a_change_completes_although_one_after_the_other_starts_again() {
    let mut world = changing(false, 0);
    for of in [4, 0, 1, 2, 3, 4, 0, 1, 3, 4] {
        world.restart(of);
        world.run(5);
    }
    completes(&mut world);
}

#[test]
fn a_log_is_read_again_across_two_epochs_with_an_image_of_either() {
    let mut world = changing(false, 0);
    completes(&mut world);
    world.machines[2].off = true;
    let long = "x".repeat(16 * 1024);
    let images = |world: &World| {
        let records = &world.machines[0].records;
        records
            .iter()
            .filter(|record| matches!(record, Record::Image(_)))
            .count()
    };
    for with_image in [false, true] {
        let first = images(&world);
        for i in 0..60 {
            if with_image && images(&world) == first {
                world.ask(&kv::Operation::put(format!("{i}"), long.clone()).to_bytes());
            }
            world.run(10);
        }
        world.finish();
        assert!(!with_image || images(&world) > first);
        let epoch = world.machines[0].epoch();
        let (goes, comes) = (["s4", "s5"][with_image as usize], world.machines.len());
        world.propose(replace(goes, comes), None);
        world.invite(0);
        world.run_until("in the next epoch", |own| {
            own.is_in(epoch + 1) || own.has_left()
        });
        world.run_until("certified", |own| own.is_certified());
        world.run(200);
        world.machines[comes - 1].off = true;
        world.restart_all();
        world.put("after");
        world.finish();
    }
    assert_eq!(world.machines[0].epoch(), 3);
}

#[test]
fn a_joiner_comes_to_its_epoch_by_its_own_log_though_its_image_is_older_than_the_change() {
    let mut world = changing(false, 0);
    completes(&mut world);
    world.lost = Box::new(|_, _, _| true);
    world.restart(4);
    assert!(world.machines[4].is_in(1));
    world.lost = Box::new(|_, _, _| false);
    world.put("then");
    world.finish();
}

#[test]
fn who_lost_its_log_signs_no_round_twice_whatever_epoch_it_was_in() {
    for (of, with_chain) in [(1, false), (1, true), (4, false), (4, true)] {
        let mut world = changing(false, 0);
        completes(&mut world);
        world.machines[2].off = true;
        world.machines[of].lose_log(with_chain);
        world.restart(of);
        world.run_until("there", |own| own.is_in(1));
        // A crash in the middle of its recovery, too.
        world.restart(of);
        (0..5).for_each(|i| world.put(&format!("then {i}")));
        world.finish();
        world.run_until("serving", |own| own.is_seated());
    }
}

#[test]
fn who_loses_its_log_during_a_change_recovers_in_either_epoch() {
    for (of, steps) in [(1, 0), (4, 0), (1, 10), (4, 10), (1, 20), (4, 20)] {
        let mut world = changing(false, steps);
        world.machines[of].lose_log(true);
        world.restart(of);
        world.run(3);
        world.restart(of);
        completes(&mut world);
    }
}

/// The recovery is complete, and one more site is gone: the round from which site 1 may sign needs
/// its own block below, so that it may have to wait for long. Called serving, it would be counted
/// among those that keep the group alive.
#[test]
fn who_lost_its_log_counts_as_recovering_until_it_signs_again() {
    let mut world = World::new(4, false);
    world.put("before");
    world.finish();
    world.machines[1].lose_log(true);
    world.restart(1);
    let returns =
        |world: &World| matches!(standing(world, 1), Standing::Returning { lost: true, .. });
    let doing = |world: &World| world.machines[1].replica.status().activity;
    while !returns(&world) {
        assert_ne!(doing(&world), Activity::Serving);
        world.run(1);
    }
    assert_eq!(doing(&world), Activity::Recovering);
    world.machines[3].off = true;
    world.run(200);
    assert!(returns(&world));
    assert_eq!(doing(&world), Activity::Recovering);
    world.restart(3);
    world.run_until("serving", |own| {
        own.replica.status().activity == Activity::Serving
    });
}

/// Its log ends before its newest blocks, and its image is gone too: what is left of the log is read
/// with the state that it fetches, and does not say all that it has signed in that epoch.
#[test]
fn a_log_that_lost_its_end_is_no_proof_to_who_must_fetch_its_state() {
    let mut world = hollow_with_half_a_log();
    assert!(matches!(standing(&world, 4), Standing::Recovering { .. }));
    world.put("then");
    world.finish();
    world.run_until("serving", |own| own.is_seated() || own.has_left());
    let wrong = plant(
        "gap forgotten where a state is fetched",
        hollow_with_half_a_log,
    );
    assert!(!matches!(standing(&wrong, 4), Standing::Recovering { .. }));
}

fn standing(world: &World, of: usize) -> &Standing {
    world.machines[of].replica.engine().standing()
}

/// Site 4, when it has fetched its state.
fn hollow_with_half_a_log() -> World {
    let mut world = changing(false, 0);
    completes(&mut world);
    let begins = |record: &Record| matches!(record, Record::Ordering(Logged::Epoch(Epoch(1))));
    let machine = &mut world.machines[4];
    machine
        .records
        .retain(|record| !matches!(record, Record::Image(_)));
    let mark = machine.records.iter().position(begins).unwrap();
    machine.records.truncate(mark + 4);
    machine.lost_log = true;
    world.restart(4);
    assert!(world.machines[4].replica.is_hollow());
    while !world.machines[4].is_in(1) {
        world.run(1);
    }
    world
}
