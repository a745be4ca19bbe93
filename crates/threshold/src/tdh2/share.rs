use std::fmt;

use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_types::{Digest, Epoch};
use rand::CryptoRng;
use thiserror::Error;
use zeroize::Zeroizing;

use super::{Checked, Element, EncryptionKey, Scalar};
use crate::wire::{element, scalar};
use crate::{BadShare, Group as _, Index, Ristretto255, Scope, Secret, Share, Sharing, Transcript};

/// What it takes to check shares and to combine them, in one epoch.
#[derive(Debug, Clone)]
pub struct Keys {
    pub(super) scope: Scope,
    pub(super) encryption: EncryptionKey,
    pub(super) sharing: Sharing<Ristretto255>,
}

/// A participant that can release shares. Neither copied nor printed; its secret is wiped on drop.
pub struct Opener {
    keys: Keys,
    share: Share<Ristretto255>,
}

/// A participant's part in opening one ciphertext, as received. Whose it is, the link must say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecryptionShare {
    pub(super) epoch: Epoch,
    pub(super) ciphertext: Digest,
    pub(super) element: Element,
    pub(super) challenge: Scalar,
    pub(super) response: Scalar,
}

/// Why a share does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ShareError {
    /// Its proof fails: whoever sent it is faulty.
    #[error("the share's proof does not hold")]
    BadProof,
    /// It belongs to another ciphertext, and says so.
    #[error("the share is for another ciphertext")]
    OtherCiphertext,
    /// It was made with the shares of another epoch, and says so.
    #[error("the share is of epoch {0}")]
    OtherEpoch(Epoch),
    /// Nobody with that number has a share.
    #[error("participant {0} has no share of this key")]
    Outsider(Index),
}

impl Keys {
    /// The public side of a sharing.
    #[must_use]
    pub fn new(scope: Scope, sharing: Sharing<Ristretto255>) -> Self {
        Self {
            scope,
            encryption: EncryptionKey::new(scope.group, sharing.key()),
            sharing,
        }
    }

    /// What others encrypt with.
    #[must_use]
    pub const fn encryption_key(&self) -> &EncryptionKey {
        &self.encryption
    }

    /// Group and epoch.
    #[must_use]
    pub const fn scope(&self) -> &Scope {
        &self.scope
    }

    /// How many shares open a ciphertext.
    #[must_use]
    pub fn threshold(&self) -> usize {
        self.sharing.committee().threshold().into()
    }

    /// Checks that `share` is what participant `from` owes for that ciphertext.
    ///
    /// # Errors
    /// [`ShareError`]; only [`ShareError::BadProof`] proves a fault of the sender.
    pub fn verify_share(
        &self,
        ciphertext: &Checked,
        from: Index,
        share: &DecryptionShare,
    ) -> Result<(), ShareError> {
        if share.epoch != self.scope.epoch {
            return Err(ShareError::OtherEpoch(share.epoch));
        }
        if share.ciphertext != ciphertext.digest() || ciphertext.key != self.encryption {
            return Err(ShareError::OtherCiphertext);
        }
        let public = self
            .sharing
            .public_share(from)
            .ok_or(ShareError::Outsider(from))?;
        let (e, f) = (share.challenge, share.response);
        let generator = Ristretto255::generate(&Scalar::ONE);
        let base = ciphertext.ciphertext.first;
        let commitments = (
            Ristretto255::sum_of_products(&[(f, base), (-e, share.element)]),
            Ristretto255::sum_of_products(&[(f, generator), (-e, public)]),
        );
        if self.challenge(ciphertext, from, &public, &share.element, &commitments) == e {
            Ok(())
        } else {
            Err(ShareError::BadProof)
        }
    }

    /// H₄ of the paper: that the share has the same logarithm to the ciphertext's base as the
    /// participant's public share has to the generator.
    pub(super) fn challenge(
        &self,
        ciphertext: &Checked,
        index: Index,
        public: &Element,
        share: &Element,
        commitments: &(Element, Element),
    ) -> Scalar {
        let mut transcript = Transcript::new("tdh2 decryption share", &self.scope);
        transcript
            .element::<Ristretto255>("public key", &self.sharing.key())
            .bytes("ciphertext", ciphertext.digest().as_bytes())
            .number("participant", index.number().into())
            .element::<Ristretto255>("public share", public)
            .element::<Ristretto255>("base", &ciphertext.ciphertext.first)
            .element::<Ristretto255>("share", share)
            .element::<Ristretto255>("first commitment", &commitments.0)
            .element::<Ristretto255>("second commitment", &commitments.1)
            .challenge::<Ristretto255>()
    }
}

impl Opener {
    /// A participant with its share of the key.
    ///
    /// # Errors
    /// A share of another sharing: one from before the last resharing, or damaged.
    pub fn new(keys: Keys, share: Share<Ristretto255>) -> Result<Self, BadShare> {
        keys.sharing.check(&share)?;
        Ok(Self { keys, share })
    }

    /// Who this is.
    #[must_use]
    pub const fn index(&self) -> Index {
        self.share.index()
    }

    /// Releases this participant's part in opening `ciphertext`. Nothing can take that back.
    pub fn decrypt_share(&self, ciphertext: &Checked, rng: &mut impl CryptoRng) -> DecryptionShare {
        let base = ciphertext.ciphertext.first;
        let secret = self.share.expose();
        let element = base * *secret;
        let nonce = self.nonce(ciphertext, rng);
        let commitments = (base * *nonce.expose(), nonce.public());
        let public = self.share.public();
        let challenge =
            self.keys
                .challenge(ciphertext, self.index(), &public, &element, &commitments);
        DecryptionShare {
            epoch: self.keys.scope.epoch,
            ciphertext: ciphertext.digest(),
            element,
            challenge,
            response: nonce.expose() + secret * challenge,
        }
    }

    /// The proof's secret, from fresh randomness, the share and what is proven: should the
    /// randomness repeat (a cloned machine), it still differs between ciphertexts.
    fn nonce(&self, ciphertext: &Checked, rng: &mut impl CryptoRng) -> Secret<Ristretto255> {
        let mut fresh = Zeroizing::new([0; 32]);
        rng.fill_bytes(fresh.as_mut());
        let mut transcript = Transcript::new("tdh2 decryption nonce", &self.keys.scope);
        transcript
            .bytes("secret share", self.share.to_bytes().as_ref())
            .number("participant", self.index().number().into())
            .bytes("ciphertext", ciphertext.digest().as_bytes())
            .bytes("fresh", fresh.as_ref());
        Secret::new(transcript.challenge::<Ristretto255>())
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opener")
            .field("scope", &self.keys.scope)
            .field("index", &self.index())
            .finish_non_exhaustive()
    }
}

impl DecryptionShare {
    /// The ciphertext it is for: [`Checked::digest`].
    #[must_use]
    pub const fn ciphertext(&self) -> Digest {
        self.ciphertext
    }
}

impl Wire for DecryptionShare {
    fn encode(&self, writer: &mut Writer) {
        writer.epoch(self.epoch);
        writer.digest(&self.ciphertext);
        writer.raw(&Ristretto255::encode(&self.element));
        writer.raw(self.challenge.as_bytes());
        writer.raw(self.response.as_bytes());
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            epoch: reader.epoch()?,
            ciphertext: reader.digest()?,
            element: element::<Ristretto255>(reader, "share")?,
            challenge: scalar::<Ristretto255>(reader, "challenge")?,
            response: scalar::<Ristretto255>(reader, "response")?,
        })
    }
}
