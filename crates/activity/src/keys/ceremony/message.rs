//! What two sites say to each other in a ceremony. Each message may be lost, repeated or late.

use bytes::Bytes;
use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_crypto::Signature;
use zeroize::Zeroizing;

use super::RunName;
use super::deal::DEALING_BYTES_MAX;
use crate::keys::vault::SecretBytes;

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Message {
    /// "I have the share that you dealt me": the signature over an [`Ack`](super::deal::Ack).
    Ack {
        ceremony: RunName,
        signature: Signature,
    },
    /// "This is my dealing, and this your share of it."
    Deal {
        ceremony: RunName,
        dealing: Bytes,
        share: SecretBytes,
    },
}

impl Wire for Message {
    fn encode(&self, w: &mut Writer) {
        match self {
            Self::Deal {
                ceremony,
                dealing,
                share,
            } => {
                w.u8(1);
                ceremony.encode(w);
                w.bytes(dealing);
                w.raw(share.as_ref());
            }
            Self::Ack {
                ceremony,
                signature,
            } => {
                w.u8(2);
                ceremony.encode(w);
                signature.encode(w);
            }
        }
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        match r.u8()? {
            1 => Ok(Self::Deal {
                ceremony: RunName::decode(r)?,
                dealing: r.bytes("dealing", DEALING_BYTES_MAX)?,
                share: Zeroizing::new(r.array()?),
            }),
            2 => Ok(Self::Ack {
                ceremony: RunName::decode(r)?,
                signature: Signature::decode(r)?,
            }),
            _ => Err(DecodeError::Invalid { field: "message" }),
        }
    }
}
