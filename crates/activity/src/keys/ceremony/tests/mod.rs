//! Groups in memory: one log, private channels that lose and reorder, vaults that survive.

use std::collections::BTreeSet;

use maftia_threshold::{Field, Index, Share, lagrange};

use crate::keys::{KeyGroup, Version};

mod blame;
mod crashes;
mod deals;
mod encodings;
mod epoch_rules;
mod epochs;
mod hostile;
mod operations;
mod runs;
mod secrecy;
mod ten;
mod transcripts;
mod world;

/// The generator times what these shares interpolate to at zero.
fn interpolate<G: KeyGroup>(shares: &[Share<G>]) -> G::Element {
    let holders: BTreeSet<Index> = shares.iter().map(Share::index).collect();
    assert_eq!(holders.len(), shares.len(), "one share of each");
    let weights = lagrange::<G::Scalar>(Field::ZERO, &holders);
    let weights: Vec<_> = holders.iter().zip(weights).collect();
    let terms = shares.iter().map(|share| {
        let weight = weights.iter().find(|(own, _)| **own == share.index());
        weight.unwrap().1 * *share.expose()
    });
    G::generate(&terms.fold(G::Scalar::ZERO, |sum, term| sum + term))
}

/// Any threshold of these shares makes the key, and one fewer does not.
fn assert_threshold<G: KeyGroup>(version: &Version, shares: &[Share<G>]) {
    let sharing = version.sharing_in::<G>().unwrap();
    let threshold = usize::from(version.threshold());
    assert!(shares.len() >= threshold);
    for share in shares {
        assert!(sharing.check(share).is_ok());
    }
    for enough in shares.windows(threshold) {
        assert_eq!(interpolate(enough), sharing.key());
        assert_ne!(interpolate(&enough[1..]), sharing.key());
    }
}
