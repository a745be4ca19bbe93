use alloc::vec::Vec;

use blst::blst_fp12;

use crate::{G1, G2};

/// Whether ∏ e(pᵢ, qᵢ) = 1. The time depends on the number of pairs and on which are identities.
///
/// An empty product is 1, and so is a pairing with an identity: a caller to whom that would be a
/// forgery refuses identities beforehand, as decoding does.
#[must_use]
pub fn pairings_cancel(pairs: &[(G1, G2)]) -> bool {
    // Miller's loop over several pairs at once knows no identity.
    let pairs = pairs
        .iter()
        .filter(|(p, q)| !p.is_identity() && !q.is_identity());
    let (p, q): (Vec<_>, Vec<_>) = pairs.map(|(p, q)| (p.to_affine(), q.to_affine())).unzip();
    if p.is_empty() {
        return true;
    }
    // The default of the target group's type is its one.
    blst_fp12::miller_loop_n(&q, &p).final_exp() == blst_fp12::default()
}
