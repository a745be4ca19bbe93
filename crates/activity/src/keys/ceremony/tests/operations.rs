use std::sync::Arc;

use bytes::Bytes;
use maftia_codec::Wire as _;
use maftia_types::{FaultModel, Resilience, SiteSet};

use super::hostile::{Intruder, Kind};
use super::world::{World, setup, site};
use crate::keys::{
    Act, KEYS_MAX, KeyId, NAME_BYTES_MAX, Operation, Ordered, Refusal, Reply, Scheme, State,
};
use crate::replication::Context;

fn create(name: &str) -> Operation {
    let (name, scheme) = (name.to_owned(), Scheme::Ed25519);
    Operation::Change(Act::Create {
        name,
        scheme,
        policy: None,
    })
}

fn refused(world: &mut World, operation: &Operation) -> Refusal {
    let before = world.ordered().clone();
    match world.request(operation) {
        Reply::Refused(refusal) => {
            assert_eq!(world.ordered(), &before, "a refusal changes nothing");
            refusal
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_key_is_created_shown_refreshed_and_retired() {
    let mut world = World::new(4, &[], 1);
    let key = KeyId(1);
    assert_eq!(
        world.request(&create("code")),
        Reply::Begun { key, ceremony: 1 }
    );
    let Reply::Key(shown) = world.request(&Operation::Show(key)) else {
        panic!("shown");
    };
    assert_eq!(
        (shown.state, shown.version, shown.public_key),
        (State::Generating, None, None)
    );
    assert_eq!(refused(&mut world, &Operation::Refresh(key)), Refusal::Busy);
    world.finish();
    let Reply::Keys(keys) = world.request(&Operation::List) else {
        panic!("listed");
    };
    let [shown] = &keys[..] else {
        panic!("{keys:?}");
    };
    assert_eq!(
        (shown.state, shown.version, shown.holders),
        (State::Active, Some(0), 4)
    );
    assert_eq!((shown.name.as_str(), shown.exposed), ("code", 0));
    assert_eq!(shown.public_key.as_ref().map(Vec::len), Some(32));
    assert!(shown.transcript.is_some());
    assert_eq!(
        world.request(&Operation::Refresh(key)),
        Reply::Begun { key, ceremony: 2 }
    );
    // A key may be retired in the middle of a refresh; nothing of it stays anywhere.
    (0..40).for_each(|_| world.step());
    assert_eq!(
        world.request(&Operation::Change(Act::Retire(key))),
        Reply::Retired(key)
    );
    world.finish();
    for actor in &world.actors {
        assert!(actor.site.vault.held.is_empty() && actor.site.vault.works.is_empty());
    }
    assert_eq!(
        refused(&mut world, &Operation::Change(Act::Retire(key))),
        Refusal::Retired
    );
    assert_eq!(
        refused(&mut world, &Operation::Refresh(key)),
        Refusal::Retired
    );
    assert_eq!(
        refused(&mut world, &Operation::Show(KeyId(2))),
        Refusal::NoSuchKey
    );
    // Its name is free again, its number is not.
    let again = Reply::Begun {
        key: KeyId(2),
        ceremony: 3,
    };
    assert_eq!(world.request(&create("code")), again);
}

#[test]
fn names_have_bounds_and_are_not_used_twice() {
    let mut world = World::new(4, &[], 1);
    for name in ["", "a\nb", "\u{7f}"] {
        assert_eq!(refused(&mut world, &create(name)), Refusal::Name);
    }
    let longest = "é".repeat(NAME_BYTES_MAX / 2);
    assert!(matches!(
        world.request(&create(&longest)),
        Reply::Begun { .. }
    ));
    assert_eq!(
        refused(&mut world, &create(&(longest + "a"))),
        Refusal::Name
    );
    assert!(matches!(world.request(&create("a")), Reply::Begun { .. }));
    assert_eq!(refused(&mut world, &create("a")), Refusal::NameTaken);
}

#[test]
fn there_are_at_most_so_many_keys_and_retired_ones_make_room() {
    let mut ordered = Ordered::new(setup(4), &[]);
    let mut minutes = 0_u64..;
    let mut request = |operation: &Operation| {
        let client = maftia_types::ClientId { key: 0, session: 0 };
        let context = Context {
            position: 1,
            // A minute each time: how many in one is limited elsewhere.
            commit_time_ms: minutes.next().unwrap() * 60_000,
            client,
        };
        let mut reply = Vec::new();
        ordered.apply(&context, &operation.to_bytes(), &mut reply);
        let back = Ordered::from_bytes(ordered.to_bytes()).unwrap();
        assert_eq!(back, ordered);
        Reply::from_bytes(reply.into()).unwrap()
    };
    for number in 0..KEYS_MAX {
        assert!(matches!(
            request(&create(&number.to_string())),
            Reply::Begun { .. }
        ));
    }
    assert_eq!(
        request(&create("more")),
        Reply::Refused(Refusal::TooManyKeys)
    );
    // As often as anybody likes: the oldest retired keys are forgotten.
    for key in 1..200 {
        assert_eq!(
            request(&Operation::Change(Act::Retire(KeyId(key)))),
            Reply::Retired(KeyId(key))
        );
        assert!(matches!(
            request(&create(&format!("more {key}"))),
            Reply::Begun { .. }
        ));
        let Reply::Keys(keys) = request(&Operation::List) else {
            panic!("listed");
        };
        assert_eq!(keys.len(), KEYS_MAX + KEYS_MAX.min(key as usize));
    }
    assert_eq!(
        request(&Operation::Show(KeyId(1))),
        Reply::Refused(Refusal::NoSuchKey)
    );
}

#[test]
fn a_fault_model_that_would_give_keys_away_makes_none() {
    let hybrid = Resilience::new(FaultModel::Hybrid, 3, 1, 0).unwrap();
    let mut setup = setup(3);
    setup.resilience = hybrid;
    let mut ordered = Ordered::new(setup, crate::keys::GENESIS_KEYS);
    assert_eq!(ordered.keys().count(), 0);
    let client = maftia_types::ClientId { key: 0, session: 0 };
    let context = Context {
        position: 1,
        commit_time_ms: 0,
        client,
    };
    let mut reply = Vec::new();
    ordered.apply(&context, &create("a").to_bytes(), &mut reply);
    let reply = Reply::from_bytes(reply.into()).unwrap();
    assert_eq!(reply, Reply::Refused(Refusal::Unshareable));
}

#[test]
fn bytes_that_mean_nothing_are_refused_or_passed_over() {
    let mut world = World::new(4, &[("a", Scheme::Bls)], 1);
    let before = world.ordered().clone();
    for bytes in [
        &b""[..],
        b"\x07",
        b"\x04\x00",
        b"\x01\xff\xff\xff\xff",
        &[2; 40],
    ] {
        world.append(site(0), Bytes::copy_from_slice(bytes));
        assert_eq!(world.ordered(), &before);
    }
}

#[test]
fn ceremonies_say_who_is_awaited_and_what_is_missing() {
    let mut world = World::new(4, &[("a", Scheme::Ed25519)], 2);
    let status = |world: &mut World| match world.request(&Operation::Ceremonies) {
        Reply::Ceremonies(all) => all.first().cloned(),
        other => panic!("{other:?}"),
    };
    let begun = status(&mut world).unwrap();
    assert_eq!((begun.ceremony, begun.key, begun.version), (1, KeyId(1), 0));
    assert_eq!((begun.dealings_missing, begun.holders_missing), (3, 3));
    assert_eq!(begun.awaited.len(), 4);
    assert_eq!(begun.transcript, None);
    // An intruder that is convicted is not waited for.
    let mut world = world.intruded(&Intruder::new(Kind::Unreadable));
    world.rush();
    let convicted = status(&mut world).unwrap();
    assert_eq!(
        convicted.awaited,
        [0, 1, 2].map(site).into_iter().collect::<SiteSet>()
    );
    assert_eq!(convicted.culprits.keys().collect::<Vec<_>>(), [&site(3)]);
    world.step_until(World::is_made);
    let made = status(&mut world).unwrap();
    assert_eq!((made.dealings_missing, made.dealt.len()), (0, 3));
    assert_eq!((made.holders_missing, made.awaited.len()), (3, 4));
    assert!(made.transcript.is_some());
    world.finish();
    assert_eq!(status(&mut world), None);
    let version = world.ordered().key(KeyId(1)).unwrap().active().unwrap();
    assert_eq!(Some(version.transcript), made.transcript);
}

/// A refresh after which everybody could know those sites' shares of before.
fn refreshed_with_exposed(exposed: &[usize]) -> SiteSet {
    let mut world = World::new(4, &[("a", Scheme::Ed25519)], 3);
    world.finish();
    let mut next = world.ordered().clone();
    let current = next.keys.get_mut(&KeyId(1)).unwrap().current.as_mut();
    current.unwrap().exposed = exposed.iter().map(|own| site(*own)).collect();
    world.states.push(Arc::new(next));
    world.request(&Operation::Refresh(KeyId(1)));
    world.finish();
    let version = world.ordered().key(KeyId(1)).unwrap().active().unwrap();
    assert_eq!(version.number, 1);
    version.exposed
}

#[test]
fn what_exposed_dealers_reshare_counts_as_published() {
    // Of any three dealers two are exposed, and with the one intruded site all is known.
    assert_eq!(refreshed_with_exposed(&[0, 1, 2]).len(), 4);
    assert_eq!(refreshed_with_exposed(&[0]), SiteSet::EMPTY);
}

#[test]
fn a_rotated_key_is_used_until_the_one_that_replaces_it_can_be() {
    let mut world = World::new(4, &[("a", Scheme::Ed25519)], 4);
    let (old, new) = (KeyId(1), KeyId(2));
    let rotate = Operation::Change(Act::Rotate(old));
    assert_eq!(refused(&mut world, &rotate), Refusal::Busy);
    world.finish();
    let begun = Reply::Begun {
        key: new,
        ceremony: 2,
    };
    assert_eq!(world.request(&rotate), begun);
    assert_eq!(refused(&mut world, &rotate), Refusal::Busy);
    assert_eq!(refused(&mut world, &create("a")), Refusal::NameTaken);
    let state = |world: &World, key| world.ordered().key(key).unwrap().state;
    assert_eq!(state(&world, old), State::Active);
    assert_eq!(state(&world, new), State::Generating);
    world.finish();
    assert_eq!(state(&world, old), State::Retired);
    assert_eq!(state(&world, new), State::Active);
    let public = |world: &World, key| {
        let record = world.ordered().key(key).unwrap();
        record.current.as_ref().unwrap().sharing.key_bytes()
    };
    assert_ne!(public(&world, old), public(&world, new), "both are known");
    for actor in &world.actors {
        let mut held = actor.site.vault.held.keys();
        assert!(held.all(|(key, _)| *key == new));
    }
    assert_eq!(refused(&mut world, &rotate), Refusal::Retired);
}

#[test]
fn a_key_that_is_retired_before_it_replaces_another_leaves_that_in_use() {
    let keys = [("a", Scheme::Bls), ("vault", Scheme::Seal)];
    let mut world = World::new(4, &keys, 4);
    world.finish();
    let seal = Operation::Change(Act::Rotate(KeyId(2)));
    assert_eq!(refused(&mut world, &seal), Refusal::Unrotatable);
    let rotate = Operation::Change(Act::Rotate(KeyId(1)));
    assert!(matches!(world.request(&rotate), Reply::Begun { .. }));
    let retire = Operation::Change(Act::Retire(KeyId(3)));
    assert_eq!(world.request(&retire), Reply::Retired(KeyId(3)));
    world.finish();
    assert!(world.ordered().key(KeyId(1)).unwrap().active().is_some());
    assert!(matches!(world.request(&rotate), Reply::Begun { .. }));
}
