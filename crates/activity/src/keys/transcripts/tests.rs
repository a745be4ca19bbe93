use bytes::Bytes;
use maftia_codec::Wire as _;
use maftia_threshold::bls::{PublicKey, Signature};
use maftia_types::ClientId;

use super::{Transcript, digest_of, transcript_tag};
use crate::keys::certificates::{KEY_NAME, checkpoint_tag};
use crate::keys::sessions::tests::world::{CLIENT, GROUP, Habit, World, site};
use crate::keys::sessions::{Offence, Standing};
use crate::keys::signing::client_tag;
use crate::keys::{KeyId, Operation, Refusal, Reply, Scheme};

/// Four sites with the group's key and two others, of which something is to be said.
fn world() -> World {
    let mut world = World::new(4, &[Scheme::Bls, Scheme::Ed25519, Scheme::Seal]);
    (1..=3).for_each(|key| say(&mut world, key, 10 - u64::from(key)));
    world
}

/// What is said of the key is of that ceremony.
fn say(world: &mut World, key: u32, ceremony: u64) {
    let record = world.ordered.keys.get_mut(&KeyId(key)).unwrap();
    if key == 1 {
        record.name = KEY_NAME.to_owned();
    }
    let version = record.current.as_mut().unwrap();
    version.ceremony = ceremony;
    version.statement = Bytes::from(format!("key {key} in {ceremony}"));
}

fn signed(world: &World) -> Vec<u32> {
    let all = (1..=3).filter(|key| world.ordered.transcript(KeyId(*key)).is_some());
    all.collect()
}

fn key(world: &World) -> PublicKey {
    let version = world.ordered.key(KeyId(1)).unwrap().active().unwrap();
    PublicKey::of(version.sharing_in().unwrap())
}

fn check(world: &World, own: &Transcript) {
    let signature = Signature::from_bytes(&own.signature).unwrap();
    let digest = digest_of(&own.statement);
    let verdict = |tag| key(world).verify(&tag, digest.as_bytes(), &signature);
    assert!(verdict(transcript_tag(GROUP)).is_ok());
    assert!(verdict(client_tag(GROUP)).is_err(), "none for a client");
    assert!(verdict(checkpoint_tag(GROUP)).is_err(), "no certificate");
}

#[test]
fn every_keys_latest_ceremony_is_signed_the_oldest_first() {
    let mut world = world();
    assert_eq!(signed(&world), []);
    for expected in [&[3][..], &[2, 3], &[1, 2, 3]] {
        world.commits(1);
        world.restore();
        while signed(&world).len() < expected.len() {
            world.commits(1);
        }
        assert_eq!(signed(&world), expected);
    }
    for key in 1..=3 {
        check(&world, &world.ordered.transcript(KeyId(key)).unwrap());
    }
    assert_eq!(world.ordered.evidence().len(), 0);
    let before = world.seen.len();
    world.commits(100);
    assert_eq!(world.seen.iter().skip(before).filter(is_share).count(), 0);
}

fn is_share(word: &&Bytes) -> bool {
    word.first() == Some(&38)
}

#[test]
fn a_client_gets_the_signed_transcript_of_a_key_and_is_told_if_there_is_none() {
    let mut world = world();
    let ask = |world: &mut World, key| {
        let anybody = ClientId { key: 9, ..CLIENT };
        world.operate_as(anybody, &Operation::Transcript(KeyId(key)))
    };
    assert_eq!(ask(&mut world, 2), Reply::Refused(Refusal::Unsigned));
    assert_eq!(ask(&mut world, 4), Reply::Refused(Refusal::NoSuchKey));
    world.commits(8);
    let Reply::Transcript(transcript) = ask(&mut world, 2) else {
        panic!("no transcript");
    };
    assert_eq!(&transcript.statement[..], b"key 2 in 8");
    check(&world, &transcript);
}

#[test]
fn a_lying_site_is_convicted_and_a_silent_one_is_not_missed() {
    for habit in [Habit::Lying, Habit::Silent] {
        let mut world = world();
        world.habits[0] = habit;
        world.commits(12);
        assert_eq!(signed(&world), [1, 2, 3]);
        let lied = habit == Habit::Lying;
        let of_transcripts = |own: &&crate::keys::sessions::Evidence| {
            own.site == site(0) && own.offence == Offence::TranscriptShare
        };
        let count = world.ordered.evidence().filter(of_transcripts).count();
        assert_eq!(count > 0, lied);
        let others = world.ordered.evidence().filter(|own| own.site != site(0));
        assert_eq!(others.count(), 0, "nobody else is blamed");
        if lied {
            assert_eq!(world.ordered.standing(site(0)), Standing::Convicted);
        }
    }
}

#[test]
fn f_sites_get_nothing_signed_and_a_share_more_is_enough() {
    let mut world = world();
    world.habits[0] = Habit::Silent;
    world.habits[1] = Habit::Silent;
    world.commits(10);
    assert_eq!(signed(&world), []);
    world.habits[1] = Habit::Honest;
    world.restart(1);
    world.restart(2);
    world.commits(10);
    assert_eq!(signed(&world), [1, 2, 3]);
}

#[test]
fn c23_a_refresh_of_the_signing_key_blames_nobody_and_its_new_transcript_is_signed() {
    let mut world = world();
    world.commit();
    world.deal(KeyId(1), Scheme::Bls, 1);
    say(&mut world, 1, 20);
    world.commits(12);
    assert_eq!(signed(&world), [1, 2, 3]);
    assert_eq!(world.ordered.evidence().len(), 0);
    let own = world.ordered.transcript(KeyId(1)).unwrap();
    assert_eq!(&own.statement[..], b"key 1 in 20");
    check(&world, &own);
    // A later sharing has its own transcript, and the former one is no longer shown.
    world.deal(KeyId(2), Scheme::Ed25519, 1);
    assert!(world.ordered.transcript(KeyId(2)).is_none());
    say(&mut world, 2, 21);
    world.commits(8);
    let own = world.ordered.transcript(KeyId(2)).unwrap();
    assert_eq!(&own.statement[..], b"key 2 in 21");
}

#[test]
fn the_next_committee_signs_what_the_former_one_had_begun() {
    let mut world = world();
    let before = key(&world);
    world.habits[2] = Habit::Silent;
    world.habits[3] = Habit::Silent;
    world.commits(2);
    world.change(&[1, 0, 4, 3]);
    world.habits = vec![Habit::Honest; 4];
    world.commits(12);
    assert_eq!(signed(&world), [1, 2, 3]);
    assert_eq!(key(&world), before);
    for key in 1..=3 {
        check(&world, &world.ordered.transcript(KeyId(key)).unwrap());
    }
    assert_eq!(world.ordered.evidence().len(), 0);
}

#[test]
fn without_the_groups_key_nothing_is_signed_and_without_a_statement_neither() {
    let mut world = World::new(4, &[Scheme::Bls]);
    world.commits(4);
    assert!(!world.seen.iter().any(|own| is_share(&own)));
    let record = world.ordered.keys.get_mut(&KeyId(1)).unwrap();
    let version = record.current.as_mut().unwrap();
    version.statement = Bytes::from_static(b"something");
    world.commits(4);
    assert!(!world.seen.iter().any(|own| is_share(&own)), "another key");
    say(&mut world, 1, 1);
    world.commits(4);
    let transcript = world.ordered.transcript(KeyId(1)).unwrap();
    assert_eq!(
        Transcript::from_bytes(transcript.to_bytes()).unwrap(),
        transcript
    );
}
