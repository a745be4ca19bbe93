//! What the sites of an epoch say of the next one: signed by each, gathered to a certificate, and in
//! a row the way from a view that one trusts to the present one.

use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_crypto::{BadSignature, Domain, PublicKey, Signature, SigningKey};
use maftia_types::{Digest, Epoch, SiteId};

use crate::view::View;

mod certificate;
mod chain;
mod collector;

pub use certificate::{Certificate, CertificateError};
pub use chain::{ChainError, follow};
pub use collector::{Collector, Misbehaviour};

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

impl Statement {
    fn verify(&self, key: &PublicKey, signature: &Signature) -> Result<(), BadSignature> {
        key.verify(HANDOVER, &self.to_bytes(), signature)
    }
}

impl Vote {
    /// Whether the former view's site of this seat has signed it.
    #[must_use]
    pub fn is_by(&self, former: &View, seat: SiteId) -> bool {
        let member = former.member(seat);
        member.is_some_and(|member| self.statement.verify(&member.key, &self.signature).is_ok())
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

#[cfg(test)]
mod tests;
