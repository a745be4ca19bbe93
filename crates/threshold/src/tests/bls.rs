use std::collections::BTreeSet;

use drand_verify::{G2PubkeyRfc, Pubkey as _};
use maftia_pairing::{G1, Scalar};
use serde_json::Value;

use super::{RUN, Shared, committee, generate, index, run, scope};
use crate::bls::{
    BadSignature, CombineError, GROUP_NAME_BYTES_MAX, PublicKey, Purpose, Signature,
    SignatureShare, Tag, combine, quicknet_message,
};
use crate::{Bls12381G2, Ceremony, Index};

const MESSAGE: &[u8] = b"a message";

fn tag() -> Tag {
    Tag::new("demo", Purpose::Coin).unwrap()
}

fn sign(shared: &Shared<Bls12381G2>, signers: &[u8]) -> Vec<SignatureShare> {
    let share = |signer: &u8| &shared.1[&index(*signer)];
    let signers = signers.iter();
    signers
        .map(|signer| SignatureShare::sign(share(signer), &tag(), MESSAGE))
        .collect()
}

/// Makes a share bad in a way that decoding does not notice.
fn spoil(share: &mut SignatureShare, factor: u64) {
    let value = G1::from_bytes(&share.to_bytes()).unwrap() * Scalar::from(factor);
    *share = SignatureShare::from_bytes(share.signer(), &value.to_bytes()).unwrap();
}

fn hex(text: &Value) -> Vec<u8> {
    let digits = text.as_str().unwrap().as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

#[test]
fn rounds_published_by_drand_verify() {
    let file: Value = serde_json::from_str(include_str!("../../testdata/drand.json")).unwrap();
    let mut rounds = 0;
    for chain in file["chains"].as_array().unwrap() {
        let key = PublicKey::from_bytes(&hex(&chain["key"])).unwrap();
        for published in chain["rounds"].as_array().unwrap() {
            let round = published["round"].as_u64().unwrap();
            let signature = Signature::from_bytes(&hex(&published["signature"])).unwrap();
            let verdict = |round, tag| key.verify(&tag, &quicknet_message(round), &signature);
            assert_eq!(verdict(round, Tag::quicknet()), Ok(()));
            assert_eq!(verdict(round + 1, Tag::quicknet()), Err(BadSignature));
            assert_eq!(verdict(round, tag()), Err(BadSignature));
            rounds += 1;
        }
    }
    assert_eq!(rounds, 5);
}

#[test]
fn a_round_of_ours_verifies_with_an_unrelated_drand_client() {
    let shared = generate::<Bls12381G2>(committee(3, 4), 1);
    let key = PublicKey::of(&shared.0);
    let foreign = G2PubkeyRfc::from_fixed(key.to_bytes()).unwrap();
    for round in [1, 2, u64::MAX] {
        let message = quicknet_message(round);
        let shares = shared.1.values().skip(1);
        let shares = shares.map(|share| SignatureShare::sign(share, &Tag::quicknet(), &message));
        let shares: Vec<_> = shares.collect();
        let combined = combine(&shared.0, &Tag::quicknet(), &message, &shares).unwrap();
        let signature = combined.signature.to_bytes();
        assert!(foreign.verify(round, &[], &signature).unwrap());
        assert!(!foreign.verify(round ^ 1, &[], &signature).unwrap());
    }
}

#[test]
fn any_threshold_of_signers_make_the_same_signature() {
    let shared = generate::<Bls12381G2>(committee(3, 5), 2);
    let signature = |signers: &[u8]| {
        let combined = combine(&shared.0, &tag(), MESSAGE, &sign(&shared, signers)).unwrap();
        assert_eq!(combined.culprits, BTreeSet::new());
        combined.signature
    };
    let first = signature(&[1, 2, 3]);
    for signers in [&[5, 4, 3][..], &[1, 5, 2], &[2, 3, 4, 5], &[1, 2, 3, 4, 5]] {
        assert_eq!(signature(signers), first);
    }
    let key = PublicKey::of(&shared.0);
    assert_eq!(key.verify(&tag(), MESSAGE, &first), Ok(()));
    assert_eq!(key.verify(&tag(), b"another", &first), Err(BadSignature));
    let other = PublicKey::of(&generate(committee(3, 5), 3).0);
    assert_eq!(other.verify(&tag(), MESSAGE, &first), Err(BadSignature));
    assert_eq!(Signature::from_bytes(&first.to_bytes()), Ok(first));
}

#[test]
fn fewer_signers_than_the_threshold_make_none() {
    let shared = generate::<Bls12381G2>(committee(3, 5), 4);
    for signers in [&[][..], &[1], &[1, 2]] {
        let refused = combine(&shared.0, &tag(), MESSAGE, &sign(&shared, signers));
        let (good, culprits) = (signers.len(), BTreeSet::new());
        let expected = CombineError::TooFew {
            needed: 3,
            good,
            culprits,
        };
        assert_eq!(refused, Err(expected));
    }
}

#[test]
fn c01_bad_shares_do_not_stop_the_good_ones_and_their_signers_are_named() {
    let shared = generate::<Bls12381G2>(committee(5, 7), 5);
    let key = PublicKey::of(&shared.0);
    for bad in [&[1][..], &[2, 5], &[1, 2], &[1, 7]] {
        let mut shares = sign(&shared, &[1, 2, 3, 4, 5, 6, 7]);
        for signer in bad {
            spoil(&mut shares[usize::from(*signer) - 1], 3);
        }
        let combined = combine(&shared.0, &tag(), MESSAGE, &shares).unwrap();
        assert_eq!(key.verify(&tag(), MESSAGE, &combined.signature), Ok(()));
        let expected: BTreeSet<_> = bad.iter().copied().map(index).collect();
        assert_eq!(combined.culprits, expected);
        for share in &shares {
            let verdict = share.verify(&shared.0, &tag(), MESSAGE);
            assert_eq!(verdict.is_err(), expected.contains(&share.signer()));
        }
    }
}

#[test]
fn c01_with_too_many_bad_shares_all_are_named() {
    let shared = generate::<Bls12381G2>(committee(3, 4), 6);
    let mut shares = sign(&shared, &[1, 2, 3, 4]);
    spoil(&mut shares[0], 3);
    spoil(&mut shares[3], 5);
    let expected = CombineError::TooFew {
        needed: 3,
        good: 2,
        culprits: [1, 4].map(index).into(),
    };
    assert_eq!(combine(&shared.0, &tag(), MESSAGE, &shares), Err(expected));
}

#[test]
fn c01_bad_shares_that_make_up_for_each_other_are_both_named() {
    let shared = generate::<Bls12381G2>(committee(3, 4), 7);
    let mut shares = sign(&shared, &[1, 2, 3, 4]);
    let offset = G1::generator();
    for (place, offset) in [(0, offset), (1, -offset)] {
        let value = G1::from_bytes(&shares[place].to_bytes()).unwrap() + offset;
        let signer = shares[place].signer();
        shares[place] = SignatureShare::from_bytes(signer, &value.to_bytes()).unwrap();
    }
    let combined = combine(&shared.0, &tag(), MESSAGE, &shares);
    let CombineError::TooFew { culprits, .. } = combined.unwrap_err() else {
        panic!("two of four are good");
    };
    assert_eq!(culprits, [1, 2].map(index).into());
}

#[test]
fn c01_shares_swapped_between_signers_are_bad() {
    let shared = generate::<Bls12381G2>(committee(2, 4), 8);
    let mut shares = sign(&shared, &[1, 2, 3, 4]);
    let bytes = [shares[0].to_bytes(), shares[1].to_bytes()];
    shares[0] = SignatureShare::from_bytes(index(1), &bytes[1]).unwrap();
    shares[1] = SignatureShare::from_bytes(index(2), &bytes[0]).unwrap();
    let combined = combine(&shared.0, &tag(), MESSAGE, &shares).unwrap();
    assert_eq!(combined.culprits, [1, 2].map(index).into());
}

#[test]
fn c21_a_repeated_or_unknown_signer_is_refused() {
    let shared = generate::<Bls12381G2>(committee(2, 3), 9);
    let mut shares = sign(&shared, &[1, 1]);
    let refused = combine(&shared.0, &tag(), MESSAGE, &shares);
    assert_eq!(refused, Err(CombineError::Repeated(index(1))));
    shares[1] = SignatureShare::from_bytes(index(4), &shares[0].to_bytes()).unwrap();
    let refused = combine(&shared.0, &tag(), MESSAGE, &shares);
    assert_eq!(refused, Err(CombineError::Unknown(index(4))));
    assert_eq!(
        shares[1].verify(&shared.0, &tag(), MESSAGE),
        Err(BadSignature)
    );
}

#[test]
fn c09_a_share_of_the_previous_epoch_is_no_good_and_the_key_stays() {
    let old = generate::<Bls12381G2>(committee(3, 4), 10);
    let ceremony = Ceremony::resharing(scope(2), RUN, committee(3, 4), &old.0);
    let contributions: Vec<_> = [2, 3, 4].map(|own| &old.1[&index(own)]).into();
    let new = run(&ceremony, &contributions, 11);
    let signature = |of: &Shared<_>| combine(&of.0, &tag(), MESSAGE, &sign(of, &[1, 3, 4]));
    assert_eq!(signature(&old), signature(&new));
    let mut shares = sign(&new, &[1, 2, 3, 4]);
    shares[0] = sign(&old, &[1])[0];
    let combined = combine(&new.0, &tag(), MESSAGE, &shares).unwrap();
    assert_eq!(combined.culprits, [index(1)].into());
}

#[test]
fn correction_26_no_purpose_and_no_group_shares_a_domain() {
    let names = ["a", "a | coin", "a | coin | vote", "b"];
    let mut tags: Vec<_> = names
        .iter()
        .flat_map(|name| Purpose::ALL.map(|purpose| Tag::new(name, purpose).unwrap()))
        .collect();
    tags.push(Tag::quicknet());
    for (place, tag) in tags.iter().enumerate() {
        assert!(!tags[..place].contains(tag), "{tag:?}");
    }
    let longest = "g".repeat(GROUP_NAME_BYTES_MAX);
    assert!(Tag::new(&longest, Purpose::IbeClient).is_ok());
    assert!(Tag::new(&format!("{longest}g"), Purpose::Aba).is_err());
    assert!(Tag::new("", Purpose::Aba).is_err());
    let shared = generate::<Bls12381G2>(committee(1, 1), 12);
    let combined = combine(&shared.0, &tag(), MESSAGE, &sign(&shared, &[1])).unwrap();
    let key = PublicKey::of(&shared.0);
    for purpose in Purpose::ALL {
        let tag = Tag::new("demo", purpose).unwrap();
        let verdict = key.verify(&tag, MESSAGE, &combined.signature);
        assert_eq!(verdict.is_ok(), purpose == Purpose::Coin);
    }
}

#[test]
fn a_committee_of_255_signs() {
    let shared = generate::<Bls12381G2>(committee(1, 255), 13);
    let share = &shared.1[&index(255)];
    let share = SignatureShare::sign(share, &tag(), MESSAGE);
    assert_eq!(share.verify(&shared.0, &tag(), MESSAGE), Ok(()));
    assert!(combine(&shared.0, &tag(), MESSAGE, &[share]).is_ok());
    assert_eq!(Index::first(255).last(), Some(index(255)));
}
