use thiserror::Error;

use crate::{Committee, Group, Index};

/// What everyone knows of a shared polynomial: the generator times each coefficient (\[Fel87\]).
///
/// It has exactly as many coefficients as the committee's threshold. One more would silently need
/// one more participant to use the key, one fewer would let one fewer do so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commitment<G: Group> {
    /// The constant term first; never empty.
    coefficients: Vec<G::Element>,
}

/// Why a commitment is refused before it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CommitmentError {
    /// The polynomial's degree is not the threshold less one.
    #[error("{found} coefficients where the threshold is {expected}")]
    Degree {
        /// The committee's threshold.
        expected: usize,
        /// How many coefficients there are, a last incomplete one included.
        found: usize,
    },
    /// A coefficient is not the canonical form of an element other than the identity.
    #[error("coefficient {0} is no element")]
    Element(usize),
    /// A coefficient is zero. With the first, the shared secret would be; with the last, the degree
    /// would be lower than it looks.
    #[error("coefficient {0} is zero")]
    Zero(usize),
}

impl<G: Group> Commitment<G> {
    /// The commitment with those coefficients, the constant term first.
    ///
    /// # Errors
    /// Another number of coefficients than the threshold, or a zero one.
    pub fn new(
        coefficients: Vec<G::Element>,
        committee: Committee,
    ) -> Result<Self, CommitmentError> {
        let (expected, found) = (usize::from(committee.threshold()), coefficients.len());
        if found != expected {
            return Err(CommitmentError::Degree { expected, found });
        }
        let zero = coefficients.iter().position(|own| *own == G::identity());
        if let Some(place) = zero {
            return Err(CommitmentError::Zero(place));
        }
        Ok(Self { coefficients })
    }

    /// Decodes the elements one after the other, as [`Commitment::to_bytes`] gives them.
    ///
    /// # Errors
    /// Each of [`CommitmentError`]; the number of bytes is judged before any of them is decoded.
    pub fn from_bytes(bytes: &[u8], committee: Committee) -> Result<Self, CommitmentError> {
        let (expected, found) = (
            usize::from(committee.threshold()),
            bytes.len().div_ceil(element_bytes::<G>()),
        );
        if bytes.len() != expected * element_bytes::<G>() {
            return Err(CommitmentError::Degree { expected, found });
        }
        let chunks = bytes.chunks_exact(element_bytes::<G>()).enumerate();
        let coefficients = chunks
            .map(|(number, chunk)| G::decode(chunk).map_err(|_| CommitmentError::Element(number)))
            .collect::<Result<_, _>>()?;
        Self::new(coefficients, committee)
    }

    /// The canonical form: the encoded elements, the constant term first.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.coefficients.len() * element_bytes::<G>());
        for coefficient in &self.coefficients {
            bytes.extend_from_slice(G::encode(coefficient).as_ref());
        }
        bytes
    }

    /// How many bytes [`Commitment::to_bytes`] gives for that committee.
    #[must_use]
    pub fn encoded_bytes(committee: Committee) -> usize {
        usize::from(committee.threshold()) * element_bytes::<G>()
    }

    /// The coefficients, the constant term first.
    #[must_use]
    pub fn coefficients(&self) -> &[G::Element] {
        &self.coefficients
    }

    /// The generator times the shared secret.
    #[must_use]
    pub fn constant(&self) -> G::Element {
        let first = self.coefficients.first();
        *first.expect("a threshold is at least one")
    }

    /// The generator times the participant's share, by Horner's rule.
    #[must_use]
    pub fn at(&self, index: Index) -> G::Element {
        let terms = self.coefficients.iter().rev();
        terms.fold(G::identity(), |sum, term| {
            multiple::<G>(sum, index.number()) + *term
        })
    }

    /// Σ weightᵢ · commitmentᵢ, coefficient by coefficient.
    pub(crate) fn weighted_sum<'a>(
        terms: impl Iterator<Item = (G::Scalar, &'a Self)> + Clone,
        committee: Committee,
    ) -> Result<Self, CommitmentError> {
        let coefficient = |place: usize| {
            let terms: Vec<_> = terms
                .clone()
                .filter_map(|(weight, own)| Some((weight, *own.coefficients.get(place)?)))
                .collect();
            G::sum_of_products(&terms)
        };
        let places = 0..usize::from(committee.threshold());
        Self::new(places.map(coefficient).collect(), committee)
    }

    /// The polynomial plus `slope`·x. A constant one has no place for it.
    pub(crate) fn tilted(mut self, slope: G::Scalar) -> Self {
        if let Some(linear) = self.coefficients.get_mut(1) {
            *linear = *linear + G::generate(&slope);
        }
        self
    }
}

fn element_bytes<G: Group>() -> usize {
    G::encode(&G::identity()).as_ref().len()
}

/// Doubles and adds: an index has eight bits, where the group's own multiplication takes constant
/// time over some 250.
fn multiple<G: Group>(element: G::Element, factor: u8) -> G::Element {
    (0..u8::BITS).rev().fold(G::identity(), |sum, bit| {
        let doubled = sum + sum;
        if factor >> bit & 1 == 1 {
            doubled + element
        } else {
            doubled
        }
    })
}
