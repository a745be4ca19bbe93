//! Shares that are wrong, foreign, old or made with a generator that repeats.

use super::*;

#[test]
fn c01_wrong_shares_are_named_and_do_not_spoil_the_result() {
    let (keys, openers) = group(7, 3);
    let ciphertext = checked(&keys, b"42 florins");
    let mut shares = released(&openers, &ciphertext);
    for wrong in [1, 2, 5, 6] {
        let other = shares[&index(7)];
        shares.insert(index(wrong), other);
    }
    let opened = combine(&keys, &ciphertext, &shares).unwrap();
    assert_eq!(&opened.plaintext[..], b"42 florins");
    assert_eq!(opened.culprits, [1, 2, 5, 6].map(index));

    shares.insert(index(3), shares[&index(7)]);
    let refused = CombineError::TooFew {
        sound: 2,
        needed: 3,
        culprits: [1, 2, 3, 5, 6].map(index).to_vec(),
    };
    assert_eq!(combine(&keys, &ciphertext, &shares), Err(refused));
}

#[test]
fn c14_a_share_with_any_bit_flipped_is_refused() {
    let (keys, openers) = group(4, 3);
    let ciphertext = checked(&keys, b"x");
    let share = openers[0].decrypt_share(&ciphertext, &mut rng(3));
    let verdict = |share: &DecryptionShare| keys.verify_share(&ciphertext, index(1), share);
    assert_eq!(verdict(&share), Ok(()));
    let bytes = share.to_bytes();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.to_vec();
            flipped[at] ^= 1 << bit;
            let Ok(flipped) = DecryptionShare::from_bytes(Bytes::from(flipped)) else {
                continue;
            };
            assert!(verdict(&flipped).is_err(), "byte {at}");
        }
    }
}

#[test]
fn c14_a_share_under_any_other_input_is_refused() {
    let (keys, openers) = group(4, 3);
    let ciphertext = checked(&keys, b"x");
    let share = openers[0].decrypt_share(&ciphertext, &mut rng(3));
    let refused = Err(ShareError::BadProof);
    assert_eq!(keys.verify_share(&ciphertext, index(2), &share), refused);
    let outsider = Err(ShareError::Outsider(index(5)));
    assert_eq!(keys.verify_share(&ciphertext, index(5), &share), outsider);

    let key = keys.encryption_key();
    let other = key.encrypt(LABEL, b"y", &mut rng(7)).unwrap();
    let other = key.check(LABEL, other).unwrap();
    let elsewhere = Err(ShareError::OtherCiphertext);
    assert_eq!(keys.verify_share(&other, index(1), &share), elsewhere);
    let claimed = DecryptionShare {
        ciphertext: other.digest(),
        ..share
    };
    assert_eq!(keys.verify_share(&other, index(1), &claimed), refused);

    // The same secret and the same point in another group: only the name differs.
    let foreign = Scope {
        group: Digest([8; 32]),
        ..scope(3)
    };
    let (foreign, _) = group_in(foreign, 4, 3);
    assert_eq!(
        foreign.verify_share(&ciphertext, index(1), &share),
        elsewhere
    );
}

/// The same content under another key pair of the same participant proves nothing here.
#[test]
fn c14_the_proof_is_of_the_participant_s_own_secret() {
    let (keys, _) = group(4, 3);
    let ciphertext = checked(&keys, b"x");
    let (sharing, mut shares) = dealt::<Ristretto255>(4, 3, 99);
    let other = Keys {
        encryption: *keys.encryption_key(),
        ..Keys::new(scope(3), sharing)
    };
    let intruder = Opener::new(other, shares.remove(0)).unwrap();
    let share = intruder.decrypt_share(&ciphertext, &mut rng(3));
    let verdict = keys.verify_share(&ciphertext, index(1), &share);
    assert_eq!(verdict, Err(ShareError::BadProof));
}

#[test]
fn c23_a_share_of_another_epoch_is_refused() {
    let (old, openers) = group_in(scope(3), 4, 3);
    let (new, _) = group_in(scope(4), 4, 3);
    let ciphertext = checked(&old, b"x");
    let share = openers[0].decrypt_share(&ciphertext, &mut rng(3));
    let verdict = new.verify_share(&ciphertext, index(1), &share);
    assert_eq!(verdict, Err(ShareError::OtherEpoch(Epoch(3))));
    let claimed = DecryptionShare {
        epoch: Epoch(4),
        ..share
    };
    let verdict = new.verify_share(&ciphertext, index(1), &claimed);
    assert_eq!(verdict, Err(ShareError::BadProof));
}

/// Correction 26: whoever encrypts cannot know in which epoch it will be opened.
#[test]
fn a_ciphertext_opens_in_a_later_epoch() {
    let (old, _) = group_in(scope(3), 4, 3);
    let (new, openers) = group_in(scope(4), 4, 3);
    let ciphertext = new
        .encryption_key()
        .check(LABEL, sealed(&old, b"x"))
        .unwrap();
    let shares = released(&openers, &ciphertext);
    assert!(combine(&new, &ciphertext, &shares).is_ok());
}

#[test]
fn c23_a_secret_share_from_before_a_resharing_does_not_open() {
    let (sharing, _) = dealt::<Ristretto255>(4, 3, 1);
    let (_, mut old) = dealt::<Ristretto255>(4, 3, 2);
    assert!(Opener::new(Keys::new(scope(3), sharing), old.remove(0)).is_err());
}

/// The generator of a cloned machine gives the same bytes twice. A proof's secret used for two
/// ciphertexts would give the share away.
#[test]
fn c18_the_proof_s_secret_differs_although_the_generator_repeats() {
    let (keys, openers) = group(4, 3);
    let key = keys.encryption_key();
    let commitment = |plaintext: &[u8]| {
        let sealed = key.encrypt(LABEL, plaintext, &mut rng(2)).unwrap();
        let ciphertext = key.check(LABEL, sealed).unwrap();
        let share = openers[0].decrypt_share(&ciphertext, &mut rng(3));
        let public = keys.sharing.public_share(index(1)).unwrap();
        Ristretto255::generate(&share.response) - public * share.challenge
    };
    assert_ne!(commitment(b"x"), commitment(b"y"));
    assert_eq!(commitment(b"x"), commitment(b"x"));
}
