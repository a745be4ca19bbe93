use maftia_membership::Edit;

use super::world::{World, member};
use crate::Activity;

fn replace(name: &str, with: usize) -> Vec<Edit> {
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
    world.invite();
    for i in 0..40 {
        world.put(&format!("during {i}"));
        world.run(10);
    }
    world.run_until("in the next epoch", |own| {
        own.epoch() == 1 || own.has_left()
    });
    assert!(world.machines[2].has_left(), "who was replaced may stop");
    world.machines[2].off = true;
    world.put("after");
    world.run(400);
    let positions = world.positions();
    let at: Vec<u64> = [0, 1, 3, 4].map(|of| positions[of]).to_vec();
    assert!(at.iter().all(|own| *own == at[0]), "{positions:?}");
    let status = world.machines[4].replica.status();
    assert_eq!(status.activity, Activity::Serving);
    let digests: Vec<_> = [0, 1, 3, 4]
        .map(|of| world.machines[of].replica.status().commit_digest)
        .to_vec();
    assert!(digests.iter().all(|own| *own == digests[0]));
    let newest = status.newest[2];
    assert!(newest.0 > 0, "the joiner has the seat, and makes blocks");
}
