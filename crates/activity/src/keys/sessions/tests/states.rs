use bytes::Bytes;
use maftia_codec::Wire as _;
use proptest::prelude::*;

use super::world::{Habit, World, falsified, site};
use crate::keys::sessions::{Answer, Contribution, Refusal, Request, Standing};
use crate::keys::{KeyId, Ordered, Scheme};

const SIGNING: [Scheme; 2] = [Scheme::Ed25519, Scheme::Bls];

/// Runs sessions of both schemes, and copies the state to another machine after `at` commits.
fn run(at: usize) -> Bytes {
    let mut world = World::new(4, &SIGNING);
    world.habits[1] = Habit::Lying;
    world.commits(2);
    let sessions = [
        world.sign(1, b"a"),
        world.sign(2, b"b"),
        world.sign(1, b"c"),
    ];
    for commit in 0..40 {
        if commit == at {
            world.restore();
        }
        world.commit();
    }
    for session in sessions {
        world.signature(session, 0x40);
    }
    world.ordered.to_bytes()
}

#[test]
fn a_state_that_was_restored_in_the_middle_of_sessions_goes_on_with_equal_bytes() {
    let undisturbed = run(usize::MAX);
    for at in 0..6 {
        assert_eq!(run(at), undisturbed, "restored after {at} commits");
    }
}

#[test]
fn sessions_begin_again_when_the_key_gets_other_shares_and_nobody_is_blamed() {
    let mut world = World::new(4, &SIGNING);
    world.commits(2);
    let sessions = [world.sign(1, b"a"), world.sign(2, b"b")];
    // Sites have answered under the former version; these answers are delivered under the next.
    world.commit();
    world.deal(KeyId(1), Scheme::Ed25519, 1);
    world.deal(KeyId(2), Scheme::Bls, 1);
    for session in sessions {
        world.signature(session, 10);
    }
    assert_eq!(world.ordered.evidence().len(), 0);
}

#[test]
fn one_share_of_the_former_version_among_those_of_the_next_blames_nobody() {
    let mut world = World::new(4, &[Scheme::Bls, Scheme::Beacon]);
    // Only one site answers before the shares are exchanged.
    world.habits[1..].fill(Habit::Silent);
    let session = world.sign(1, b"a");
    world.commit();
    world.deal(KeyId(1), Scheme::Bls, 1);
    world.deal(KeyId(2), Scheme::Beacon, 1);
    world.habits.fill(Habit::Honest);
    world.signature(session, 4);
    assert_eq!(world.ordered.evidence().len(), 0);
    let latest = Request::Latest { key: KeyId(2) };
    assert!(matches!(world.ask(&latest), Answer::Round(_)));
}

#[test]
fn a_session_ends_when_its_key_is_retired() {
    let mut world = World::new(4, &SIGNING);
    let session = world.sign(1, b"a");
    let record = world.ordered.keys.get_mut(&KeyId(1)).unwrap();
    record.state = crate::keys::State::Retired;
    world.commit();
    assert_eq!(world.result(session), Answer::Refused(Refusal::KeyGone));
}

#[test]
fn a_wrong_share_convicts_its_sender_and_a_copy_of_it_nobody_else() {
    let mut world = World::new(4, &SIGNING);
    world.commits(2);
    world.sign(1, b"a");
    world.commit();
    let shares = world.seen.iter().rev();
    let share = shares
        .take_while(|own| own[0] == 34)
        .last()
        .unwrap()
        .clone();
    // Another site's share is of no use to a site that owes one itself: it is wrong there.
    world.deliver(site(1), &share);
    assert_eq!(world.ordered.standing(site(1)), Standing::Convicted);
    assert_eq!(world.ordered.standing(site(0)), Standing::Good);
    world.deliver(site(2), &falsified(share));
    assert_eq!(
        world.ordered.standing(site(2)),
        Standing::Good,
        "the attempt is over"
    );
}

#[test]
fn contributions_decode_from_one_form_only() {
    let mut world = World::new(4, &SIGNING);
    world.commits(2);
    world.sign(1, b"a");
    world.sign(2, b"a");
    world.commits(2);
    for bytes in &world.seen {
        let own = Contribution::from_bytes(bytes.clone()).unwrap();
        assert_eq!(own.to_bytes(), *bytes);
    }
}

proptest! {
    #[test]
    fn bytes_that_mean_nothing_change_no_state(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        tag in 32_u8..40,
    ) {
        let mut world = World::new(4, &[]);
        let before = world.ordered.to_bytes();
        let bytes = [&[tag][..], &bytes].concat();
        world.deliver(site(0), &bytes.clone().into());
        let mut reply = Vec::new();
        let client = super::world::CLIENT;
        let context = crate::replication::Context { position: 1, commit_time_ms: 0, client };
        world.ordered.apply(&context, &bytes.into(), &mut reply);
        prop_assert!(Answer::from_bytes(reply.into()).is_ok());
        prop_assert_eq!(world.ordered.to_bytes(), before);
    }

    #[test]
    fn a_damaged_state_is_refused_or_another_state(at in any::<prop::sample::Index>(), flip in 1..=u8::MAX) {
        static STATE: std::sync::OnceLock<Bytes> = std::sync::OnceLock::new();
        let bytes = STATE.get_or_init(|| run(usize::MAX));
        let mut damaged = bytes.to_vec();
        let at = at.index(damaged.len());
        damaged[at] ^= flip;
        if let Ok(state) = Ordered::from_bytes(damaged.clone().into()) {
            prop_assert_eq!(state.to_bytes(), damaged);
        }
    }
}
