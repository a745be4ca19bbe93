//! Keys for the tests of what uses them.

use rand_chacha::ChaCha20Rng;

use super::{committee, generate};
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
