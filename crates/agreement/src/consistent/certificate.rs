use std::collections::BTreeMap;
use std::fmt::Debug;

use maftia_codec::Wire;
use maftia_types::{Digest, SiteId, SiteSet};

/// What makes votes of sites into a certificate that convinces third parties.
///
/// A statement is a digest that binds the instance; see [`Instance`](crate::Instance).
pub trait Certifier {
    /// A site's signed word for a statement.
    type Vote: Clone + PartialEq + Debug + Wire;
    /// What ⌈(n+f+1)/2⌉ votes or more make.
    type Certificate: Clone + PartialEq + Debug + Wire;

    /// This site's vote.
    fn vote(&self, statement: &Digest) -> Self::Vote;

    /// Makes a certificate that verifies.
    ///
    /// # Errors
    /// The sites whose votes are no votes for the statement; none of them if there are too few.
    fn combine(
        &self,
        statement: &Digest,
        votes: &BTreeMap<SiteId, Self::Vote>,
    ) -> Result<Self::Certificate, SiteSet>;

    /// Whether a certificate is one of the statement.
    fn verify(&self, statement: &Digest, certificate: &Self::Certificate) -> bool;
}

/// Why keys make no certifier.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertifierError {
    /// There must be a key, or a share, for each site.
    #[error("{keys} keys for {sites} sites")]
    Keys {
        /// Given.
        keys: usize,
        /// Needed.
        sites: usize,
    },
    /// Fewer sites than two quorums must share, or more than are always there, use the shared key.
    #[error("{threshold} sites use the shared key, it must be {least} to {most}")]
    Threshold {
        /// Of the key.
        threshold: usize,
        /// ⌈(n+f+1)/2⌉: fewer could sign two things.
        least: usize,
        /// q: that more sign cannot be waited for.
        most: usize,
    },
    /// The secret is another site's.
    #[error("the secret belongs to another site")]
    NotOwn,
}
