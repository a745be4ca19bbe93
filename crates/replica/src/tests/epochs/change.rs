use maftia_membership::Edit;

use super::machine::member;
use super::world::World;
use crate::Activity;

pub(super) fn replace(name: &str, with: usize) -> Vec<Edit> {
    vec![Edit::Replace {
        name: name.into(),
        with: member(with),
    }]
}

#[test]
fn a_site_is_replaced_while_requests_come_and_the_log_goes_on() {
    let mut world = World::new(4, false);
    (0..10).for_each(|i| {
        world.put(&format!("before {i}"));
        world.run(10);
    });
    world.propose(replace("s2", 4), None);
    world.invite(0);
    for i in 0..40 {
        world.put(&format!("during {i}"));
        world.run(10);
        let joiner = &world.machines[4].replica;
        let known = joiner.universe();
        assert!(
            known.contains(&member(4)),
            "without itself it would have no links"
        );
    }
    world.run_until("in the next epoch", |own| own.is_in(1));
    world.run_until("certified", |own| own.is_certified());
    world.run(200);
    assert!(world.machines[2].has_left(), "who was replaced may stop");
    world.machines[2].off = true;
    world.put("after");
    world.finish();
    let status = world.machines[4].replica.status();
    assert_eq!(status.activity, Activity::Serving);
    let newest = status.newest[2];
    assert!(newest.0 > 0, "the joiner has the seat, and makes blocks");
}

/// Three machines join four in one change, and leave in another.
fn grow_and_shrink(keyed: bool) {
    let mut world = World::new(4, keyed);
    world.put("before");
    world.run(100);
    world.propose((4..7).map(|of| Edit::Add(member(of))).collect(), Some(2));
    (4..7).for_each(|_| world.invite(0));
    for i in 0..20 {
        world.put(&format!("during {i}"));
        world.run(10);
    }
    world.run_until("seven", |own| own.is_in(1));
    world.run_until("certified", |own| own.is_certified());
    world.finish();
    assert_eq!(
        world.machines.iter().filter(|own| own.is_seated()).count(),
        7
    );
    // Two may be intruded now: with two off there is progress.
    (world.machines[0].off, world.machines[5].off) = (true, true);
    world.put("with two off");
    world.finish();
    world.restart(0);
    world.restart(5);
    let gone = ["s0", "s3", "s5"];
    let edits = gone.map(|name| Edit::Remove(name.into()));
    world.propose(edits.to_vec(), Some(1));
    for i in 0..20 {
        world.put(&format!("then {i}"));
        world.run(10);
    }
    world.run_until("four again", |own| own.is_in(2) || own.has_left());
    world.run_until("gone", |own| own.is_seated() || own.has_left());
    [0, 3, 5]
        .into_iter()
        .for_each(|of| world.machines[of].off = true);
    world.put("after");
    world.finish();
    let seats: Vec<usize> = [1, 2, 4, 6]
        .map(|of| world.machines[of].replica.me().index())
        .to_vec();
    assert_eq!(seats, [0, 1, 2, 3], "seats have moved down");
}

#[test]
fn four_become_seven_with_another_f_and_four_again() {
    grow_and_shrink(false);
}

#[test]
fn keys_follow_a_group_that_grows_and_shrinks() {
    grow_and_shrink(true);
}
