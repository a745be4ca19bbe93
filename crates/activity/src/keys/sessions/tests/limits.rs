use bytes::Bytes;
use maftia_codec::Wire as _;
use maftia_types::ClientId;

use super::world::{CLIENT, COMMIT_MS, Habit, World};
use crate::keys::ceremony::Origin;
use crate::keys::sessions::{
    Answer, BEACON_PERIOD_MS_MIN, FINISHED_MAX, FINISHED_MS_MAX, OPEN_MAX, OPEN_MS_MAX,
    OPEN_PER_CLIENT_MAX, Policy, Refusal, Request, USES_MAX, USES_PER_MINUTE_CEILING, Users,
};
use crate::keys::signing::MESSAGE_BYTES_MAX;
use crate::keys::{Act, KEYS_MAX, KeyId, Operation, Reply, Scheme};

fn sign(key: u32) -> Request {
    Request::Sign {
        key: KeyId(key),
        message: Bytes::from_static(b"a"),
        slot: None,
    }
}

fn unlimited(scheme: Scheme) -> Policy {
    Policy {
        uses_per_minute_max: USES_PER_MINUTE_CEILING,
        ..Policy::of(scheme)
    }
}

fn silent(n: u8, schemes: &[Scheme]) -> World {
    let mut world = World::new(n, schemes);
    world.habits.fill(Habit::Silent);
    for (scheme, key) in schemes.iter().zip(1..) {
        world.set_policy(key, unlimited(*scheme));
    }
    world
}

#[test]
fn as_many_sessions_are_open_as_may_be_and_expired_ones_make_room() {
    let mut world = silent(4, &[Scheme::Bls]);
    let first = world.begin(&sign(1));
    for _ in 1..OPEN_PER_CLIENT_MAX {
        world.begin(&sign(1));
    }
    // One client has half of the places, the others share the rest.
    assert_eq!(world.ask(&sign(1)), Answer::Refused(Refusal::Busy));
    let mut session = 0;
    let mut by = |key| {
        session += 1;
        world.ask_as(ClientId { key, session }, &sign(1))
    };
    for number in OPEN_PER_CLIENT_MAX..OPEN_MAX {
        let opened = by(4 + u32::from(number % 2 == 0));
        assert!(matches!(opened, Answer::Session(_)));
    }
    assert_eq!(by(6), Answer::Refused(Refusal::Busy));
    assert_eq!(world.ask(&sign(1)), Answer::Refused(Refusal::Busy));
    world.commit_after(OPEN_MS_MAX - 1);
    assert_eq!(world.ask(&sign(1)), Answer::Refused(Refusal::Busy));
    assert!(matches!(world.result(first), Answer::Pending { .. }));
    world.commit_after(1);
    assert_eq!(world.result(first), Answer::Refused(Refusal::Expired));
    world.begin(&sign(1));
    world.restore();
}

#[test]
fn results_are_forgotten_when_there_are_too_many_and_when_they_are_too_old() {
    let mut world = silent(4, &[Scheme::Bls]);
    let mut sessions = Vec::new();
    for _ in 0..=FINISHED_MAX / OPEN_MAX {
        for number in 0..OPEN_MAX {
            let key = u32::from(number % 2 == 0);
            let client = ClientId { key, session: 0 };
            match world.ask_as(client, &sign(1)) {
                Answer::Session(session) => sessions.push(session),
                other => panic!("{other:?}"),
            }
        }
        world.commit_after(OPEN_MS_MAX);
    }
    world.restore();
    let gone = Answer::Refused(Refusal::NoSuchSession);
    let oldest = sessions.len() - FINISHED_MAX;
    assert_eq!(world.result(sessions[oldest - 1]), gone);
    let kept = sessions[oldest];
    assert_eq!(world.result(kept), Answer::Refused(Refusal::Expired));
    let latest = *sessions.last().unwrap();
    world.commit_after(FINISHED_MS_MAX - 1);
    assert_eq!(world.result(latest), Answer::Refused(Refusal::Expired));
    world.commit_after(1);
    assert_eq!(world.result(latest), gone);
}

#[test]
fn c17_a_client_uses_a_key_as_often_in_a_minute_as_its_policy_says() {
    let mut world = silent(4, &[Scheme::Bls, Scheme::Bls]);
    let policy = Policy {
        uses_per_minute_max: 2,
        ..Policy::of(Scheme::Bls)
    };
    world.set_policy(1, policy);
    world.now_ms = 60_000 * 50;
    world.commit_after(0);
    let other = ClientId { key: 4, session: 1 };
    world.begin(&sign(1));
    world.begin(&sign(1));
    assert_eq!(world.ask(&sign(1)), Answer::Refused(Refusal::RateLimited));
    assert!(matches!(world.ask_as(other, &sign(1)), Answer::Session(_)));
    assert!(matches!(world.ask(&sign(2)), Answer::Session(_)));
    world.commit_after(60_000 - COMMIT_MS);
    assert_eq!(world.ask(&sign(1)), Answer::Refused(Refusal::RateLimited));
    world.commit();
    assert!(matches!(world.ask(&sign(1)), Answer::Session(_)));
}

#[test]
fn uses_of_more_clients_than_can_be_counted_are_refused_until_the_next_minute() {
    let mut world = silent(4, &[Scheme::Seal]);
    let users = Policy {
        users: Users::Everyone,
        ..unlimited(Scheme::Seal)
    };
    world.set_policy(1, users);
    let request = Request::Decrypt {
        key: KeyId(1),
        ciphertext: Bytes::new(),
        to: crate::keys::sealing::Recipient::of(&maftia_threshold::Secret::random(
            &mut super::world::rng(1),
        )),
    };
    let ask = |world: &mut World, key: usize| {
        let key = u32::try_from(key).unwrap();
        world.ask_as(ClientId { key, session: 0 }, &request)
    };
    for key in 0..USES_MAX {
        assert_eq!(ask(&mut world, key), Answer::Refused(Refusal::Ciphertext));
    }
    assert_eq!(ask(&mut world, USES_MAX), Answer::Refused(Refusal::Busy));
    assert_eq!(ask(&mut world, 0), Answer::Refused(Refusal::Ciphertext));
    world.commit_after(60_000);
    assert_eq!(
        ask(&mut world, USES_MAX),
        Answer::Refused(Refusal::Ciphertext)
    );
}

#[test]
fn only_those_whom_a_policy_names_use_a_key() {
    let mut world = silent(4, &[Scheme::Bls]);
    let policy = Policy {
        users: Users::Only([4].into()),
        ..unlimited(Scheme::Bls)
    };
    world.set_policy(1, policy);
    assert_eq!(world.ask(&sign(1)), Answer::Refused(Refusal::NotPermitted));
    let named = ClientId { key: 4, session: 9 };
    assert!(matches!(world.ask_as(named, &sign(1)), Answer::Session(_)));
    assert_eq!(world.ask(&sign(9)), Answer::Refused(Refusal::NoSuchKey));
}

#[test]
fn a_key_is_created_with_its_policy() {
    let mut world = silent(4, &[]);
    let policy = Policy {
        users: Users::Only([4, 5].into()),
        one_message_per_slot: true,
        uses_per_minute_max: 1,
        period_ms: 7_000,
    };
    let create = Operation::Change(Act::Create {
        name: "release".into(),
        scheme: Scheme::Ed25519,
        policy: Some(policy.clone()),
    });
    let Reply::Begun { key, .. } = world.operate_as(CLIENT, &create) else {
        panic!("not begun");
    };
    world.restore();
    assert_eq!(world.ordered.sessions.policies.get(&key), Some(&policy));
    let taken = Reply::Refused(crate::keys::Refusal::NameTaken);
    assert_eq!(world.operate_as(CLIENT, &create), taken);
}

#[test]
fn a_message_has_as_many_bytes_as_may_be_and_not_one_more() {
    let mut world = silent(4, &[Scheme::Bls]);
    let of = |bytes: usize| Request::Sign {
        key: KeyId(1),
        message: vec![0; bytes].into(),
        slot: None,
    };
    world.begin(&of(MESSAGE_BYTES_MAX));
    world.restore();
    assert_eq!(
        world.ask(&of(MESSAGE_BYTES_MAX + 1)),
        Answer::Refused(Refusal::Malformed)
    );
}

#[test]
fn policies_of_keys_that_are_retired_in_one_commit_leave_a_state_that_decodes() {
    let mut world = silent(4, &[]);
    for number in 0..3 * KEYS_MAX {
        let name = number.to_string();
        let made = world.ordered.create(Origin::Genesis, name, Scheme::Seal);
        let (key, _) = made.unwrap();
        let policy = unlimited(Scheme::Seal);
        world.ordered.sessions.set_policy(key, policy);
        world.ordered.retire(key).unwrap();
        world.restore();
    }
    assert!(world.ordered.sessions.policies.is_empty());
}

#[test]
fn policies_without_bounds_do_not_decode() {
    let with = |period_ms, uses_per_minute_max| {
        let policy = Policy {
            period_ms,
            uses_per_minute_max,
            ..Policy::of(Scheme::Beacon)
        };
        Policy::from_bytes(policy.to_bytes()) == Ok(policy)
    };
    let (period, uses) = (BEACON_PERIOD_MS_MIN, USES_PER_MINUTE_CEILING);
    assert!(with(period, uses) && with(u32::MAX, 0));
    assert!(!with(period - 1, uses) && !with(0, uses));
    assert!(!with(period, uses + 1) && !with(period, u32::MAX));
}
