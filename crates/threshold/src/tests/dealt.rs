//! Keys for the tests of what uses them.

use rand_chacha::ChaCha20Rng;

use super::{committee, generate};
#[cfg(feature = "frost")]
use crate::{Commitment, Field};
use crate::{Group, Index, Scope, Share, Sharing};

pub(crate) fn rng(seed: u64) -> ChaCha20Rng {
    super::rng(seed)
}

pub(crate) fn scope(epoch: u64) -> Scope {
    super::scope(epoch)
}

pub(crate) fn index(number: u8) -> Index {
    super::index(number)
}

/// A key of `n` participants, any `t` of whom use it, made by this crate's own key generation.
pub(crate) fn dealt<G: Group>(n: u8, t: u8, seed: u64) -> (Sharing<G>, Vec<Share<G>>) {
    let (sharing, shares) = generate(committee(t, n), seed);
    (sharing, shares.into_values().collect())
}

/// The key of `n` participants whose polynomial has these coefficients, the constant term first.
#[cfg(feature = "frost")]
pub(crate) fn shared<G: Group>(n: u8, coefficients: &[G::Scalar]) -> (Sharing<G>, Vec<Share<G>>) {
    let committee = committee(u8::try_from(coefficients.len()).unwrap(), n);
    let public = coefficients.iter().map(G::generate).collect();
    let sharing = Sharing::new(committee, Commitment::new(public, committee).unwrap());
    let share = |index: Index| {
        let point: G::Scalar = index.point();
        let terms = coefficients.iter().rev();
        let value = terms.fold(G::Scalar::ZERO, |sum, term| sum * point + *term);
        Share::from_bytes(index, &value.to_bytes()).unwrap()
    };
    (sharing, committee.indices().map(share).collect())
}
