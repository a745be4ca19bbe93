use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_types::Digest;
use thiserror::Error;

use super::{Element, EncryptionKey, LABEL_BYTES_MAX, PLAINTEXT_BYTES_MAX, Scalar, TAG_BYTES};
use crate::wire::{element, scalar};
use crate::{Group as _, Ristretto255, Transcript};

/// A ciphertext as somebody made it: well-formed, otherwise unknown. See [`EncryptionKey::check`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ciphertext {
    pub(super) label: Vec<u8>,
    /// r·G, the paper's u.
    pub(super) first: Element,
    /// r·Ḡ, the paper's ū.
    pub(super) second: Element,
    /// The paper's e.
    pub(super) challenge: Scalar,
    /// The paper's f.
    pub(super) response: Scalar,
    pub(super) sealed: Vec<u8>,
}

/// A ciphertext whose proof holds under its label: shares may be made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    pub(super) key: EncryptionKey,
    pub(super) ciphertext: Ciphertext,
    pub(super) digest: Digest,
}

/// Why a ciphertext is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CiphertextError {
    /// It was changed, made without knowing its content, or made for another group.
    #[error("the ciphertext's proof does not hold under this group's key")]
    BadProof,
    /// It is sound at best for another purpose.
    #[error("the ciphertext has another label")]
    OtherLabel,
}

impl Ciphertext {
    /// What it claims to be for.
    #[must_use]
    pub fn label(&self) -> &[u8] {
        &self.label
    }
}

impl Checked {
    pub(super) fn new(key: EncryptionKey, ciphertext: Ciphertext) -> Self {
        let digest = *Transcript::without_epoch("tdh2 ciphertext name", &key.group)
            .element::<Ristretto255>("public key", &key.public)
            .bytes("ciphertext", &ciphertext.to_bytes())
            .key();
        Self {
            key,
            ciphertext,
            digest: Digest(digest),
        }
    }

    /// What it is for.
    #[must_use]
    pub fn label(&self) -> &[u8] {
        &self.ciphertext.label
    }

    /// A name for it, label and group included: what shares refer to.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }
}

impl Wire for Ciphertext {
    fn encode(&self, writer: &mut Writer) {
        writer.bytes(&self.label);
        writer.raw(&Ristretto255::encode(&self.first));
        writer.raw(&Ristretto255::encode(&self.second));
        writer.raw(self.challenge.as_bytes());
        writer.raw(self.response.as_bytes());
        writer.bytes(&self.sealed);
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            label: reader.bytes("label", LABEL_BYTES_MAX)?.to_vec(),
            first: element::<Ristretto255>(reader, "first")?,
            second: element::<Ristretto255>(reader, "second")?,
            challenge: scalar::<Ristretto255>(reader, "challenge")?,
            response: scalar::<Ristretto255>(reader, "response")?,
            sealed: reader
                .bytes("sealed", PLAINTEXT_BYTES_MAX + TAG_BYTES)?
                .to_vec(),
        })
    }
}
