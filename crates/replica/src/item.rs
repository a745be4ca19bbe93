use bytes::Bytes;
use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_crypto::{Domain, Hasher};
use maftia_ordering::Equivocation;
use maftia_types::{ClientId, Digest, Incarnation, Sequence};

use crate::limits::REQUEST_BYTES_MAX;

const REQUEST: Domain = Domain::new("client request");

/// Names a request of a client: at most one body is ever executed under it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct RequestId {
    /// Whose.
    pub client: ClientId,
    /// In which of its lives.
    pub incarnation: Incarnation,
    /// Which one.
    pub sequence: Sequence,
}

/// One entry of a block's payload. A payload is a sequence of items back to back; what follows a
/// malformed item is ignored, by everybody alike.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Item {
    /// The author received this request from its client: a vouch, and the body.
    Request {
        /// Which request.
        id: RequestId,
        /// What to execute.
        body: Bytes,
    },
    /// The author received the digest of this request from its client.
    Vouch {
        /// Which request.
        id: RequestId,
        /// [`request_digest`] of it.
        digest: Digest,
    },
    /// Convicts a site.
    Evidence(Box<Equivocation>),
}

/// What a vouch binds: the request's name and its body.
pub fn request_digest(id: &RequestId, body: &[u8]) -> Digest {
    let mut hasher = Hasher::new(REQUEST);
    hasher
        .number(u64::from(id.client.key) << 32 | u64::from(id.client.session))
        .number(id.incarnation.0)
        .number(id.sequence.0)
        .update(body);
    hasher.finish()
}

/// The items of a payload, up to the first malformed one.
pub fn items(payload: &Bytes) -> impl Iterator<Item = Item> {
    let mut reader = Reader::new(payload.clone());
    std::iter::from_fn(move || {
        if reader.remaining() == 0 {
            return None;
        }
        Item::decode(&mut reader).ok()
    })
    .fuse()
}

impl Wire for RequestId {
    fn encode(&self, writer: &mut Writer) {
        writer.client(self.client);
        writer.incarnation(self.incarnation);
        writer.sequence(self.sequence);
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            client: reader.client()?,
            incarnation: reader.incarnation()?,
            sequence: reader.sequence()?,
        })
    }
}

impl Wire for Item {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Request { id, body } => {
                writer.u8(0);
                id.encode(writer);
                writer.bytes(body);
            }
            Self::Vouch { id, digest } => {
                writer.u8(1);
                id.encode(writer);
                writer.digest(digest);
            }
            Self::Evidence(proof) => {
                writer.u8(2);
                proof.encode(writer);
            }
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(match reader.u8()? {
            0 => Self::Request {
                id: RequestId::decode(reader)?,
                body: reader.bytes("body", REQUEST_BYTES_MAX)?,
            },
            1 => Self::Vouch {
                id: RequestId::decode(reader)?,
                digest: reader.digest()?,
            },
            2 => Self::Evidence(Box::new(Equivocation::decode(reader)?)),
            _ => return Err(DecodeError::Invalid { field: "item" }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(sequence: u64) -> RequestId {
        RequestId {
            client: ClientId { key: 1, session: 2 },
            incarnation: Incarnation(3),
            sequence: Sequence(sequence),
        }
    }

    #[test]
    fn a_payload_reads_back_up_to_the_first_malformed_item() {
        let mut writer = Writer::new();
        let first = Item::Request {
            id: id(1),
            body: Bytes::from_static(b"one"),
        };
        let second = Item::Vouch {
            id: id(2),
            digest: Digest([4; 32]),
        };
        first.encode(&mut writer);
        second.encode(&mut writer);
        writer.u8(9);
        first.encode(&mut writer);
        let payload = writer.finish();
        assert_eq!(items(&payload).collect::<Vec<_>>(), [first, second]);
    }

    #[test]
    fn the_digest_binds_every_field() {
        let base = request_digest(&id(1), b"x");
        let mut other_client = id(1);
        other_client.client.session = 9;
        let mut other_incarnation = id(1);
        other_incarnation.incarnation = Incarnation(9);
        assert_ne!(base, request_digest(&id(2), b"x"));
        assert_ne!(base, request_digest(&other_client, b"x"));
        assert_ne!(base, request_digest(&other_incarnation, b"x"));
        assert_ne!(base, request_digest(&id(1), b"y"));
    }
}
