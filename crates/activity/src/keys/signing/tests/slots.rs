use bytes::Bytes;

use super::verify_ed25519;
use crate::keys::sessions::USES_PER_MINUTE_CEILING;
use crate::keys::sessions::tests::world::World;
use crate::keys::sessions::{Answer, OPEN_PER_CLIENT_MAX, Policy, Refusal, Request};
use crate::keys::signing::{REGISTERS_PER_KEY_MAX, Slot};
use crate::keys::{KeyId, Scheme, State};

fn slot(register: &str, number: u64) -> Option<Slot> {
    Some(Slot {
        register: Bytes::copy_from_slice(register.as_bytes()),
        number,
    })
}

fn sign(message: &str, slot: Option<Slot>) -> Request {
    Request::Sign {
        key: KeyId(1),
        message: Bytes::copy_from_slice(message.as_bytes()),
        slot,
    }
}

fn world() -> World {
    let mut world = World::new(4, &[Scheme::Ed25519]);
    let policy = Policy {
        one_message_per_slot: true,
        uses_per_minute_max: USES_PER_MINUTE_CEILING,
        ..Policy::of(Scheme::Ed25519)
    };
    world.set_policy(1, policy);
    world.commits(2);
    world
}

#[test]
fn a_slot_has_one_message_for_ever_and_numbers_increase() {
    let mut world = world();
    let session = world.begin(&sign("a", slot("chain", 7)));
    let signature = world.signature(session, 4);
    verify_ed25519(&world, b"a", &signature);
    world.restore();
    let refused = |refusal| Answer::Refused(refusal);
    assert_eq!(
        world.ask(&sign("b", slot("chain", 7))),
        refused(Refusal::SlotTaken)
    );
    let past = Refusal::SlotPast { last: 7 };
    assert_eq!(world.ask(&sign("a", slot("chain", 6))), refused(past));
    assert!(matches!(
        world.ask(&sign("a", slot("chain", 7))),
        Answer::Session(_)
    ));
    assert!(matches!(
        world.ask(&sign("b", slot("other", 7))),
        Answer::Session(_)
    ));
    assert!(matches!(
        world.ask(&sign("b", slot("chain", 8))),
        Answer::Session(_)
    ));
    assert_eq!(world.ask(&sign("c", None)), refused(Refusal::SlotNeeded));
    assert_eq!(
        world.ask(&sign("c", slot("", 1))),
        refused(Refusal::Malformed)
    );
    assert_eq!(
        world.ask(&sign("c", slot(&"x".repeat(65), 1))),
        refused(Refusal::Malformed)
    );
    assert!(matches!(
        world.ask(&sign("c", slot(&"x".repeat(64), 1))),
        Answer::Session(_)
    ));
}

#[test]
fn a_refused_request_takes_no_slot() {
    let mut world = world();
    world
        .habits
        .fill(crate::keys::sessions::tests::world::Habit::Silent);
    for number in 0..OPEN_PER_CLIENT_MAX {
        world.begin(&sign("a", slot("chain", number as u64)));
    }
    let busy = Answer::Refused(Refusal::Busy);
    assert_eq!(world.ask(&sign("a", slot("chain", 9_999))), busy);
    world.commit_after(crate::keys::sessions::OPEN_MS_MAX);
    assert!(matches!(
        world.ask(&sign("b", slot("chain", 9_998))),
        Answer::Session(_)
    ));
}

#[test]
fn a_key_without_the_policy_knows_no_slots() {
    let mut world = World::new(4, &[Scheme::Ed25519]);
    let refused = Answer::Refused(Refusal::SlotUnexpected);
    assert_eq!(world.ask(&sign("a", slot("chain", 7))), refused);
}

#[test]
fn there_are_as_many_registers_as_may_be_until_their_key_is_retired() {
    let mut world = world();
    world.deal(KeyId(2), Scheme::Ed25519, 0);
    world.set_policy(
        2,
        world
            .ordered
            .sessions
            .policy(&world.ordered.keys[&KeyId(1)]),
    );
    for number in 0..REGISTERS_PER_KEY_MAX {
        let slot = slot(&number.to_string(), 1);
        let digest = maftia_types::Digest::ZERO;
        let registers = &mut world.ordered.sessions.registers;
        assert_eq!(
            registers.check(KeyId(1), slot.as_ref().unwrap(), digest),
            Ok(())
        );
        registers.take(KeyId(1), slot.unwrap(), digest);
    }
    let refused = Answer::Refused(Refusal::TooManyRegisters);
    assert_eq!(world.ask(&sign("a", slot("one more", 1))), refused);
    assert!(matches!(
        world.ask(&sign("a", slot("0", 2))),
        Answer::Session(_)
    ));
    // Another key has room of its own.
    let other = Request::Sign {
        key: KeyId(2),
        message: Bytes::from_static(b"a"),
        slot: slot("one more", 1),
    };
    assert!(matches!(world.ask(&other), Answer::Session(_)));
    world.restore();
    world.ordered.retire(KeyId(1)).unwrap();
    world.ordered.keys.get_mut(&KeyId(1)).unwrap().state = State::Active;
    world.set_policy(
        1,
        world
            .ordered
            .sessions
            .policy(&world.ordered.keys[&KeyId(2)]),
    );
    assert!(matches!(
        world.ask(&sign("a", slot("one more", 1))),
        Answer::Session(_)
    ));
}

#[test]
fn a_key_that_replaces_another_does_not_contradict_it() {
    let mut world = world();
    world.begin(&sign("a", slot("chain", 7)));
    world.deal(KeyId(2), Scheme::Ed25519, 0);
    let policy = world
        .ordered
        .sessions
        .policy(&world.ordered.keys[&KeyId(1)]);
    world.set_policy(2, policy);
    world.ordered.sessions.hand_over(KeyId(1), KeyId(2));
    world.restore();
    let by_other = |message: &str, number| Request::Sign {
        key: KeyId(2),
        message: Bytes::copy_from_slice(message.as_bytes()),
        slot: slot("chain", number),
    };
    let taken = Answer::Refused(Refusal::SlotTaken);
    assert_eq!(world.ask(&by_other("b", 7)), taken);
    let past = Answer::Refused(Refusal::SlotPast { last: 7 });
    assert_eq!(world.ask(&by_other("b", 6)), past);
    assert!(matches!(world.ask(&by_other("b", 8)), Answer::Session(_)));
    let used = |key| Request::Slots { key: KeyId(key) };
    let expected: Vec<Slot> = slot("chain", 8).into_iter().collect();
    assert_eq!(world.ask(&used(2)), Answer::Slots(expected));
    assert_eq!(world.ask(&used(1)), Answer::Slots(Vec::new()));
    assert_eq!(world.ask(&used(9)), Answer::Refused(Refusal::NoSuchKey));
}
