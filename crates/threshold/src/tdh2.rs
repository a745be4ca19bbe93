//! Sealing to a group: anyone encrypts offline to the group's key, and only a threshold of
//! participants together can open, each by its own decision.
//!
//! # Guarantees
//! - **Secrecy under chosen ciphertexts.** Fewer than the threshold of participants learn nothing
//!   about a plaintext, whatever other ciphertexts they get opened.
//! - **Public check.** Whether a ciphertext is sound under its label is decided by anyone, without
//!   a share, before one is released; every correct participant decides alike.
//! - **Labels.** What a ciphertext is for (a sealed bid, a date) is bound into its proof: it cannot
//!   be taken to another label or another group.
//! - **Consistency.** All who combine enough shares of one ciphertext get the same outcome, even of
//!   a ciphertext made to deceive: a plaintext, or [`CombineError::Unreadable`].
//! - **Blame.** A share carries a proof; wrong ones are named and do not spoil the result.
//!
//! # Model
//! TDH2 of [ShoupGennaro §4] over ristretto255: decisional Diffie–Hellman, BLAKE3 as a random
//! oracle, ChaCha20-Poly1305 for the content. Keys come from a sharing of this crate.
//!
//! # Bounds
//! A plaintext has at most [`PLAINTEXT_BYTES_MAX`] bytes, a label [`LABEL_BYTES_MAX`]; the rest of
//! a ciphertext takes [`OVERHEAD_BYTES`]. To encrypt costs five multiplications, to check a
//! ciphertext or a share two double ones each.
//!
//! # Deviations
//! - The challenges bind the group's name, its key and the second generator, and those of shares
//!   also the epoch, the participant and the whole ciphertext (attack cases C14, C23).
//! - A ciphertext binds no epoch: one made today must open after any number of resharings, of which
//!   whoever encrypts cannot know (correction 26). The label is the place for dates.
//! - Shares are checked one by one, always. To combine first and check when that fails would let
//!   who made the ciphertext and one participant choose, per reader, between two results:
//!   ChaCha20-Poly1305 opens one ciphertext under two keys if it was made for that.
//!
//! # Duties of the caller
//! Release a share only for a checked ciphertext, and only when the label's condition holds; agree
//! on that before. Say of each share who sent it, from an authenticated link.

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Nonce};
use chacha20poly1305::{ChaCha20Poly1305, Key};
use curve25519_dalek::RistrettoPoint;
use maftia_types::Digest;
use rand::CryptoRng;
use thiserror::Error;
use zeroize::{Zeroize as _, Zeroizing};

use crate::{Group, Ristretto255, Secret, Transcript};

mod ciphertext;
mod combine;
mod share;

pub use ciphertext::{Checked, Ciphertext, CiphertextError};
pub use combine::{CombineError, Opened, combine};
pub use share::{DecryptionShare, Keys, Opener, ShareError};

/// The longest ciphertext, with its label: one value of the key-value store.
pub const CIPHERTEXT_BYTES_MAX: usize = 1024 * 1024;

/// The longest label: a purpose, a name and a date, or a digest of what is longer.
pub const LABEL_BYTES_MAX: usize = 1024;

/// What a ciphertext has beside its label and its plaintext: two points, two scalars, two lengths
/// and the tag.
pub const OVERHEAD_BYTES: usize = 4 * 32 + 2 * 4 + TAG_BYTES;

/// The longest plaintext: what [`CIPHERTEXT_BYTES_MAX`] leaves. Seal a key for what is longer.
pub const PLAINTEXT_BYTES_MAX: usize = CIPHERTEXT_BYTES_MAX - LABEL_BYTES_MAX - OVERHEAD_BYTES;

/// Poly1305's tag.
const TAG_BYTES: usize = 16;

type Element = <Ristretto255 as Group>::Element;
type Scalar = <Ristretto255 as Group>::Scalar;

/// What it takes to encrypt to a group: as long-lived as its key, through every resharing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncryptionKey {
    group: Digest,
    public: Element,
    second: Element,
}

/// A plaintext or label that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EncryptError {
    /// The label is longer than [`LABEL_BYTES_MAX`].
    #[error("a label of {0} bytes, at most {LABEL_BYTES_MAX} are allowed")]
    LabelTooLong(usize),
    /// The plaintext is longer than [`PLAINTEXT_BYTES_MAX`].
    #[error("a plaintext of {0} bytes, at most {PLAINTEXT_BYTES_MAX} are allowed")]
    PlaintextTooLong(usize),
}

impl EncryptionKey {
    /// The key of the group of that name: `public` is the sharing's.
    #[must_use]
    pub fn new(group: Digest, public: Element) -> Self {
        let second = second_generator(&group, &public);
        Self {
            group,
            public,
            second,
        }
    }

    /// The group's public key, 32 bytes of RFC 9496.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 32] {
        Ristretto255::encode(&self.public)
    }

    /// Encrypts to the group, offline. Whoever opens must name the same label.
    ///
    /// # Errors
    /// A label or plaintext that is too long.
    pub fn encrypt(
        &self,
        label: &[u8],
        plaintext: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<Ciphertext, EncryptError> {
        if label.len() > LABEL_BYTES_MAX {
            return Err(EncryptError::LabelTooLong(label.len()));
        }
        if plaintext.len() > PLAINTEXT_BYTES_MAX {
            return Err(EncryptError::PlaintextTooLong(plaintext.len()));
        }
        let secret = Secret::<Ristretto255>::random(rng);
        let nonce = Secret::<Ristretto255>::random(rng);
        let (r, s) = (secret.expose(), nonce.expose());
        let first = secret.public();
        let mut shared = self.public * *r;
        let sealed = self
            .cipher(label, &first, &shared)
            .encrypt(&Nonce::<ChaCha20Poly1305>::default(), plaintext)
            .expect("the plaintext is far shorter than ChaCha20's 256 GiB");
        shared.zeroize();
        let mut ciphertext = Ciphertext {
            label: label.to_vec(),
            first,
            second: self.second * *r,
            challenge: Scalar::ZERO,
            response: Scalar::ZERO,
            sealed,
        };
        let commitments = (nonce.public(), self.second * *s);
        ciphertext.challenge = self.challenge(&ciphertext, &commitments);
        ciphertext.response = s + r * ciphertext.challenge;
        Ok(ciphertext)
    }

    /// Checks that a received ciphertext is sound and meant for `label`: whoever made it knew what
    /// is in it, and nobody has changed it.
    ///
    /// # Errors
    /// Another label, or a proof that fails.
    pub fn check(&self, label: &[u8], ciphertext: Ciphertext) -> Result<Checked, CiphertextError> {
        if ciphertext.label != label {
            return Err(CiphertextError::OtherLabel);
        }
        let (e, f) = (ciphertext.challenge, ciphertext.response);
        let generator = Ristretto255::generate(&Scalar::ONE);
        let commitments = (
            Ristretto255::sum_of_products(&[(f, generator), (-e, ciphertext.first)]),
            Ristretto255::sum_of_products(&[(f, self.second), (-e, ciphertext.second)]),
        );
        if self.challenge(&ciphertext, &commitments) != e {
            return Err(CiphertextError::BadProof);
        }
        Ok(Checked::new(*self, ciphertext))
    }

    /// H₂ of the paper: over everything, the content included.
    fn challenge(&self, ciphertext: &Ciphertext, commitments: &(Element, Element)) -> Scalar {
        let mut transcript = Transcript::without_epoch("tdh2 ciphertext", &self.group);
        transcript
            .element::<Ristretto255>("public key", &self.public)
            .element::<Ristretto255>("second generator", &self.second)
            .bytes("label", &ciphertext.label)
            .bytes("sealed", &ciphertext.sealed)
            .element::<Ristretto255>("first", &ciphertext.first)
            .element::<Ristretto255>("second", &ciphertext.second)
            .element::<Ristretto255>("first commitment", &commitments.0)
            .element::<Ristretto255>("second commitment", &commitments.1)
            .challenge::<Ristretto255>()
    }

    /// H₁ of the paper: the cipher under the key that follows from the shared point. Each such key
    /// encrypts once, so that the nonce is constant.
    fn cipher(&self, label: &[u8], first: &Element, shared: &Element) -> ChaCha20Poly1305 {
        let mut transcript = Transcript::without_epoch("tdh2 content key", &self.group);
        transcript
            .element::<Ristretto255>("public key", &self.public)
            .bytes("label", label)
            .element::<Ristretto255>("first", first)
            .element::<Ristretto255>("shared", shared);
        let mut key = Key::from(*transcript.key());
        let cipher = ChaCha20Poly1305::new(&key);
        key.zeroize();
        cipher
    }

    fn open(&self, ciphertext: &Ciphertext, shared: &Element) -> Option<Zeroizing<Vec<u8>>> {
        self.cipher(&ciphertext.label, &ciphertext.first, shared)
            .decrypt(
                &Nonce::<ChaCha20Poly1305>::default(),
                ciphertext.sealed.as_slice(),
            )
            .ok()
            .map(Zeroizing::new)
    }
}

/// A generator whose logarithm nobody knows: 64 bytes of the random oracle under the one-way map of
/// RFC 9496 §4.3.4. Hashing to a scalar instead and multiplying would give the logarithm away, and
/// with it the proof's soundness.
fn second_generator(group: &Digest, public: &Element) -> Element {
    let mut transcript = Transcript::without_epoch("tdh2 second generator", group);
    transcript.element::<Ristretto255>("public key", public);
    let mut wide = [0; 64];
    transcript.output("map to ristretto255").fill(&mut wide);
    RistrettoPoint::from_uniform_bytes(&wide)
}

#[cfg(test)]
mod tests;
