use std::collections::BTreeMap;

use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_crypto::Signature;
use maftia_types::{Epoch, SITES_MAX, SiteId, SiteSet};

use super::Handover;
use crate::view::View;

/// A handover with the signatures of a quorum of the former view: who knows that view learns the
/// next one from it, and need trust nobody in particular.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Certificate {
    handover: Handover,
    signatures: Vec<(SiteId, Signature)>,
}

/// Why a certificate does not lead on from a view.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// A signature is not that of the former view's site, or not over this handover.
    #[error("the signature of site {0} does not verify")]
    BadSignature(SiteId),
    /// It leads to another epoch than the next.
    #[error("it leads to epoch {found}, after epoch {former}")]
    Epoch {
        /// The epoch of the former view.
        former: Epoch,
        /// That of the view certified.
        found: Epoch,
    },
    /// It is of another group.
    #[error("it is of another group")]
    Group,
    /// A signature is of no site of the former view.
    #[error("there is no site {0} in the former view")]
    Stranger(SiteId),
    /// Too few signatures.
    #[error("{found} sites have signed, {needed} are needed")]
    TooFew {
        /// How many there are.
        found: usize,
        /// A quorum of the former view.
        needed: usize,
    },
}

impl Certificate {
    /// Of a handover and the signatures on it, in whatever order; the last of each seat counts.
    #[must_use]
    pub fn new(
        handover: Handover,
        signatures: impl IntoIterator<Item = (SiteId, Signature)>,
    ) -> Self {
        let by_seat: BTreeMap<_, _> = signatures.into_iter().collect();
        Self {
            handover,
            signatures: by_seat.into_iter().collect(),
        }
    }

    /// What is certified, once [`Certificate::verify`] has said so.
    #[must_use]
    pub const fn handover(&self) -> &Handover {
        &self.handover
    }

    /// Who has signed, by the seats of the former view.
    #[must_use]
    pub fn signers(&self) -> SiteSet {
        self.signatures.iter().map(|(seat, _)| *seat).collect()
    }

    /// Whether a quorum of `former` has handed over to this view. A quorum, and not f+1: among any
    /// two quorums one correct site is common, and it signs one handover of an epoch.
    ///
    /// # Errors
    /// [`CertificateError`]. A single bad signature is one, so that a certificate is what it shows.
    pub fn verify(&self, former: &View) -> Result<(), CertificateError> {
        let view = &self.handover.view;
        if view.group() != former.group() {
            return Err(CertificateError::Group);
        }
        if view.epoch() != former.epoch().next() {
            let (former, found) = (former.epoch(), view.epoch());
            return Err(CertificateError::Epoch { former, found });
        }
        let needed = former.resilience().quorum();
        let found = self.signatures.len();
        if found < needed {
            return Err(CertificateError::TooFew { found, needed });
        }
        let statement = self.handover.statement();
        for (seat, signature) in &self.signatures {
            let Some(member) = former.member(*seat) else {
                return Err(CertificateError::Stranger(*seat));
            };
            let verdict = statement.verify(&member.key, signature);
            verdict.map_err(|_| CertificateError::BadSignature(*seat))?;
        }
        Ok(())
    }
}

impl Wire for Certificate {
    fn encode(&self, w: &mut Writer) {
        self.handover.encode(w);
        w.length(self.signatures.len());
        for (seat, signature) in &self.signatures {
            w.site(*seat);
            signature.encode(w);
        }
    }

    /// Refuses signatures that are not in the order of seats, one for each.
    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        let handover = Handover::decode(r)?;
        let mut signatures: Vec<(SiteId, Signature)> = Vec::new();
        for _ in 0..r.length("signatures", SITES_MAX)? {
            let seat = r.site()?;
            if signatures.last().is_some_and(|(last, _)| *last >= seat) {
                return Err(DecodeError::Invalid { field: "signers" });
            }
            signatures.push((seat, Signature::decode(r)?));
        }
        Ok(Self {
            handover,
            signatures,
        })
    }
}
