use std::collections::{BTreeMap, BTreeSet};

use maftia_pairing::{G1, G2, Scalar, pairings_cancel};
use thiserror::Error;

use super::{Signature, SignatureShare, Tag, verify};
use crate::{Bls12381G2, Group, Index, Sharing, lagrange};

/// BLAKE3's context for the weights of a batch: no other use of BLAKE3 shares its outputs.
const CONTEXT: &str = "maftia threshold 2026-11 bls batch weights 1";

/// A valid signature, and whom combining it has convicted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Combined {
    /// The signature. It has been verified.
    pub signature: Signature,
    /// The signers whose shares are bad. Empty if the first shares sufficed: the others were not
    /// looked at then.
    pub culprits: BTreeSet<Index>,
}

/// Why shares make no signature.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CombineError {
    /// Two shares of one signer. Nothing was combined.
    #[error("two shares of {0}")]
    Repeated(Index),
    /// Fewer good shares than the threshold.
    #[error("{good} good shares where {needed} are needed")]
    TooFew {
        /// The threshold.
        needed: usize,
        /// How many shares are good. If no signer is to blame: how many there were, unchecked.
        good: usize,
        /// The signers whose shares are bad.
        culprits: BTreeSet<Index>,
    },
    /// A signer that is no participant. Nothing was combined.
    #[error("{0} is no participant")]
    Unknown(Index),
}

/// A share with what it is checked against.
struct Claim {
    signer: Index,
    share: G1,
    key: G2,
    weight: Scalar,
}

/// Makes the group's signature from shares of distinct participants.
///
/// Deterministic: the same shares give the same answer everywhere.
///
/// # Errors
/// Each of [`CombineError`].
pub fn combine(
    sharing: &Sharing<Bls12381G2>,
    tag: &Tag,
    message: &[u8],
    shares: &[SignatureShare],
) -> Result<Combined, CombineError> {
    let mut by_signer = BTreeMap::new();
    for share in shares {
        if sharing.public_share(share.signer).is_none() {
            return Err(CombineError::Unknown(share.signer));
        }
        if by_signer.insert(share.signer, share.value).is_some() {
            return Err(CombineError::Repeated(share.signer));
        }
    }
    let needed = usize::from(sharing.committee().threshold());
    let too_few = |good, culprits| CombineError::TooFew {
        needed,
        good,
        culprits,
    };
    if by_signer.len() < needed {
        return Err(too_few(by_signer.len(), BTreeSet::new()));
    }
    let hash = tag.hash(message);
    let signature = interpolate(&by_signer, needed);
    if verify(sharing.key(), hash, signature).is_ok() {
        return Ok(Combined {
            signature: Signature(signature),
            culprits: BTreeSet::new(),
        });
    }
    let culprits = culprits(sharing, hash, &by_signer);
    by_signer.retain(|signer, _| !culprits.contains(signer));
    if by_signer.len() < needed {
        return Err(too_few(by_signer.len(), culprits));
    }
    let signature = interpolate(&by_signer, needed);
    verify(sharing.key(), hash, signature).expect("good shares interpolate to the signature");
    Ok(Combined {
        signature: Signature(signature),
        culprits,
    })
}

/// The value at zero of the polynomial through the first `needed` shares.
fn interpolate(shares: &BTreeMap<Index, G1>, needed: usize) -> G1 {
    let used: BTreeSet<_> = shares.keys().copied().take(needed).collect();
    let weights = lagrange(Scalar::ZERO, &used);
    let terms: Vec<_> = weights.into_iter().zip(shares.values().copied()).collect();
    G1::sum_of_products(&terms)
}

/// Who gave a bad share, found by checking halves.
fn culprits(
    sharing: &Sharing<Bls12381G2>,
    hash: G1,
    shares: &BTreeMap<Index, G1>,
) -> BTreeSet<Index> {
    let weights = weights(sharing, hash, shares);
    let claims = shares.iter().zip(weights);
    let claims = claims.filter_map(|((signer, share), weight)| {
        Some(Claim {
            signer: *signer,
            share: *share,
            key: sharing.public_share(*signer)?,
            weight,
        })
    });
    let claims: Vec<_> = claims.collect();
    let mut culprits = BTreeSet::new();
    blame(&claims, hash, all_good(&claims, hash), &mut culprits);
    culprits
}

/// Finds the bad ones among claims of which it is known whether all are good. The depth is the
/// logarithm of at most 255.
fn blame(claims: &[Claim], hash: G1, good: bool, culprits: &mut BTreeSet<Index>) {
    if good {
        return;
    }
    if let [claim] = claims {
        culprits.insert(claim.signer);
        return;
    }
    let (left, right) = claims.split_at(claims.len() / 2);
    let left_good = all_good(left, hash);
    blame(left, hash, left_good, culprits);
    // If nothing is wrong on the left, something is on the right: no need to look.
    let right_good = !left_good && all_good(right, hash);
    blame(right, hash, right_good, culprits);
}

/// Whether every share is good: Σ weightᵢ·shareᵢ is the signature under Σ weightᵢ·keyᵢ. Without
/// weights, two bad shares could make up for each other.
fn all_good(claims: &[Claim], hash: G1) -> bool {
    if let [claim] = claims {
        return verify(claim.key, hash, claim.share).is_ok();
    }
    let shares: Vec<_> = claims.iter().map(|own| (own.weight, own.share)).collect();
    let keys: Vec<_> = claims.iter().map(|own| (own.weight, own.key)).collect();
    let (share, key) = (G1::sum_of_products(&shares), G2::sum_of_products(&keys));
    pairings_cancel(&[(share, -G2::generator()), (hash, key)])
}

/// Weights of 128 bits that nobody knows before the shares are fixed, and everybody can compute
/// then: a bad share passes with a probability of 2⁻¹²⁸.
fn weights(
    sharing: &Sharing<Bls12381G2>,
    hash: G1,
    shares: &BTreeMap<Index, G1>,
) -> impl Iterator<Item = Scalar> + use<> {
    // One form only: the sharing says its own length, and every other entry has a fixed one.
    let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
    hasher.update(Bls12381G2::NAME.as_bytes());
    hasher.update(&sharing.to_bytes());
    hasher.update(&hash.to_bytes());
    for (signer, share) in shares {
        hasher.update(&[signer.number()]);
        hasher.update(&share.to_bytes());
    }
    let mut stream = hasher.finalize_xof();
    std::iter::repeat_with(move || {
        let mut wide = [0; 64];
        let (weight, _) = wide.split_at_mut(16);
        stream.fill(weight);
        Scalar::from_uniform_le_bytes(&wide)
    })
}
