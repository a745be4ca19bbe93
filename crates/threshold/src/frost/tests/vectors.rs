//! The vectors of RFC 9591 Appendix E.1, as `testdata/frost-ed25519.json` has them.

use frost_ed25519::rand_core as older;
use frost_ed25519::round1;
use serde_json::Value;

use super::*;
use crate::tests::dealt::shared;
use crate::{Field as _, Group as _};

const VECTORS: &str = include_str!("../../../testdata/frost-ed25519.json");

fn bytes(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    let pair = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(pair).collect()
}

/// A generator that gives the randomness of a vector, and nothing after it.
struct Given(Vec<u8>);

impl older::RngCore for Given {
    fn next_u32(&mut self) -> u32 {
        unreachable!("nonces take bytes")
    }
    fn next_u64(&mut self) -> u64 {
        unreachable!("nonces take bytes")
    }
    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        bytes.copy_from_slice(&self.0[..bytes.len()]);
        self.0.drain(..bytes.len());
    }
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), older::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl older::CryptoRng for Given {}

fn nonce(signer: &Signer, output: &Value) -> (Nonce, NonceCommitment) {
    let hiding = bytes(&output["hiding_nonce_randomness"]);
    let binding = bytes(&output["binding_nonce_randomness"]);
    let mut given = Given([hiding, binding].concat());
    let (inner, public) = round1::commit(signer.package.signing_share(), &mut given);
    assert_eq!(inner.hiding().serialize(), bytes(&output["hiding_nonce"]));
    assert_eq!(inner.binding().serialize(), bytes(&output["binding_nonce"]));
    let commitment = NonceCommitment {
        epoch: Epoch(3),
        number: at(0),
        inner: public,
    };
    let [hiding, binding] = commitment.points();
    assert_eq!(hiding, bytes(&output["hiding_nonce_commitment"]));
    assert_eq!(binding, bytes(&output["binding_nonce_commitment"]));
    let nonce = Nonce {
        scope: scope(3),
        commitment,
        inner: Box::new(inner),
    };
    (nonce, commitment)
}

#[test]
fn gives_what_rfc_9591_gives() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let inputs = &vectors["inputs"];
    let scalar =
        |value: &Value| <Ed25519 as crate::Group>::Scalar::from_bytes(&bytes(value)).unwrap();
    let coefficients = [
        scalar(&inputs["group_secret_key"]),
        scalar(&inputs["share_polynomial_coefficients"][0]),
    ];
    let (sharing, shares) = shared::<Ed25519>(3, &coefficients);
    let keys = Keys::new(scope(3), &sharing).unwrap();
    assert_eq!(keys.public_key()[..], bytes(&inputs["verifying_key_key"]));
    assert_eq!(keys.public_key(), &Ed25519::encode(&sharing.key()));

    let mut signers = BTreeMap::new();
    for (share, expected) in shares
        .into_iter()
        .zip(inputs["participant_shares"].as_array().unwrap())
    {
        assert_eq!(share.to_bytes()[..], bytes(&expected["participant_share"]));
        signers.insert(share.index(), Signer::new(keys.clone(), &share).unwrap());
    }

    let (mut nonces, mut commitments) = (Nonces::new(), Commitments::new());
    for output in vectors["round_one_outputs"]["outputs"].as_array().unwrap() {
        let who = index(output["identifier"].as_u64().unwrap().try_into().unwrap());
        let (nonce, commitment) = nonce(&signers[&who], output);
        nonces.insert(who, nonce);
        commitments.insert(who, commitment);
    }
    let message = bytes(&inputs["message"]);
    let session = SigningPackage::new(&keys, &message, commitments).unwrap();

    let mut answers = BTreeMap::new();
    for output in vectors["round_two_outputs"]["outputs"].as_array().unwrap() {
        let who = index(output["identifier"].as_u64().unwrap().try_into().unwrap());
        let nonce = nonces.remove(&who).unwrap();
        let share = signers[&who].sign_share(nonce, &session).unwrap();
        assert_eq!(share.inner.serialize(), bytes(&output["sig_share"]));
        answers.insert(who, share);
    }
    let signature = keys.aggregate(&session, &answers).unwrap();
    assert_eq!(signature[..], bytes(&vectors["final_output"]["sig"]));
    assert!(verifies(&keys, &message, signature));
}
