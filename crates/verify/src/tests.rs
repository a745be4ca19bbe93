extern crate std;

use std::format;
use std::prelude::rust_2024::*;
use std::vec;

use maftia_pairing::{G1, G2, Scalar};

use crate::hash::digest;
use crate::{
    BadSignature, GroupKey, KeyError, Outcome, PROOF_BYTES_MAX, ProofError, Proven, entry,
    transcript,
};

const PRESENT: &[u8] = include_bytes!("../testdata/present.proof");
const ABSENT: &[u8] = include_bytes!("../testdata/absent.proof");

fn vector_key() -> GroupKey {
    GroupKey::from_hex(include_str!("../testdata/group.key")).unwrap()
}

/// Two proofs that simulated sites have made: if the format changes, these do not verify.
#[test]
fn proofs_of_sites_verify() {
    let proven = entry(PRESENT, &vector_key()).unwrap();
    let found = proven.entry.unwrap();
    assert_eq!((proven.key, found.value), (&b"k150"[..], &b"hello"[..]));
    assert_eq!((found.create_revision, found.mod_revision), (3, 5));
    assert_eq!((found.version, proven.revision), (2, 5));
    assert_eq!(proven.head.group, [1; 32]);
    let proven = entry(ABSENT, &vector_key()).unwrap();
    assert!(proven.key.ends_with(b"x") && proven.entry.is_none());
}

/// One that real sites have signed.
#[test]
fn a_transcript_of_sites_verifies_and_no_altered_one() {
    const TRANSCRIPT: &[u8] = include_bytes!("../testdata/signing.transcript");
    let key = GroupKey::from_hex(include_str!("../testdata/transcript.key")).unwrap();
    let said = transcript(TRANSCRIPT, &key).unwrap();
    assert_eq!(
        (said.name, said.scheme, said.version),
        ("signing", "ed25519", 0)
    );
    assert_eq!((said.threshold, said.members().count()), (3, 4));
    assert_eq!(said.public_key()[..4], [0x7a, 0xec, 0xa1, 0x6f]);
    let outcomes: Vec<_> = said.dealers().map(|own| own.outcome).collect();
    let qualified = outcomes
        .iter()
        .filter(|own| matches!(own, Outcome::Qualified(_)));
    assert_eq!((qualified.count(), outcomes.len()), (3, 4));
    assert_eq!(outcomes[1], Outcome::NotNeeded);
    for at in 0..TRANSCRIPT.len() {
        let mut altered = TRANSCRIPT.to_vec();
        altered[at] ^= 0x40;
        assert!(transcript(&altered, &key).is_err(), "byte {at}");
        assert!(transcript(&TRANSCRIPT[..at], &key).is_err(), "cut at {at}");
    }
    assert_eq!(entry(TRANSCRIPT, &key), Err(ProofError::UnknownKind));
    assert_eq!(transcript(PRESENT, &key), Err(ProofError::UnknownKind));
    assert_eq!(
        transcript(TRANSCRIPT, &vector_key()),
        Err(ProofError::Certificate)
    );
}

#[test]
fn no_byte_can_be_altered_and_none_left_out() {
    let key = vector_key();
    for bytes in [PRESENT, ABSENT] {
        let question = entry(bytes, &key).unwrap().key;
        for at in 0..bytes.len() {
            let mut altered = bytes.to_vec();
            altered[at] ^= 0x10;
            // Of another key it may be as true that it is absent.
            let other = |proven: Proven<'_>| proven.entry.is_none() && proven.key != question;
            if let Ok(proven) = entry(&altered, &key) {
                assert!(bytes == ABSENT && other(proven), "byte {at}");
            }
            assert!(entry(&bytes[..at], &key).is_err(), "cut at {at}");
        }
        let longer = [bytes, &[0]].concat();
        assert_eq!(entry(&longer, &key), Err(ProofError::Trailing));
    }
}

/// A group of one, whose key the test knows, and a store of its making.
struct Group {
    secret: Scalar,
    /// Keys of each page; every value is `v`.
    pages: Vec<Vec<&'static str>>,
}

fn number(value: usize) -> [u8; 4] {
    u32::try_from(value).unwrap().to_le_bytes()
}

const PARTS: u32 = 2;
const TAG_GROUP: [u8; 32] = [0xab; 32];

impl Group {
    fn new(pages: &[&[&'static str]]) -> Self {
        Self {
            secret: Scalar::from(77),
            pages: pages.iter().map(|keys| keys.to_vec()).collect(),
        }
    }

    fn key(&self) -> GroupKey {
        GroupKey::from_bytes(&(G2::generator() * self.secret).to_bytes()).unwrap()
    }

    fn sign(&self, purpose: &str, message: &[u8]) -> [u8; 48] {
        let tag = format!("{} | {purpose}", "ab".repeat(32));
        (G1::hash(message, tag.as_bytes()) * self.secret).to_bytes()
    }

    fn meta(&self) -> Vec<u8> {
        let pages = self.pages.len() as u64;
        let numbers = [9, 0, 0, 0, pages].map(u64::to_le_bytes).concat();
        [&[1][..], &numbers].concat()
    }

    fn page(&self, at: usize) -> Vec<u8> {
        let entry = |key: &&str| {
            let length = (key.len() as u64).to_le_bytes();
            let history = [2u64, 2, 1, 1].map(u64::to_le_bytes).concat();
            [
                &length[..],
                key.as_bytes(),
                &history,
                &digest("kv value", &[b"v"]),
            ]
            .concat()
        };
        self.pages[at]
            .iter()
            .map(entry)
            .collect::<Vec<_>>()
            .concat()
    }

    /// A proof that shows these pages, of fewer than seven, with one family in the tree.
    fn proof(&self, key: &str, value: Option<&str>, shown: &[usize]) -> Vec<u8> {
        let own = (0..PARTS).map(|part| [part.to_le_bytes()[0]; 32]);
        let pages = (0..self.pages.len()).map(|at| digest("kv page", &[&self.page(at)]));
        let meta = [digest("kv meta", &[&self.meta()])];
        let leaves: Vec<[u8; 32]> = own.chain(meta).chain(pages).collect();
        assert!(leaves.len() <= 8);
        let top = digest("checkpoint node", &[leaves.as_flattened()]);
        let mut head = TAG_GROUP.to_vec();
        head.extend([[0; 8], 5u64.to_le_bytes()].concat());
        head.extend([7; 32]);
        head.extend(6u64.to_le_bytes());
        head.extend([8; 32]);
        head.extend(PARTS.to_le_bytes());
        head.extend(number(leaves.len()));
        let signature = self.sign("ckpt", &digest("checkpoint", &[&head, &top]));
        let bytes = |bytes: &[u8]| [&number(bytes.len())[..], bytes].concat();
        let mut proof = [b"maftia proof 1\n\x01", &head[..], &signature].concat();
        proof.extend(bytes(key.as_bytes()));
        match value {
            None => proof.push(0),
            Some(value) => proof.extend([&[1][..], &bytes(value.as_bytes())].concat()),
        }
        proof.extend(number(1 + shown.len()));
        let chunks = shown.iter().map(|at| (at + 1, self.page(*at)));
        for (place, chunk) in [(0, self.meta())].into_iter().chain(chunks) {
            let place = PARTS as usize + place;
            proof.extend(number(place));
            proof.extend(bytes(&chunk));
            proof.extend(number(leaves.len() - 1));
            let others = leaves.iter().enumerate().filter(|(at, _)| *at != place);
            others.for_each(|(_, leaf)| proof.extend(leaf));
        }
        proof
    }

    fn absent(&self, key: &str, shown: &[usize]) -> Result<bool, ProofError> {
        let proof = self.proof(key, None, shown);
        entry(&proof, &self.key()).map(|proven| proven.entry.is_none())
    }
}

/// A site that makes a true certificate of a true state still cannot hide an entry in what it shows.
#[test]
fn absence_needs_exactly_the_pages_between_which_a_key_would_lie() {
    let group = Group::new(&[&["b", "d"], &["f", "h"], &["k", "m"]]);
    let no = Err(ProofError::Inconclusive);
    for (key, enough, too_little) in [
        ("a", vec![0], vec![vec![], vec![1], vec![0, 1]]),
        ("c", vec![0], vec![vec![1], vec![0, 1], vec![2]]),
        (
            "e",
            vec![0, 1],
            vec![vec![0], vec![1], vec![1, 0], vec![0, 2], vec![1, 2]],
        ),
        (
            "i",
            vec![1, 2],
            vec![vec![1], vec![2], vec![0, 2], vec![2, 1]],
        ),
        ("n", vec![2], vec![vec![], vec![0], vec![1], vec![1, 2]]),
    ] {
        assert_eq!(group.absent(key, &enough), Ok(true), "{key}");
        for shown in too_little {
            assert_eq!(group.absent(key, &shown), no, "{key} with {shown:?}");
        }
    }
    // Keys that are there.
    for (key, shown) in [
        ("f", vec![0, 1]),
        ("f", vec![0]),
        ("f", vec![0, 2]),
        ("d", vec![0, 1]),
    ] {
        assert!(group.absent(key, &shown).is_err(), "{key} with {shown:?}");
    }
    assert_eq!(group.absent("f", &[1]), Err(ProofError::Value));
    assert_eq!(group.absent("f", &[1, 1]), no);
    assert_eq!(Group::new(&[]).absent("a", &[]), Ok(true));
}

#[test]
fn a_value_is_proven_by_its_own_page_only() {
    let group = Group::new(&[&["b", "d"], &["f"]]);
    let proof = |key, value, shown: &[usize]| group.proof(key, Some(value), shown);
    let check = |bytes: &[u8]| entry(bytes, &group.key()).map(|proven| proven.entry.is_some());
    assert_eq!(check(&proof("d", "v", &[0])), Ok(true));
    assert_eq!(check(&proof("f", "v", &[1])), Ok(true));
    assert_eq!(check(&proof("d", "w", &[0])), Err(ProofError::Value));
    assert_eq!(check(&proof("d", "", &[0])), Err(ProofError::Value));
    assert_eq!(check(&proof("c", "v", &[0])), Err(ProofError::Value));
    assert_eq!(check(&proof("d", "v", &[1])), Err(ProofError::Value));
    assert_eq!(
        check(&proof("d", "v", &[0, 1])),
        Err(ProofError::Inconclusive)
    );
    assert_eq!(check(&proof("a", "v", &[])), Err(ProofError::Inconclusive));
}

#[test]
fn pages_that_no_store_has_are_refused() {
    for keys in [&["d", "b"][..], &["b", "b"]] {
        let group = Group::new(&[keys]);
        assert_eq!(group.absent("c", &[0]), Err(ProofError::Malformed));
    }
    let many = |count| -> Vec<&'static str> {
        let keys = (0..count).map(|number| &*format!("d{number:02}").leak());
        keys.collect()
    };
    assert_eq!(Group::new(&[&many(64)]).absent("c", &[0]), Ok(true));
    let refused = Group::new(&[&many(65)]).absent("c", &[0]);
    assert_eq!(refused, Err(ProofError::Malformed));
}

#[test]
fn only_the_certificate_of_a_checkpoint_counts() {
    let group = Group::new(&[&["b"]]);
    let proof = group.proof("b", Some("v"), &[0]);
    let other = GroupKey::from_bytes(&(G2::generator() * Scalar::from(78)).to_bytes()).unwrap();
    assert_eq!(entry(&proof, &other), Err(ProofError::Certificate));
    for purpose in ["client", "beacon", "vote", "ckp", "ckpt "] {
        let mut forged = proof.clone();
        let head = &proof[16..144];
        let leaves = [[0; 32], [1; 32], digest("kv meta", &[&group.meta()])];
        let page = digest("kv page", &[&group.page(0)]);
        let top = digest("checkpoint node", &[leaves.as_flattened(), &page]);
        let signed = group.sign(purpose, &digest("checkpoint", &[head, &top]));
        forged[144..192].copy_from_slice(&signed);
        assert_eq!(
            entry(&forged, &group.key()),
            Err(ProofError::Certificate),
            "{purpose}"
        );
    }
}

#[test]
fn what_is_no_proof_is_called_so() {
    let key = vector_key();
    let mut later = PRESENT.to_vec();
    later[15] = 2;
    for (bytes, expected) in [
        (vec![], ProofError::NotAProof),
        (b"maftia proof 2\n\x01".to_vec(), ProofError::NotAProof),
        (b"maftia proof 1\n".to_vec(), ProofError::Short),
        (later, ProofError::UnknownKind),
        (vec![0; PROOF_BYTES_MAX], ProofError::NotAProof),
        (vec![0; PROOF_BYTES_MAX + 1], ProofError::TooLong),
    ] {
        assert_eq!(entry(&bytes, &key), Err(expected));
    }
    // Lengths that announce more than there is.
    for at in 192..PRESENT.len() - 4 {
        let mut huge = PRESENT.to_vec();
        huge[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(entry(&huge, &key).is_err(), "at {at}");
    }
}

/// Round 1000 of drand's quicknet, under its key.
#[test]
fn a_round_of_drands_is_valid_and_no_other() {
    let hex = "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776\
               a2d1064510d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e\
               76eae8991ef5ece45a";
    let key = GroupKey::from_hex(hex).unwrap();
    let mut signature = [0; 48];
    let text = "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2\
                bacbe47e4b6b63ed5e39";
    for (to, pair) in signature.iter_mut().zip(text.as_bytes().chunks(2)) {
        *to = u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap();
    }
    assert!(key.beacon(1000, &signature).is_ok());
    assert_eq!(key.beacon(1001, &signature), Err(BadSignature));
    assert_eq!(key.beacon(1000, &signature[..47]), Err(BadSignature));
}

#[test]
fn what_a_group_signed_for_a_client_is_bound_to_group_and_purpose() {
    let group = Group::new(&[]);
    let (key, signed) = (group.key(), group.sign("client", b"contract"));
    assert_eq!(key.signature(&TAG_GROUP, b"contract", &signed), Ok(()));
    assert_eq!(
        key.signature(&TAG_GROUP, b"contracts", &signed),
        Err(BadSignature)
    );
    assert_eq!(
        key.signature(&[0xac; 32], b"contract", &signed),
        Err(BadSignature)
    );
    let signed = group.sign("ckpt", b"contract");
    assert_eq!(
        key.signature(&TAG_GROUP, b"contract", &signed),
        Err(BadSignature)
    );
}

#[test]
fn c03_only_canonical_keys_are_read() {
    let text = include_str!("../testdata/group.key").trim();
    assert!(GroupKey::from_hex(text).is_ok());
    assert_eq!(GroupKey::from_hex(&text[2..]), Err(KeyError::NotHex));
    assert_eq!(
        GroupKey::from_hex(&text.replacen('8', "+", 1)),
        Err(KeyError::NotHex)
    );
    let identity = [&[0xc0][..], &[0; 95]].concat();
    assert!(matches!(
        GroupKey::from_bytes(&identity),
        Err(KeyError::Point(_))
    ));
}
