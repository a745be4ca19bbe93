use std::fmt;

use curve25519_dalek::edwards::CompressedEdwardsY;
use ed25519_zebra as zebra;
use maftia_codec::{DecodeError, Reader, Wire, Writer};
use rand::CryptoRng;
use zeroize::Zeroizing;

use crate::{Domain, Hasher};

/// A signature over a domain and a message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature(pub [u8; 64]);

/// A key that signs. Not printable, not copyable, wiped on drop.
pub struct SigningKey {
    secret: Secret,
    public: PublicKey,
}

enum Secret {
    Ed25519(Box<zebra::SigningKey>, Zeroizing<[u8; 32]>),
    #[cfg(feature = "danger-mock-signatures")]
    Mock,
}

/// A key that verifies, known to be a canonical point outside the small subgroup.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey {
    bytes: [u8; 32],
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ed25519(zebra::VerificationKey),
    #[cfg(feature = "danger-mock-signatures")]
    Mock,
}

/// How the bytes of a mock key begin.
#[cfg(feature = "danger-mock-signatures")]
const MOCK_MARK: &[u8] = b"danger mock key!";

/// Why 32 bytes are not a key that may be registered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Not the canonical encoding of a point of the curve.
    #[error("the key is not the canonical encoding of a curve point")]
    Malformed,
    /// A point of small order: signatures under it can be made to verify for many messages.
    #[error("the key is a point of small order")]
    SmallOrder,
}

/// The signature does not verify under this key, domain and message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the signature does not verify")]
pub struct BadSignature;

impl SigningKey {
    /// A fresh key.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(seed.as_mut());
        Self::from_seed(*seed)
    }

    /// The key of RFC 8032 that belongs to this 32-byte seed.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let seed = Zeroizing::new(seed);
        let key = zebra::SigningKey::from(*seed);
        let verification = zebra::VerificationKey::from(&key);
        let bytes = zebra::VerificationKeyBytes::from(verification).into();
        let public = PublicKey {
            bytes,
            kind: Kind::Ed25519(verification),
        };
        Self {
            secret: Secret::Ed25519(Box::new(key), seed),
            public,
        }
    }

    /// A key whose signatures anyone can forge. For simulation only. Its bytes begin with a mark that
    /// no real key has but by an accident of 1 in 2¹²⁸, so that a decoder tells the two apart.
    #[cfg(feature = "danger-mock-signatures")]
    pub fn mock(seed: u64) -> Self {
        let mut bytes = *Domain::new("mock key")
            .digest(&seed.to_le_bytes())
            .as_bytes();
        for (byte, mark) in bytes.iter_mut().zip(MOCK_MARK) {
            *byte = *mark;
        }
        Self {
            secret: Secret::Mock,
            public: PublicKey {
                bytes,
                kind: Kind::Mock,
            },
        }
    }

    /// The key that verifies what this one signs.
    pub const fn public(&self) -> PublicKey {
        self.public
    }

    /// Signs `message` for one purpose.
    pub fn sign(&self, domain: Domain, message: &[u8]) -> Signature {
        let digest = Hasher::new(domain).update(message).finish();
        match &self.secret {
            Secret::Ed25519(key, _) => Signature(key.sign(digest.as_bytes()).into()),
            #[cfg(feature = "danger-mock-signatures")]
            Secret::Mock => mock_signature(&self.public.bytes, digest.as_bytes()),
        }
    }

    /// The seed, for writing the key to its file. `None` for a mock key.
    #[cfg_attr(
        not(feature = "danger-mock-signatures"),
        allow(clippy::unnecessary_wraps)
    )]
    pub fn seed(&self) -> Option<Zeroizing<[u8; 32]>> {
        match &self.secret {
            Secret::Ed25519(_, seed) => Some(seed.clone()),
            #[cfg(feature = "danger-mock-signatures")]
            Secret::Mock => None,
        }
    }
}

impl PublicKey {
    /// Registers a key.
    ///
    /// # Errors
    /// If the bytes are not the canonical encoding of a point, or one of small order.
    pub fn new(bytes: [u8; 32]) -> Result<Self, KeyError> {
        #[cfg(feature = "danger-mock-signatures")]
        if bytes.starts_with(MOCK_MARK) {
            return Err(KeyError::Malformed);
        }
        let point = CompressedEdwardsY(bytes)
            .decompress()
            .ok_or(KeyError::Malformed)?;
        if point.compress().to_bytes() != bytes {
            return Err(KeyError::Malformed);
        }
        if point.is_small_order() {
            return Err(KeyError::SmallOrder);
        }
        let key = zebra::VerificationKey::try_from(bytes).map_err(|_| KeyError::Malformed)?;
        Ok(Self {
            bytes,
            kind: Kind::Ed25519(key),
        })
    }

    /// The 32 bytes of RFC 8032.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// Checks a signature made by [`SigningKey::sign`].
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn verify(
        &self,
        domain: Domain,
        message: &[u8],
        signature: &Signature,
    ) -> Result<(), BadSignature> {
        let digest = Hasher::new(domain).update(message).finish();
        match self.kind {
            Kind::Ed25519(key) => key
                .verify(&zebra::Signature::from(signature.0), digest.as_bytes())
                .map_err(|_| BadSignature),
            #[cfg(feature = "danger-mock-signatures")]
            Kind::Mock if mock_signature(&self.bytes, digest.as_bytes()) == *signature => Ok(()),
            #[cfg(feature = "danger-mock-signatures")]
            Kind::Mock => Err(BadSignature),
        }
    }
}

#[cfg(feature = "danger-mock-signatures")]
fn mock_signature(key: &[u8; 32], digest: &[u8; 32]) -> Signature {
    let mut bytes = [0; 64];
    for (i, byte) in bytes.iter_mut().take(32).enumerate() {
        *byte = key.get(i).copied().unwrap_or(0) ^ digest.get(i).copied().unwrap_or(0);
    }
    Signature(bytes)
}

impl Wire for Signature {
    fn encode(&self, writer: &mut Writer) {
        writer.raw(&self.0);
    }
    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        reader.array().map(Self)
    }
}

impl Wire for PublicKey {
    fn encode(&self, writer: &mut Writer) {
        writer.raw(&self.bytes);
    }

    /// Refuses what [`PublicKey::new`] refuses.
    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let bytes = reader.array()?;
        #[cfg(feature = "danger-mock-signatures")]
        if bytes.starts_with(MOCK_MARK) {
            let kind = Kind::Mock;
            return Ok(Self { bytes, kind });
        }
        Self::new(bytes).map_err(|_| DecodeError::Invalid {
            field: "public key",
        })
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes
            .iter()
            .take(4)
            .try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("…")
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(…)")
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(of {:?})", self.public)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const D: Domain = Domain::new("test");

    #[test]
    fn verifies_only_the_signed_message_domain_and_key() {
        let key = SigningKey::from_seed([1; 32]);
        let signature = key.sign(D, b"m");
        assert!(key.public().verify(D, b"m", &signature).is_ok());
        assert!(key.public().verify(D, b"n", &signature).is_err());
        assert!(
            key.public()
                .verify(Domain::new("other"), b"m", &signature)
                .is_err()
        );
        let other = SigningKey::from_seed([2; 32]).public();
        assert!(other.verify(D, b"m", &signature).is_err());
        let mut bent = signature;
        bent.0[40] ^= 1;
        assert!(key.public().verify(D, b"m", &bent).is_err());
    }

    #[test]
    fn refuses_to_register_small_order_and_non_canonical_keys() {
        let identity = {
            let mut bytes = [0; 32];
            bytes[0] = 1;
            bytes
        };
        assert_eq!(PublicKey::new(identity), Err(KeyError::SmallOrder));
        assert_eq!(PublicKey::new([0; 32]), Err(KeyError::SmallOrder));
        // y = p + 1 encodes the identity a second time.
        let mut high = [0xff; 32];
        high[0] = 0xee;
        high[31] = 0x7f;
        assert_eq!(PublicKey::new(high), Err(KeyError::Malformed));
        let honest = SigningKey::from_seed([3; 32]).public();
        assert_eq!(PublicKey::new(*honest.as_bytes()), Ok(honest));
    }

    #[test]
    fn a_public_key_reads_back_and_one_of_small_order_does_not() {
        let key = SigningKey::from_seed([3; 32]).public();
        assert_eq!(PublicKey::from_bytes(key.to_bytes()), Ok(key));
        let refused = PublicKey::from_bytes(vec![0; 32].into());
        assert!(matches!(refused, Err(DecodeError::Invalid { .. })));
    }

    #[cfg(feature = "danger-mock-signatures")]
    #[test]
    fn a_mock_key_reads_back_as_one_and_is_never_registered() {
        for seed in 0..64 {
            let key = SigningKey::mock(seed).public();
            assert_eq!(PublicKey::from_bytes(key.to_bytes()), Ok(key));
            assert_eq!(PublicKey::new(*key.as_bytes()), Err(KeyError::Malformed));
        }
    }

    #[test]
    fn public_key_matches_rfc_8032_test_1() {
        let seed = [
            0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec,
            0x2c, 0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03,
            0x1c, 0xae, 0x7f, 0x60,
        ];
        assert_eq!(
            SigningKey::from_seed(seed).public().to_string(),
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
        );
    }

    #[test]
    fn a_signing_key_does_not_print_its_seed() {
        let shown = format!("{:?}", SigningKey::from_seed([0xab; 32]));
        assert!(!shown.contains("abab") && !shown.contains("171"), "{shown}");
    }
}
