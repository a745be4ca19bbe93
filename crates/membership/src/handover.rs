use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_crypto::{Domain, Signature, SigningKey};
use maftia_types::{Digest, Epoch, SITES_MAX, SiteId, SiteSet};

use crate::view::View;

const HANDOVER: Domain = Domain::new("view handover");

/// What the sites of an epoch say of the next one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Handover {
    /// The last commit of the epoch before.
    pub commit: u64,
    /// The chain digest of the log up to and with that commit.
    pub chain: Digest,
    /// The view of the new epoch.
    pub view: View,
}

/// What is signed of a [`Handover`]: "after this commit, with this history, this is the view".
/// A correct site signs one for each epoch, when it has executed the last commit of the one before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Statement {
    /// The group.
    pub group: Digest,
    /// The new epoch.
    pub epoch: Epoch,
    /// The last commit of the epoch before.
    pub commit: u64,
    /// The chain digest of the log up to and with that commit.
    pub chain: Digest,
    /// The digest of the new view.
    pub view: Digest,
}

/// A statement with the signature of a site of the former view.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Vote {
    /// What it says.
    pub statement: Statement,
    /// Over [`Statement::to_bytes`].
    pub signature: Signature,
}

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

impl Handover {
    /// What is signed of it.
    #[must_use]
    pub fn statement(&self) -> Statement {
        Statement {
            group: *self.view.group(),
            epoch: self.view.epoch(),
            commit: self.commit,
            chain: self.chain,
            view: self.view.digest(),
        }
    }

    /// What all blocks of the new epoch carry.
    #[must_use]
    pub fn config(&self) -> Digest {
        self.view.config(&self.chain)
    }

    /// A site's word for it.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> Vote {
        let statement = self.statement();
        let signature = key.sign(HANDOVER, &statement.to_bytes());
        Vote {
            statement,
            signature,
        }
    }
}

impl Vote {
    /// Whether the former view's site of this seat has signed it.
    #[must_use]
    pub fn is_by(&self, former: &View, seat: SiteId) -> bool {
        let bytes = self.statement.to_bytes();
        let key = former.member(seat).map(|member| member.key);
        key.is_some_and(|key| key.verify(HANDOVER, &bytes, &self.signature).is_ok())
    }
}

impl Certificate {
    /// Of a handover and the signatures on it, in whatever order; the last of each seat counts.
    #[must_use]
    pub fn new(
        handover: Handover,
        signatures: impl IntoIterator<Item = (SiteId, Signature)>,
    ) -> Self {
        let by_seat: std::collections::BTreeMap<_, _> = signatures.into_iter().collect();
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
        let bytes = self.handover.statement().to_bytes();
        for (seat, signature) in &self.signatures {
            let Some(member) = former.member(*seat) else {
                return Err(CertificateError::Stranger(*seat));
            };
            let verdict = member.key.verify(HANDOVER, &bytes, signature);
            verdict.map_err(|_| CertificateError::BadSignature(*seat))?;
        }
        Ok(())
    }
}

impl Wire for Handover {
    fn encode(&self, w: &mut Writer) {
        w.u64(self.commit);
        w.digest(&self.chain);
        self.view.encode(w);
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            commit: r.u64()?,
            chain: r.digest()?,
            view: View::decode(r)?,
        })
    }
}

impl Wire for Statement {
    fn encode(&self, w: &mut Writer) {
        w.digest(&self.group);
        w.epoch(self.epoch);
        w.u64(self.commit);
        w.digest(&self.chain);
        w.digest(&self.view);
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            group: r.digest()?,
            epoch: r.epoch()?,
            commit: r.u64()?,
            chain: r.digest()?,
            view: r.digest()?,
        })
    }
}

impl Wire for Vote {
    fn encode(&self, w: &mut Writer) {
        self.statement.encode(w);
        self.signature.encode(w);
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            statement: Statement::decode(r)?,
            signature: Signature::decode(r)?,
        })
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
