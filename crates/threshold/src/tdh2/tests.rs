use std::collections::BTreeMap;

use curve25519_dalek::RistrettoPoint;
use maftia_codec::{Bytes, Wire as _};
use maftia_types::{Digest, Epoch};

use super::{
    CIPHERTEXT_BYTES_MAX, Checked, Ciphertext, CiphertextError, CombineError, DecryptionShare,
    EncryptError, EncryptionKey, Keys, LABEL_BYTES_MAX, OVERHEAD_BYTES, Opener,
    PLAINTEXT_BYTES_MAX, Scalar, ShareError, combine,
};
use crate::tests::dealt::{dealt, index, rng, scope};
use crate::{Group as _, Index, Ristretto255, Scope, Secret};

mod challenges;
mod shares;

const LABEL: &[u8] = b"bids of lot 7, opened 2027-01-01";

/// A group of `n`, any `t` of whom open.
fn group(n: u8, t: u8) -> (Keys, Vec<Opener>) {
    group_in(scope(3), n, t)
}

fn group_in(scope: Scope, n: u8, t: u8) -> (Keys, Vec<Opener>) {
    let (sharing, shares) = dealt::<Ristretto255>(n, t, 1);
    let keys = Keys::new(scope, sharing);
    let opener = |share| Opener::new(keys.clone(), share).unwrap();
    let openers = shares.into_iter().map(opener).collect();
    (keys, openers)
}

fn sealed(keys: &Keys, plaintext: &[u8]) -> Ciphertext {
    let key = keys.encryption_key();
    key.encrypt(LABEL, plaintext, &mut rng(2)).unwrap()
}

fn checked(keys: &Keys, plaintext: &[u8]) -> Checked {
    let ciphertext = sealed(keys, plaintext);
    keys.encryption_key().check(LABEL, ciphertext).unwrap()
}

fn released(openers: &[Opener], ciphertext: &Checked) -> BTreeMap<Index, DecryptionShare> {
    let share = |opener: &Opener| opener.decrypt_share(ciphertext, &mut rng(3));
    openers.iter().map(|o| (o.index(), share(o))).collect()
}

#[test]
fn any_threshold_of_shares_opens_and_one_less_does_not() {
    let small = (1..=6).flat_map(|n| (1..=n).map(move |t| (n, t)));
    for (n, t) in small.chain([(10, 7), (16, 11), (31, 21)]) {
        let (keys, openers) = group(n, t);
        let ciphertext = checked(&keys, b"42 florins");
        for skip in 0..=usize::from(n - t) {
            let mut shares = released(&openers[skip..][..usize::from(t)], &ciphertext);
            let opened = combine(&keys, &ciphertext, &shares).unwrap();
            assert_eq!(&opened.plaintext[..], b"42 florins", "n = {n}, t = {t}");
            assert!(opened.culprits.is_empty());
            shares.pop_last();
            let refused = CombineError::TooFew {
                sound: usize::from(t) - 1,
                needed: usize::from(t),
                culprits: vec![],
            };
            assert_eq!(combine(&keys, &ciphertext, &shares), Err(refused));
        }
    }
}

#[test]
fn c14_a_ciphertext_with_any_bit_flipped_is_refused() {
    let (keys, _) = group(4, 3);
    let ciphertext = sealed(&keys, b"x");
    let bytes = ciphertext.to_bytes();
    assert_eq!(bytes.len(), LABEL.len() + 1 + OVERHEAD_BYTES);
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.to_vec();
            flipped[at] ^= 1 << bit;
            let Ok(flipped) = Ciphertext::from_bytes(Bytes::from(flipped)) else {
                continue;
            };
            let label = flipped.label.clone();
            let verdict = keys.encryption_key().check(&label, flipped);
            assert_eq!(verdict, Err(CiphertextError::BadProof), "byte {at}");
        }
    }
}

/// Each public input on its own, with values that decode.
#[test]
fn c14_a_ciphertext_with_any_input_replaced_is_refused() {
    let (keys, _) = group(4, 3);
    let key = keys.encryption_key();
    let sound = sealed(&keys, b"x");
    let element = Secret::<Ristretto255>::random(&mut rng(5)).public();
    let change: [fn(&mut Ciphertext, super::Element); 6] = [
        |c, _| c.label.push(0),
        |c, e| c.first = e,
        |c, e| c.second = e,
        |c, _| c.challenge += Scalar::ONE,
        |c, _| c.response += Scalar::ONE,
        |c, _| c.sealed[0] ^= 1,
    ];
    for (at, change) in change.iter().enumerate() {
        let mut changed = sound.clone();
        change(&mut changed, element);
        let label = changed.label.clone();
        let verdict = key.check(&label, changed);
        assert_eq!(verdict, Err(CiphertextError::BadProof), "input {at}");
    }
    let others = [
        EncryptionKey::new(Digest([8; 32]), key.public),
        EncryptionKey::new(key.group, element),
        EncryptionKey {
            second: element,
            ..*key
        },
        EncryptionKey {
            public: element,
            ..*key
        },
        EncryptionKey {
            group: Digest([8; 32]),
            ..*key
        },
    ];
    for other in others {
        let verdict = other.check(LABEL, sound.clone());
        assert_eq!(verdict, Err(CiphertextError::BadProof));
    }
    assert!(key.check(LABEL, sound).is_ok());
}

#[test]
fn a_ciphertext_cannot_be_taken_to_another_label() {
    let (keys, _) = group(4, 3);
    let key = keys.encryption_key();
    let ciphertext = sealed(&keys, b"x");
    let other = b"bids of lot 8, opened today";
    let verdict = key.check(other, ciphertext.clone());
    assert_eq!(verdict, Err(CiphertextError::OtherLabel));
    let replayed = Ciphertext {
        label: other.to_vec(),
        ..ciphertext
    };
    let verdict = key.check(other, replayed);
    assert_eq!(verdict, Err(CiphertextError::BadProof));
}

/// Its proof holds, its content is not what the key opens: all readers must agree on that.
#[test]
fn a_ciphertext_made_to_deceive_is_unreadable_for_everybody() {
    let (keys, openers) = group(4, 3);
    let key = keys.encryption_key();
    let (secret, nonce) = (Scalar::from(5_u64), Scalar::from(7_u64));
    let mut made = Ciphertext {
        label: LABEL.to_vec(),
        first: Ristretto255::generate(&secret),
        second: key.second * secret,
        challenge: Scalar::ZERO,
        response: Scalar::ZERO,
        sealed: vec![0; 40],
    };
    let commitments = (Ristretto255::generate(&nonce), key.second * nonce);
    made.challenge = key.challenge(&made, &commitments);
    made.response = nonce + secret * made.challenge;
    let ciphertext = key.check(LABEL, made).unwrap();
    for some in [&openers[..3], &openers[1..]] {
        let verdict = combine(&keys, &ciphertext, &released(some, &ciphertext));
        assert_eq!(verdict, Err(CombineError::Unreadable { culprits: vec![] }));
    }
}

/// The proof is of one secret under both generators: that is what stops chosen ciphertexts.
#[test]
fn a_ciphertext_with_two_secrets_is_refused() {
    let (keys, _) = group(4, 3);
    let key = keys.encryption_key();
    let (secret, nonce) = (Scalar::from(5_u64), Scalar::from(7_u64));
    let mut made = Ciphertext {
        first: Ristretto255::generate(&secret),
        second: key.second * (secret + Scalar::ONE),
        ..sealed(&keys, b"x")
    };
    let commitments = (Ristretto255::generate(&nonce), key.second * nonce);
    made.challenge = key.challenge(&made, &commitments);
    made.response = nonce + secret * made.challenge;
    let verdict = key.check(LABEL, made);
    assert_eq!(verdict, Err(CiphertextError::BadProof));
}

#[test]
fn labels_and_plaintexts_are_accepted_up_to_their_limit() {
    let (keys, _) = group(1, 1);
    let key = keys.encryption_key();
    let label = vec![b'l'; LABEL_BYTES_MAX + 1];
    let plaintext = vec![b'p'; PLAINTEXT_BYTES_MAX + 1];
    let longest = key
        .encrypt(
            &label[..LABEL_BYTES_MAX],
            &plaintext[..PLAINTEXT_BYTES_MAX],
            &mut rng(4),
        )
        .unwrap();
    let bytes = longest.to_bytes();
    assert_eq!(bytes.len(), CIPHERTEXT_BYTES_MAX);
    assert_eq!(Ciphertext::from_bytes(bytes), Ok(longest));
    let verdict = key.encrypt(&label, b"", &mut rng(4));
    assert_eq!(verdict, Err(EncryptError::LabelTooLong(label.len())));
    let verdict = key.encrypt(b"", &plaintext, &mut rng(4));
    assert_eq!(
        verdict,
        Err(EncryptError::PlaintextTooLong(plaintext.len()))
    );
}

/// The first vector of RFC 9496 A.3: the second generator comes from that very map.
#[test]
fn the_map_to_the_group_is_that_of_rfc_9496() {
    let wide = "5d1be09e3d0c82fc538112490e35701979d99e06ca3e2b5b54bffe8b4dc772c1\
        4d98b696a1bbfb5ca32c436cc61c16563790306c79eaca7705668b47dffe5bb6";
    let [low, high] = [0, 64].map(|at| Digest::from_hex(&wide[at..at + 64]).unwrap());
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(low.as_bytes());
    bytes[32..].copy_from_slice(high.as_bytes());
    let mapped = RistrettoPoint::from_uniform_bytes(&bytes);
    assert_eq!(
        Digest(Ristretto255::encode(&mapped)).to_string(),
        "3066f82a1a747d45120d1740f14358531a8f04bbffe6a819f86dfe50f44a0a46"
    );
}

#[test]
fn c20_what_opens_does_not_print_its_secret() {
    let (keys, openers) = group(4, 3);
    let ciphertext = checked(&keys, b"42 florins");
    let opened = combine(&keys, &ciphertext, &released(&openers, &ciphertext)).unwrap();
    let text = format!("{:?} {opened:?}", openers[0]);
    assert_eq!(
        text,
        "Opener { scope: Scope { group: 67676767…, epoch: 3 }, index: Index(1), .. } \
         Opened { bytes: 10, culprits: [], .. }"
    );
    assert_eq!(keys.scope().epoch, Epoch(3));
}
