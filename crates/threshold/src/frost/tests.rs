use std::collections::{BTreeMap, BTreeSet};

use maftia_codec::{Bytes, Wire as _};
use maftia_types::{Digest, Epoch, Incarnation};

use super::{
    AggregateError, Keys, MESSAGE_BYTES_MAX, Nonce, NonceCommitment, NonceNumber, SessionError,
    ShareError, SignError, SignatureShare, Signer, SigningPackage,
};
use crate::tests::dealt::{dealt, index, rng, scope};
use crate::{BadShare, Ed25519, Index, Scope};

mod nonces;
mod programs;
mod shares;
mod vectors;

const MESSAGE: &[u8] = b"host certificate 17";

/// A group of `n`, any `t` of whom sign.
fn group(n: u8, t: u8) -> (Keys, Vec<Signer>) {
    group_in(scope(3), n, t)
}

fn group_in(scope: Scope, n: u8, t: u8) -> (Keys, Vec<Signer>) {
    let (sharing, shares) = dealt::<Ed25519>(n, t, 1);
    let keys = Keys::new(scope, &sharing).unwrap();
    let signer = |share| Signer::new(keys.clone(), &share).unwrap();
    let signers = shares.into_iter().map(signer).collect();
    (keys, signers)
}

fn at(number: u64) -> NonceNumber {
    NonceNumber {
        incarnation: Incarnation(1),
        number,
    }
}

type Nonces = BTreeMap<Index, Nonce>;
type Commitments = BTreeMap<Index, NonceCommitment>;

fn committed(signers: &[Signer], number: u64) -> (Nonces, Commitments) {
    let both = signers.iter().map(|signer| {
        let (nonce, commitment) = signer.commit(at(number), &mut rng(number));
        ((signer.index(), nonce), (signer.index(), commitment))
    });
    both.unzip()
}

fn answered(
    signers: &[Signer],
    mut nonces: Nonces,
    session: &SigningPackage,
) -> BTreeMap<Index, SignatureShare> {
    let answer = |signer: &Signer| {
        let nonce = nonces.remove(&signer.index()).unwrap();
        (signer.index(), signer.sign_share(nonce, session).unwrap())
    };
    signers.iter().map(answer).collect()
}

/// A session of these signers with all its shares.
fn signed(
    keys: &Keys,
    signers: &[Signer],
    message: &[u8],
) -> (SigningPackage, BTreeMap<Index, SignatureShare>) {
    let (nonces, commitments) = committed(signers, 0);
    let session = SigningPackage::new(keys, message, commitments).unwrap();
    let shares = answered(signers, nonces, &session);
    (session, shares)
}

fn verifies(keys: &Keys, message: &[u8], signature: [u8; 64]) -> bool {
    let key = ed25519_zebra::VerificationKey::try_from(*keys.public_key()).unwrap();
    key.verify(&signature.into(), message).is_ok()
}

#[test]
fn any_threshold_of_signers_makes_a_plain_signature() {
    let small = (1..=5).flat_map(|n| (1..=n).map(move |t| (n, t)));
    for (n, t) in small.chain([(7, 5), (10, 7), (31, 21)]) {
        let (keys, signers) = group(n, t);
        for skip in [0, n - t] {
            let some = &signers[usize::from(skip)..][..usize::from(t)];
            let (session, shares) = signed(&keys, some, MESSAGE);
            let signature = keys.aggregate(&session, &shares).unwrap();
            assert!(verifies(&keys, MESSAGE, signature), "n = {n}, t = {t}");
            assert!(!verifies(&keys, b"another", signature));
        }
    }
}

#[test]
fn c13_a_session_names_exactly_the_threshold() {
    let (keys, signers) = group(5, 3);
    for named in 0..=5 {
        let (_, commitments) = committed(&signers[..named], 0);
        let verdict = SigningPackage::new(&keys, MESSAGE, commitments).map(drop);
        let refused = Err(SessionError::WrongCount { named, needed: 3 });
        assert_eq!(verdict, if named == 3 { Ok(()) } else { refused });
    }
}

#[test]
fn c13_a_session_names_no_outsider() {
    let (keys, signers) = group(5, 3);
    let (_, mut commitments) = committed(&signers[..3], 0);
    let (_, taken) = commitments.pop_last().unwrap();
    commitments.insert(index(6), taken);
    let verdict = SigningPackage::new(&keys, MESSAGE, commitments);
    assert_eq!(verdict, Err(SessionError::Outsider(index(6))));
}

#[test]
fn messages_are_signed_up_to_their_limit() {
    let (keys, signers) = group(2, 2);
    let message = vec![b'm'; MESSAGE_BYTES_MAX + 1];
    let (session, shares) = signed(&keys, &signers, &message[..MESSAGE_BYTES_MAX]);
    let signature = keys.aggregate(&session, &shares).unwrap();
    assert!(verifies(&keys, &message[..MESSAGE_BYTES_MAX], signature));
    let (_, commitments) = committed(&signers, 1);
    let verdict = SigningPackage::new(&keys, &message, commitments);
    assert_eq!(verdict, Err(SessionError::MessageTooLong(message.len())));
}

/// Every input of a session changes its name, to which shares refer.
#[test]
fn c14_sessions_that_differ_have_different_names() {
    let (keys, signers) = group(4, 2);
    let name = |keys: &Keys, signers: &[Signer], number, message: &[u8]| {
        let (_, commitments) = committed(signers, number);
        let session = SigningPackage::new(keys, message, commitments).unwrap();
        *session.digest().as_bytes()
    };
    let (later, later_signers) = group_in(scope(4), 4, 2);
    let elsewhere = Scope {
        group: Digest([8; 32]),
        ..scope(3)
    };
    let (elsewhere, elsewhere_signers) = group_in(elsewhere, 4, 2);
    let names: BTreeSet<_> = [
        name(&keys, &signers[..2], 0, MESSAGE),
        name(&keys, &signers[..2], 0, b"another"),
        name(&keys, &signers[..2], 1, MESSAGE),
        name(&keys, &signers[1..3], 0, MESSAGE),
        name(&later, &later_signers[..2], 0, MESSAGE),
        name(&elsewhere, &elsewhere_signers[..2], 0, MESSAGE),
    ]
    .into();
    assert_eq!(names.len(), 6);
}

#[test]
fn c23_keys_and_shares_of_another_sharing_do_not_meet() {
    let (sharing, _) = dealt::<Ed25519>(4, 3, 1);
    let (_, old) = dealt::<Ed25519>(4, 3, 2);
    let keys = Keys::new(scope(3), &sharing).unwrap();
    let verdict = Signer::new(keys, &old[0]).map(drop);
    assert_eq!(verdict, Err(BadShare(index(1))));
}

#[test]
fn c20_what_signs_does_not_print_its_secret() {
    let (_, signers) = group(4, 3);
    let (_, commitment) = signers[0].commit(at(5), &mut rng(0));
    assert_eq!(
        format!("{:?} {commitment:?}", signers[0]),
        "Signer { scope: Scope { group: 67676767…, epoch: 3 }, index: Index(1), .. } \
         NonceCommitment { epoch: 3, number: NonceNumber { incarnation: 1, number: 5 }, .. }"
    );
}
