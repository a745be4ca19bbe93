use std::collections::BTreeSet;

use bytes::Bytes;
use maftia_codec::{DecodeError, Reader, Wire, Writer};

use super::{CIPHERTEXT_BYTES_MAX, ChannelId, Class, MEMBERS_MAX, TAG};
use crate::keys::record::wire::read_name;

/// What a client asks of channels. All of it needs the power to operate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Take no more messages. The opener's word does it; of others, more than half of the members'.
    Close {
        /// Which one.
        channel: ChannelId,
    },
    /// All channels.
    List,
    /// Open a channel.
    Open {
        /// What people call it: no other open channel has that name.
        name: String,
        /// What it promises.
        class: Class,
        /// The client keys of who may send and receive: 1 to [`MEMBERS_MAX`].
        members: BTreeSet<u32>,
    },
    /// Deliveries from a position on. For members.
    Receive {
        /// Of which channel.
        channel: ChannelId,
        /// The first position wanted, from 0.
        from: u64,
    },
    /// Send a message. For members.
    Send {
        /// To which channel.
        channel: ChannelId,
        /// Which one of this sender's it is: from 1, without gaps.
        sequence: u64,
        /// The payload; for the secure class an encoded
        /// [`Ciphertext`](maftia_threshold::tdh2::Ciphertext) under [`label`](super::label).
        body: Bytes,
    },
    /// The open channel of that name, else the latest.
    Show {
        /// What people call it.
        name: String,
    },
}

impl Wire for Request {
    fn encode(&self, w: &mut Writer) {
        w.u8(TAG);
        match self {
            Self::Close { channel } => {
                w.u8(1);
                channel.encode(w);
            }
            Self::List => w.u8(2),
            Self::Open {
                name,
                class,
                members,
            } => {
                w.u8(3);
                w.bytes(name.as_bytes());
                class.encode(w);
                clients(w, members);
            }
            Self::Receive { channel, from } => {
                w.u8(4);
                channel.encode(w);
                w.u64(*from);
            }
            Self::Send {
                channel,
                sequence,
                body,
            } => {
                w.u8(5);
                channel.encode(w);
                w.u64(*sequence);
                w.bytes(body);
            }
            Self::Show { name } => {
                w.u8(6);
                w.bytes(name.as_bytes());
            }
        }
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        if r.u8()? != TAG {
            return Err(DecodeError::Invalid { field: "tag" });
        }
        Ok(match r.u8()? {
            1 => Self::Close {
                channel: ChannelId::decode(r)?,
            },
            2 => Self::List,
            3 => Self::Open {
                name: read_name(r)?,
                class: Class::decode(r)?,
                members: read_clients(r)?,
            },
            4 => Self::Receive {
                channel: ChannelId::decode(r)?,
                from: r.u64()?,
            },
            5 => Self::Send {
                channel: ChannelId::decode(r)?,
                sequence: r.u64()?,
                body: r.bytes("body", CIPHERTEXT_BYTES_MAX)?,
            },
            6 => Self::Show {
                name: read_name(r)?,
            },
            _ => return Err(DecodeError::Invalid { field: "request" }),
        })
    }
}

/// Appends client keys in order.
pub(super) fn clients(w: &mut Writer, clients: &BTreeSet<u32>) {
    w.length(clients.len());
    clients.iter().for_each(|own| w.u32(*own));
}

/// Reads what [`clients`] appends.
pub(super) fn read_clients(r: &mut Reader) -> Result<BTreeSet<u32>, DecodeError> {
    const FIELD: &str = "members";
    let mut clients = BTreeSet::new();
    for _ in 0..r.length(FIELD, MEMBERS_MAX)? {
        let own = r.u32()?;
        if clients.last().is_some_and(|last| *last >= own) {
            return Err(DecodeError::Invalid { field: FIELD });
        }
        clients.insert(own);
    }
    Ok(clients)
}
