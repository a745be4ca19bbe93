//! Sites that are not there when the view changes.

use maftia_activity::kv;
use maftia_codec::Wire;
use maftia_protocol::plant;

use super::change::replace;
use super::world::World;

/// Machine 4 replaces machine 2; those that are on go on.
fn replaced(world: &mut World) {
    let epoch = world.machines[0].epoch();
    let (goes, comes) = (format!("s{}", epoch + 2), world.machines.len());
    world.propose(replace(&goes, comes), None);
    world.invite(0);
    world.run_until("in the next epoch", |own| {
        own.is_in(epoch + 1) || own.has_left()
    });
    world.run_until("certified", |own| own.is_certified());
}

#[test]
fn s07_who_slept_over_a_change_adopts_it_and_goes_on() {
    let mut world = World::new(4, false);
    world.put("before");
    world.run(100);
    world.machines[3].off = true;
    replaced(&mut world);
    (0..5).for_each(|i| world.put(&format!("meanwhile {i}")));
    world.finish();
    world.restart(3);
    world.run_until("there", |own| own.is_in(1));
    world.machines[2].off = true;
    world.put("after");
    world.finish();
    assert!(world.machines[3].is_seated());
}

#[test]
fn who_slept_over_two_changes_adopts_both() {
    let mut world = World::new(5, false);
    world.put("before");
    world.run(100);
    world.machines[4].off = true;
    replaced(&mut world);
    replaced(&mut world);
    (0..5).for_each(|i| world.put(&format!("meanwhile {i}")));
    world.finish();
    world.restart(4);
    world.run_until("there", |own| own.is_in(2) || own.has_left());
    world.put("after");
    world.finish();
    assert!(world.machines[4].is_seated());
}

#[test]
fn who_was_removed_while_it_was_off_learns_it() {
    let mut world = World::new(4, false);
    world.put("before");
    world.run(100);
    world.machines[2].off = true;
    replaced(&mut world);
    world.put("meanwhile");
    world.finish();
    world.restart(2);
    world.run_until("told", |own| own.is_in(1) || own.has_left());
    assert!(world.machines[2].has_left());
}

#[test]
fn who_was_removed_learns_it_also_from_those_who_started_again_after_their_logs_were_cut() {
    let mut world = World::new(4, false);
    world.put("before");
    world.run(100);
    world.machines[2].off = true;
    replaced(&mut world);
    let long = "x".repeat(16 * 1024);
    let cut = |world: &World, of: usize| {
        let records = &world.machines[of].records;
        records
            .iter()
            .any(|record| matches!(record, crate::Record::Image(_)))
    };
    for i in 0..60 {
        let put = kv::Operation::put(format!("{i}"), long.clone());
        world.ask(&put.to_bytes());
        world.run(10);
    }
    world.finish();
    for of in [0, 1, 3, 4] {
        assert!(cut(&world, of));
        world.restart(of);
    }
    world.restart(2);
    world.run_until("told", |own| own.is_in(1) || own.has_left());
    assert!(world.machines[2].has_left());
}

/// It is among those who left and among those who join: the links have each key once.
#[test]
fn who_was_removed_and_is_proposed_again_with_its_former_key_has_one_id() {
    let mut world = World::new(4, false);
    world.put("before");
    world.run(100);
    world.machines[2].off = true;
    replaced(&mut world);
    world.propose(replace("s3", 2), None);
    world.run(200);
    for of in [0, 1, 3, 4] {
        let universe = world.machines[of].replica.universe();
        let keys: Vec<_> = universe.iter().map(|own| *own.key.as_bytes()).collect();
        let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
        assert_eq!((keys.len(), distinct.len()), (5, 5), "{of}");
    }
}

/// Machine 2 is dead and machine 3 hears nothing of the epoch's last blocks: without it there is no
/// quorum that could say what the next view is.
#[test]
fn who_lacks_the_last_blocks_of_an_epoch_gets_them_from_those_who_are_in_the_next() {
    for lacking in 0..6_u64 {
        let mut world = World::new(4, false);
        world.put("before");
        world.run(100);
        world.machines[2].off = true;
        world.propose(replace("s2", 4), None);
        // Of the last rounds before the turn it hears nothing.
        let from = world.machines[0].replica.status().tip.0 + 4 + lacking;
        world.lost = Box::new(move |_, to, message| match message {
            crate::Message::Ordering(
                maftia_types::Epoch(0),
                maftia_ordering::Message::Block { block, .. },
            ) => to == 3 && block.round().0 > from,
            _ => false,
        });
        world.invite(0);
        world.run(400);
        world.lost = Box::new(|_, _, _| false);
        world.run_until("all there", |own| own.is_in(1));
        world.run_until("certified", |own| own.is_certified());
        world.put("after");
        world.finish();
    }
}

/// The first change is made, nobody gets a vote for its certificate, and a second one is proposed.
fn changed_without_a_certificate() -> World {
    let mut world = World::new(4, false);
    world.put("before");
    world.run(100);
    world.lost = Box::new(|_, _, message| {
        matches!(
            message,
            crate::Message::Passage(crate::Passage::Vote { .. })
        )
    });
    world.propose(replace("s2", 4), None);
    world.invite(0);
    world.run_until("in the next epoch", |own| own.is_in(1));
    world.propose(replace("s1", 5), None);
    world.invite(0);
    for i in 0..40 {
        world.put(&format!("meanwhile {i}"));
        world.run(20);
    }
    world
}

/// A view that follows on one which nobody can prove would be one to which nobody could be led.
#[test]
fn no_further_change_is_made_before_the_certificate_of_the_one_before() {
    let mut world = changed_without_a_certificate();
    assert!(world.machines[0].is_in(1), "it waits, and serves");
    let wrong = plant(
        "next change before the certificate",
        changed_without_a_certificate,
    );
    assert!(!wrong.machines[0].is_in(1));
    world.lost = Box::new(|_, _, _| false);
    world.run_until("there", |own| own.is_in(2) || own.has_left());
    world.run_until("certified", |own| own.is_certified());
    let chain = world.machines[0]
        .replica
        .views_after(maftia_types::Epoch(0));
    assert_eq!(chain.len(), 2, "who was in the first view can be led here");
    world.put("after");
    world.finish();
}
