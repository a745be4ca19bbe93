use bytes::Bytes;
use maftia_codec::Wire as _;
use maftia_threshold::frost::{NonceCommitment, SentCommitment};

use super::verify_ed25519;
use crate::keys::sessions::tests::world::{Habit, World, observe, site};
use crate::keys::sessions::{Answer, Contribution, Standing, Work};
use crate::keys::signing::{
    COMMITMENTS_AHEAD, COMMITMENTS_LOW, COMMITMENTS_MAX, INCARNATION_STEP_MAX, Intake, LOOKS_MAX,
    Pool,
};
use crate::keys::{Ordered, Scheme};
use maftia_types::{Epoch, Incarnation};

fn world() -> World {
    let mut world = World::new(4, &[Scheme::Ed25519]);
    world.commits(2);
    world
}

fn unused(ordered: &Ordered, index: u8) -> Vec<NonceCommitment> {
    let stock = ordered.sessions.pool.stock(site(index)).unwrap();
    stock.unused().copied().collect()
}

fn life(ordered: &Ordered, index: u8) -> Incarnation {
    ordered
        .sessions
        .pool
        .stock(site(index))
        .unwrap()
        .incarnation
}

fn shares(contributions: &[Bytes]) -> usize {
    let frost = |own: &&Bytes| {
        let own = Contribution::from_bytes((*own).clone());
        matches!(own, Ok(Contribution::Frost { .. }))
    };
    contributions.iter().filter(frost).count()
}

#[test]
fn every_site_publishes_commitments_ahead_and_more_when_few_are_left() {
    let mut world = world();
    assert_eq!(unused(&world.ordered, 0).len(), COMMITMENTS_AHEAD);
    for _ in 0..30 {
        let session = world.sign(1, b"hello");
        world.signature(session, 4);
        assert!(unused(&world.ordered, 0).len() >= COMMITMENTS_LOW);
    }
    world.commits(3);
    assert!(unused(&world.ordered, 0).len() > COMMITMENTS_LOW);
}

#[test]
fn more_sessions_than_commitments_at_once_are_all_signed() {
    let mut world = world();
    let messages: Vec<_> = (0..3 * COMMITMENTS_AHEAD)
        .map(|own| own.to_string())
        .collect();
    let sessions: Vec<_> = messages
        .iter()
        .map(|own| world.sign(1, own.as_bytes()))
        .collect();
    for (session, message) in sessions.into_iter().zip(messages) {
        let signature = world.signature(session, 60);
        verify_ed25519(&world, message.as_bytes(), &signature);
    }
}

#[test]
fn c12_a_restart_in_the_middle_of_a_session_voids_all_nonces_and_the_signature_comes_at_once() {
    let mut world = world();
    let session = world.sign(1, b"hello");
    let before = unused(&world.ordered, 0);
    // It was named, and stops before it has seen that.
    world.restart(0);
    let signature = world.signature(session, 6);
    verify_ed25519(&world, b"hello", &signature);
    world.commits(2);
    let after = unused(&world.ordered, 0);
    assert!(!after.is_empty() && after.iter().all(|own| !before.contains(own)));
    assert_eq!(world.ordered.evidence().len(), 0);
    assert_eq!(world.ordered.standing(site(0)), Standing::Good);
}

#[test]
fn c12_a_site_that_restarts_between_its_share_and_its_order_does_not_answer_again() {
    let mut world = world();
    let session = world.sign(1, b"hello");
    // It answers, but the block that holds the share is lost.
    let answered = observe(&mut world.sites[0], &world.ordered, world.now_ms);
    assert_eq!(shares(&answered.contributions), 1);
    world.restart(0);
    let out = observe(&mut world.sites[0], &world.ordered, world.now_ms);
    assert_eq!(shares(&out.contributions), 0);
    assert!(
        out.vault.is_some(),
        "the new life is on the disk before its commitments leave"
    );
    world.disks[0] = out.vault.unwrap().to_vec();
    for contribution in out.contributions {
        world.deliver(site(0), &contribution);
    }
    world.signature(session, 6);
}

#[test]
fn c12_state_that_is_rolled_back_and_names_a_commitment_for_another_message_gets_no_share() {
    let mut world = world();
    let (mut one, mut other) = (world.ordered.clone(), world.ordered.clone());
    world.sign(1, b"one");
    std::mem::swap(&mut one, &mut world.ordered);
    std::mem::swap(&mut other, &mut world.ordered);
    world.sign(1, b"other");
    std::mem::swap(&mut other, &mut world.ordered);
    let now_ms = world.now_ms;
    assert_eq!(
        shares(&observe(&mut world.sites[0], &one, now_ms).contributions),
        1
    );
    for _ in 0..3 {
        assert_eq!(
            shares(&observe(&mut world.sites[0], &other, now_ms).contributions),
            0
        );
    }
}

#[test]
fn c12_concurrent_sessions_use_different_nonces() {
    let mut world = world();
    let (one, other) = (world.sign(1, b"one"), world.sign(1, b"other"));
    let named = |session| {
        let Work::Frost(frost) = &world.ordered.sessions.open[session].work else {
            panic!("not FROST");
        };
        let (_, attempt) = frost.attempts().next().unwrap();
        *attempt.owed_by(site(1)).unwrap()
    };
    assert_ne!(named(&one), named(&other));
    for (session, message) in [(one, "one"), (other, "other")] {
        let signature = world.signature(session, 4);
        verify_ed25519(&world, message.as_bytes(), &signature);
    }
}

#[test]
fn c18_randomness_that_repeats_after_a_restart_gives_other_nonces() {
    let mut world = World::new(4, &[Scheme::Ed25519]);
    world.restart_with_seed(0, [9; 32]);
    world.commits(2);
    let before = unused(&world.ordered, 0);
    // The machine is cloned with its randomness, and so is the ordered state that it sees.
    world.restart_with_seed(0, [9; 32]);
    let blank = World::new(4, &[Scheme::Ed25519]);
    let out = observe(&mut world.sites[0], &blank.ordered, world.now_ms);
    let [contribution] = &out.contributions[..] else {
        panic!("not one contribution");
    };
    let Ok(Contribution::Nonces(after)) = Contribution::from_bytes(contribution.clone()) else {
        panic!("no nonces");
    };
    let points = |own: &SentCommitment| own.to_bytes().slice(24..);
    let sent = before.iter().map(|own| points(&SentCommitment::from(*own)));
    let before: Vec<_> = sent.collect();
    assert!(after.iter().map(points).all(|own| !before.contains(&own)));
}

#[test]
fn c12_a_vault_that_was_rolled_back_begins_a_life_beyond_the_one_that_is_known() {
    let mut world = world();
    let old = world.disks[0].clone();
    world.restart(0);
    world.commits(2);
    let known = life(&world.ordered, 0);
    world.disks[0] = old;
    world.restart(0);
    world.commits(2);
    assert!(life(&world.ordered, 0) > known);
    let session = world.sign(1, b"hello");
    world.signature(session, 4);
}

#[test]
fn c18_two_copies_of_a_site_never_answer_with_one_nonce() {
    let mut world = world();
    // The copy has the same disk; it does not see what the first one publishes until it is ordered.
    let mut copy = World::new(4, &[Scheme::Ed25519]);
    copy.disks[0].clone_from(&world.disks[0]);
    copy.restart(0);
    copy.sites[0].vault.lives -= 1;
    let out = observe(&mut copy.sites[0], &world.ordered, world.now_ms);
    for contribution in out.contributions {
        world.deliver(site(0), &contribution);
    }
    world.commits(4);
    let session = world.sign(1, b"hello");
    let signature = world.signature(session, 10);
    verify_ed25519(&world, b"hello", &signature);
}

#[test]
fn a_site_that_voids_its_nonces_again_and_again_does_not_hold_a_session_up() {
    let mut world = world();
    world.habits[0] = Habit::Silent;
    let session = world.sign(1, b"hello");
    let mut commits = 0;
    while let Answer::Pending { .. } = world.result(session) {
        world.restart(0);
        let out = observe(&mut world.sites[0], &world.ordered, world.now_ms);
        world.disks[0] = out.vault.unwrap().to_vec();
        for contribution in out.contributions {
            world.deliver(site(0), &contribution);
        }
        world.commit();
        commits += 1;
        assert!(commits < 6);
    }
}

#[test]
fn the_pool_takes_as_many_commitments_of_a_site_as_may_be_and_lives_in_one_direction() {
    let mut world = world();
    let mut pool = Pool::default();
    let of = |incarnation: u64, number: u64| {
        let mut bytes = unused(&world.ordered, 0)[0].to_bytes().to_vec();
        bytes[8..16].copy_from_slice(&incarnation.to_le_bytes());
        bytes[16..24].copy_from_slice(&number.to_le_bytes());
        SentCommitment::from_bytes(bytes.into()).unwrap()
    };
    // A commit for each: how many are looked at in one is another matter.
    let mut commits = 1..;
    let mut add = |own| {
        let commit = commits.next().unwrap();
        pool.add((Epoch(0), commit), site(0), &own)
    };
    assert_eq!(add(of(5, 0)), Intake::NewLife);
    for number in 1..COMMITMENTS_MAX as u64 {
        assert_eq!(add(of(5, number)), Intake::Taken);
    }
    assert_eq!(add(of(5, COMMITMENTS_MAX as u64)), Intake::Dropped);
    assert_eq!(add(of(4, 99)), Intake::Dropped, "a life that is over");
    assert_eq!(add(of(6, 3)), Intake::NewLife);
    assert_eq!(add(of(6, 3)), Intake::Dropped, "the same again");
    assert_eq!(add(of(6, 2)), Intake::Dropped, "out of order");
    assert_eq!(add(of(6, u64::MAX)), Intake::Dropped);
    assert_eq!(add(of(6 + INCARNATION_STEP_MAX + 1, 0)), Intake::Dropped);
    assert_eq!(add(of(6 + INCARNATION_STEP_MAX, 0)), Intake::NewLife);
    assert_eq!(
        pool.add((Epoch(1), 1), site(1), &of(1, 0)),
        Intake::Dropped,
        "another epoch"
    );
    assert_eq!(pool.stock(site(0)).unwrap().unused().len(), 1);
    assert_eq!(Pool::from_bytes(pool.to_bytes()), Ok(pool));
    world.commit();
}

/// A contribution of those numbers of the site's life, as it was sent; the points of a bad one are
/// none.
fn numbered(world: &World, numbers: std::ops::Range<u64>, good: bool) -> Bytes {
    let known = unused(&world.ordered, 0)[0];
    let of = |number: u64| {
        let mut bytes = known.to_bytes().to_vec();
        bytes[16..24].copy_from_slice(&number.to_le_bytes());
        if !good {
            bytes[24..].fill(0xff);
        }
        SentCommitment::from_bytes(bytes.into()).unwrap()
    };
    Contribution::Nonces(numbers.map(of).collect()).to_bytes()
}

#[test]
fn points_are_looked_at_if_they_are_news_and_of_so_many_commitments_in_a_commit() {
    let mut world = world();
    let stock = |world: &World| unused(&world.ordered, 0).len();
    let held = stock(&world);
    let next = held as u64;
    world.habits.fill(Habit::Silent);
    world.commit();
    // What was seen before, however often, keeps nothing out: its points are not looked at.
    for good in [false, true, false, true] {
        let stale = numbered(&world, 0..next, good);
        world.deliver(site(0), &stale);
    }
    for number in 1..u64::from(LOOKS_MAX) {
        let bad = numbered(&world, next + number..next + number + 1, false);
        world.deliver(site(0), &bad);
    }
    assert_eq!(stock(&world), held);
    let news = numbered(&world, next..next + 2, true);
    world.deliver(site(0), &news);
    assert_eq!(stock(&world), held + 1, "the last one looked at");
    world.restore();
    world.commit();
    world.deliver(site(0), &news);
    assert_eq!(stock(&world), held + 2);
}
