use bytes::Bytes;
use maftia_codec::{DecodeError, Reader, Wire, Writer};

use super::{Policy, SessionId};
use crate::keys::record::{KeyId, Scheme, wire};
use crate::keys::sealing::{CIPHERTEXT_BYTES_MAX, Recipient};
use crate::keys::signing::{MESSAGE_BYTES_MAX, Slot};

/// What a client asks of the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Which decryptions were permitted, from that number on.
    Audit {
        /// The number of the first entry wanted.
        from: u64,
    },
    /// Generate a key for whose use these rules hold.
    Create {
        /// What people will call it.
        name: String,
        /// What it is for.
        scheme: Scheme,
        /// Who may use it, and how.
        policy: Policy,
    },
    /// Hand out decryption shares of a ciphertext.
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
    /// Sign a message.
    Sign {
        /// With which key: one for Ed25519 or BLS.
        key: KeyId,
        /// At most [`MESSAGE_BYTES_MAX`] bytes.
        message: Bytes,
        /// Needed if the key's policy allows one message per slot, and only then.
        slot: Option<Slot>,
    },
}

impl Wire for Request {
    fn encode(&self, w: &mut Writer) {
        match self {
            Self::Audit { from } => {
                w.u8(32);
                w.u64(*from);
            }
            Self::Create {
                name,
                scheme,
                policy,
            } => {
                w.u8(33);
                w.bytes(name.as_bytes());
                scheme.encode(w);
                policy.encode(w);
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
        }
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        Ok(match r.u8()? {
            32 => Self::Audit { from: r.u64()? },
            33 => Self::Create {
                name: wire::read_name(r)?,
                scheme: Scheme::decode(r)?,
                policy: Policy::decode(r)?,
            },
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
            _ => return Err(DecodeError::Invalid { field: "request" }),
        })
    }
}
