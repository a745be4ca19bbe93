//! Changes that come to nothing.

use maftia_membership::membership::{Cause, Outcome, READY_MS};
use maftia_types::Duration;

use super::change::replace;
use super::world::World;

#[test]
fn a_joiner_that_never_comes_ends_the_change_and_the_same_change_is_made_later() {
    let mut world = World::new(4, false);
    world.put("before");
    world.run(60);
    world.propose(replace("s2", 4), None);
    let pending = |world: &World| {
        let state = world.machines[0].replica.membership().unwrap();
        state.pending().is_some()
    };
    assert!(pending(&world));
    world.now += Duration::from_millis(READY_MS);
    world.put("much later");
    world.finish();
    assert!(!pending(&world), "it is given up");
    let state = world.machines[3].replica.membership().unwrap();
    let last = state.history().next_back().unwrap();
    let cause = Cause::NotReady(vec!["s4".into()]);
    assert_eq!(last.outcome, Outcome::Aborted(cause));
    assert_eq!(world.machines[0].replica.universe().len(), 4);
    world.propose(replace("s2", 4), None);
    world.invite(0);
    world.run_until("in the next epoch", |own| own.is_in(1));
    world.put("after");
    world.finish();
}

#[test]
fn a_joiner_that_missed_the_end_of_one_change_joins_in_the_next() {
    let mut world = World::new(4, false);
    world.put("before");
    world.run(60);
    world.propose(replace("s2", 4), None);
    // It follows, and its words are lost.
    world.lost = Box::new(|from, _, message| {
        from == 4 && matches!(message, crate::Message::Passage(crate::Passage::Word(_)))
    });
    world.invite(0);
    world.run(100);
    world.now += Duration::from_millis(READY_MS);
    world.put("much later");
    world.run(100);
    world.lost = Box::new(|_, _, _| false);
    world.propose(replace("s2", 4), None);
    world.run_until("in the next epoch", |own| own.is_in(1));
    world.put("after");
    world.finish();
    assert!(world.machines[4].is_seated());
}
