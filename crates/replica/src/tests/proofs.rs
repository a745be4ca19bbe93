//! Proofs of whole replicas, checked by the verifier, which is written from the format alone.

use bytes::Bytes;
use maftia_activity::kv::{Action, Operation, Txn};
use maftia_codec::Wire;
use maftia_protocol::Protocol;
use maftia_types::{Incarnation, Sequence, SiteId};
use maftia_verify::{GroupKey, ProofError, Proven, entry};

use super::harness::{CONFIG, Net, SITES};
use super::keyed::{current, group_key, start};
use crate::{Bodies, ClientMessage, Command, PROOF_BYTES_MAX, Settings, Span};

/// Four sites that have their keys, and executed these operations.
pub(super) fn group(operations: &[Bytes]) -> Net {
    let mut net = Net::new(Settings::default());
    (0..4).for_each(|me| start(&mut net, me, 1));
    execute(&mut net, 1, operations);
    net
}

/// Has the group execute operations, from that number of the session on.
pub(super) fn execute(net: &mut Net, first: u64, operations: &[Bytes]) {
    for (number, operation) in (first..).zip(operations) {
        for at in 0..3 {
            let message = ClientMessage::Submit {
                session: 0,
                incarnation: Incarnation(1),
                batches: vec![(Span::one(Sequence(number)), Bodies::new([operation]))],
            };
            let Ok(step) = net.replicas[at].command(net.now, Command::Client { key: 0, message });
            net.perform(SiteId::all(SITES).nth(at).unwrap(), step);
        }
    }
}

pub(super) fn put(key: &str, value: &str) -> Bytes {
    Operation::put(key.to_owned(), value.to_owned()).to_bytes()
}

/// Runs until that site proves something about the key at this revision or a later one.
pub(super) fn proof(net: &mut Net, at: u8, key: &[u8], revision: u64) -> Vec<u8> {
    for _ in 0..2000 {
        let replica = &net.replicas[usize::from(at)];
        if let Some(proof) = replica.prove(key)
            && check(net, &proof).unwrap().revision >= revision
        {
            return proof.to_vec();
        }
        net.run(20);
    }
    panic!("no proof at {:?}", net.now);
}

pub(super) fn public(net: &Net) -> GroupKey {
    let bytes = current(group_key(&net.replicas[0])).sharing.key_bytes();
    GroupKey::from_bytes(&bytes).unwrap()
}

fn check<'a>(net: &Net, proof: &'a [u8]) -> Result<Proven<'a>, ProofError> {
    entry(proof, &public(net))
}

/// Keys k000 to k299, in several pages.
fn many() -> Vec<Bytes> {
    let txn = |hundred: u32| {
        let keys = hundred * 100..hundred * 100 + 100;
        keys.fold(Txn::default(), |txn, number| {
            txn.then(Action::put(format!("k{number:03}"), format!("v{number}")))
        })
    };
    (0..3)
        .map(|hundred| Operation::from(txn(hundred)).to_bytes())
        .collect()
}

#[test]
fn every_site_proves_what_is_there_and_what_is_not() {
    let mut net = group(&many());
    for at in 0..4 {
        for number in [0, 63, 64, 150, 299] {
            let key = format!("k{number:03}");
            let bytes = proof(&mut net, at, key.as_bytes(), 4);
            let proven = check(&net, &bytes).unwrap();
            let found = proven.entry.unwrap();
            assert_eq!(found.value, format!("v{number}").as_bytes());
            assert_eq!((found.version, proven.key), (1, key.as_bytes()));
            assert_eq!(proven.head.group, CONFIG.0);
        }
        // Before all, between two, within a page or between two pages, behind all.
        let step = if at == 0 { 1 } else { 50 };
        let between = (0..299)
            .step_by(step)
            .map(|number| format!("k{number:03}x"));
        for key in ["a".to_owned(), "z".to_owned()].into_iter().chain(between) {
            let bytes = proof(&mut net, at, key.as_bytes(), 4);
            assert_eq!(check(&net, &bytes).unwrap().entry, None, "{key}");
        }
    }
}

#[test]
fn an_empty_store_proves_that_a_key_is_absent() {
    let mut net = group(&[]);
    let bytes = proof(&mut net, 1, b"greeting", 1);
    assert_eq!(check(&net, &bytes).unwrap().entry, None);
}

#[test]
fn a_proof_of_longest_keys_and_value_is_within_its_bound() {
    let key = |last: u8| {
        let mut key = vec![b'k'; 1024];
        key[1023] = last;
        Bytes::from(key)
    };
    let keys = (1..=63).map(|last| Operation::put(key(last), "v").to_bytes());
    let longest = Operation::put(key(64), vec![7; 1024 * 1024]).to_bytes();
    let mut net = group(&keys.chain([longest]).collect::<Vec<_>>());
    let bytes = proof(&mut net, 0, &key(64), 65);
    assert!(bytes.len() <= PROOF_BYTES_MAX);
    let proven = check(&net, &bytes).unwrap();
    assert_eq!(proven.entry.unwrap().value.len(), 1024 * 1024);
}

#[test]
fn no_byte_of_a_proof_can_be_altered() {
    let mut net = group(&[put("a", "alpha"), put("c", "gamma"), put("e", "epsilon")]);
    for (key, question) in [("c", 0), ("d", 1)] {
        let bytes = proof(&mut net, 0, key.as_bytes(), 4);
        assert!(check(&net, &bytes).is_ok());
        for at in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[at] ^= 1;
            match check(&net, &altered) {
                Err(_) => {}
                // Of another key, it is as true that it is absent.
                Ok(proven) => {
                    let other = proven.entry.is_none() && proven.key != key.as_bytes();
                    assert!(question == 1 && other, "byte {at}");
                }
            }
            assert!(check(&net, &bytes[..at]).is_err(), "cut at {at}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(check(&net, &longer), Err(ProofError::Trailing));
    }
}

/// The parts of a proof of one key, in the order in which they are written.
struct Parts {
    head: Vec<u8>,
    signature: Vec<u8>,
    rest: Vec<u8>,
}

fn parts(proof: &[u8]) -> Parts {
    Parts {
        head: proof[16..144].to_vec(),
        signature: proof[144..192].to_vec(),
        rest: proof[192..].to_vec(),
    }
}

fn joined(parts: &Parts) -> Vec<u8> {
    [
        b"maftia proof 1\n\x01",
        &parts.head[..],
        &parts.signature,
        &parts.rest,
    ]
    .concat()
}

#[test]
fn an_older_state_cannot_be_shown_as_a_newer_one() {
    let mut net = group(&[put("price", "100")]);
    let old = proof(&mut net, 0, b"price", 2);
    execute(&mut net, 2, &[put("price", "200")]);
    let new = proof(&mut net, 0, b"price", 3);
    assert_eq!(check(&net, &new).unwrap().entry.unwrap().value, b"200");
    let (old, new) = (parts(&old), parts(&new));
    let with = |head: &Parts, signature: &Parts, rest: &Parts| {
        let mixed = Parts {
            head: head.head.clone(),
            signature: signature.signature.clone(),
            rest: rest.rest.clone(),
        };
        check(&net, &joined(&mixed)).is_ok()
    };
    assert!(with(&old, &old, &old) && with(&new, &new, &new));
    assert!(!with(&new, &new, &old), "another state");
    assert!(!with(&new, &old, &old), "another head");
    assert!(!with(&old, &new, &old), "another certificate");
    assert!(!with(&old, &new, &new), "an older head");
}

#[test]
fn another_value_or_group_is_refused_by_name() {
    let mut net = group(&[put("price", "100")]);
    let bytes = proof(&mut net, 0, b"price", 2);
    let mut forged = bytes.clone();
    let at = forged.windows(3).position(|text| text == b"100").unwrap();
    forged[at..at + 3].copy_from_slice(b"900");
    assert_eq!(check(&net, &forged), Err(ProofError::Value));
    let beacon = net.replicas[0].shared_keys().unwrap();
    let beacon = current(beacon.key_named("beacon").unwrap());
    let beacon = GroupKey::from_bytes(&beacon.sharing.key_bytes()).unwrap();
    assert_eq!(entry(&bytes, &beacon), Err(ProofError::Certificate));
    // The same certificate, said to be of another group.
    let mut elsewhere = parts(&bytes);
    elsewhere.head[0] ^= 1;
    assert_eq!(
        check(&net, &joined(&elsewhere)),
        Err(ProofError::Certificate)
    );
}

/// S7, S10: a site that fetched the state, or started again, soon proves like any other.
#[test]
fn a_site_that_starts_again_proves_again() {
    let mut net = group(&[put("a", "1")]);
    proof(&mut net, 2, b"a", 2);
    start(&mut net, 2, 2);
    execute(&mut net, 2, &[put("b", "2")]);
    let bytes = proof(&mut net, 2, b"b", 3);
    assert_eq!(check(&net, &bytes).unwrap().entry.unwrap().value, b"2");
}
