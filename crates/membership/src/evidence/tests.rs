use maftia_codec::Wire;
use maftia_crypto::SigningKey;
use maftia_ordering::{Block, Equivocation, Header, payload_digest};
use maftia_types::{Digest, Epoch, Round, SiteId};

use super::*;

fn key(index: usize) -> SigningKey {
    SigningKey::from_seed([u8::try_from(index).unwrap() + 1; 32])
}

fn site(index: usize) -> SiteId {
    SiteId::all(64).nth(index).unwrap()
}

fn members(n: usize) -> Vec<maftia_crypto::PublicKey> {
    (0..n).map(|index| key(index).public()).collect()
}

fn header(author: usize, round: u64, time_ms: u64) -> Header {
    Header {
        config: Digest([9; 32]),
        epoch: Epoch(2),
        round: Round(round),
        author: site(author),
        parents: Vec::new(),
        payload_digest: payload_digest(b""),
        payload_len: 0,
        coin_shares: Vec::new(),
        commit_vote: None,
        checkpoint_vote: None,
        time_ms,
    }
}

fn twins(author: usize, round: u64, by: &SigningKey) -> Proof {
    let block = |time| Block::sign(header(author, round, time), by);
    Equivocation::new(block(5), block(6)).unwrap().into()
}

fn proof(author: usize, round: u64) -> Proof {
    twins(author, round, &key(author))
}

const REPORT: Report = Report {
    commit: 77,
    time_ms: 1_700_000_000_000,
    reporter: SiteId::new(1).unwrap(),
};

fn export() -> Export {
    let exhibit = Exhibit {
        proof: proof(2, 40),
        key: *key(2).public().as_bytes(),
        report: REPORT,
    };
    Export {
        group: "vault".into(),
        culprit: "C".into(),
        reporter: "B".into(),
        exhibit,
    }
}

#[test]
fn a_proof_is_kept_once_and_convicts_its_culprit() {
    let (members, mut store) = (members(4), Store::default());
    assert_eq!(store.convicted(&members).len(), 0);
    let admitted = store.admit(&members, proof(2, 40), REPORT);
    let culprit = site(2);
    let first = true;
    assert_eq!(admitted, Admission::Kept { culprit, first });
    assert_eq!(
        store.admit(&members, proof(2, 40), REPORT),
        Admission::Known
    );
    let first = false;
    let again = store.admit(&members, proof(2, 41), REPORT);
    assert_eq!(again, Admission::Kept { culprit, first });
    assert_eq!(store.convicted(&members), [culprit].into_iter().collect());
    let name = proof(2, 40).digest();
    assert_eq!(store.get(&name).unwrap().report, REPORT);
}

#[test]
fn what_the_culprit_has_not_signed_or_a_stranger_has_convicts_nobody() {
    let (members, mut store) = (members(4), Store::default());
    // By another member in the name of C, and by a fifth.
    for forged in [twins(2, 1, &key(3)), proof(4, 1)] {
        let refused = store.admit(&members, forged, REPORT);
        assert_eq!(refused, Admission::Refused);
    }
    assert!(store.is_empty());
}

#[test]
fn a_few_proofs_against_each_key_are_kept() {
    let (members, mut store) = (members(4), Store::default());
    let kept = |round| store.admit(&members, proof(2, round), REPORT) != Admission::Known;
    assert_eq!(
        (0..10).map(kept).filter(|kept| *kept).count(),
        PER_CULPRIT_MAX
    );
}

#[test]
fn a_conviction_follows_the_key_and_not_the_place() {
    let mut members = members(4);
    let mut store = Store::default();
    store.admit(&members, proof(2, 40), REPORT);
    members[2] = key(9).public();
    assert!(
        store.convicted(&members).is_empty(),
        "its place has gone to another"
    );
    members.push(key(2).public());
    assert_eq!(store.convicted(&members), [site(4)].into_iter().collect());
}

#[test]
fn a_full_store_forgets_former_members_first_and_present_ones_never() {
    let everybody = members(64);
    let mut store = Store::default();
    for round in 1..=PER_CULPRIT_MAX as u64 {
        for author in 0..64 {
            let commit = round * 100 + author as u64;
            let report = Report { commit, ..REPORT };
            store.admit(&everybody, proof(author, round), report);
        }
    }
    assert_eq!(store.len(), EXHIBITS_MAX);
    let mut changed = everybody.clone();
    changed[5] = key(100).public();
    let against_new = twins(5, 1, &key(100));
    assert!(matches!(
        store.admit(&changed, against_new, REPORT),
        Admission::Kept { .. }
    ));
    assert_eq!(store.len(), EXHIBITS_MAX);
    assert!(
        store.get(&proof(5, 1).digest()).is_none(),
        "the oldest of a former member"
    );
    assert_eq!(store.convicted(&changed).len(), 64);
    let stored = Store::from_bytes(store.to_bytes()).unwrap();
    assert_eq!(stored, store);
}

#[test]
fn an_exported_proof_convinces_with_the_public_key_alone() {
    let text = export().to_text();
    assert!(text.len() <= EXPORT_BYTES_MAX);
    let read = Export::from_text(&text).unwrap();
    assert_eq!(read, export());
    assert_eq!(read.verify(&key(2).public()), Ok(site(2)));
    let other = key(3).public();
    assert_eq!(read.verify(&other), Err(ExportError::OtherKey));
    let mut forged = export();
    forged.exhibit.key = *other.as_bytes();
    let read = Export::from_text(&forged.to_text()).unwrap();
    let error = read.verify(&other).unwrap_err();
    assert!(matches!(error, ExportError::NotProven(_)), "{error}");
}

#[test]
fn a_file_altered_in_any_byte_is_refused() {
    let text = export().to_text();
    for at in 0..text.len() {
        for flip in [1, 2, 0x20] {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= flip;
            let Ok(altered) = String::from_utf8(bytes) else {
                continue;
            };
            assert!(Export::from_text(&altered).is_err(), "byte {at} ^ {flip}");
        }
        let mut shorter = text.clone();
        shorter.remove(at);
        assert!(Export::from_text(&shorter).is_err(), "without byte {at}");
    }
    for junk in ["", " ", "\n"] {
        assert_eq!(
            Export::from_text(&format!("{text}{junk}")).is_ok(),
            junk.is_empty()
        );
    }
}

#[test]
fn the_largest_proof_fits_into_a_file() {
    let parents = (0..64).map(|author| maftia_ordering::BlockRef {
        author: site(author),
        round: Round(7),
        digest: Digest([7; 32]),
    });
    let largest = |time_ms| Header {
        parents: parents.clone().collect(),
        ..header(2, 8, time_ms)
    };
    let block = |time| Block::sign(largest(time), &key(2));
    let proof = Equivocation::new(block(1), block(2)).unwrap().into();
    let exhibit = Exhibit {
        proof,
        ..export().exhibit
    };
    let name = "n".repeat(64);
    let export = Export {
        group: name.clone(),
        culprit: name.clone(),
        reporter: name,
        exhibit,
    };
    assert!(export.to_text().len() <= EXPORT_BYTES_MAX);
    assert_eq!(Export::from_text(&export.to_text()), Ok(export));
}
