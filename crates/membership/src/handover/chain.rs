use maftia_types::Epoch;

use super::{Certificate, CertificateError};
use crate::view::View;

/// Why certificates do not lead from one view to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the certificate after epoch {after} does not lead on")]
pub struct ChainError {
    /// The last epoch that was come to.
    pub after: Epoch,
    /// What is wrong with the certificate that should lead on from it.
    pub source: CertificateError,
}

/// The view that a chain of certificates leads to, from one that is trusted: that of the group's
/// file, or better the last one this client or site has come to. Who follows never goes back.
///
/// # Errors
/// [`ChainError`] at the first certificate that does not lead on.
pub fn follow(start: &View, chain: &[Certificate]) -> Result<View, ChainError> {
    let mut view = start;
    for certificate in chain {
        certificate.verify(view).map_err(|source| ChainError {
            after: view.epoch(),
            source,
        })?;
        view = &certificate.handover().view;
    }
    Ok(view.clone())
}
