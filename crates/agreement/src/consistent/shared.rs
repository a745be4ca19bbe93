use std::collections::BTreeMap;
use std::sync::Arc;

use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_threshold::bls;
use maftia_types::{Digest, SiteId, SiteSet};

use super::Certifier;
use crate::shared_key::{BlsShare, SharedKey};

/// Certificates made with a BLS key that the sites share: 48 bytes, whoever signed.
#[derive(Clone)]
pub struct SharedKeyCertifier {
    keys: Arc<SharedKey>,
}

/// A BLS signature as it travels: not yet known to be a point.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BlsCertificate([u8; bls::Signature::BYTES]);

impl SharedKeyCertifier {
    /// With this site's part of the key.
    pub const fn new(keys: Arc<SharedKey>) -> Self {
        Self { keys }
    }
}

impl Certifier for SharedKeyCertifier {
    type Vote = BlsShare;
    type Certificate = BlsCertificate;

    fn vote(&self, statement: &Digest) -> BlsShare {
        self.keys.sign(statement)
    }

    fn combine(
        &self,
        statement: &Digest,
        votes: &BTreeMap<SiteId, BlsShare>,
    ) -> Result<BlsCertificate, SiteSet> {
        let (signature, culprits) = self.keys.combine(statement, votes);
        signature
            .map(|signature| BlsCertificate(signature.to_bytes()))
            .ok_or(culprits)
    }

    fn verify(&self, statement: &Digest, certificate: &BlsCertificate) -> bool {
        let signature = bls::Signature::from_bytes(&certificate.0);
        signature.is_ok_and(|signature| self.keys.is_signed(statement, &signature))
    }
}

impl Wire for BlsCertificate {
    fn encode(&self, writer: &mut Writer) {
        writer.raw(&self.0);
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        reader.array().map(Self)
    }
}
