use maftia_codec::Wire as _;
use maftia_threshold::bls::{PublicKey, Signature};
use maftia_types::Digest;

use super::{CERTIFICATES_KEPT, Certificate, KEY_NAME, checkpoint_tag};
use crate::keys::sessions::tests::world::{COMMIT_MS, GROUP, Habit, World, site};
use crate::keys::sessions::{Contribution, Offence, Standing};
use crate::keys::signing::client_tag;
use crate::keys::{KeyId, Scheme};
use crate::replication::SiteContext;

fn world(n: u8) -> World {
    let mut world = World::new(n, &[Scheme::Bls]);
    name(&mut world);
    world
}

fn name(world: &mut World) {
    let key = world.ordered.keys.get_mut(&KeyId(1)).unwrap();
    key.name = KEY_NAME.to_owned();
}

fn digest(commit: u64) -> Digest {
    Digest([commit.to_le_bytes()[0]; 32])
}

fn vote(world: &mut World, voter: u8, commit: u64, digest: Digest) {
    let context = SiteContext {
        site: site(voter),
        commit: 0,
        commit_time_ms: world.now_ms,
    };
    world.ordered.vote(&context, commit, digest);
}

fn agree(world: &mut World, commit: u64) {
    (0..2).for_each(|voter| vote(world, voter, commit, digest(commit)));
}

fn made(world: &World) -> Vec<u64> {
    let certificates = world.ordered.certificates();
    certificates.map(|own| own.commit).collect()
}

fn key(world: &World) -> PublicKey {
    let version = world.ordered.key(KeyId(1)).unwrap().active().unwrap();
    PublicKey::of(version.sharing_in().unwrap())
}

fn is_valid(world: &World, own: &Certificate) -> bool {
    let signature = Signature::from_bytes(&own.signature).unwrap();
    let key = key(world);
    assert!(
        key.verify(&client_tag(GROUP), own.digest.as_bytes(), &signature)
            .is_err(),
        "no signature for a client"
    );
    key.verify(&checkpoint_tag(GROUP), own.digest.as_bytes(), &signature)
        .is_ok()
}

#[test]
fn a_checkpoint_is_certified_at_one_vote_more_than_sites_may_lie() {
    for (n, f) in [(4, 1), (7, 2)] {
        let mut world = world(n);
        (0..f).for_each(|voter| vote(&mut world, voter, 5, digest(5)));
        vote(&mut world, 0, 5, digest(5));
        vote(&mut world, 3, 5, digest(6));
        vote(&mut world, 4, 6, digest(5));
        world.commits(3);
        assert_eq!(made(&world), []);
        assert!(world.seen.is_empty(), "nobody signs what f sites say");
        vote(&mut world, f, 5, digest(5));
        world.commits(2);
        assert_eq!(made(&world), [5]);
        let certificate = *world.ordered.certificates().next().unwrap();
        assert_eq!(certificate.digest, digest(5));
        assert!(is_valid(&world, &certificate));
        world.restore();
        agree(&mut world, 4);
        agree(&mut world, 5);
        world.commits(2);
        assert_eq!(made(&world), [5], "what is older is not signed again");
    }
}

#[test]
fn of_those_that_become_stable_meanwhile_the_newest_is_next() {
    let mut world = world(4);
    (1..5).for_each(|commit| agree(&mut world, commit));
    world.commits(1);
    world.restore();
    assert_eq!(made(&world), []);
    world.commits(4);
    assert_eq!(made(&world), [1, 4]);
    for commit in 5..20 {
        agree(&mut world, commit);
        world.commits(2);
    }
    assert_eq!(made(&world), [16, 17, 18, 19]);
    assert_eq!(made(&world).len(), CERTIFICATES_KEPT);
}

#[test]
fn a_lying_site_is_convicted_and_a_silent_one_is_not_missed() {
    for habit in [Habit::Lying, Habit::Silent] {
        let mut world = world(4);
        world.habits[0] = habit;
        agree(&mut world, 9);
        world.commits(3);
        assert_eq!(made(&world), [9], "{:?}", world.ordered.sessions);
        let lied = habit == Habit::Lying;
        let evidence: Vec<_> = world.ordered.evidence().copied().collect();
        assert_eq!(evidence.len(), usize::from(lied));
        if lied {
            assert_eq!(evidence[0].site, site(0));
            assert_eq!(evidence[0].offence, Offence::CertificateShare);
            assert_eq!(world.ordered.standing(site(0)), Standing::Convicted);
        }
    }
}

#[test]
fn too_few_sites_certify_nothing_and_go_on_when_they_are_enough() {
    let mut world = world(4);
    (0..2).for_each(|index| world.habits[index] = Habit::Silent);
    agree(&mut world, 9);
    world.commits(10);
    assert_eq!(made(&world), []);
    world.habits[1] = Habit::Honest;
    world.restart(3);
    world.commits(2);
    assert_eq!(made(&world), [9]);
}

#[test]
fn c23_shares_of_the_former_version_blame_nobody_and_all_begin_again() {
    let mut world = world(4);
    agree(&mut world, 9);
    world.commit();
    world.deal(KeyId(1), Scheme::Bls, 1);
    name(&mut world);
    world.commits(4);
    assert_eq!(made(&world), [9]);
    assert_eq!(world.ordered.evidence().len(), 0);
    let certificate = *world.ordered.certificates().next().unwrap();
    assert!(is_valid(&world, &certificate));
}

/// The sharing changes in the middle of a commit, before anything is begun anew.
#[test]
fn c23_shares_of_the_former_version_in_the_commit_of_the_next_blame_nobody() {
    let mut world = world(4);
    agree(&mut world, 9);
    world.commit();
    let former = world.seen.clone();
    assert!(former.len() >= 3, "a quorum has signed");
    world.deal(KeyId(1), Scheme::Bls, 1);
    name(&mut world);
    for (by, share) in (0..).zip(&former) {
        world.deliver(site(by), share);
    }
    assert_eq!(world.ordered.evidence().len(), 0);
    world.commits(4);
    assert_eq!(made(&world), [9]);
    assert_eq!(world.ordered.evidence().len(), 0);
}

#[test]
fn without_the_groups_key_checkpoints_wait_for_it() {
    let mut world = World::new(4, &[Scheme::Bls]);
    agree(&mut world, 3);
    world.commits(3);
    assert!(world.seen.is_empty(), "another key signs no checkpoint");
    name(&mut world);
    world.commits(3);
    assert_eq!(made(&world), [3]);
}

/// What a client has signed, even the very digest, is no certificate, nor a share of one.
#[test]
fn a_client_gets_no_certificate_signed() {
    let mut world = world(4);
    let session = world.sign(1, digest(9).as_bytes());
    let signature = world.signature(session, 5);
    let own = Certificate {
        commit: 9,
        digest: digest(9),
        signature: signature.as_slice().try_into().unwrap(),
    };
    let parsed = Signature::from_bytes(&own.signature).unwrap();
    let key = key(&world);
    assert!(
        key.verify(&client_tag(GROUP), own.digest.as_bytes(), &parsed)
            .is_ok()
    );
    assert!(
        key.verify(&checkpoint_tag(GROUP), own.digest.as_bytes(), &parsed)
            .is_err()
    );
}

#[test]
fn what_f_sites_vote_keeps_no_more_than_its_bound() {
    let mut world = world(4);
    let before = world.ordered.to_bytes().len();
    for commit in 1..1000 {
        vote(&mut world, 3, u64::MAX - commit, digest(commit));
        vote(&mut world, 3, commit, digest(9));
    }
    let bytes = world.ordered.to_bytes().len() - before;
    assert!(bytes <= 5 + super::VOTES_PER_SITE * 40, "{bytes}");
    agree(&mut world, 1000);
    world.commits(2);
    assert_eq!(made(&world), [1000]);
}

#[test]
fn a_share_that_was_lost_is_sent_again() {
    let mut world = world(4);
    agree(&mut world, 9);
    world.commit();
    world.lose_log();
    world.commit_after(COMMIT_MS);
    assert_eq!(made(&world), []);
    world.commit_after(6000);
    world.commits(1);
    assert_eq!(made(&world), [9]);
    let shares = world
        .seen
        .iter()
        .map(|own| Contribution::from_bytes(own.clone()));
    assert_eq!(shares.count(), 8);
}

#[test]
fn the_next_committee_goes_on_with_the_same_key_and_votes_of_the_former_do_not_count() {
    let mut world = world(4);
    let before = key(&world);
    agree(&mut world, 5);
    vote(&mut world, 0, 6, digest(6));
    // Some of the former committee's shares are here already.
    world.habits = vec![Habit::Honest, Habit::Honest, Habit::Silent, Habit::Silent];
    world.commits(1);
    assert_eq!(made(&world), []);
    world.change(&[1, 0, 4, 3]);
    world.habits = vec![Habit::Honest; 4];
    world.commits(3);
    assert_eq!(made(&world), [5], "what was being signed goes on");
    vote(&mut world, 1, 6, digest(6));
    vote(&mut world, 0, 7, digest(7));
    world.commits(3);
    assert_eq!(made(&world), [5]);
    agree(&mut world, 8);
    world.commits(3);
    assert_eq!(made(&world), [5, 8]);
    assert_eq!(key(&world), before);
    let certificates: Vec<_> = world.ordered.certificates().copied().collect();
    assert!(certificates.iter().all(|own| is_valid(&world, own)));
}
