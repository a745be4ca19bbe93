use maftia_codec::{DecodeError, Reader, Wire, Writer};

use crate::keys::record::wire;
use crate::keys::sessions::{Policy, USES_PER_MINUTE_CEILING, Users};
use crate::keys::{KeyId, Scheme};

/// A change of the keys that takes approval.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Act {
    /// Generate a key.
    Create {
        /// What people will call it.
        name: String,
        /// What it is for.
        scheme: Scheme,
        /// Who may use it, and how; what the scheme says if this is not given.
        policy: Option<Policy>,
    },
    /// Let others use the key from now on. What else its policy says stays as it is.
    Permit {
        /// The key.
        key: KeyId,
        /// Who may use it, as far as they have the power to use keys.
        users: Users,
        /// How often each of them may in a minute.
        uses_per_minute_max: u32,
    },
    /// Never use the key again, and erase its shares.
    Retire(KeyId),
    /// Generate another key of the same name, scheme and policy, and retire this one as soon as that
    /// can be used; its public key stays in the list. Not for keys that decrypt.
    Rotate(KeyId),
}

impl Act {
    /// The key that it changes; none if it makes one.
    #[must_use]
    pub const fn key(&self) -> Option<KeyId> {
        match self {
            Self::Create { .. } => None,
            Self::Permit { key, .. } | Self::Retire(key) | Self::Rotate(key) => Some(*key),
        }
    }
}

impl Wire for Act {
    fn encode(&self, w: &mut Writer) {
        match self {
            Self::Create {
                name,
                scheme,
                policy,
            } => {
                w.u8(1);
                w.bytes(name.as_bytes());
                scheme.encode(w);
                w.option(policy.as_ref());
            }
            Self::Permit {
                key,
                users,
                uses_per_minute_max,
            } => {
                w.u8(2);
                key.encode(w);
                users.encode(w);
                w.u32(*uses_per_minute_max);
            }
            Self::Retire(key) => {
                w.u8(3);
                key.encode(w);
            }
            Self::Rotate(key) => {
                w.u8(4);
                key.encode(w);
            }
        }
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        match r.u8()? {
            1 => Ok(Self::Create {
                name: wire::read_name(r)?,
                scheme: Scheme::decode(r)?,
                policy: r.option()?,
            }),
            2 => {
                let (key, users) = (KeyId::decode(r)?, Users::decode(r)?);
                let uses_per_minute_max = r.u32()?;
                if uses_per_minute_max > USES_PER_MINUTE_CEILING {
                    return Err(DecodeError::Invalid { field: "uses" });
                }
                Ok(Self::Permit {
                    key,
                    users,
                    uses_per_minute_max,
                })
            }
            3 => KeyId::decode(r).map(Self::Retire),
            4 => KeyId::decode(r).map(Self::Rotate),
            _ => Err(DecodeError::Invalid { field: "act" }),
        }
    }
}
