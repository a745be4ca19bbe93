//! Frozen Heart: whatever a challenge leaves out can be chosen last, to fit.

use super::*;
use crate::tdh2::Element;

fn element(seed: u64) -> Element {
    Secret::<Ristretto255>::random(&mut rng(seed)).public()
}

fn all_differ(challenges: &[Scalar]) {
    for (at, challenge) in challenges.iter().enumerate() {
        assert!(!challenges[..at].contains(challenge), "input {at}");
    }
}

#[test]
fn c14_a_ciphertext_s_challenge_depends_on_every_input() {
    let (keys, _) = group(4, 3);
    let key = *keys.encryption_key();
    let ciphertext = sealed(&keys, b"x");
    let commitments = (element(1), element(2));
    let of_key = |key: EncryptionKey| key.challenge(&ciphertext, &commitments);
    let of_ciphertext = |change: fn(&mut Ciphertext)| {
        let mut changed = ciphertext.clone();
        change(&mut changed);
        key.challenge(&changed, &commitments)
    };
    let of_commitments = |commitments| key.challenge(&ciphertext, &commitments);
    let (group, public, second) = (Digest([8; 32]), element(3), element(4));
    all_differ(&[
        of_key(key),
        of_key(EncryptionKey { group, ..key }),
        of_key(EncryptionKey { public, ..key }),
        of_key(EncryptionKey { second, ..key }),
        of_ciphertext(|c| c.label.push(0)),
        of_ciphertext(|c| c.sealed.push(0)),
        of_ciphertext(|c| c.first = element(5)),
        of_ciphertext(|c| c.second = element(6)),
        of_commitments((element(7), commitments.1)),
        of_commitments((commitments.0, element(8))),
    ]);
}

#[test]
fn c14_a_share_s_challenge_depends_on_every_input() {
    let (keys, _) = group(4, 3);
    let ciphertext = checked(&keys, b"x");
    let (public, share) = (element(1), element(2));
    let commitments = (element(3), element(4));
    let of_keys =
        |keys: &Keys| keys.challenge(&ciphertext, index(1), &public, &share, &commitments);
    let of_ciphertext =
        |other: &Checked| keys.challenge(other, index(1), &public, &share, &commitments);
    let of_proof = |index, public, share, commitments| {
        keys.challenge(&ciphertext, index, &public, &share, &commitments)
    };
    let (sharing, _) = dealt::<Ristretto255>(4, 3, 99);
    let other_key = Keys {
        sharing,
        ..keys.clone()
    };
    let elsewhere = Scope {
        group: Digest([8; 32]),
        ..scope(3)
    };
    let mut other_base = ciphertext.clone();
    other_base.ciphertext.first = element(5);
    let mut other_name = ciphertext.clone();
    other_name.digest = Digest([8; 32]);
    all_differ(&[
        of_keys(&keys),
        of_keys(&other_key),
        of_keys(&group_in(scope(4), 4, 3).0),
        of_keys(&group_in(elsewhere, 4, 3).0),
        of_ciphertext(&other_base),
        of_ciphertext(&other_name),
        of_proof(index(2), public, share, commitments),
        of_proof(index(1), element(6), share, commitments),
        of_proof(index(1), public, element(7), commitments),
        of_proof(index(1), public, share, (element(8), commitments.1)),
        of_proof(index(1), public, share, (commitments.0, element(9))),
    ]);
}
