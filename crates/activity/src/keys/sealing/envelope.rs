use chacha20poly1305::aead::{Aead as _, KeyInit as _, Nonce};
use chacha20poly1305::{ChaCha20Poly1305, Key};
use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_threshold::{Group, NotAnElement, Ristretto255, Scope, Secret, Transcript};
use maftia_types::{Digest, SiteId};
use rand::CryptoRng;
use zeroize::{Zeroize as _, Zeroizing};

use crate::keys::record::KeyId;
use crate::keys::sessions::SessionId;

/// Bytes of an encoded [`DecryptionShare`](maftia_threshold::tdh2::DecryptionShare).
pub(in crate::keys) const SHARE_BYTES: usize = 8 + 4 * 32;

/// Bytes of a sealed share: a point, the share, Poly1305's tag.
pub const ENVELOPE_BYTES: usize = 32 + SHARE_BYTES + 16;

type Element = <Ristretto255 as Group>::Element;

/// The public key of who is to read shares: of an ephemeral key pair, made for one decryption.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Recipient(Element);

/// Everything a sealed share is bound to. Opened under another one, it is not readable.
#[derive(Clone, Copy)]
pub(in crate::keys) struct Binding<'a> {
    pub(in crate::keys) scope: &'a Scope,
    pub(in crate::keys) key: KeyId,
    pub(in crate::keys) session: SessionId,
    pub(in crate::keys) ciphertext: Digest,
    pub(in crate::keys) from: SiteId,
}

impl Recipient {
    /// The public side of a reader's ephemeral secret.
    #[must_use]
    pub fn of(secret: &Secret<Ristretto255>) -> Self {
        Self(secret.public())
    }

    /// Decodes the 32 bytes of RFC 9496.
    ///
    /// # Errors
    /// Not the canonical form of an element, or the identity.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, NotAnElement> {
        Ristretto255::decode(bytes).map(Self)
    }

    /// The 32 bytes of RFC 9496.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 32] {
        Ristretto255::encode(&self.0)
    }

    /// Seals a share to the reader (ECIES: an ephemeral Diffie–Hellman key, ChaCha20-Poly1305).
    ///
    /// A generator that repeats itself gives the same point again but, in any other session, another
    /// key: the binding is part of it.
    pub(in crate::keys) fn seal(
        &self,
        binding: Binding<'_>,
        share: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Vec<u8> {
        let ephemeral = Secret::<Ristretto255>::random(rng);
        let first = ephemeral.public();
        let mut shared = self.0 * *ephemeral.expose();
        let cipher = binding.cipher(&first, self, &shared);
        shared.zeroize();
        let sealed = cipher.encrypt(&Nonce::<ChaCha20Poly1305>::default(), share);
        let sealed = sealed.expect("a share is far shorter than ChaCha20's 256 GiB");
        [&Ristretto255::encode(&first)[..], &sealed].concat()
    }
}

impl Binding<'_> {
    /// Opens what was sealed to the reader with this secret under this binding.
    pub(in crate::keys) fn open(
        self,
        secret: &Secret<Ristretto255>,
        sealed: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        let (first, sealed) = sealed.split_first_chunk::<32>()?;
        let first = Ristretto255::decode(first).ok()?;
        let mut shared = first * *secret.expose();
        let cipher = self.cipher(&first, &Recipient::of(secret), &shared);
        shared.zeroize();
        let share = cipher.decrypt(&Nonce::<ChaCha20Poly1305>::default(), sealed);
        share.ok().map(Zeroizing::new)
    }

    /// The cipher under the key that follows from the shared point. It encrypts once, so that the
    /// nonce is constant.
    fn cipher(self, first: &Element, to: &Recipient, shared: &Element) -> ChaCha20Poly1305 {
        let mut transcript = Transcript::new("sealed decryption share", self.scope);
        transcript
            .number("key", self.key.0.into())
            .number("session", self.session.0)
            .bytes("ciphertext", self.ciphertext.as_bytes())
            .number("from", self.from.as_u8().into())
            .element::<Ristretto255>("first", first)
            .element::<Ristretto255>("to", &to.0)
            .element::<Ristretto255>("shared", shared);
        let mut key = Key::from(*transcript.key());
        let cipher = ChaCha20Poly1305::new(&key);
        key.zeroize();
        cipher
    }
}

impl Wire for Recipient {
    fn encode(&self, writer: &mut Writer) {
        writer.raw(&self.to_bytes());
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let bytes: [u8; 32] = reader.array()?;
        Self::from_bytes(&bytes).map_err(|_| DecodeError::Invalid { field: "recipient" })
    }
}
