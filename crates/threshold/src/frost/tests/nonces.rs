//! One nonce, one session, whatever the generator does.

use super::*;

#[test]
fn c12_a_nonce_answers_only_the_session_that_names_it() {
    let (keys, signers) = group(4, 2);
    let (mut nonces, commitments) = committed(&signers, 0);
    let (mut others, _) = committed(&signers, 1);
    let two: Commitments = commitments.into_iter().take(2).collect();
    let session = SigningPackage::new(&keys, MESSAGE, two).unwrap();
    let verdict = |nonces: &mut Nonces, who: u8| {
        let signer = &signers[usize::from(who) - 1];
        let nonce = nonces.remove(&index(who)).unwrap();
        signer.sign_share(nonce, &session).map(drop)
    };
    assert_eq!(verdict(&mut nonces, 1), Ok(()));
    assert_eq!(verdict(&mut others, 2), Err(SignError::OtherCommitment));
    assert_eq!(verdict(&mut nonces, 3), Err(SignError::NotNamed));
}

/// Session number two has its own nonces; both finish, in any order.
#[test]
fn c12_sessions_in_parallel_do_not_disturb_each_other() {
    let (keys, signers) = group(4, 3);
    let (first_nonces, first) = committed(&signers[..3], 0);
    let (second_nonces, second) = committed(&signers[..3], 1);
    let first = SigningPackage::new(&keys, b"first", first).unwrap();
    let second = SigningPackage::new(&keys, b"second", second).unwrap();
    let second_shares = answered(&signers[..3], second_nonces, &second);
    let first_shares = answered(&signers[..3], first_nonces, &first);
    for (session, shares) in [(first, first_shares), (second, second_shares)] {
        let signature = keys.aggregate(&session, &shares).unwrap();
        assert!(verifies(&keys, session.message(), signature));
    }
}

#[test]
fn c23_commitments_and_nonces_are_void_in_another_epoch() {
    let (_, old) = group_in(scope(3), 4, 2);
    let (keys, new) = group_in(scope(4), 4, 2);
    let (old_nonces, stale) = committed(&old[..2], 0);
    let (nonces, commitments) = committed(&new[..2], 0);
    let mut mixed = commitments.clone();
    mixed.insert(index(2), stale[&index(2)]);
    let verdict = SigningPackage::new(&keys, MESSAGE, mixed);
    assert_eq!(verdict, Err(SessionError::OtherEpoch(index(2))));

    let session = SigningPackage::new(&keys, MESSAGE, commitments).unwrap();
    for (who, nonce) in old_nonces {
        let signer = &new[usize::from(who.number()) - 1];
        let verdict = signer.sign_share(nonce, &session).map(drop);
        assert_eq!(verdict, Err(SignError::OtherKey));
    }
    for (who, nonce) in nonces {
        let signer = &old[usize::from(who.number()) - 1];
        let verdict = signer.sign_share(nonce, &session).map(drop);
        assert_eq!(verdict, Err(SignError::OtherKey));
    }
}

/// All generators here repeat; each nonce differs in one thing from the first.
#[test]
fn c18_nonces_differ_although_the_generator_repeats() {
    let (_, signers) = group(4, 2);
    let (_, later) = group_in(scope(4), 4, 2);
    let elsewhere = Scope {
        group: Digest([8; 32]),
        ..scope(3)
    };
    let (_, elsewhere) = group_in(elsewhere, 4, 2);
    let restarted = NonceNumber {
        incarnation: Incarnation(2),
        ..at(0)
    };
    let made = |signer: &Signer, number, seed| signer.commit(number, &mut rng(seed)).1.points();
    let first = made(&signers[0], at(0), 0);
    let all: BTreeSet<_> = [
        first.clone(),
        made(&signers[0], at(1), 0),
        made(&signers[0], restarted, 0),
        made(&signers[1], at(0), 0),
        made(&later[0], at(0), 0),
        made(&elsewhere[0], at(0), 0),
        made(&signers[0], at(0), 1),
    ]
    .into_iter()
    .flatten()
    .collect();
    assert_eq!(all.len(), 14, "hiding and binding nonces, all different");
    assert_eq!(made(&signers[0], at(0), 0), first);
}

#[test]
fn c03_a_commitment_is_two_points_of_the_group() {
    let (_, signers) = group(2, 2);
    let (_, commitment) = signers[0].commit(at(7), &mut rng(0));
    let bytes = commitment.to_bytes();
    assert_eq!(NonceCommitment::from_bytes(bytes.clone()), Ok(commitment));
    let identity = {
        let mut bytes = [0; 32];
        bytes[0] = 1;
        bytes
    };
    let order_four = [0; 32];
    for point in [identity, order_four, [0xff; 32]] {
        for start in [bytes.len() - 64, bytes.len() - 32] {
            let mut changed = bytes.to_vec();
            changed[start..start + 32].copy_from_slice(&point);
            assert!(NonceCommitment::from_bytes(Bytes::from(changed)).is_err());
        }
    }
    assert!(NonceCommitment::from_bytes(bytes.slice(1..)).is_err());
}
