use bytes::Bytes;
use maftia_codec::Wire;
use maftia_types::Digest;
use rand::RngExt as _;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;

use super::super::deal::Contribution;
use super::hostile::{Intruder, Kind};
use super::runs::EVERY_SCHEME;
use super::world::World;
use crate::keys::sessions::{Policy, Users};
use crate::keys::{Act, KeyId, Operation, Ordered, Proposal, Refusal, Reply, Scheme};

/// Bends the encoding of a value; what still decodes has that encoding and no other.
fn check<T: Wire>(value: &T, times: usize) {
    let good = value.to_bytes();
    let again = T::from_bytes(good.clone()).map(|value| value.to_bytes());
    assert_eq!(again, Ok(good.clone()));
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    for _ in 0..times {
        let mut bytes = good.to_vec();
        for _ in 0..rng.random_range(1..3) {
            let at = rng.random_range(0..bytes.len());
            bytes[at] = rng.random();
        }
        bytes.truncate(rng.random_range(bytes.len() / 2..2 * bytes.len()));
        let bytes = Bytes::from(bytes);
        if let Ok(value) = T::from_bytes(bytes.clone()) {
            assert_eq!(value.to_bytes(), bytes);
        }
    }
}

#[test]
fn whatever_clients_say_and_hear_has_one_encoding() {
    let (name, scheme) = ("code".to_owned(), Scheme::Seal);
    let policy = Some(Policy {
        users: Users::Only([1, 7].into()),
        ..Policy::of(scheme)
    });
    let act = Act::Create {
        name,
        scheme,
        policy,
    };
    check(&Operation::Change(act.clone()), 500);
    let proposal = Proposal {
        number: 1,
        act,
        proposer: 4,
        approved_by: [2, 4].into(),
        needed: 3,
        until_ms: 5,
    };
    check(&Reply::Proposals(vec![proposal.clone(), proposal]), 500);
    check(
        &Operation::Change(Act::Permit {
            key: KeyId(1),
            users: Users::Only([1, 7].into()),
            uses_per_minute_max: 5,
        }),
        200,
    );
    for operation in [
        Operation::Ceremonies,
        Operation::List,
        Operation::Proposals,
        Operation::Approve {
            proposal: 7,
            digest: Digest::ZERO,
        },
        Operation::Refresh(KeyId(1)),
        Operation::Change(Act::Retire(KeyId(1))),
        Operation::Show(KeyId(1)),
    ] {
        check(&operation, 50);
    }
    let world = World::new(4, EVERY_SCHEME, 1);
    let mut world = world.intruded(&Intruder::new(Kind::Unreadable));
    world.rush();
    world.step_until(World::is_made);
    check(&world.request(&Operation::Ceremonies), 2000);
    world.finish();
    check(&world.request(&Operation::List), 2000);
    check(&world.request(&Operation::Show(KeyId(1))), 500);
    check(
        &world.request(&Operation::Change(Act::Retire(KeyId(1)))),
        50,
    );
    check(&world.request(&Operation::Refresh(KeyId(2))), 50);
    for refusal in [
        Refusal::Busy,
        Refusal::Changing,
        Refusal::Coin,
        Refusal::Malformed,
        Refusal::Name,
        Refusal::NameTaken,
        Refusal::NoSuchKey,
        Refusal::Retired,
        Refusal::TooManyKeys,
        Refusal::Unrotatable,
        Refusal::Unshareable,
    ] {
        check(&Reply::Refused(refusal), 10);
    }
}

#[test]
fn whatever_sites_say_has_one_encoding() {
    let mut world = World::new(4, EVERY_SCHEME, 2).lossy(40);
    world.finish();
    for (_, word) in &world.log {
        check(&Contribution::from_bytes(word.clone()).unwrap(), 100);
    }
}

#[test]
fn a_state_has_one_encoding() {
    let world = World::new(4, EVERY_SCHEME, 3).lossy(30);
    let mut world = world.intruded(&Intruder::new(Kind::NoProof));
    world.rush();
    world.step_until(World::is_made);
    check::<Ordered>(&world.ordered().clone(), 300);
    world.finish();
    check::<Ordered>(&world.ordered().clone(), 300);
}
