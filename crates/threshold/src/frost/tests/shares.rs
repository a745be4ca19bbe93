//! Signature shares that are wrong, missing or of another session.

use super::*;

#[test]
fn c01_everybody_whose_share_is_wrong_is_named() {
    let (keys, signers) = group(7, 5);
    let (session, mut shares) = signed(&keys, &signers[..5], MESSAGE);
    shares.insert(index(2), shares[&index(1)]);
    shares.insert(index(5), shares[&index(1)]);
    let culprits = vec![index(2), index(5)];
    let verdict = keys.aggregate(&session, &shares);
    assert_eq!(verdict, Err(AggregateError::BadShares { culprits }));
    for who in 1..=5 {
        let verdict = keys.verify_share(&session, index(who), &shares[&index(who)]);
        let wrong = Err(ShareError::BadShare);
        assert_eq!(verdict, if [2, 5].contains(&who) { wrong } else { Ok(()) });
    }
}

#[test]
fn who_has_not_answered_is_missing_and_not_blamed() {
    let (keys, signers) = group(4, 3);
    let (session, mut shares) = signed(&keys, &signers[..3], MESSAGE);
    let (other, others) = {
        let (nonces, commitments) = committed(&signers[..3], 1);
        let other = SigningPackage::new(&keys, b"another", commitments).unwrap();
        let shares = answered(&signers[..3], nonces, &other);
        (other, shares)
    };
    shares.remove(&index(1));
    shares.insert(index(2), others[&index(2)]);
    let verdict = keys.aggregate(&session, &shares);
    let missing = vec![index(1), index(2)];
    assert_eq!(verdict, Err(AggregateError::Missing(missing)));
    let verdict = keys.verify_share(&session, index(2), &shares[&index(2)]);
    assert_eq!(verdict, Err(ShareError::OtherSession));
    assert!(keys.aggregate(&other, &others).is_ok());
}

#[test]
fn a_share_of_somebody_not_named_does_not_disturb() {
    let (keys, signers) = group(4, 3);
    let (session, mut shares) = signed(&keys, &signers[..3], MESSAGE);
    let uninvited = shares[&index(1)];
    let verdict = keys.verify_share(&session, index(4), &uninvited);
    assert_eq!(verdict, Err(ShareError::NotNamed(index(4))));
    shares.insert(index(4), uninvited);
    assert!(keys.aggregate(&session, &shares).is_ok());
}

/// A share that claims the right session is judged by its equation.
#[test]
fn c14_a_share_made_for_other_inputs_is_wrong_under_this_session_s_name() {
    let (keys, signers) = group(4, 2);
    let (session, shares) = signed(&keys, &signers[..2], MESSAGE);
    let relabelled = |share: &SignatureShare, session: &SigningPackage| SignatureShare {
        session: session.digest(),
        ..*share
    };
    let (nonces, commitments) = committed(&signers[..2], 0);
    let other_message = SigningPackage::new(&keys, b"another", commitments).unwrap();
    let other_message = (
        answered(&signers[..2], nonces, &other_message),
        other_message,
    );
    let (nonces, commitments) = committed(&signers[..2], 1);
    let other_nonces = SigningPackage::new(&keys, MESSAGE, commitments).unwrap();
    let other_nonces = (answered(&signers[..2], nonces, &other_nonces), other_nonces);
    let pair = [&signers[0], &signers[3]];
    let (nonces, commitments): (Vec<_>, Commitments) = pair
        .map(|signer| signer.commit(at(0), &mut rng(0)))
        .into_iter()
        .zip(pair)
        .map(|((nonce, commitment), signer)| (nonce, (signer.index(), commitment)))
        .unzip();
    let other_signers = SigningPackage::new(&keys, MESSAGE, commitments).unwrap();
    let share = nonces
        .into_iter()
        .zip(pair)
        .map(|(nonce, signer)| {
            (
                signer.index(),
                signer.sign_share(nonce, &other_signers).unwrap(),
            )
        })
        .collect();
    for (other, of) in [other_message, other_nonces, (share, other_signers)] {
        assert_eq!(keys.verify_share(&of, index(1), &other[&index(1)]), Ok(()));
        let claimed = relabelled(&other[&index(1)], &session);
        let verdict = keys.verify_share(&session, index(1), &claimed);
        assert_eq!(verdict, Err(ShareError::BadShare));
    }
    let verdict = keys.verify_share(&session, index(2), &shares[&index(1)]);
    assert_eq!(verdict, Err(ShareError::BadShare));
}

#[test]
fn c14_a_share_with_any_bit_flipped_is_refused() {
    let (keys, signers) = group(2, 2);
    let (session, shares) = signed(&keys, &signers, MESSAGE);
    let bytes = shares[&index(1)].to_bytes();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.to_vec();
            flipped[at] ^= 1 << bit;
            let Ok(flipped) = SignatureShare::from_bytes(Bytes::from(flipped)) else {
                continue;
            };
            let verdict = keys.verify_share(&session, index(1), &flipped);
            assert!(verdict.is_err(), "byte {at}");
        }
    }
}

#[test]
fn c23_a_session_of_another_epoch_or_group_is_refused() {
    let (keys, signers) = group(2, 2);
    let (session, shares) = signed(&keys, &signers, MESSAGE);
    let elsewhere = Scope {
        group: Digest([8; 32]),
        ..scope(3)
    };
    for other in [scope(4), elsewhere] {
        let (other, _) = group_in(other, 2, 2);
        let verdict = other.verify_share(&session, index(1), &shares[&index(1)]);
        assert_eq!(verdict, Err(ShareError::OtherSession));
        let verdict = other.aggregate(&session, &shares);
        assert_eq!(verdict, Err(AggregateError::OtherKey));
    }
    assert_eq!(keys.scope().epoch, Epoch(3));
}
