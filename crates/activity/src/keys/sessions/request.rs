use bytes::Bytes;
use maftia_codec::{DecodeError, Reader, Wire, Writer};

use super::SessionId;
use crate::keys::record::KeyId;
use crate::keys::sealing::{CIPHERTEXT_BYTES_MAX, Recipient};
use crate::keys::signing::{MESSAGE_BYTES_MAX, Slot};

/// What a client asks of the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// What was done with the keys, from that number on. Needs the power to audit.
    Audit {
        /// The number of the first entry wanted.
        from: u64,
    },
    /// Hand out decryption shares of a ciphertext. Needs the power to use keys.
    Decrypt {
        /// The key it was encrypted to.
        key: KeyId,
        /// An encoded [`Ciphertext`](maftia_threshold::tdh2::Ciphertext).
        ciphertext: Bytes,
        /// To whom the shares are to be sealed.
        to: Recipient,
    },
    /// A round of a beacon.
    Get {
        /// The beacon's key.
        key: KeyId,
        /// From 1.
        round: u64,
    },
    /// The latest round of a beacon.
    Latest {
        /// The beacon's key.
        key: KeyId,
    },
    /// What has become of a session.
    Result {
        /// The session.
        session: SessionId,
    },
    /// Sign a message. Needs the power to use keys.
    Sign {
        /// With which key: one for Ed25519 or BLS.
        key: KeyId,
        /// At most [`MESSAGE_BYTES_MAX`] bytes.
        message: Bytes,
        /// Needed if the key's policy allows one message per slot, and only then.
        slot: Option<Slot>,
    },
    /// The highest slot used in each register of a key.
    Slots {
        /// The key.
        key: KeyId,
    },
}

impl Wire for Request {
    fn encode(&self, w: &mut Writer) {
        match self {
            Self::Audit { from } => {
                w.u8(32);
                w.u64(*from);
            }
            Self::Decrypt {
                key,
                ciphertext,
                to,
            } => {
                w.u8(34);
                key.encode(w);
                w.bytes(ciphertext);
                to.encode(w);
            }
            Self::Get { key, round } => {
                w.u8(35);
                key.encode(w);
                w.u64(*round);
            }
            Self::Latest { key } => {
                w.u8(36);
                key.encode(w);
            }
            Self::Result { session } => {
                w.u8(37);
                session.encode(w);
            }
            Self::Sign { key, message, slot } => {
                w.u8(38);
                key.encode(w);
                w.bytes(message);
                w.option(slot.as_ref());
            }
            Self::Slots { key } => {
                w.u8(39);
                key.encode(w);
            }
        }
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        Ok(match r.u8()? {
            32 => Self::Audit { from: r.u64()? },
            34 => Self::Decrypt {
                key: KeyId::decode(r)?,
                ciphertext: r.bytes("ciphertext", CIPHERTEXT_BYTES_MAX)?,
                to: Recipient::decode(r)?,
            },
            35 => Self::Get {
                key: KeyId::decode(r)?,
                round: r.u64()?,
            },
            36 => Self::Latest {
                key: KeyId::decode(r)?,
            },
            37 => Self::Result {
                session: SessionId::decode(r)?,
            },
            38 => Self::Sign {
                key: KeyId::decode(r)?,
                message: r.bytes("message", MESSAGE_BYTES_MAX)?,
                slot: r.option()?,
            },
            39 => Self::Slots {
                key: KeyId::decode(r)?,
            },
            _ => return Err(DecodeError::Invalid { field: "request" }),
        })
    }
}
