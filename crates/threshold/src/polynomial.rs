use std::collections::BTreeSet;

use rand::CryptoRng;
use zeroize::Zeroizing;

use crate::{Committee, Field, Group, Index, Secret, Share};

/// A secret polynomial of degree `threshold − 1`; its constant term is what is shared.
pub(crate) struct Polynomial<G: Group> {
    /// The constant term first; never empty.
    coefficients: Zeroizing<Vec<G::Scalar>>,
}

impl<G: Group> Polynomial<G> {
    /// The constant term given, all else uniform.
    pub(crate) fn random(
        constant: &Secret<G>,
        committee: Committee,
        rng: &mut impl CryptoRng,
    ) -> Self {
        // The whole capacity at once: growing would leave copies behind.
        let degree = usize::from(committee.threshold()) - 1;
        let mut coefficients = Zeroizing::new(Vec::with_capacity(degree + 1));
        coefficients.push(*constant.expose());
        coefficients.extend((0..degree).map(|_| G::Scalar::random(rng)));
        Self { coefficients }
    }

    /// The participant's share, by Horner's rule.
    pub(crate) fn share(&self, index: Index) -> Share<G> {
        let point = index.point::<G::Scalar>();
        let terms = self.coefficients.iter().rev();
        let value = terms.fold(G::Scalar::ZERO, |sum, term| sum * point + *term);
        Share::new(index, Secret::new(value))
    }

    /// The generator times each coefficient.
    pub(crate) fn commit(&self) -> Vec<G::Element> {
        self.coefficients.iter().map(G::generate).collect()
    }
}

/// The weights λ, in the order of `indices`, with which values of a polynomial there give its value
/// at `point`: p(point) = Σ λᵢ · p(indexᵢ) for every polynomial of degree below the number of
/// indices. Indices are distinct because they are a set.
///
/// Takes time that depends on indices and point, which are public.
pub fn lagrange<F: Field>(point: F, indices: &BTreeSet<Index>) -> Vec<F> {
    let weight = |own: Index| {
        let others = indices.iter().filter(|other| **other != own);
        let (above, below) = others.fold((F::ONE, F::ONE), |(above, below), other| {
            let other = other.point::<F>();
            (above * (point - other), below * (own.point::<F>() - other))
        });
        let inverse = below.inverse();
        above * inverse.expect("distinct indices below 256 differ modulo the order")
    };
    indices.iter().copied().map(weight).collect()
}
