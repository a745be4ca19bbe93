use std::collections::BTreeMap;
use std::sync::Arc;

use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_crypto::{Domain, PublicKey, Signature, SigningKey};
use maftia_protocol::planted;
use maftia_types::{Digest, SITES_MAX, SiteId, SiteSet};

use super::{Certifier, CertifierError};
use crate::Context;

const VOTE: Domain = Domain::new("consistent broadcast vote");

/// Certificates made of the sites' own Ed25519 signatures. No set-up beyond their keys.
#[derive(Clone)]
pub struct SignatureCertifier {
    context: Context,
    key: Arc<SigningKey>,
    keys: Arc<[PublicKey]>,
}

/// Who signed, and the signatures in the order of the sites.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MultiSignature {
    signers: SiteSet,
    signatures: Vec<Signature>,
}

impl SignatureCertifier {
    /// With this site's key, and all sites' public keys in order.
    ///
    /// # Errors
    /// If there are not n keys, or `key` is not the one in this site's place.
    pub fn new(
        context: Context,
        key: Arc<SigningKey>,
        keys: Arc<[PublicKey]>,
    ) -> Result<Self, CertifierError> {
        let sites = context.resilience().sites();
        if keys.len() != sites {
            let keys = keys.len();
            return Err(CertifierError::Keys { keys, sites });
        }
        if keys.get(context.own().index()) != Some(&key.public()) {
            return Err(CertifierError::NotOwn);
        }
        Ok(Self { context, key, keys })
    }

    fn is_vote(&self, statement: &Digest, site: SiteId, vote: &Signature) -> bool {
        let key = self.keys.get(site.index());
        key.is_some_and(|key| key.verify(VOTE, statement.as_bytes(), vote).is_ok())
    }

    fn quorum(&self) -> usize {
        self.context.resilience().slow_path_quorum()
    }
}

impl Certifier for SignatureCertifier {
    type Vote = Signature;
    type Certificate = MultiSignature;

    fn vote(&self, statement: &Digest) -> Signature {
        self.key.sign(VOTE, statement.as_bytes())
    }

    fn combine(
        &self,
        statement: &Digest,
        votes: &BTreeMap<SiteId, Signature>,
    ) -> Result<MultiSignature, SiteSet> {
        let bad = votes
            .iter()
            .filter(|(site, vote)| !self.is_vote(statement, **site, vote));
        let bad: SiteSet = bad.map(|(site, _)| *site).collect();
        if !bad.is_empty() || votes.len() < self.quorum() {
            return Err(bad);
        }
        Ok(MultiSignature {
            signers: votes.keys().copied().collect(),
            signatures: votes.values().copied().collect(),
        })
    }

    fn verify(&self, statement: &Digest, certificate: &MultiSignature) -> bool {
        let MultiSignature {
            signers,
            signatures,
        } = certificate;
        let slack = usize::from(planted("consistent quorum minus one"));
        let enough = signers.len() >= self.quorum() - slack && signers.len() == signatures.len();
        let signed = || signers.iter().zip(signatures);
        enough && signed().all(|(site, vote)| self.is_vote(statement, site, vote))
    }
}

impl Wire for MultiSignature {
    fn encode(&self, writer: &mut Writer) {
        writer.u64(self.signers.bits());
        writer.list(&self.signatures);
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let signers = SiteSet::from_bits(reader.u64()?);
        let signatures: Vec<Signature> = reader.list("signatures", SITES_MAX)?;
        if signatures.len() != signers.len() {
            return Err(DecodeError::Invalid { field: "signers" });
        }
        Ok(Self {
            signers,
            signatures,
        })
    }
}
