//! Threshold BLS signatures (\[BLS01\], \[Bol03\]): signatures in G1, keys in G2 of BLS12-381.
//!
//! # Guarantees
//! - *Unforgeable*: whoever has fewer shares of the key than its threshold, and has not seen a share
//!   of a signature on this message for this purpose, cannot sign it.
//! - *Unique*: one message has one signature under a key, whoever signed. It cannot be biased, so its
//!   hash is a coin, and a beacon.
//! - *Robust*: [`combine()`] gives the signature as long as there are enough good shares among those
//!   given, and names every signer of a bad one.
//! - A signature for one [`Purpose`] or group is none for another: each has its own domain.
//!
//! Model: the adversary does not solve the computational co-Diffie–Hellman problem, and SHA-256 is a
//! random oracle. Every key was shared by dealings with proofs, so no rogue key exists (C2).
//!
//! Combining is optimistic: interpolate, check the result once. Only if that fails are shares looked
//! at, in halves, so that k bad ones among n cost about k·log n checks of two pairings each.

use maftia_pairing::{DecodeError, G1, G2, pairings_cancel};
use thiserror::Error;

use crate::{Bls12381G2, Group, Index, Share, Sharing};

mod combine;
mod tag;

pub use combine::{CombineError, Combined, combine};
pub use tag::{
    GROUP_NAME_BYTES_MAX, NotAGroupName, Purpose, Tag, quicknet_message, quicknet_randomness,
};

/// A key that checks signatures: an element of G2 that is not the identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(G2);

/// A signature: an element of G1 that is not the identity. Whether it is valid is not said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature(G1);

/// What one signer contributes to a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignatureShare {
    signer: Index,
    value: G1,
}

/// A signature, or a share of one, that is not valid for message, domain and key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the signature is not valid")]
pub struct BadSignature;

impl PublicKey {
    /// Bytes of an encoded key.
    pub const BYTES: usize = G2::BYTES;

    /// The key of a sharing.
    #[must_use]
    pub fn of(sharing: &Sharing<Bls12381G2>) -> Self {
        Self(sharing.key())
    }

    /// Decodes the compressed form.
    ///
    /// # Errors
    /// Each check of [`DecodeError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        G2::from_bytes(bytes).map(Self)
    }

    /// The compressed form.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        self.0.to_bytes()
    }

    /// Checks a signature.
    ///
    /// # Errors
    /// It is not the one signature of the message in this domain.
    pub fn verify(
        &self,
        tag: &Tag,
        message: &[u8],
        signature: &Signature,
    ) -> Result<(), BadSignature> {
        verify(self.0, tag.hash(message), signature.0)
    }
}

impl Signature {
    /// Bytes of an encoded signature.
    pub const BYTES: usize = G1::BYTES;

    /// Decodes the compressed form.
    ///
    /// # Errors
    /// Each check of [`DecodeError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        G1::from_bytes(bytes).map(Self)
    }

    /// The compressed form: the same bytes for every signature of the message.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        self.0.to_bytes()
    }
}

impl SignatureShare {
    /// Bytes of an encoded share.
    pub const BYTES: usize = G1::BYTES;

    /// Signs with a share of the key. Takes constant time in the share.
    #[must_use]
    pub fn sign(share: &Share<Bls12381G2>, tag: &Tag, message: &[u8]) -> Self {
        Self {
            signer: share.index(),
            value: tag.hash(message) * *share.expose(),
        }
    }

    /// Decodes the share of that signer.
    ///
    /// # Errors
    /// Each check of [`DecodeError`].
    pub fn from_bytes(signer: Index, bytes: &[u8]) -> Result<Self, DecodeError> {
        let value = G1::from_bytes(bytes)?;
        Ok(Self { signer, value })
    }

    /// The compressed form, without the signer.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        self.value.to_bytes()
    }

    /// Who signed, or is said to have.
    #[must_use]
    pub const fn signer(&self) -> Index {
        self.signer
    }

    /// Checks the share against the signer's public share.
    ///
    /// # Errors
    /// It is another value, or the signer is no participant.
    pub fn verify(
        &self,
        sharing: &Sharing<Bls12381G2>,
        tag: &Tag,
        message: &[u8],
    ) -> Result<(), BadSignature> {
        let public = sharing.public_share(self.signer).ok_or(BadSignature)?;
        verify(public, tag.hash(message), self.value)
    }
}

/// e(signature, −generator) · e(hash, key) = 1.
fn verify(key: G2, hash: G1, signature: G1) -> Result<(), BadSignature> {
    // Both decode to elements other than the identity; sums of shares might be it.
    let trivial = key == Bls12381G2::identity() || signature.is_identity();
    if !trivial && pairings_cancel(&[(signature, -G2::generator()), (hash, key)]) {
        Ok(())
    } else {
        Err(BadSignature)
    }
}
