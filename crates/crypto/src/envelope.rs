use maftia_codec::{Bytes, DecodeError, Reader, Wire, Writer};

use crate::{BadSignature, Domain, PublicKey, Signature, SigningKey};

/// The longest content of an envelope: one bulk frame.
pub const ENVELOPE_CONTENT_BYTES_MAX: usize = 64 * 1024;

/// Content and a signature over exactly those bytes. The content is out of reach until
/// [`Envelope::open`] has checked the signature.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Envelope {
    content: Bytes,
    signature: Signature,
}

impl Envelope {
    /// Signs `content` for one purpose.
    pub fn seal(key: &SigningKey, domain: Domain, content: Bytes) -> Self {
        let signature = key.sign(domain, &content);
        Self { content, signature }
    }

    /// The content, if `key` signed it for this purpose.
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn open(&self, key: &PublicKey, domain: Domain) -> Result<Bytes, BadSignature> {
        key.verify(domain, &self.content, &self.signature)?;
        Ok(self.content.clone())
    }
}

impl Wire for Envelope {
    fn encode(&self, writer: &mut Writer) {
        writer.bytes(&self.content);
        self.signature.encode(writer);
    }
    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            content: reader.bytes("content", ENVELOPE_CONTENT_BYTES_MAX)?,
            signature: Signature::decode(reader)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const D: Domain = Domain::new("test envelope");

    #[test]
    fn opens_only_under_the_key_and_purpose_it_was_sealed_with() {
        let key = SigningKey::from_seed([1; 32]);
        let sealed = Envelope::seal(&key, D, Bytes::from_static(b"x"));
        let received = Envelope::from_bytes(sealed.to_bytes()).unwrap();
        assert_eq!(received.open(&key.public(), D).unwrap(), "x");
        assert!(received.open(&key.public(), Domain::new("other")).is_err());
        assert!(
            received
                .open(&SigningKey::from_seed([2; 32]).public(), D)
                .is_err()
        );
    }
}
