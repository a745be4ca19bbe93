use std::fmt;

use frost_ed25519::rand_core as older;
use frost_ed25519::round1;
use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_types::{Epoch, Incarnation};
use rand::CryptoRng;
use zeroize::{Zeroize as _, Zeroizing};

use super::Signer;
use crate::{Scope, Transcript};

/// A nonce's place in its participant's life. No two nonces of a participant share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct NonceNumber {
    /// The participant's incarnation: another one after every restart.
    pub incarnation: Incarnation,
    /// Counts within the incarnation.
    pub number: u64,
}

/// The secret behind one [`NonceCommitment`], good for one session. Used twice, it would reveal the
/// signer's share; so it cannot be copied, written down or printed:
///
/// ```compile_fail
/// fn twice(nonce: maftia_threshold::frost::Nonce) { let _ = nonce.clone(); }
/// ```
/// ```compile_fail
/// fn printed(nonce: maftia_threshold::frost::Nonce) { let _ = format!("{nonce:?}"); }
/// ```
/// ```compile_fail
/// use maftia_codec::Wire as _;
/// fn written(nonce: maftia_threshold::frost::Nonce) { let _ = nonce.to_bytes(); }
/// ```
pub struct Nonce {
    pub(super) scope: Scope,
    pub(super) commitment: NonceCommitment,
    // Boxed: a move then copies a pointer and leaves no second image. Wiped on drop by its crate.
    pub(super) inner: Box<round1::SigningNonces>,
}

/// What a participant publishes ahead of a session, once per nonce.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct NonceCommitment {
    pub(super) epoch: Epoch,
    pub(super) number: NonceNumber,
    pub(super) inner: round1::SigningCommitments,
}

/// A [`NonceCommitment`] as it was sent. Whether its points are points takes two square roots to
/// see: look at the rest first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SentCommitment {
    epoch: Epoch,
    number: NonceNumber,
    points: [[u8; 32]; 2],
}

impl SentCommitment {
    /// The epoch it claims.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The number it claims.
    #[must_use]
    pub const fn number(&self) -> NonceNumber {
        self.number
    }

    /// The commitment.
    ///
    /// # Errors
    /// If its points are none.
    pub fn checked(&self) -> Result<NonceCommitment, DecodeError> {
        NonceCommitment::from_bytes(self.to_bytes())
    }
}

impl From<NonceCommitment> for SentCommitment {
    fn from(commitment: NonceCommitment) -> Self {
        Self {
            epoch: commitment.epoch,
            number: commitment.number,
            points: commitment
                .points()
                .map(|point| point.try_into().expect("a point has 32 bytes")),
        }
    }
}

impl Wire for SentCommitment {
    fn encode(&self, writer: &mut Writer) {
        writer.epoch(self.epoch);
        writer.incarnation(self.number.incarnation);
        writer.u64(self.number.number);
        self.points.iter().for_each(|point| writer.raw(point));
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            epoch: reader.epoch()?,
            number: NonceNumber {
                incarnation: reader.incarnation()?,
                number: reader.u64()?,
            },
            points: [reader.array()?, reader.array()?],
        })
    }
}

impl Signer {
    /// A nonce and what to publish about it.
    pub fn commit(
        &self,
        number: NonceNumber,
        rng: &mut impl CryptoRng,
    ) -> (Nonce, NonceCommitment) {
        let mut stream = self.hedged(number, rng);
        let (inner, public) = round1::commit(self.package.signing_share(), &mut stream);
        let commitment = NonceCommitment {
            epoch: self.keys.scope().epoch,
            number,
            inner: public,
        };
        let nonce = Nonce {
            scope: *self.keys.scope(),
            commitment,
            inner: Box::new(inner),
        };
        (nonce, commitment)
    }

    /// Randomness that is fresh if `rng` is, or else if the number is; unknown to others as long as
    /// `rng` or the share is.
    fn hedged(&self, number: NonceNumber, rng: &mut impl CryptoRng) -> Hedged {
        let mut fresh = Zeroizing::new([0; 32]);
        rng.fill_bytes(fresh.as_mut());
        let secret = Zeroizing::new(self.package.signing_share().serialize());
        let mut transcript = Transcript::new("frost nonce", self.keys.scope());
        transcript
            .bytes("public key", self.keys.public_key())
            .bytes("secret share", &secret)
            .number("participant", self.index.number().into())
            .number("incarnation", number.incarnation.0)
            .number("number", number.number)
            .bytes("fresh", fresh.as_ref());
        Hedged(transcript.output("randomness"))
    }
}

impl NonceCommitment {
    /// The epoch whose shares it goes with; void in every other.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Which of the participant's nonces it is about.
    #[must_use]
    pub const fn number(&self) -> NonceNumber {
        self.number
    }

    /// Hiding and binding commitment, encoded.
    pub(super) fn points(&self) -> [Vec<u8>; 2] {
        [self.inner.hiding(), self.inner.binding()].map(|point| {
            point
                .serialize()
                .expect("a commitment is never the identity: not made so, not decoded so")
        })
    }
}

impl fmt::Debug for NonceCommitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NonceCommitment")
            .field("epoch", &self.epoch)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

impl Wire for NonceCommitment {
    fn encode(&self, writer: &mut Writer) {
        writer.epoch(self.epoch);
        writer.incarnation(self.number.incarnation);
        writer.u64(self.number.number);
        for point in self.points() {
            writer.raw(&point);
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let epoch = reader.epoch()?;
        let number = NonceNumber {
            incarnation: reader.incarnation()?,
            number: reader.u64()?,
        };
        let hiding = point(reader, "hiding")?;
        let binding = point(reader, "binding")?;
        Ok(Self {
            epoch,
            number,
            inner: round1::SigningCommitments::new(hiding, binding),
        })
    }
}

fn point(reader: &mut Reader, field: &'static str) -> Result<round1::NonceCommitment, DecodeError> {
    let bytes: [u8; 32] = reader.array()?;
    round1::NonceCommitment::deserialize(&bytes).map_err(|_| DecodeError::Invalid { field })
}

/// A transcript's output as the generator that the scheme's crate wants.
struct Hedged(blake3::OutputReader);

impl older::RngCore for Hedged {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.fill_bytes(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill_bytes(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), older::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl older::CryptoRng for Hedged {}

impl Drop for Hedged {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
