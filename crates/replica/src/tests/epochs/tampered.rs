//! A running site whose state somebody has altered behind its back.

use maftia_activity::kv;
use maftia_activity::replication::Context;
use maftia_codec::Wire;
use maftia_types::ClientId;

use super::world::World;
use crate::{Activity, Output};

/// Commits between two checkpoints of these machines.
const COMMITS: u64 = 16;

#[test]
fn s08_a_state_altered_behind_its_site_is_found_at_the_next_checkpoint_and_fetched_anew() {
    let mut world = World::new(4, false);
    (0..5).for_each(|i| world.put(&format!("before {i}")));
    world.finish();
    let altered_at = world.machines[3].replica.status().commit;
    let put = kv::Operation::put("before 1".to_owned(), "altered").to_bytes();
    let context = Context {
        position: 1,
        commit_time_ms: 0,
        client: ClientId { key: 7, session: 0 },
    };
    let machine = &mut world.machines[3].replica.machine;
    machine.apply(&context, &put, &mut Vec::new());
    let diverged = |world: &World| {
        let outputs = world.machines[3].outputs.iter();
        let mut index = outputs.filter_map(|output| match output {
            Output::Diverged { index, .. } => Some(*index),
            _ => None,
        });
        index.next_back()
    };
    for i in 0..200 {
        world.put(&format!("then {i}"));
        world.run(5);
        if diverged(&world).is_some() {
            break;
        }
    }
    let index = diverged(&world).expect("its votes differ from those of the others");
    assert!(
        index <= altered_at + 2 * COMMITS,
        "{index}, altered after {altered_at}"
    );
    world.run_until("well again", |own| {
        own.is_seated() && own.replica.status().activity == Activity::Serving
    });
    world.finish();
    let states = [0, 3].map(|of| world.machines[of].replica.machine.snapshot().root());
    assert_eq!(states[0], states[1]);
}
