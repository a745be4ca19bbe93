//! What outsiders are told of a ceremony, read by the verifier that shares no code with it.

use maftia_crypto::Domain;
use maftia_threshold::Bls12381G2;
use maftia_threshold::bls::{SignatureShare, Tag, combine};
use maftia_verify::{GroupKey, Outcome, ProofError, TRANSCRIPT_BYTES_MAX, transcript};

use super::super::Misdealing;
use super::hostile::Kind;
use super::runs::EVERY_SCHEME;
use super::world::{World, signing_key, site};
use crate::keys::certificates::checkpoint_tag;
use crate::keys::transcripts::{STATEMENT_BYTES_MAX, Transcript, transcript_tag};
use crate::keys::{KeyId, Operation, Ordered};

const GROUP_KEY: KeyId = KeyId(1);

fn group_key(ordered: &Ordered) -> GroupKey {
    let version = ordered.key(GROUP_KEY).unwrap().active().unwrap();
    GroupKey::from_bytes(&version.sharing.key_bytes()).unwrap()
}

/// The sites sign what there is to say of the key.
fn file(world: &World, key: KeyId, tag: &Tag) -> Vec<u8> {
    const STATEMENT: Domain = Domain::new("transcript statement");
    let ordered = world.ordered();
    let signer = ordered.key(GROUP_KEY).unwrap();
    let version = ordered.key(key).unwrap().active().unwrap();
    let statement = version.statement.clone();
    let digest = STATEMENT.digest(&statement);
    let correct = world.actors.iter().filter(|own| own.me.is_some());
    let shares = correct.filter_map(|own| own.site.share::<Bls12381G2>(signer));
    let shares: Vec<_> = shares
        .map(|share| SignatureShare::sign(&share, tag, digest.as_bytes()))
        .collect();
    let sharing = signer.active().unwrap().sharing_in().unwrap();
    let combined = combine(sharing, tag, digest.as_bytes(), &shares).unwrap();
    let signature = combined.signature.to_bytes();
    Transcript {
        statement,
        signature,
    }
    .to_file()
}

fn exported(world: &World, key: KeyId) -> Vec<u8> {
    file(world, key, &transcript_tag(world.setup.group))
}

/// What it says of every key is what the ordered state says.
fn check(world: &World) {
    let ordered = world.ordered();
    for record in ordered.keys() {
        let file = exported(world, record.id);
        let said = transcript(&file, &group_key(ordered)).unwrap();
        let version = record.active().unwrap();
        assert_eq!(said.group, *ordered.setup().group.as_bytes());
        assert_eq!((said.name, said.key), (&record.name[..], record.id.0));
        assert_eq!(
            (said.version, said.ceremony),
            (version.number, version.ceremony)
        );
        assert_eq!(said.threshold, version.threshold());
        assert_eq!(said.run, *version.run.as_bytes());
        assert_eq!(said.dealings, *version.transcript.as_bytes());
        assert_eq!(said.public_key(), version.sharing.key_bytes());
        assert_eq!(said.commitments().count(), usize::from(said.threshold));
        let members: Vec<_> = said.members().map(|own| own.site.to_vec()).collect();
        let expected = version.members.iter();
        let expected: Vec<_> = expected
            .map(|own| ordered.setup().key_of(*own).unwrap().as_bytes().to_vec())
            .collect();
        assert_eq!(members, expected);
    }
}

fn qualified(world: &World, key: KeyId) -> Vec<usize> {
    let file = exported(world, key);
    let said = transcript(&file, &group_key(world.ordered())).unwrap();
    let qualified = said
        .dealers()
        .filter(|own| matches!(own.outcome, Outcome::Qualified(_)));
    let actor = |key: &[u8]| {
        let is_it = |who: &usize| signing_key(site(*who)).public().as_bytes() == key;
        (0..world.actors.len()).find(is_it).unwrap()
    };
    qualified.map(|own| actor(own.site)).collect()
}

#[test]
fn a_transcript_says_who_dealt_who_is_qualified_and_what_was_made() {
    let mut world = World::new(4, EVERY_SCHEME, 1);
    world.finish();
    check(&world);
    assert_eq!(qualified(&world, KeyId(3)).len(), 3);
    world.request(&Operation::Refresh(KeyId(3)));
    world.finish();
    check(&world);
    // Who joins is named, and who leaves has dealt for the last time.
    world.change(&[0, 1, 2, 4]);
    check(&world);
    assert!(qualified(&world, KeyId(3)).iter().all(|who| *who < 4));
    world.change(&[4, 5, 6, 7, 8, 9, 10]);
    check(&world);
}

#[test]
fn c07_a_transcript_names_who_dealt_wrongly_and_how() {
    let mut world = World::new(4, EVERY_SCHEME, 2);
    world.finish();
    world.intrude(3, Kind::WrongPublished);
    world.request(&Operation::Refresh(KeyId(2)));
    world.rush();
    world.finish();
    let file = exported(&world, KeyId(2));
    let said = transcript(&file, &group_key(world.ordered())).unwrap();
    let outcomes: Vec<_> = said.dealers().map(|own| own.outcome).collect();
    assert!(
        matches!(outcomes[3], Outcome::Convicted(why) if why == Misdealing::BadShare.to_string())
    );
    let mut others = outcomes[..3].iter();
    assert!(others.all(|own| matches!(own, Outcome::Qualified(_))));
}

#[test]
fn c14_no_byte_of_a_transcript_can_be_altered_and_none_left_out() {
    let mut world = World::new(4, EVERY_SCHEME, 3);
    world.finish();
    let key = group_key(world.ordered());
    let file = exported(&world, KeyId(3));
    for at in 0..file.len() {
        let mut altered = file.clone();
        altered[at] ^= 1;
        assert!(transcript(&altered, &key).is_err(), "byte {at}");
        assert!(transcript(&file[..at], &key).is_err(), "cut at {at}");
    }
    assert!(transcript(&[&file[..], &[0]].concat(), &key).is_err());
    let other = World::new(4, EVERY_SCHEME, 4);
    let other = super::epochs::settled(other);
    assert_eq!(
        transcript(&file, &group_key(other.ordered())),
        Err(ProofError::Certificate)
    );
    assert_eq!(
        transcript(&vec![0; TRANSCRIPT_BYTES_MAX + 1], &key),
        Err(ProofError::TooLong)
    );
}

/// A signature made for anything else is none under a transcript.
#[test]
fn a_statement_signed_in_another_domain_is_no_transcript() {
    let mut world = World::new(4, EVERY_SCHEME, 5);
    world.finish();
    let file = file(&world, KeyId(3), &checkpoint_tag(world.setup.group));
    let key = group_key(world.ordered());
    assert_eq!(transcript(&file, &key), Err(ProofError::Certificate));
    assert!(maftia_verify::entry(&file, &key).is_err());
}

#[test]
fn what_is_said_of_the_largest_group_fits() {
    // Fields of one length, the longest name, dealers with digests, members, the longest sharing.
    let longest = 125 + 4 + 64 + 4 + 64 * 65 + 4 + 64 * 33 + 4 + 2 + 64 * 96;
    assert!(longest <= STATEMENT_BYTES_MAX);
    const { assert!(STATEMENT_BYTES_MAX + 16 + 48 <= TRANSCRIPT_BYTES_MAX) };
}
