use core::fmt;

use maftia_pairing::{DecodeError, G1, G2, pairings_cancel};
use sha2::{Digest as _, Sha256};

/// The tag of drand's quicknet.
const QUICKNET: &[u8] = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_";

/// `group | purpose`: the group's digest in hexadecimal, and the longest purpose.
const TAG_BYTES_MAX: usize = 64 + 3 + 16;

/// A public key of a group: of its checkpoints, of a beacon, or of what it signs for clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupKey(G2);

/// A signature that is not valid for message, domain and key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadSignature;

/// Why something is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// It is not hexadecimal, or not 96 bytes.
    NotHex,
    /// The bytes are no element of the group of keys.
    Point(DecodeError),
}

impl GroupKey {
    /// Bytes of a key.
    pub const BYTES: usize = G2::BYTES;

    /// The key of its compressed form.
    ///
    /// # Errors
    /// [`KeyError::Point`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        G2::from_bytes(bytes).map(Self).map_err(KeyError::Point)
    }

    /// The key of its compressed form in hexadecimal; white space around it is passed over.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_hex(text: &str) -> Result<Self, KeyError> {
        let mut bytes = [0; Self::BYTES];
        unhex(text.trim(), &mut bytes).ok_or(KeyError::NotHex)?;
        Self::from_bytes(&bytes)
    }

    /// Checks a round of a beacon in drand's form and gives its randomness.
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn beacon(&self, round: u64, signature: &[u8]) -> Result<[u8; 32], BadSignature> {
        let message = Sha256::digest(round.to_be_bytes());
        self.check(QUICKNET, &message, signature)?;
        Ok(Sha256::digest(signature).into())
    }

    /// Checks a BLS signature that the group made for a client. Ed25519 signatures need nothing of
    /// ours: any verifier accepts them.
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn signature(
        &self,
        group: &[u8; 32],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), BadSignature> {
        self.for_purpose(group, "client", message, signature)
    }

    /// Checks the certificate of a checkpoint: the group's signature under the digest of a whole
    /// state.
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn certificate(
        &self,
        group: &[u8; 32],
        digest: &[u8; 32],
        signature: &[u8],
    ) -> Result<(), BadSignature> {
        self.for_purpose(group, "ckpt", digest, signature)
    }

    /// Checks the signature under a transcript.
    pub(crate) fn transcript(
        &self,
        group: &[u8; 32],
        digest: &[u8; 32],
        signature: &[u8],
    ) -> Result<(), BadSignature> {
        self.for_purpose(group, "transcript", digest, signature)
    }

    fn for_purpose(
        &self,
        group: &[u8; 32],
        purpose: &str,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), BadSignature> {
        let digits = group.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let digits = digits.map(|digit| b"0123456789abcdef".get(usize::from(digit)));
        let digits = digits.map(|digit| *digit.expect("a digit is below 16"));
        let text = digits.chain(*b" | ").chain(purpose.bytes());
        let (mut tag, mut length) = ([0; TAG_BYTES_MAX], 0);
        for (to, byte) in tag.iter_mut().zip(text) {
            *to = byte;
            length += 1;
        }
        let (tag, _) = tag.split_at(length);
        self.check(tag, message, signature)
    }

    /// e(signature, G) = e(H(message), key). Elements that decode are in their groups, and none is
    /// the identity.
    fn check(&self, tag: &[u8], message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        let signature = G1::from_bytes(signature).map_err(|_| BadSignature)?;
        let hash = G1::hash(message, tag);
        match pairings_cancel(&[(-signature, G2::generator()), (hash, self.0)]) {
            true => Ok(()),
            false => Err(BadSignature),
        }
    }
}

fn unhex(text: &str, bytes: &mut [u8]) -> Option<()> {
    let (pairs, stray) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != bytes.len() || !stray.is_empty() {
        return None;
    }
    for (to, pair) in bytes.iter_mut().zip(pairs) {
        let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
        *to = u8::try_from(high? * 16 + low?).ok()?;
    }
    Some(())
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotHex => f.write_str("a group's key is 96 bytes, or 192 hexadecimal digits"),
            Self::Point(error) => write!(f, "these bytes are no key: {error}"),
        }
    }
}

impl fmt::Display for BadSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the signature is not valid under this key")
    }
}

impl core::error::Error for KeyError {}
impl core::error::Error for BadSignature {}
